use aws_service_broker::broker::{
    ports::PortErrorKind::Unavailable,
    stack::StackStatus::{CreateComplete, DeleteComplete, RollbackComplete, RollbackInProgress},
};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Client, Fault, INSTANCE};

#[tokio::test]
async fn loi_01_it_follows_the_stack_and_then_reads_only_the_record() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.take_calls();
    assert_eq!(client.last_operation().await.expect(200).body["state"], "in progress");
    assert_eq!(client.world.take_calls(), ["records.instance", "stacks.describe"]);
    client.world.settle_stacks(CreateComplete, None);
    assert_eq!(client.last_operation().await.expect(200).body["state"], "succeeded");
    assert_eq!(client.world.take_calls(), ["records.instance", "stacks.describe", "records.update_instance"]);
    assert_eq!(client.last_operation().await.expect(200).body["state"], "succeeded");
    assert_eq!(client.world.take_calls(), ["records.instance"]);
}

#[tokio::test]
async fn loi_03_an_unknown_instance_is_not_found() {
    Client::new().last_operation().await.expect(404);
}

#[tokio::test]
async fn loi_05_a_failure_is_described_with_cloudformations_reason() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.settle_stacks(RollbackInProgress, None);
    assert_eq!(client.last_operation().await.expect(200).body["state"], "in progress");
    client.world.settle_stacks(RollbackComplete, Some("The queue limit is reached."));
    for _ in 0..2 {
        let answer = client.last_operation().await.expect(200);
        assert_eq!(answer.body["state"], "failed");
        assert!(answer.description().ends_with("The queue limit is reached."), "{}", answer.description());
    }
}

#[tokio::test]
async fn loi_07_an_operation_word_of_another_platform_is_no_reason_to_refuse() {
    let client = Client::with_instance().await;
    let path = format!("/v2/service_instances/{INSTANCE}/last_operation?operation=a%20word&service_id=x&plan_id=y");
    client.request("GET", &path, None).await.expect(200);
}

#[tokio::test]
async fn loi_02_an_empty_hint_is_malformed() {
    let client = Client::with_instance().await;
    let path = format!("/v2/service_instances/{INSTANCE}/last_operation?operation=");
    client.request("GET", &path, None).await.expect(400);
}

#[tokio::test]
async fn loi_09_a_finished_deletion_is_remembered_until_the_tombstone_expires() {
    let client = Client::with_instance().await;
    client.deprovision().await.expect(202);
    assert_eq!(client.last_operation().await.expect(200).body["state"], "in progress");
    client.world.settle_stacks(DeleteComplete, None);
    for _ in 0..2 {
        assert_eq!(client.last_operation().await.expect(200).body["state"], "succeeded");
    }
    client.world.let_time_pass(SignedDuration::from_hours(7 * 24));
    client.last_operation().await.expect(404);
}

#[tokio::test]
async fn a_poll_takes_up_a_creation_that_did_not_reach_cloudformation() {
    let client = Client::new();
    client.world.inject("stacks.create", Fault::Before(Unavailable));
    client.provision(json!({"parameters": {"DelaySeconds": 7}})).await.expect(503);
    // The request may still be under way: nothing is done twice.
    assert_eq!(client.last_operation().await.expect(200).body["state"], "in progress");
    assert_eq!(client.world.stack_names().len(), 0);
    client.world.let_time_pass(SignedDuration::from_secs(30));
    assert_eq!(client.last_operation().await.expect(200).body["state"], "in progress");
    assert_eq!(client.world.stack().parameters["DelaySeconds"], "7");
}

#[tokio::test]
async fn a_poll_takes_up_a_deletion_that_did_not_reach_cloudformation() {
    let client = Client::with_instance().await;
    client.bind("a-binding", json!({})).await.expect(201);
    client.world.inject("identities.delete", Fault::Before(Unavailable));
    client.deprovision().await.expect(503);
    client.world.let_time_pass(SignedDuration::from_secs(30));
    assert_eq!(client.last_operation().await.expect(200).body["state"], "in progress");
    assert!(client.world.users().is_empty() && client.world.bindings().is_empty());
    client.world.settle_stacks(DeleteComplete, None);
    assert_eq!(client.last_operation().await.expect(200).body["state"], "succeeded");
}

#[tokio::test]
async fn fin_01_and_02_an_instance_is_fetched_from_the_end_of_its_creation_on() {
    let client = Client::new();
    client.fetch_instance().await.expect(404);
    client.provision(json!({"parameters": {"DelaySeconds": 3}})).await.expect(202);
    client.fetch_instance().await.expect(404);
    client.world.settle_stacks(CreateComplete, None);
    client.last_operation().await.expect(200);
    let fetched = client.fetch_instance().await.expect(200);
    assert_eq!(fetched.body["parameters"], json!({"DelaySeconds": 3}));
    assert_eq!(fetched.body["service_id"], crate::support::service_id("sqs"));
    assert_eq!(fetched.body["plan_id"], crate::support::plan_id("sqs", "standard"));
    // While it is being deleted it still exists; then it does not.
    client.deprovision().await.expect(202);
    client.fetch_instance().await.expect(200);
    client.world.settle_stacks(DeleteComplete, None);
    client.last_operation().await.expect(200);
    client.fetch_instance().await.expect(404);
}

#[tokio::test]
async fn an_instance_that_failed_cannot_be_fetched() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.settle_stacks(RollbackComplete, None);
    client.last_operation().await.expect(200);
    client.fetch_instance().await.expect(404);
}
