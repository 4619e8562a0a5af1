//! The stack exists, and the record does not: the table was restored, or somebody has deleted an item.

use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Client, INSTANCE};

/// An instance whose record is lost.
async fn with_lost_record() -> Client {
    let client = Client::new();
    client.provision(json!({"parameters": {"DelaySeconds": 7}})).await.expect(202);
    client.finish().await;
    client.world.edit(|account| account.instances.clear());
    client
}

/// The state of the operation when no request of it can be under way any more.
async fn state_after_a_minute(client: &Client) -> (String, String) {
    client.world.let_time_pass(SignedDuration::from_mins(1));
    let answer = client.last_operation().await.expect(200);
    (answer.body["state"].as_str().expect("a state").to_owned(), answer.description().to_owned())
}

#[tokio::test]
async fn the_same_request_adopts_the_stack_of_a_lost_record() {
    let client = with_lost_record().await;
    let before = client.world.stack();
    client.provision(json!({"parameters": {"DelaySeconds": 7}})).await.expect(202);
    assert_eq!(state_after_a_minute(&client).await.0, "succeeded");
    assert_eq!(client.world.stack(), before);
    client.bind("one", json!({})).await.expect(201);
}

#[tokio::test]
async fn a_stack_with_other_parameters_is_not_adopted_and_can_be_deleted() {
    let client = with_lost_record().await;
    client.provision(json!({"parameters": {"DelaySeconds": 8}})).await.expect(202);
    let (state, description) = state_after_a_minute(&client).await;
    assert_eq!(state, "failed");
    assert!(description.contains("other parameters: `DelaySeconds`"), "{description}");

    client.deprovision().await.expect(202);
    client.world.complete_stacks();
    assert_eq!(state_after_a_minute(&client).await.0, "succeeded");
    assert!(client.world.stack_names().is_empty());
}

#[tokio::test]
async fn a_stack_of_somebody_else_is_neither_adopted_nor_deleted() {
    let client = with_lost_record().await;
    client.world.edit(|account| account.stacks.values_mut().for_each(|stack| stack.tags.clear()));
    let refused = client.provision(json!({"parameters": {"DelaySeconds": 7}})).await.expect(400);
    assert!(refused.description().contains("its tags do not say"), "{}", refused.description());
    assert!(client.world.instance(INSTANCE).is_none());
    assert_eq!(client.world.stack_names().len(), 1);
}

#[tokio::test]
async fn a_deletion_leaves_alone_a_stack_that_is_not_the_instances() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.edit(|account| account.stacks.values_mut().for_each(|stack| stack.tags.clear()));
    client.deprovision().await.expect(202);
    assert_eq!(state_after_a_minute(&client).await.0, "succeeded");
    assert_eq!(client.world.stack_names().len(), 1);
}
