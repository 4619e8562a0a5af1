use aws_service_broker::broker::{
    ports::PortErrorKind::Unavailable,
    stack::StackStatus::{DeleteComplete, DeleteFailed, RollbackComplete},
};
use serde_json::json;

use crate::support::{Client, Fault, INSTANCE};

#[tokio::test]
async fn dep_05_resent_while_running_it_keeps_the_operation() {
    let client = Client::with_instance().await;
    let first = client.deprovision().await.expect(202);
    assert_eq!(client.world.take_calls(), ["records.begin_deprovision", "records.bindings", "stacks.delete"]);
    assert_eq!(first.body, client.deprovision().await.expect(202).body);
}

#[tokio::test]
async fn dep_06_what_does_not_exist_is_gone() {
    let client = Client::new();
    client.deprovision().await.expect(410);
    let client = Client::with_instance().await;
    client.deprovision().await.expect(202);
    client.world.settle_stacks(DeleteComplete, None);
    client.last_operation().await.expect(200);
    client.deprovision().await.expect(410);
}

#[tokio::test]
async fn dep_07_it_needs_a_platform_that_polls() {
    let client = Client::with_instance().await;
    let path = format!("/v2/service_instances/{INSTANCE}?service_id=x&plan_id=y");
    let answer = client.request("DELETE", &path, None).await.expect(422);
    assert_eq!(answer.body["error"], "AsyncRequired");
}

#[tokio::test]
async fn dep_09_it_halts_a_creation() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.deprovision().await.expect(202);
    client.world.settle_stacks(DeleteComplete, None);
    assert_eq!(client.last_operation().await.expect(200).body["state"], "succeeded");
    assert_eq!(client.world.stack_names().len(), 0);
}

#[tokio::test]
async fn orp_05_it_cleans_up_after_a_failed_and_after_a_half_done_creation() {
    let failed = Client::new();
    failed.provision(json!({})).await.expect(202);
    failed.world.settle_stacks(RollbackComplete, Some("no"));
    failed.last_operation().await.expect(200);
    let half_done = Client::new();
    half_done.world.inject("stacks.create", Fault::Before(Unavailable));
    half_done.provision(json!({})).await.expect(503);
    for client in [failed, half_done] {
        client.deprovision().await.expect(202);
        client.world.settle_stacks(DeleteComplete, None);
        assert_eq!(client.last_operation().await.expect(200).body["state"], "succeeded");
    }
}

#[tokio::test]
async fn dep_02_leftover_bindings_go_with_the_instance() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client.bind("two", json!({})).await.expect(201);
    client.deprovision().await.expect(202);
    assert!(client.world.users().is_empty());
    assert!(client.world.bindings().is_empty());
}

#[tokio::test]
async fn orp_05_a_failed_deletion_can_be_repeated() {
    let client = Client::with_instance().await;
    let first = client.deprovision().await.expect(202);
    client.world.settle_stacks(DeleteFailed, Some("The bucket is not empty."));
    let failed = client.last_operation().await.expect(200);
    assert_eq!(failed.body["state"], "failed");
    assert!(failed.description().ends_with("The bucket is not empty."), "{}", failed.description());
    client.provision(json!({})).await.expect(409);
    let second = client.deprovision().await.expect(202);
    assert_ne!(first.body["operation"], second.body["operation"]);
    client.world.settle_stacks(DeleteComplete, None);
    assert_eq!(client.last_operation().await.expect(200).body["state"], "succeeded");
}

#[tokio::test]
async fn a_failure_in_the_middle_is_taken_up_by_the_next_request() {
    for call in ["records.bindings", "identities.delete", "records.delete_binding", "stacks.delete"] {
        for fault in [Fault::Before(Unavailable), Fault::After(Unavailable)] {
            let client = Client::with_instance().await;
            client.bind("a-binding", json!({})).await.expect(201);
            client.world.inject(call, fault);
            client.deprovision().await.expect(503);
            let operation = client.world.instance(INSTANCE).expect("the record").operation.id;
            assert_eq!(client.deprovision().await.expect(202).body["operation"], operation);
            assert!(client.world.users().is_empty() && client.world.bindings().is_empty());
        }
    }
}
