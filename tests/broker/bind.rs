use aws_service_broker::broker::{
    operation::OperationState,
    ports::PortErrorKind::Unavailable,
    stack::StackStatus::{CreateComplete, RollbackComplete},
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Client, Fault, INSTANCE, plan_id, service_id};

#[tokio::test]
async fn bnd_07_and_13_it_answers_with_credentials_of_its_own() {
    let client = Client::with_instance().await;
    let one = client.bind("one", json!({})).await.expect(201).body["credentials"].clone();
    assert_eq!(
        client.world.take_calls(),
        ["records.instance", "records.insert_binding", "identities.create", "vault.seal", "records.update_binding"]
    );
    assert_eq!(one["QUEUE_URL"], "the-QueueURL");
    assert_eq!(one["QUEUE_ARN"], "the-QueueARN");
    assert_eq!(one["AWS_REGION"], "us-east-1");
    let key_id = one["AWS_ACCESS_KEY_ID"].as_str().expect("a key");
    assert_eq!(one["AWS_SECRET_ACCESS_KEY"], format!("secret-of-{key_id}"));

    let two = client.bind("two", json!({})).await.expect(201).body["credentials"].clone();
    assert_ne!(one["AWS_ACCESS_KEY_ID"], two["AWS_ACCESS_KEY_ID"]);
    assert_eq!(client.world.users().len(), 2);
}

#[tokio::test]
async fn bnd_09_resent_it_answers_with_the_same_credentials() {
    let client = Client::with_instance().await;
    let first = client.bind("one", json!({"bind_resource": {"app_guid": "an-app"}})).await.expect(201);
    client.world.take_calls();
    let again = client.bind("one", json!({"app_guid": "an-app"})).await.expect(200);
    assert_eq!(first.body, again.body);
    assert_eq!(client.world.take_calls(), ["records.instance", "records.insert_binding", "vault.open"]);
    assert_eq!(client.world.users().len(), 1);
}

#[tokio::test]
async fn bnd_10_with_other_attributes_it_conflicts() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client.bind("one", json!({"parameters": {"Scope": "Send"}})).await.expect(409);
    client.bind("one", json!({"app_guid": "an-app"})).await.expect(409);
}

#[tokio::test]
async fn bnd_15_the_identity_may_do_what_the_scope_allows_with_this_resource() {
    let client = Client::with_instance().await;
    client.world.set_output("DeadLetterQueueARN", "");
    client.bind("one", json!({"parameters": {"Scope": "Receive"}})).await.expect(201);
    let users = client.world.users();
    let user = users.values().next().expect("one user");
    let policy = user.policy.to_string();
    assert!(policy.contains("sqs:ReceiveMessage") && !policy.contains("sqs:SendMessage\""), "{policy}");
    assert!(policy.contains("the-QueueARN") && !policy.contains("${"), "{policy}");
    assert!(user.tags.iter().any(|tag| tag.key == "servicebroker:binding-id" && tag.value == "one"));
}

#[tokio::test]
async fn outputs_that_the_stack_does_not_have_are_left_out() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    for output in ["DeadLetterQueueURL", "DeadLetterQueueARN", "EncryptionKeyARN"] {
        client.world.set_output(output, "");
    }
    client.world.settle_stacks(CreateComplete, None);
    client.last_operation().await.expect(200);
    let credentials = client.bind("one", json!({})).await.expect(201).body["credentials"].clone();
    let keys: Vec<_> = credentials.as_object().expect("credentials").keys().cloned().collect();
    assert_eq!(
        keys,
        ["QUEUE_URL", "QUEUE_ARN", "QUEUE_NAME", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    );
    let policy = client.world.users().values().next().expect("one user").policy.to_string();
    assert!(!policy.contains("kms:"), "a statement about a key that the stack does not use: {policy}");
}

#[tokio::test]
async fn a_binding_without_an_applicable_policy_has_no_identity_and_is_done_with_its_record() {
    let client = Client::new();
    let parameters =
        json!({"TopicArn": "arn:aws:sns:us-east-1:000000000000:t", "Protocol": "email", "Endpoint": "a@b.example"});
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
    client.world.take_calls();
    let ids = json!({"service_id": plan["service_id"], "plan_id": plan["plan_id"]});
    let bound = client.bind("one", ids).await.expect(201);
    assert_eq!(client.world.take_calls(), ["records.instance", "records.insert_binding"]);
    assert_eq!(bound.body["credentials"]["AWS_SECRET_ACCESS_KEY"], Value::Null);
    assert!(client.world.users().is_empty());
    assert_eq!(client.fetch_binding("one").await.expect(200).body["credentials"], bound.body["credentials"]);
    client.unbind("one").await.expect(200);
}

#[tokio::test]
async fn only_a_finished_instance_can_be_bound() {
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
async fn bnd_02_the_ids_must_be_those_of_the_instance() {
    let client = Client::with_instance().await;
    client.bind("one", json!({"service_id": null})).await.expect(400);
    client.bind("one", json!({"plan_id": ""})).await.expect(400);
    client.bind("one", json!({"plan_id": plan_id("sqs", "fifo")})).await.expect(400);
    client.bind("one", json!({"parameters": {"Scope": "Everything"}})).await.expect(400);
    assert!(client.world.bindings().is_empty());
}

#[tokio::test]
async fn a_binding_that_was_interrupted_is_taken_up_when_nobody_can_be_at_work_on_it() {
    for call in ["identities.create", "vault.seal", "records.update_binding"] {
        let client = Client::with_instance().await;
        client.world.inject(call, Fault::Before(Unavailable));
        client.bind("one", json!({})).await.expect(503);
        client.fetch_binding("one").await.expect(404);
        client.bind("one", json!({})).await.expect(422);
        client.world.let_time_pass(SignedDuration::from_secs(30));
        let bound = client.bind("one", json!({})).await.expect(201);
        let user = client.world.users().into_values().next().expect("one user");
        assert_eq!(user.access_keys, [bound.body["credentials"]["AWS_ACCESS_KEY_ID"].as_str().expect("a key")]);
        assert_eq!(client.fetch_binding("one").await.expect(200).body["credentials"], bound.body["credentials"]);
    }
}

#[tokio::test]
async fn the_secret_key_is_stored_sealed_only() {
    let client = Client::with_instance().await;
    let bound = client.bind("one", json!({})).await.expect(201);
    let secret = bound.body["credentials"]["AWS_SECRET_ACCESS_KEY"].as_str().expect("a secret");
    let binding = client.world.bindings().pop().expect("the record");
    assert_eq!(binding.operation.state, OperationState::Succeeded);
    let stored = serde_json::to_string(&binding).expect("JSON");
    assert!(!stored.contains(secret) && stored.contains("\"secret\""), "{stored}");
}

#[tokio::test]
async fn fbd_01_a_binding_is_fetched_with_its_credentials_and_parameters() {
    let client = Client::with_instance().await;
    client.fetch_binding("one").await.expect(404);
    let bound = client.bind("one", json!({"parameters": {"Scope": "Send"}})).await.expect(201);
    client.world.take_calls();
    let fetched = client.fetch_binding("one").await.expect(200);
    assert_eq!(client.world.take_calls(), ["records.instance_and_binding", "vault.open"]);
    assert_eq!(fetched.body["credentials"], bound.body["credentials"]);
    assert_eq!(fetched.body["parameters"], json!({"Scope": "Send"}));
    let path = format!("/v2/service_instances/{INSTANCE}-other/service_bindings/one");
    client.request("GET", &path, None).await.expect(404);
}

#[tokio::test]
async fn a_binding_id_is_the_binding_of_its_instance_alone() {
    let client = Client::with_instance().await;
    client.provision_as("another", json!({})).await.expect(202);
    client.world.settle_stacks(CreateComplete, None);
    client.request("GET", "/v2/service_instances/another/last_operation", None).await.expect(200);
    client.bind("one", json!({})).await.expect(201);
    let body = json!({"service_id": service_id("sqs"), "plan_id": plan_id("sqs", "standard")});
    let path = "/v2/service_instances/another/service_bindings/one";
    client.request("PUT", path, Some(body)).await.expect(201);
    assert_eq!(client.world.users().len(), 2);
}
