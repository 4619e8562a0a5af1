use aws_service_broker::broker::stacks::StackStatus::DeleteComplete;
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Answer, Client, INSTANCE, plan_id, service_id};

#[tokio::test]
async fn prv_09_resent_put_keeps_operation() {
    let client = Client::new();
    let first = client
        .provision(json!({"parameters": {"DelaySeconds": 1.0}}))
        .await
        .expect(202);
    let again = client
        .provision(json!({"parameters": {"DelaySeconds": 1.0}}))
        .await
        .expect(202);
    assert_eq!(first.body, again.body);
    assert_eq!(client.world.stack_names().len(), 1);
}

#[tokio::test]
async fn prv_10_resent_put_of_created_instance_is_ok() {
    let client = Client::with_instance().await;
    let answer = client.provision(json!({})).await.expect(200);
    assert_eq!(answer.body.get("operation"), None);
}

#[tokio::test]
async fn prv_11_other_attributes_conflict() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    for other in [
        json!({"parameters": {"DelaySeconds": 1}}),
        json!({"plan_id": plan_id("sqs", "fifo")}),
        json!({"space_guid": "another"}),
        json!({"organization_guid": "another"}),
    ] {
        client.provision(other).await.expect(409);
    }
    client.finish().await;
    client
        .provision(json!({"parameters": {"DelaySeconds": 1}}))
        .await
        .expect(409);
}

#[tokio::test]
async fn prv_11_context_is_not_compared() {
    let client = Client::new();
    client
        .provision(json!({"context": {"platform": "kubernetes"}}))
        .await
        .expect(202);
    client
        .provision(json!({"context": {"platform": "kubernetes", "namespace": "new"}}))
        .await
        .expect(202);
}

#[tokio::test]
async fn prv_16_deleted_id_is_free_after_30_seconds() {
    let client = Client::with_instance().await;
    client.deprovision().await.expect(202);
    client.provision(json!({})).await.expect(422);
    client.world.settle_stacks(DeleteComplete, None);
    client.last_operation().await.expect(200);
    let refused = client.provision(json!({})).await.expect(422);
    assert_eq!(refused.body["error"], "ConcurrencyError");
    client.world.let_time_pass(SignedDuration::from_secs(30));
    client
        .provision(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(202);
    client.finish().await;
    assert_eq!(
        client.fetch_instance().await.expect(200).body["parameters"],
        json!({"DelaySeconds": 7})
    );
}

#[tokio::test]
async fn prv_16_late_poll_of_old_deletion_returns_410() {
    let client = Client::with_instance().await;
    let operation = client.deprovision().await.expect(202).body["operation"].clone();
    client.world.settle_stacks(DeleteComplete, None);
    client.last_operation().await.expect(200);
    client.world.let_time_pass(SignedDuration::from_secs(30));
    client.provision(json!({})).await.expect(202);

    let operation = operation.as_str().expect("an operation");
    let path = format!("/v2/service_instances/{INSTANCE}/last_operation?operation={operation}");
    client.request("GET", &path, None).await.expect(410);
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
}

#[tokio::test]
async fn prv_02_mandatory_fields_are_required() {
    let client = Client::new();
    for field in ["service_id", "plan_id", "organization_guid", "space_guid"] {
        for value in [json!(null), json!(""), json!(12), json!([])] {
            let answer = client.provision(json!({field: value})).await.expect(400);
            assert!(!answer.description().is_empty());
        }
    }
    client
        .provision(json!({"parameters": []}))
        .await
        .expect(400);
    client
        .provision(json!({"context": "text"}))
        .await
        .expect(400);
    assert!(client.world.instance(INSTANCE).is_none());
}

#[tokio::test]
async fn prv_03_unknown_service_or_plan_is_refused() {
    let client = Client::new();
    let answer = client
        .provision(json!({"plan_id": plan_id("s3", "production")}))
        .await
        .expect(400);
    assert!(
        answer.description().contains("`standard`, `fifo`"),
        "{}",
        answer.description()
    );
    client
        .provision(json!({"service_id": "unknown"}))
        .await
        .expect(400);
}

#[tokio::test]
async fn prv_04_invalid_parameters_are_refused_without_values() {
    let client = Client::new();
    for (parameters, expected) in [
        (
            json!({"DelaySecond": 1}),
            "Unknown parameter `DelaySecond`; did you mean `DelaySeconds`? The plan accepts: `D",
        ),
        (
            json!({"DelaySeconds": "ten"}),
            "The parameter `DelaySeconds` must be a whole number from 0 to 900.",
        ),
        (
            json!({"DelaySeconds": 901}),
            "The parameter `DelaySeconds` must be a whole number from 0 to 900.",
        ),
        (
            json!({"UseDeadLetterQueue": "perhaps"}),
            "The parameter `UseDeadLetterQueue` must be true or false.",
        ),
        (
            json!({"FifoQueue": "true"}),
            "Unknown parameter `FifoQueue`: the plan sets it.",
        ),
    ] {
        let answer = client
            .provision(json!({"parameters": parameters}))
            .await
            .expect(400);
        assert!(
            answer.description().contains(expected),
            "{}",
            answer.description()
        );
        assert!(
            !answer.description().contains("perhaps"),
            "{}",
            answer.description()
        );
    }
    assert!(
        client
            .world
            .take_calls()
            .iter()
            .all(|call| !call.starts_with("records"))
    );
}

#[tokio::test]
async fn prv_06_synchronous_provision_is_refused() {
    let client = Client::new();
    let body = json!({
        "service_id": service_id("sqs"), "plan_id": plan_id("sqs", "standard"),
        "organization_guid": "o", "space_guid": "s",
    });
    for query in ["", "?accepts_incomplete=false"] {
        let path = format!("/v2/service_instances/{INSTANCE}{query}");
        let answer = client
            .request("PUT", &path, Some(body.clone()))
            .await
            .expect(422);
        assert_eq!(answer.body["error"], "AsyncRequired");
        // Service Catalog compares this text.
        assert_eq!(
            answer.description(),
            "This service plan requires client support for asynchronous service operations."
        );
    }
    let path = format!("/v2/service_instances/{INSTANCE}?accepts_incomplete=perhaps");
    client.request("PUT", &path, Some(body)).await.expect(400);
}

#[tokio::test]
async fn prv_07_other_plan_version_is_refused() {
    let client = Client::new();
    let answer = client
        .provision(json!({"maintenance_info": {"version": "0.0.1"}}))
        .await
        .expect(422);
    assert_eq!(answer.body["error"], "MaintenanceInfoConflict");
    client
        .provision(json!({"maintenance_info": {"version": "1.1.0", "description": "x"}}))
        .await
        .expect(202);
}

#[tokio::test]
async fn prv_01_each_instance_has_its_own_stack() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.provision_as("another", json!({})).await.expect(202);
    assert_eq!(client.world.stack_names().len(), 2);
}

#[tokio::test]
async fn prv_05_context_may_be_any_object() {
    let client = Client::new();
    client
        .provision(json!({"context": {"platform": "x", "deep": {"a": [null, 1]}}}))
        .await
        .expect(202);
    client
        .provision_as("another", json!({"context": null}))
        .await
        .expect(202);
    client
        .provision_as("third", json!({"context": []}))
        .await
        .expect(400);
}

#[tokio::test]
async fn prv_12_dashboard_url_is_returned_and_stable() {
    let client = Client::new();
    let first = client.provision(json!({})).await.expect(202);
    let url = first.body["dashboard_url"].as_str().expect("a URL");
    assert!(url.starts_with(
        "https://us-east-1.console.aws.amazon.com/cloudformation/home?region=us-east-1#/stacks/"
    ));
    assert!(
        url.ends_with(&format!("stackId=osb-sqs-{INSTANCE}")),
        "{url}"
    );
    assert_eq!(
        client.provision(json!({})).await.expect(202).body["dashboard_url"],
        url
    );
    client.finish().await;
    assert_eq!(
        client.provision(json!({})).await.expect(200).body["dashboard_url"],
        url
    );
    assert_eq!(
        client.fetch_instance().await.expect(200).body["dashboard_url"],
        url
    );
}

#[tokio::test]
async fn prv_13_operation_is_a_short_string() {
    let operation = Client::new().provision(json!({})).await.expect(202).body["operation"].clone();
    assert!(
        (1..100).contains(&operation.as_str().expect("a text").len()),
        "{operation}"
    );
}

#[tokio::test]
async fn prv_14_metadata_name_account_region_and_stack() {
    let metadata = Client::new().provision(json!({})).await.expect(202).body["metadata"].clone();
    assert_eq!(
        metadata["labels"],
        json!({"aws-account-id": "000000000000", "aws-region": "us-east-1"})
    );
    assert_eq!(
        metadata["attributes"],
        json!({"aws-cloudformation-stack": format!("osb-sqs-{INSTANCE}")})
    );
}

#[tokio::test]
async fn prv_15_success_is_a_202_or_200() {
    let client = Client::new();
    let accepted = client.provision(json!({})).await.expect(202);
    assert!(accepted.body["operation"].is_string());
    client.finish().await;
    client.provision(json!({})).await.expect(200);
}

#[tokio::test]
async fn prv_11_unfinished_update_is_not_compared() {
    let client = Client::with_instance().await;
    client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    client.provision(json!({})).await.expect(200);
    client
        .provision(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(409);
    client.finish().await;
    client.provision(json!({})).await.expect(409);
    client
        .provision(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(200);
}

#[tokio::test]
async fn prv_10_synchronous_put_of_created_instance_is_ok() {
    let client = Client::with_instance().await;
    provision_synchronously(&client).await.expect(200);
}

/// Sends the usual request for a platform that does not poll.
async fn provision_synchronously(client: &Client) -> Answer {
    let body = json!({
        "service_id": service_id("sqs"), "plan_id": plan_id("sqs", "standard"),
        "organization_guid": "an-organization", "space_guid": "a-space",
    });
    let path = format!("/v2/service_instances/{INSTANCE}");
    client.request("PUT", &path, Some(body)).await
}

#[tokio::test]
async fn prv_06_synchronous_put_during_creation_is_refused() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    let refused = provision_synchronously(&client).await.expect(422);
    assert_eq!(refused.body["error"], "AsyncRequired");
}

#[tokio::test]
async fn prv_06_and_16_synchronous_put_of_a_free_id_is_refused() {
    let client = Client::with_instance().await;
    client.deprovision().await.expect(202);
    client.finish().await;
    client.world.let_time_pass(SignedDuration::from_secs(30));
    let refused = provision_synchronously(&client).await.expect(422);
    assert_eq!(refused.body["error"], "AsyncRequired");
    assert!(client.world.stack_names().is_empty());
}
