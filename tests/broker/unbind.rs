use aws_service_broker::broker::ports::{Environment, PortErrorKind::Unavailable};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Client, Fault};

#[tokio::test]
async fn next_request_resumes_interrupted_unbinding() {
    for call in [
        "users.access_keys",
        "users.delete_user",
        "records.update_binding",
    ] {
        let client = Client::with_instance().await;
        client.bind("one", json!({})).await.expect(201);
        client.world.inject(call, Fault::Before(Unavailable));
        client.unbind("one").await.expect(503);
        // Credentials that no longer work are not handed out.
        client.fetch_binding("one").await.expect(404);
        client.bind("one", json!({})).await.expect(422);
        client.unbind("one").await.expect(200);
        assert!(client.world.users().is_empty());
    }
}

#[tokio::test]
async fn unbinding_ends_with_the_write_of_its_record() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client.world.take_calls();
    client.unbind("one").await.expect(200);
    assert_eq!(
        client.world.take_calls().last(),
        Some(&"records.update_binding")
    );
}

/// Cloud Foundry polls for up to 10,080 minutes.
#[tokio::test]
async fn tombstone_of_a_binding_is_kept_for_a_week_without_grants() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client.unbind("one").await.expect(200);
    let account = client.world.account();
    let tombstone = account.bindings.values().next().expect("the record");
    assert!(tombstone.grants.is_empty(), "{:?}", tombstone.grants);
    let week = SignedDuration::from_mins(10_080);
    assert_eq!(tombstone.expires_at, Some(client.world.now() + week));
}

#[tokio::test]
async fn unbinding_of_a_changed_record_is_busy() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    let change = async {
        client.world.edit(|account| {
            let bindings = account.bindings.values_mut();
            bindings.for_each(|binding| binding.version += 1);
        });
    };
    let (refused, ()) = client
        .interrupt(client.unbind("one"), "users.delete_user", change)
        .await;
    assert_eq!(refused.expect(422).body["error"], "ConcurrencyError");
    client.unbind("one").await.expect(200);
}
