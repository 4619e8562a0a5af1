use aws_service_broker::broker::stacks::StackStatus::{RollbackComplete, UpdateRollbackComplete};
use serde_json::json;

use crate::support::{Client, INSTANCE, plan_id, service_id};

#[tokio::test]
async fn fin_01_02_instance_is_visible_from_creation_to_deletion() {
    let client = Client::new();
    client.fetch_instance().await.expect(404);
    client
        .provision(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    client.fetch_instance().await.expect(404);
    client.finish().await;
    client.fetch_instance().await.expect(200);
    client.deprovision().await.expect(202);
    client.fetch_instance().await.expect(200);
    client.finish().await;
    client.fetch_instance().await.expect(404);
}

#[tokio::test]
async fn fin_02_failed_creation_is_not_found() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.settle_stacks(RollbackComplete, None);
    client.last_operation().await.expect(200);
    client.fetch_instance().await.expect(404);
}

#[tokio::test]
async fn fin_03_updating_instance_is_a_concurrency_error() {
    let client = Client::with_instance().await;
    client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    assert_eq!(
        client.fetch_instance().await.expect(422).body["error"],
        "ConcurrencyError"
    );
    client.world.settle_stacks(UpdateRollbackComplete, None);
    client.last_operation().await.expect(200);
    assert_eq!(
        client.fetch_instance().await.expect(200).body["parameters"],
        json!({})
    );
}

#[tokio::test]
async fn fin_04_07_instance_is_returned_completely() {
    let client = Client::new();
    let provisioned = client
        .provision(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    client.finish().await;
    assert_eq!(
        client.fetch_instance().await.expect(200).body,
        json!({
            "service_id": service_id("sqs"),
            "plan_id": plan_id("sqs", "standard"),
            "dashboard_url": provisioned.body["dashboard_url"],
            "parameters": {"DelaySeconds": 3},
            "maintenance_info": {"version": "1.1.0"},
            "metadata": provisioned.body["metadata"],
        })
    );
}

#[tokio::test]
async fn fin_05_secret_parameters_are_omitted() {
    let (client, members) = crate::update::with_secret();
    client.provision(members).await.expect(202);
    client.finish().await;
    assert_eq!(
        client.fetch_instance().await.expect(200).body["parameters"],
        json!({"Size": 2})
    );
}

#[tokio::test]
async fn fin_06_hints_are_optional_and_not_empty() {
    let client = Client::with_instance().await;
    let path = format!("/v2/service_instances/{INSTANCE}");
    client
        .request("GET", &format!("{path}?service_id=x&plan_id=y"), None)
        .await
        .expect(200);
    client
        .request("GET", &format!("{path}?service_id="), None)
        .await
        .expect(400);
}

#[tokio::test]
async fn fin_01_finished_operations_count_without_a_poll() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.complete_stacks();
    client.fetch_instance().await.expect(200);
    client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    client.world.complete_stacks();
    client.bind("one", json!({})).await.expect(201);
    assert_eq!(
        client.fetch_instance().await.expect(200).body["parameters"],
        json!({"DelaySeconds": 3})
    );
}

#[tokio::test]
async fn fin_02_instance_deleted_meanwhile_is_not_found() {
    let client = Client::with_instance().await;
    client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    client.world.complete_stacks();
    let deletion = async {
        client.last_operation().await.expect(200);
        client.deprovision().await.expect(202);
        client.finish().await;
    };
    let (fetched, ()) = client
        .interrupt(client.fetch_instance(), "records.instance", deletion)
        .await;
    fetched.expect(404);
}
