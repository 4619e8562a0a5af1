use aws_service_broker::{broker::rules::BindingRules, http::MissingVersion};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Client, World, body_of, catalog, catalog_of, ids_of, plan_id};

/// A broker whose bindings expire after 90 days, with an instance and the binding `old`.
async fn with_binding(members: Value) -> Client {
    let rules = BindingRules {
        lifetime: Some(SignedDuration::from_hours(90 * 24)),
        ..BindingRules::default()
    };
    let client = Client::with(World::new(), catalog(), rules, MissingVersion::default())
        .having_instance()
        .await;
    client.bind("old", members).await.expect(201);
    client
}

/// A request to rotate a binding with nothing but what it needs.
fn rotation(predecessor: &str) -> Value {
    json!({"service_id": null, "plan_id": null, "predecessor_binding_id": predecessor})
}

#[tokio::test]
async fn rot_01_predecessor_must_be_a_valid_binding() {
    let client = with_binding(json!({})).await;
    client.bind("new", rotation("unknown")).await.expect(400);
    client.provision_as("another", json!({})).await.expect(202);
    client.world.complete_stacks();
    client
        .request("GET", "/v2/service_instances/another/last_operation", None)
        .await
        .expect(200);
    let path = "/v2/service_instances/another/service_bindings/new";
    client
        .request("PUT", path, Some(json!({"predecessor_binding_id": "old"})))
        .await
        .expect(400);
    client.bind("new", rotation("old")).await.expect(201);

    client
        .world
        .let_time_pass(SignedDuration::from_hours(90 * 24));
    let answer = client.bind("newer", rotation("old")).await.expect(400);
    assert!(
        answer
            .description()
            .contains("must name an unexpired binding"),
        "{}",
        answer.description()
    );
    client.unbind("new").await.expect(200);
    client.bind("newer", rotation("new")).await.expect(400);
}

#[tokio::test]
async fn rot_02_rotation_inherits_omitted_values() {
    let client = with_binding(json!({"app_guid": "an-app", "parameters": {"Scope": "Send"}})).await;
    client.bind("new", rotation("old")).await.expect(201);
    assert_eq!(
        client.fetch_binding("new").await.expect(200).body["parameters"],
        json!({"Scope": "Send"})
    );
    let bindings = client.world.bindings();
    assert!(
        bindings
            .iter()
            .all(|binding| binding.app_guid.as_deref() == Some("an-app")),
        "{bindings:?}"
    );
    // A platform may send all that a binding needs as well.
    let all = json!({"predecessor_binding_id": "old", "parameters": {"Scope": "Receive"}});
    client.bind("newer", all).await.expect(201);
    assert_eq!(
        client.fetch_binding("newer").await.expect(200).body["parameters"],
        json!({"Scope": "Receive"})
    );
    // What it sends must be the instance's.
    let other = json!({"predecessor_binding_id": "old", "plan_id": plan_id("sqs", "fifo")});
    client.bind("newest", other).await.expect(400);
}

#[tokio::test]
async fn rot_03_both_bindings_work_until_deleted() {
    let client = with_binding(json!({})).await;
    client.bind("new", rotation("old")).await.expect(201);
    let key = |answer: Value| answer["credentials"]["AWS_ACCESS_KEY_ID"].clone();
    let (old, new) = (
        client.fetch_binding("old").await.expect(200),
        client.fetch_binding("new").await.expect(200),
    );
    assert_ne!(key(old.body), key(new.body));
    assert_eq!(client.world.users().len(), 2);
    client.unbind("old").await.expect(200);
    assert_eq!(client.world.users().len(), 1);
    client.fetch_binding("new").await.expect(200);
}

#[tokio::test]
async fn rot_04_resent_rotation_returns_the_same_binding() {
    let client = with_binding(json!({})).await;
    let first = client.bind("new", rotation("old")).await.expect(201);
    assert_eq!(
        client.bind("new", rotation("old")).await.expect(200).body,
        first.body
    );
    client.bind("new", json!({})).await.expect(409);
    client.bind("old", rotation("new")).await.expect(409);
    // The request may come again when the predecessor is gone.
    client.unbind("old").await.expect(200);
    assert_eq!(
        client.bind("new", rotation("old")).await.expect(200).body,
        first.body
    );
}

#[tokio::test]
async fn rot_05_plan_without_rotation_refuses_it() {
    let template = "\
Description: A queue.
Metadata:
  AWS::ServiceBroker::Specification:
    Name: plain
    ServicePlans:
      only: {Description: The only plan.}
Resources:
  Queue: {Type: 'AWS::SQS::Queue'}
Outputs:
  Url: {Value: url}
";
    let catalog = catalog_of(template);
    let body = body_of(&catalog);
    assert_eq!(body["services"][0]["plans"][0]["binding_rotatable"], false);
    let ids = ids_of(&catalog, "only");
    let client = Client::with_catalog(catalog);
    client.provision(ids.clone()).await.expect(202);
    client.finish().await;
    client.bind("old", ids).await.expect(201);
    let answer = client.bind("new", rotation("old")).await.expect(400);
    assert!(
        answer
            .description()
            .contains("does not support the rotation"),
        "{}",
        answer.description()
    );
}

#[tokio::test]
async fn bnd_20_21_22_and_23_metadata_report_the_expiry() {
    let client = with_binding(json!({})).await;
    let answer = client.bind("old", json!({})).await.expect(200);
    // The world's time begins 50 years of 365 days after 1970: on 2019-12-20.
    let metadata =
        json!({"expires_at": "2020-03-19T00:00:00.0Z", "renew_before": "2020-02-18T00:00:00.0Z"});
    assert_eq!(answer.body["metadata"], metadata);
    assert_eq!(
        client.fetch_binding("old").await.expect(200).body["metadata"],
        metadata
    );
    // AWS keeps to it.
    let policy = client
        .world
        .users()
        .into_values()
        .next()
        .expect("a user")
        .policy;
    let end = policy["Statement"]
        .as_array()
        .expect("statements")
        .last()
        .expect("a statement")
        .clone();
    assert_eq!(
        end,
        json!({
            "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {"DateGreaterThanEquals": {"aws:CurrentTime": "2020-03-19T00:00:00Z"}},
        })
    );
    // Without a limit there is nothing to say.
    let client = Client::with_instance().await;
    let answer = client.bind("one", json!({})).await.expect(201);
    assert_eq!(answer.body.get("metadata"), None);
    assert!(
        !client
            .world
            .users()
            .values()
            .next()
            .expect("a user")
            .policy
            .to_string()
            .contains("Deny")
    );
}
