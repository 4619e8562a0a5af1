use aws_sdk_cloudformation::types::StackStatus as SdkStatus;
use aws_service_broker::broker::{
    operation::OperationKind::{Deprovision, Provision},
    stack::{Progress, StackStatus, progress},
};

#[test]
fn every_status_that_the_sdk_knows_is_known() {
    for name in SdkStatus::values() {
        assert_ne!(StackStatus::parse(name), StackStatus::Unknown, "{name}");
    }
    assert_eq!(StackStatus::parse("SOMETHING_NEW"), StackStatus::Unknown);
}

#[test]
fn a_status_that_is_being_changed_by_cloudformation_is_not_final_for_the_operation_that_changes_it() {
    assert_eq!(progress(Provision, None), Progress::NotStarted);
    assert_eq!(progress(Deprovision, None), Progress::Succeeded);
    for (status, provision, deprovision) in [
        (StackStatus::CreateInProgress, Progress::Running, Progress::NotStarted),
        (StackStatus::CreateComplete, Progress::Succeeded, Progress::NotStarted),
        (StackStatus::RollbackInProgress, Progress::Running, Progress::NotStarted),
        (StackStatus::RollbackComplete, Progress::Failed, Progress::NotStarted),
        (StackStatus::RollbackFailed, Progress::Failed, Progress::NotStarted),
        (StackStatus::DeleteInProgress, Progress::Failed, Progress::Running),
        (StackStatus::DeleteFailed, Progress::Failed, Progress::Failed),
        (StackStatus::DeleteComplete, Progress::Failed, Progress::Succeeded),
        (StackStatus::UpdateRollbackComplete, Progress::Succeeded, Progress::NotStarted),
        (StackStatus::Unknown, Progress::Running, Progress::Running),
    ] {
        assert_eq!(progress(Provision, Some(status)), provision, "{status:?}");
        assert_eq!(progress(Deprovision, Some(status)), deprovision, "{status:?}");
    }
}
