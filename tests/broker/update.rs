use aws_service_broker::broker::{
    ports::PortErrorKind::Unavailable,
    stacks::StackStatus::{DeleteFailed, UpdateRollbackFailed},
};
use serde_json::json;

use crate::support::{Client, Fault};

/// CloudFormation compares resources, and keeps a stack's parameters where none of them changes.
const NO_UPDATES: &str = "No updates are to be performed.";

#[tokio::test]
async fn change_ignored_by_cloudformation_is_not_recorded() {
    let client = Client::with_instance().await;
    client
        .world
        .inject("stacks.update", Fault::Rejected(NO_UPDATES));
    let refused = client
        .update(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(422);
    assert!(
        refused
            .description()
            .contains("`DelaySeconds` was not changed"),
        "{}",
        refused.description()
    );
    assert_eq!(
        client.fetch_instance().await.expect(200).body["parameters"],
        json!({})
    );
    client
        .update(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(202);
}

#[tokio::test]
async fn explicit_default_is_recorded_without_stack_change() {
    let client = Client::with_instance().await;
    client
        .world
        .inject("stacks.update", Fault::Rejected(NO_UPDATES));
    client
        .update(json!({"parameters": {"DelaySeconds": 0}}))
        .await
        .expect(200);
    assert_eq!(
        client.fetch_instance().await.expect(200).body["parameters"],
        json!({"DelaySeconds": 0})
    );
}

#[tokio::test]
async fn change_already_made_in_aws_is_recorded() {
    let client = Client::with_instance().await;
    client.world.edit(|account| {
        let stack = account.stacks.values_mut().next().expect("the stack");
        stack.parameters.insert("DelaySeconds".into(), "7".into());
    });
    client
        .update(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(200);
    assert_eq!(
        client.fetch_instance().await.expect(200).body["parameters"],
        json!({"DelaySeconds": 7})
    );
}

#[tokio::test]
async fn update_of_broken_stack_is_refused_with_advice() {
    for (status, advice) in [
        (DeleteFailed, "Delete the instance."),
        (UpdateRollbackFailed, "operator has to repair the stack."),
    ] {
        let client = Client::with_instance().await;
        client.world.settle_stacks(status, Some("No."));
        let refused = client
            .update(json!({"parameters": {"DelaySeconds": 7}}))
            .await
            .expect(422);
        let expected = format!("cannot be updated in the status {}.", status);
        let description = refused.description();
        assert!(
            description.contains(&expected) && description.ends_with(advice),
            "{description}"
        );
    }
}

#[tokio::test]
async fn update_fails_if_its_stack_disappears() {
    let client = Client::with_instance().await;
    client
        .update(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(202);
    client.world.edit(|account| account.stacks.clear());
    let failed = client.last_operation().await.expect(200);
    assert_eq!(
        failed.description(),
        "The instance's stack no longer exists. Delete the instance."
    );
    let refused = client.bind("one", json!({})).await.expect(400);
    assert!(
        refused
            .description()
            .ends_with("no longer exists. Delete the instance.")
    );
}

#[tokio::test]
async fn unchanged_update_gives_way_to_a_deletion() {
    let client = Client::with_instance().await;
    client.world.edit(|account| {
        let stack = account.stacks.values_mut().next().expect("the stack");
        stack.parameters.insert("DelaySeconds".into(), "7".into());
    });
    let change = || client.update(json!({"parameters": {"DelaySeconds": 7}}));
    let deletion = async {
        change().await.expect(200);
        client
            .world
            .inject("stacks.delete", Fault::Before(Unavailable));
        client.deprovision().await.expect(202);
    };
    let (refused, ()) = client.interrupt(change(), "stacks.update", deletion).await;
    assert_eq!(refused.expect(422).body["error"], "ConcurrencyError");
}
