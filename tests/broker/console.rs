//! Somebody acts on an instance's stack in the AWS console.

use aws_service_broker::broker::stacks::StackStatus::{
    CreateComplete, DeleteFailed, RollbackFailed, UpdateComplete, UpdateRollbackFailed,
};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Act, Client, Fault, INSTANCE};

async fn updating() -> Client {
    let client = Client::with_instance().await;
    client
        .update(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(202);
    client
}

/// Deletes the instance to its end.
async fn delete(client: &Client) {
    client.deprovision().await.expect(202);
    client.world.complete_stacks();
    // A request to create it may be under way until then.
    client.world.let_time_pass(SignedDuration::from_secs(31));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
    assert!(client.world.stack_names().is_empty());
}

#[tokio::test]
async fn cancelled_update_fails_and_keeps_instance_usable() {
    let client = updating().await;
    client.world.act(Act::CancelUpdate);
    let running = client.last_operation().await.expect(200);
    assert_eq!(running.body["state"], "in progress");
    assert!(
        running
            .description()
            .contains("Somebody else is changing the stack"),
        "{}",
        running.description()
    );

    client.world.complete_stacks();
    let ended = client.last_operation().await.expect(200);
    assert_eq!(
        (&ended.body["state"], &ended.body["instance_usable"]),
        (&json!("failed"), &json!(true))
    );
    client.world.take_calls();
    client.bind("another", json!({})).await.expect(201);
    assert!(
        !client
            .world
            .take_calls()
            .iter()
            .any(|call| call.starts_with("stacks.")),
        "the record knows it"
    );
    assert!(
        ended.description().contains("UPDATE_ROLLBACK_COMPLETE"),
        "{}",
        ended.description()
    );
    assert_eq!(
        client.fetch_instance().await.expect(200).body["parameters"],
        json!({})
    );
    client.bind("one", json!({})).await.expect(201);
    delete(&client).await;
}

#[tokio::test]
async fn cancelled_update_stays_failed_after_later_update() {
    let client = updating().await;
    client.world.act(Act::CancelUpdate);
    client.world.complete_stacks();
    client.world.act(Act::Update);
    client.world.settle_stacks(UpdateComplete, None);
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "failed"
    );
    assert_eq!(
        client.fetch_instance().await.expect(200).body["parameters"],
        json!({})
    );
}

#[tokio::test]
async fn completed_update_succeeds_despite_later_console_update() {
    let client = updating().await;
    client.world.complete_stacks();
    client.world.act(Act::Update);
    client.world.settle_stacks(UpdateRollbackFailed, None);
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
}

#[tokio::test]
async fn update_racing_a_console_update_can_be_resent() {
    let client = Client::with_instance().await;
    let before = client.world.instance(INSTANCE);
    client
        .world
        .inject("stacks.update", Fault::Console(Act::Update));
    let refused = client
        .update(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(422);
    assert_eq!(refused.body["error"], "ConcurrencyError");
    let after = client.world.instance(INSTANCE);
    assert_eq!(
        after.map(|after| after.attributes),
        before.map(|before| before.attributes)
    );

    client.world.complete_stacks();
    client
        .update(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(202);
    client.world.complete_stacks();
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
}

#[tokio::test]
async fn continued_rollback_leaves_instance_usable() {
    let client = updating().await;
    client
        .world
        .settle_stacks(UpdateRollbackFailed, Some("No."));
    client.world.act(Act::ContinueRollback);
    client.world.complete_stacks();
    let ended = client.last_operation().await.expect(200);
    assert_eq!(
        (&ended.body["state"], &ended.body["instance_usable"]),
        (&json!("failed"), &json!(true))
    );
}

#[tokio::test]
async fn stack_deleted_during_creation_is_not_recreated() {
    for seen in [false, true] {
        let client = Client::new();
        client.provision(json!({})).await.expect(202);
        client.world.act(Act::Delete);
        if seen {
            assert_eq!(
                client.last_operation().await.expect(200).body["state"],
                "failed"
            );
        }
        client.world.complete_stacks();
        client.world.let_time_pass(SignedDuration::from_mins(1));
        for _ in 0..2 {
            let ended = client.last_operation().await.expect(200);
            assert_eq!(ended.body["state"], "failed");
            assert!(
                !ended.description().contains("parameters"),
                "{}",
                ended.description()
            );
            assert!(client.world.stack_names().is_empty());
        }
        delete(&client).await;
    }
}

#[tokio::test]
async fn instance_without_its_stack_can_be_deleted() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client.world.act(Act::Delete);
    client.world.complete_stacks();
    client.deprovision().await.expect(202);
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
    assert!(client.world.users().is_empty());
}

#[tokio::test]
async fn deletion_waits_for_running_console_update() {
    let client = Client::with_instance().await;
    client.world.act(Act::Update);
    client.deprovision().await.expect(202);
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    client.world.complete_stacks();
    client.world.let_time_pass(SignedDuration::from_secs(31));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    client.world.complete_stacks();
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
}

#[tokio::test]
async fn failed_console_deletion_is_retried_by_the_broker() {
    let client = Client::with_instance().await;
    client.world.act(Act::Delete);
    client.deprovision().await.expect(202);
    client.world.settle_stacks(DeleteFailed, Some("Not empty."));
    client.world.let_time_pass(SignedDuration::from_secs(31));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    client.world.complete_stacks();
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
}

#[tokio::test]
async fn creation_keeps_its_outcome_after_console_changes() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.settle_stacks(CreateComplete, None);
    client.world.act(Act::Update);
    client.world.settle_stacks(UpdateComplete, None);
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );

    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.settle_stacks(RollbackFailed, Some("No."));
    client.world.act(Act::Delete);
    client.world.complete_stacks();
    client.world.let_time_pass(SignedDuration::from_mins(1));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "failed"
    );
}
