use aws_sdk_cloudformation::types::StackStatus as SdkStatus;
use aws_service_broker::broker::{
    records::OperationKind::{Bind, Deprovision, Provision, Unbind, Update},
    stacks::{
        Progress::{self, Failed, NotStarted, Running, Succeeded},
        Sight, StackStatus, progress,
    },
};

#[test]
fn every_sdk_stack_status_is_known() {
    for name in SdkStatus::values() {
        assert_ne!(StackStatus::parse(name), StackStatus::Unknown, "{name}");
        assert_eq!(StackStatus::parse(name).to_string(), *name);
    }
    assert_eq!(StackStatus::parse("SOMETHING_NEW"), StackStatus::Unknown);
}

#[test]
fn every_status_maps_to_operation_progress() {
    #[rustfmt::skip]
    let expected: [(&str, Progress, Progress, Progress); 24] = [
        // Reached by an operation           provision   update      deprovision
        ("CREATE_COMPLETE",                     Succeeded, Succeeded, NotStarted),
        ("CREATE_FAILED",                       Failed,    Failed,    NotStarted),
        ("CREATE_IN_PROGRESS",                  Running,   Running,   NotStarted),
        ("DELETE_COMPLETE",                     Failed,    Failed,    Succeeded),
        ("DELETE_FAILED",                       Failed,    Failed,    Failed),
        ("DELETE_IN_PROGRESS",                  Failed,    Failed,    Running),
        ("IMPORT_COMPLETE",                     Succeeded, Succeeded, NotStarted),
        ("IMPORT_IN_PROGRESS",                  Succeeded, Running,   NotStarted),
        ("IMPORT_ROLLBACK_COMPLETE",            Succeeded, Failed,    NotStarted),
        ("IMPORT_ROLLBACK_FAILED",              Succeeded, Failed,    NotStarted),
        ("IMPORT_ROLLBACK_IN_PROGRESS",         Succeeded, Running,   NotStarted),
        ("REVIEW_IN_PROGRESS",                  Running,   Running,   NotStarted),
        ("ROLLBACK_COMPLETE",                   Failed,    Failed,    NotStarted),
        ("ROLLBACK_FAILED",                     Failed,    Failed,    NotStarted),
        ("ROLLBACK_IN_PROGRESS",                Running,   Failed,    NotStarted),
        ("UPDATE_COMPLETE",                     Succeeded, Succeeded, NotStarted),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Succeeded, Running,   NotStarted),
        ("UPDATE_FAILED",                       Succeeded, Failed,    NotStarted),
        ("UPDATE_IN_PROGRESS",                  Succeeded, Running,   NotStarted),
        ("UPDATE_ROLLBACK_COMPLETE",            Succeeded, Failed,    NotStarted),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", Succeeded, Running, NotStarted),
        ("UPDATE_ROLLBACK_FAILED",              Succeeded, Failed,    NotStarted),
        ("UPDATE_ROLLBACK_IN_PROGRESS",         Succeeded, Running,   NotStarted),
        ("SOMETHING_NEW",                       Running,   Running,   Running),
    ];
    for name in SdkStatus::values() {
        assert!(expected.iter().any(|(known, ..)| known == name), "{name}");
    }
    for (name, provision, update, deprovision) in expected {
        let sight = Sight::Reached(StackStatus::parse(name));
        assert_eq!(progress(Provision, sight), provision, "{name}");
        assert_eq!(progress(Update, sight), update, "{name}");
        assert_eq!(progress(Deprovision, sight), deprovision, "{name}");
        for kind in [Bind, Unbind] {
            assert_eq!(progress(kind, sight), Succeeded, "{name}");
        }
    }
    for (sight, provision, update, deprovision) in [
        (Sight::NoStack, NotStarted, Failed, Succeeded),
        (Sight::Untouched, NotStarted, NotStarted, NotStarted),
    ] {
        assert_eq!(progress(Provision, sight), provision, "{sight:?}");
        assert_eq!(progress(Update, sight), update, "{sight:?}");
        assert_eq!(progress(Deprovision, sight), deprovision, "{sight:?}");
    }
}
