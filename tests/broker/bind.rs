use aws_service_broker::broker::{
    ports::PortErrorKind::Unavailable,
    records::OperationState,
    stacks::StackStatus::{CreateComplete, RollbackComplete},
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Client, Fault, catalog_of, ids_of, plan_id, service_id};

/// A service whose bindings may read what has the tags of the instance's space and organization.
const OF_A_SPACE: &str = "\
Description: Data of a space.
Metadata:
  AWS::ServiceBroker::Specification:
    Name: shared
    ServicePlans:
      only: {Description: The only plan.}
    Bindings:
      DefaultScope: Read
      Policies:
        Read:
          - Effect: Allow
            Action: s3:GetObject
            Resource: '*'
            Condition:
              StringEquals:
                s3:BucketTag/servicebroker:space-guid: ${Instance.SpaceGuid}
          - Effect: Allow
            Action: s3:ListBucket
            Resource: '*'
            Condition:
              StringEquals:
                s3:BucketTag/servicebroker:organization-guid: ${Instance.OrganizationGuid}
      Boundary: [{Effect: Allow, Action: ['s3:GetObject', 's3:ListBucket'], Resource: '*'}]
Resources:
  Nothing: {Type: 'AWS::CloudFormation::WaitConditionHandle'}
";

#[tokio::test]
async fn empty_outputs_are_omitted_from_credentials() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    for output in [
        "DeadLetterQueueURL",
        "DeadLetterQueueARN",
        "EncryptionKeyARN",
    ] {
        client.world.set_output(output, "");
    }
    client.world.settle_stacks(CreateComplete, None);
    client.last_operation().await.expect(200);
    let credentials = client.bind("one", json!({})).await.expect(201).body["credentials"].clone();
    let keys: Vec<_> = credentials
        .as_object()
        .expect("credentials")
        .keys()
        .cloned()
        .collect();
    assert_eq!(
        keys,
        [
            "QUEUE_URL",
            "QUEUE_ARN",
            "QUEUE_NAME",
            "AWS_REGION",
            "AWS_DEFAULT_REGION",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY"
        ]
    );
    let policy = client
        .world
        .users()
        .values()
        .next()
        .expect("one user")
        .policy
        .to_string();
    assert!(
        !policy.contains("kms:"),
        "a statement about a key that the stack does not use: {policy}"
    );
}

/// The client of an instance of that service, with the ids of its plan.
async fn with_data_of_a_space(space: &str) -> (Client, Value) {
    let catalog = catalog_of(OF_A_SPACE);
    let ids = ids_of(&catalog, "only");
    let client = Client::with_catalog(catalog);
    let mut members = ids.clone();
    members["space_guid"] = json!(space);
    client.provision(members).await.expect(202);
    client.finish().await;
    (client, ids)
}

/// The conditions of the only user's policy.
fn conditions(client: &Client) -> Vec<Value> {
    let (_, user) = client.world.users().pop_first().expect("a user");
    let statements = user.policy["Statement"]
        .as_array()
        .expect("statements")
        .clone();
    statements
        .into_iter()
        .map(|statement| statement["Condition"]["StringEquals"].clone())
        .collect()
}

#[tokio::test]
async fn policy_condition_uses_sanitized_space_id() {
    let (client, ids) = with_data_of_a_space("space <1>").await;
    client.bind("one", ids).await.expect(201);
    assert_eq!(
        conditions(&client),
        [
            json!({"s3:BucketTag/servicebroker:space-guid": "space _1_"}),
            json!({"s3:BucketTag/servicebroker:organization-guid": "an-organization"}),
        ]
    );
}

#[tokio::test]
async fn binding_without_policy_creates_no_user() {
    let client = Client::new();
    let parameters = json!({"TopicArn": "arn:aws:sns:us-east-1:000000000000:t", "Protocol": "email", "Endpoint": "a@b.example"});
    let plan = json!({
        "service_id": service_id("sns"),
        "plan_id": plan_id("sns", "subscription"),
        "parameters": parameters,
    });
    client.provision(plan.clone()).await.expect(202);
    for output in ["OwnTopicARN", "EncryptionKeyARN"] {
        client.world.set_output(output, "");
    }
    client.world.settle_stacks(CreateComplete, None);
    client.last_operation().await.expect(200);
    let ids = json!({"service_id": plan["service_id"], "plan_id": plan["plan_id"]});
    client.world.take_calls();
    let bound = client.bind("one", ids).await.expect(201);
    assert_eq!(
        client.world.take_calls(),
        ["records.instance", "records.insert_binding"]
    );
    assert_eq!(
        bound.body["credentials"]["AWS_SECRET_ACCESS_KEY"],
        Value::Null
    );
    assert!(client.world.users().is_empty());
    assert_eq!(
        client.fetch_binding("one").await.expect(200).body["credentials"],
        bound.body["credentials"]
    );
    client.unbind("one").await.expect(200);
}

#[tokio::test]
async fn unavailable_instance_cannot_be_bound() {
    let client = Client::new();
    client.bind("one", json!({})).await.expect(404);
    client.provision(json!({})).await.expect(202);
    let busy = client.bind("one", json!({})).await.expect(422);
    assert_eq!(busy.body["error"], "ConcurrencyError");
    client.world.settle_stacks(RollbackComplete, None);
    client.last_operation().await.expect(200);
    client.bind("one", json!({})).await.expect(400);
    client.deprovision().await.expect(202);
    client.bind("one", json!({})).await.expect(422);
    assert!(client.world.bindings().is_empty());
}

#[tokio::test]
async fn interrupted_binding_is_resumed_after_30_seconds() {
    for call in [
        "users.create_user",
        "users.put_policy",
        "users.create_access_key",
        "vault.seal",
        "records.update_binding",
    ] {
        let client = Client::with_instance().await;
        client.world.inject(call, Fault::Before(Unavailable));
        client.bind("one", json!({})).await.expect(503);
        client.fetch_binding("one").await.expect(404);
        client.bind("one", json!({})).await.expect(422);
        client.world.let_time_pass(SignedDuration::from_secs(30));
        let bound = client.bind("one", json!({})).await.expect(201);
        let user = client.world.users().into_values().next().expect("one user");
        assert_eq!(
            user.access_keys,
            [bound.body["credentials"]["AWS_ACCESS_KEY_ID"]
                .as_str()
                .expect("a key")]
        );
        assert_eq!(
            client.fetch_binding("one").await.expect(200).body["credentials"],
            bound.body["credentials"]
        );
    }
}

#[tokio::test]
async fn secret_key_is_stored_encrypted_only() {
    let client = Client::with_instance().await;
    let bound = client.bind("one", json!({})).await.expect(201);
    let secret = bound.body["credentials"]["AWS_SECRET_ACCESS_KEY"]
        .as_str()
        .expect("a secret");
    let binding = client.world.bindings().pop().expect("the record");
    assert_eq!(binding.operation.state, OperationState::Succeeded);
    let stored = serde_json::to_string(&binding).expect("JSON");
    assert!(
        !stored.contains(secret) && stored.contains("\"secret\""),
        "{stored}"
    );
}

#[tokio::test]
async fn binding_ids_are_scoped_to_their_instance() {
    let client = Client::with_instance().await;
    client.provision_as("another", json!({})).await.expect(202);
    client.world.settle_stacks(CreateComplete, None);
    client
        .request("GET", "/v2/service_instances/another/last_operation", None)
        .await
        .expect(200);
    client.bind("one", json!({})).await.expect(201);
    let body = json!({"service_id": service_id("sqs"), "plan_id": plan_id("sqs", "standard")});
    let path = "/v2/service_instances/another/service_bindings/one";
    client.request("PUT", path, Some(body)).await.expect(201);
    assert_eq!(client.world.users().len(), 2);
}

#[tokio::test]
async fn interrupted_unbinding_does_not_block_its_id() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client
        .world
        .inject("users.delete_user", Fault::Before(Unavailable));
    client.unbind("one").await.expect(503);
    client.bind("one", json!({})).await.expect(422);
    client.world.let_time_pass(SignedDuration::from_secs(31));
    client.bind("one", json!({})).await.expect(422);
    assert!(client.world.users().is_empty());
    client.world.let_time_pass(SignedDuration::from_secs(31));
    client.bind("one", json!({})).await.expect(201);
}

#[tokio::test]
async fn bind_request_reports_missing_ids() {
    let client = Client::with_instance().await;
    for field in ["service_id", "plan_id"] {
        let refused = client.bind("one", json!({field: null})).await.expect(400);
        assert_eq!(
            refused.description(),
            format!("The body is not valid: missing field `{field}`.")
        );
    }
}
