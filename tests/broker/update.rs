use serde_json::json;

use crate::support::{Client, Fault};

/// CloudFormation compares resources, and keeps a stack's parameters where none of them changes.
const NO_UPDATES: &str = "No updates are to be performed.";

#[tokio::test]
async fn a_change_that_cloudformation_does_not_see_is_not_recorded() {
    let client = Client::with_instance().await;
    client.world.inject("stacks.update", Fault::Rejected(NO_UPDATES));
    let refused = client.update(json!({"parameters": {"DelaySeconds": 7}})).await.expect(422);
    assert!(refused.description().contains("`DelaySeconds` was not changed"), "{}", refused.description());
    assert_eq!(client.fetch_instance().await.expect(200).body["parameters"], json!({}));
    client.update(json!({"parameters": {"DelaySeconds": 7}})).await.expect(202);
}

#[tokio::test]
async fn a_default_that_is_written_out_is_no_change_of_the_stack() {
    let client = Client::with_instance().await;
    client.world.inject("stacks.update", Fault::Rejected(NO_UPDATES));
    client.update(json!({"parameters": {"DelaySeconds": 0}})).await.expect(200);
    assert_eq!(client.fetch_instance().await.expect(200).body["parameters"], json!({"DelaySeconds": 0}));
}
