use aws_service_broker::broker::ports::PortErrorKind::Throttled;
use serde_json::json;

use crate::support::{Client, Fault, INSTANCE};

#[tokio::test]
async fn fbd_01_04_binding_has_credentials_and_parameters() {
    let client = Client::with_instance().await;
    client.fetch_binding("one").await.expect(404);
    let bound = client
        .bind("one", json!({"parameters": {"Scope": "Send"}}))
        .await
        .expect(201);
    let fetched = client.fetch_binding("one").await.expect(200);
    assert_eq!(fetched.body["credentials"], bound.body["credentials"]);
    assert_eq!(fetched.body["parameters"], json!({"Scope": "Send"}));
    let path = format!("/v2/service_instances/{INSTANCE}-other/service_bindings/one");
    client.request("GET", &path, None).await.expect(404);
}

#[tokio::test]
async fn fbd_02_unfinished_binding_is_not_found() {
    let client = Client::with_instance().await;
    client
        .world
        .inject("users.create_user", Fault::Before(Throttled));
    client.bind_async("one", json!({})).await.expect(202);
    client.fetch_binding("one").await.expect(404);

    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client
        .world
        .inject("users.access_keys", Fault::Before(Throttled));
    client.unbind_async("one").await.expect(202);
    client.fetch_binding("one").await.expect(404);
    client.unbind("one").await.expect(200);
    client.fetch_binding("one").await.expect(404);
}

#[tokio::test]
async fn fbd_03_polled_binding_has_credentials() {
    let client = Client::with_instance().await;
    client
        .world
        .inject("users.create_user", Fault::Before(Throttled));
    client.bind_async("one", json!({})).await.expect(202);
    client
        .world
        .let_time_pass(jiff::SignedDuration::from_secs(30));
    client.binding_last_operation("one").await.expect(200);
    let fetched = client.fetch_binding("one").await.expect(200);
    assert!(fetched.body["credentials"]["AWS_SECRET_ACCESS_KEY"].is_string());
}

#[tokio::test]
async fn fbd_05_parameters_contain_only_the_scope() {
    // What a bind request can say is the scope, which is no secret; nothing else is kept.
    let client = Client::with_instance().await;
    client
        .bind(
            "one",
            json!({"parameters": {"Scope": "Send"}, "context": {"secret": "x"}}),
        )
        .await
        .expect(201);
    assert_eq!(
        client.fetch_binding("one").await.expect(200).body["parameters"],
        json!({"Scope": "Send"})
    );
}

#[tokio::test]
async fn fbd_06_hints_are_optional_and_not_empty() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    let path = format!("/v2/service_instances/{INSTANCE}/service_bindings/one");
    client
        .request("GET", &format!("{path}?service_id=x&plan_id=y"), None)
        .await
        .expect(200);
    client
        .request("GET", &format!("{path}?plan_id="), None)
        .await
        .expect(400);
}
