use aws_service_broker::broker::ports::PortErrorKind::Unavailable;
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Client, Fault, INSTANCE};

#[tokio::test]
async fn unb_01_and_03_user_is_deleted_before_the_record() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client.bind("two", json!({})).await.expect(201);
    client
        .world
        .inject("users.delete_user", Fault::Before(Unavailable));
    client.unbind("one").await.expect(503);
    assert_eq!(
        client.world.bindings().len(),
        2,
        "the record stays as long as there is a user"
    );

    assert_eq!(client.unbind("one").await.expect(200).body, json!({}));
    assert_eq!(client.world.users().len(), 1);
    client.fetch_binding("one").await.expect(404);
    client.fetch_binding("two").await.expect(200);
}

#[tokio::test]
async fn unb_05_missing_binding_is_gone() {
    let client = Client::new();
    client.unbind("one").await.expect(410);
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client.unbind("one").await.expect(200);
    client.unbind("one").await.expect(410);
}

#[tokio::test]
async fn unb_05_asynchronous_delete_of_missing_binding_is_gone() {
    let client = Client::new();
    client.unbind_async("one").await.expect(410);
    let client = Client::with_instance().await;
    client.unbind_async("one").await.expect(410);
    client.bind("one", json!({})).await.expect(201);
    client.unbind_async("one").await.expect(200);
    client.unbind_async("one").await.expect(410);
    client.deprovision().await.expect(202);
    client.unbind_async("one").await.expect(410);
}

#[tokio::test]
async fn unb_02_both_ids_are_required() {
    let client = Client::with_instance().await;
    for query in ["", "?service_id=x", "?plan_id=x", "?service_id=&plan_id=x"] {
        let path = format!("/v2/service_instances/{INSTANCE}/service_bindings/one{query}");
        client.request("DELETE", &path, None).await.expect(400);
    }
}

#[tokio::test]
async fn unb_07_08_09_interrupted_binding_can_be_deleted_later() {
    let client = Client::with_instance().await;
    client
        .world
        .inject("users.create_user", Fault::After(Unavailable));
    client.bind("one", json!({})).await.expect(503);
    assert_eq!(
        client.unbind("one").await.expect(422).body["error"],
        "ConcurrencyError"
    );
    client.world.let_time_pass(SignedDuration::from_secs(30));
    client.unbind("one").await.expect(200);
    assert!(client.world.users().is_empty());
    let answer = client.binding_last_operation("one").await.expect(200);
    assert_eq!(
        (&answer.body["state"], answer.description()),
        (&json!("succeeded"), "The binding has been deleted.")
    );
}
