use aws_service_broker::broker::{
    ports::PortErrorKind::{Denied, Throttled, Unavailable},
    stacks::StackStatus::{CreateComplete, DeleteComplete, RollbackComplete},
};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Client, Fault};

#[tokio::test]
async fn poll_fails_creation_that_never_reached_cloudformation() {
    let client = Client::new();
    client
        .world
        .inject("stacks.create", Fault::Before(Unavailable));
    client
        .provision(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(503);
    // The request may still be under way: nothing is done twice.
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    assert_eq!(client.world.stack_names().len(), 0);
    client.world.let_time_pass(SignedDuration::from_secs(30));
    let ended = client.last_operation().await.expect(200);
    assert_eq!(ended.body["state"], "failed");
    assert!(
        ended.description().contains("did not reach AWS"),
        "{}",
        ended.description()
    );
    assert_eq!(client.world.stack_names().len(), 0);
}

#[tokio::test]
async fn resent_request_resumes_interrupted_creation() {
    let client = Client::new();
    client
        .world
        .inject("stacks.create", Fault::Before(Unavailable));
    client
        .provision(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(503);
    client
        .provision(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(202);
    assert_eq!(client.world.stack().parameters["DelaySeconds"], "7");
}

#[tokio::test]
async fn poll_resumes_interrupted_deletion() {
    let client = Client::with_instance().await;
    client.bind("a-binding", json!({})).await.expect(201);
    client
        .world
        .inject("users.access_keys", Fault::Before(Unavailable));
    client.deprovision().await.expect(202);
    client.world.let_time_pass(SignedDuration::from_secs(30));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    assert!(client.world.users().is_empty() && client.world.bindings().is_empty());
    client.world.settle_stacks(DeleteComplete, None);
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
}

#[tokio::test]
async fn failed_instance_cannot_be_fetched() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.settle_stacks(RollbackComplete, None);
    client.last_operation().await.expect(200);
    client.fetch_instance().await.expect(404);
}

#[tokio::test]
async fn aws_outage_keeps_operation_in_progress() {
    for kind in [Throttled, Unavailable] {
        for call in [
            "stacks.events",
            "stacks.describe",
            "records.update_instance",
        ] {
            let client = Client::new();
            client.provision(json!({})).await.expect(202);
            client.world.settle_stacks(CreateComplete, None);
            client.world.inject(call, Fault::Before(kind));
            let answer = client.last_operation().await.expect(200);
            assert_eq!(
                (&answer.body["state"], &answer.headers["retry-after"]),
                (&json!("in progress"), &"60".parse().expect("a value"))
            );
            assert_eq!(
                client.last_operation().await.expect(200).body["state"],
                "succeeded"
            );
        }
    }
}

#[tokio::test]
async fn denied_access_fails_the_poll() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.inject("stacks.events", Fault::Before(Denied));
    client.last_operation().await.expect(500);
}
