use aws_service_broker::broker::ports::PortErrorKind::Unavailable;
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Client, Fault, INSTANCE, plan_id, service_id};

#[tokio::test]
async fn bnd_07_and_13_each_binding_has_its_own_credentials() {
    let client = Client::with_instance().await;
    let one = client.bind("one", json!({})).await.expect(201).body["credentials"].clone();
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
async fn bnd_09_resent_bind_returns_the_same_credentials() {
    let client = Client::with_instance().await;
    let first = client
        .bind("one", json!({"bind_resource": {"app_guid": "an-app"}}))
        .await
        .expect(201);
    let again = client
        .bind("one", json!({"app_guid": "an-app"}))
        .await
        .expect(200);
    assert_eq!(first.body, again.body);
    assert_eq!(client.world.users().len(), 1);
}

#[tokio::test]
async fn bnd_10_other_attributes_conflict() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client
        .bind("one", json!({"parameters": {"Scope": "Send"}}))
        .await
        .expect(409);
    client
        .bind("one", json!({"app_guid": "an-app"}))
        .await
        .expect(409);
}

#[tokio::test]
async fn bnd_15_user_may_do_only_what_its_scope_allows() {
    let client = Client::with_instance().await;
    client.world.set_output("DeadLetterQueueARN", "");
    client
        .bind("one", json!({"parameters": {"Scope": "Receive"}}))
        .await
        .expect(201);
    let users = client.world.users();
    let user = users.values().next().expect("one user");
    let policy = user.policy.to_string();
    assert!(
        policy.contains("sqs:ReceiveMessage") && !policy.contains("sqs:SendMessage\""),
        "{policy}"
    );
    assert!(
        policy.contains("the-QueueARN") && !policy.contains("${"),
        "{policy}"
    );
    assert!(
        user.tags
            .iter()
            .any(|tag| tag.key == "servicebroker:binding-id" && tag.value == "one")
    );
}

#[tokio::test]
async fn bnd_02_ids_must_match_the_instance() {
    let client = Client::with_instance().await;
    client
        .bind("one", json!({"service_id": null}))
        .await
        .expect(400);
    client.bind("one", json!({"plan_id": ""})).await.expect(400);
    client
        .bind("one", json!({"plan_id": plan_id("sqs", "fifo")}))
        .await
        .expect(400);
    client
        .bind("one", json!({"parameters": {"Scope": "Everything"}}))
        .await
        .expect(400);
    assert!(client.world.bindings().is_empty());
}

#[tokio::test]
async fn bnd_01_14_services_are_bindable_and_return_credentials() {
    let catalog = Client::new().request("GET", "/v2/catalog", None).await.body;
    for service in catalog["services"].as_array().expect("services") {
        assert_eq!(service["bindable"], true);
    }
    let client = Client::with_instance().await;
    let bound = client.bind("one", json!({})).await.expect(201);
    assert!(
        !bound.body["credentials"]
            .as_object()
            .expect("credentials")
            .is_empty()
    );
}

#[tokio::test]
async fn bnd_03_app_guid_and_bind_resource_are_optional() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client
        .bind("two", json!({"app_guid": "an-app"}))
        .await
        .expect(201);
    client
        .bind(
            "two",
            json!({"bind_resource": {"app_guid": "an-app", "space_guid": "x"}}),
        )
        .await
        .expect(200);
    client
        .bind(
            "three",
            json!({"bind_resource": {"credential_client_id": "x", "route": "a.example"}}),
        )
        .await
        .expect(201);
    client
        .bind(
            "four",
            json!({"bind_resource": null, "app_guid": null, "context": {"a": 1}}),
        )
        .await
        .expect(201);
}

#[tokio::test]
async fn bnd_06_bindings_of_one_instance_are_independent() {
    let client = Client::with_instance().await;
    client
        .world
        .inject("users.create_user", Fault::Before(Unavailable));
    client.bind("one", json!({})).await.expect(503);
    client.bind("two", json!({})).await.expect(201);
}

#[tokio::test]
async fn bnd_11_parameters_are_checked() {
    let client = Client::with_instance().await;
    for (parameters, expected) in [
        (
            json!({"Scope": "Everything"}),
            "The parameter `Scope` must be one of `ReadWrite`, `Send` or `Receive`.",
        ),
        (
            json!({"Scop": "Send"}),
            "Unknown parameter `Scop`; did you mean `Scope`? A binding accepts: `Scope`, \
             `RoleName`, `RoleArn`, `ServiceAccount`.",
        ),
    ] {
        let answer = client
            .bind("one", json!({"parameters": parameters}))
            .await
            .expect(400);
        assert!(
            answer.description().starts_with(expected),
            "{}",
            answer.description()
        );
    }
    client
        .bind("one", json!({"parameters": []}))
        .await
        .expect(400);
}

#[tokio::test]
async fn bnd_16_endpoints_name_the_regional_service_host() {
    let client = Client::with_instance().await;
    let expected =
        json!([{"host": "sqs.us-east-1.amazonaws.com", "ports": ["443"], "protocol": "tcp"}]);
    assert_eq!(
        client.bind("one", json!({})).await.expect(201).body["endpoints"],
        expected
    );
    assert_eq!(
        client.fetch_binding("one").await.expect(200).body["endpoints"],
        expected
    );
}

#[tokio::test]
async fn bnd_16_services_return_their_endpoints() {
    for (service, plan, parameters) in [
        ("s3", "simple", json!({})),
        ("sns", "topic", json!({})),
        ("dynamodb", "ondemand", json!({"HashAttributeName": "id"})),
        ("sqs", "fifo", json!({})),
    ] {
        let client = Client::new();
        let ids = json!({"service_id": service_id(service), "plan_id": plan_id(service, plan)});
        let mut members = ids.clone();
        members["parameters"] = parameters;
        client.provision(members).await.expect(202);
        client.finish().await;
        let endpoints = client.bind("one", ids).await.expect(201).body["endpoints"].clone();
        let hosts: Vec<_> = endpoints
            .as_array()
            .expect("endpoints")
            .iter()
            .map(|one| one["host"].clone())
            .collect();
        assert!(
            hosts.iter().all(|host| host
                .as_str()
                .is_some_and(|host| host.ends_with(".amazonaws.com"))),
            "{hosts:?}"
        );
        assert!(!hosts.is_empty(), "{service}");
    }
}

#[tokio::test]
async fn bnd_10_deleted_binding_id_is_free_after_30_seconds() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client.unbind("one").await.expect(200);
    // A request that was long under way must not bring it back.
    let answer = client.bind("one", json!({})).await.expect(422);
    assert_eq!(answer.body["error"], "ConcurrencyError");
    client.world.let_time_pass(SignedDuration::from_secs(30));
    client.bind("one", json!({})).await.expect(201);
    client.bind("one", json!({})).await.expect(200);
}

#[tokio::test]
async fn lob_late_poll_of_old_unbinding_returns_410() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client
        .world
        .inject("users.access_keys", Fault::Before(Unavailable));
    let operation = client.unbind_async("one").await.expect(202).body["operation"].clone();
    client.unbind("one").await.expect(200);
    client.world.let_time_pass(SignedDuration::from_secs(30));
    client.bind("one", json!({})).await.expect(201);

    let operation = operation.as_str().expect("an operation");
    let path = format!(
        "/v2/service_instances/{INSTANCE}/service_bindings/one/last_operation?operation={operation}"
    );
    client.request("GET", &path, None).await.expect(410);
    client.binding_last_operation("one").await.expect(200);
}
