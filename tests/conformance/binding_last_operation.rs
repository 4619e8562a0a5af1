use aws_service_broker::broker::ports::PortErrorKind::{Denied, Throttled, Unavailable};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Answer, Client, Fault, INSTANCE};

/// An instance with the binding `one`, for which AWS was too slow.
async fn slow_bind() -> (Client, Answer) {
    let client = Client::with_instance().await;
    client
        .world
        .inject("users.create_user", Fault::Before(Throttled));
    let answer = client.bind_async("one", json!({})).await.expect(202);
    (client, answer)
}

/// The same, whose deletion is slow as well.
async fn slow_unbind() -> (Client, Answer) {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client
        .world
        .inject("users.access_keys", Fault::Before(Unavailable));
    let answer = client.unbind_async("one").await.expect(202);
    (client, answer)
}

async fn poll(client: &Client, operation: &str) -> Answer {
    let path = format!(
        "/v2/service_instances/{INSTANCE}/service_bindings/one/last_operation?operation={operation}"
    );
    client.request("GET", &path, None).await
}

#[tokio::test]
async fn lob_01_08_polls_complete_a_throttled_binding() {
    let (client, _) = slow_bind().await;
    let answer = client.binding_last_operation("one").await.expect(200);
    assert_eq!(
        (&answer.body["state"], answer.description()),
        (&json!("in progress"), "The binding is being created.")
    );
    client.fetch_binding("one").await.expect(404);
    client.world.let_time_pass(SignedDuration::from_secs(30));
    let answer = client.binding_last_operation("one").await.expect(200);
    assert_eq!(
        (&answer.body["state"], answer.description()),
        (&json!("succeeded"), "The binding has been created.")
    );
    assert_eq!(
        (
            answer.body.get("instance_usable"),
            answer.body.get("update_repeatable")
        ),
        (None, None)
    );
    let fetched = client.fetch_binding("one").await.expect(200);
    let key = client
        .world
        .users()
        .into_values()
        .next()
        .expect("a user")
        .access_keys;
    assert_eq!(
        key,
        [fetched.body["credentials"]["AWS_ACCESS_KEY_ID"]
            .as_str()
            .expect("a key")]
    );
}

#[tokio::test]
async fn lob_01_repeated_throttling_only_delays_the_binding() {
    let (client, _) = slow_bind().await;
    for call in [
        "users.create_user",
        "users.put_policy",
        "users.create_access_key",
        "vault.seal",
        "records.update_binding",
    ] {
        client.world.let_time_pass(SignedDuration::from_secs(30));
        client.world.inject(call, Fault::After(Throttled));
        let answer = client.binding_last_operation("one").await;
        // Where not even the record can be written, the platform has to ask again.
        assert!(matches!(answer.status.as_u16(), 200 | 503), "{answer:?}");
        assert_ne!(answer.body["state"], "succeeded");
    }
    client.world.let_time_pass(SignedDuration::from_secs(30));
    assert_eq!(
        client.binding_last_operation("one").await.expect(200).body["state"],
        "succeeded"
    );
    assert_eq!(client.world.users().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn lob_01_hanging_bind_is_accepted_after_15_seconds() {
    let client = Client::with_instance().await;
    client.world.inject("users.create_user", Fault::Hang);
    let started = tokio::time::Instant::now();
    client.bind_async("one", json!({})).await.expect(202);
    assert_eq!(started.elapsed().as_secs(), 15);
    client.world.let_time_pass(SignedDuration::from_secs(30));
    assert_eq!(
        client.binding_last_operation("one").await.expect(200).body["state"],
        "succeeded"
    );
}

#[tokio::test(start_paused = true)]
async fn lob_01_hanging_binding_is_retried_by_every_poll() {
    let client = Client::with_instance().await;
    client.world.inject("users.create_user", Fault::Hang);
    client.bind_async("one", json!({})).await.expect(202);
    for _ in 0..8 {
        client.world.let_time_pass(SignedDuration::from_mins(1));
        client.world.inject("users.create_user", Fault::Hang);
        assert_eq!(
            client.binding_last_operation("one").await.expect(200).body["state"],
            "in progress"
        );
    }
    client.world.let_time_pass(SignedDuration::from_mins(1));
    assert_eq!(
        client.binding_last_operation("one").await.expect(200).body["state"],
        "succeeded"
    );
}

#[tokio::test]
async fn lob_01_binding_waits_for_the_instance_update() {
    let (client, _) = slow_bind().await;
    client
        .update(json!({"parameters": {"DelaySeconds": 5}}))
        .await
        .expect(202);
    client.world.let_time_pass(SignedDuration::from_secs(30));
    assert_eq!(
        client.binding_last_operation("one").await.expect(200).body["state"],
        "in progress"
    );
    assert!(client.world.users().is_empty());
    client.finish().await;
    assert_eq!(
        client.binding_last_operation("one").await.expect(200).body["state"],
        "succeeded"
    );
}

#[tokio::test]
async fn lob_01_unbinding_does_not_wait_for_the_update() {
    let (client, _) = slow_unbind().await;
    client
        .update(json!({"parameters": {"DelaySeconds": 5}}))
        .await
        .expect(202);
    client.world.let_time_pass(SignedDuration::from_secs(30));
    assert_eq!(
        client.binding_last_operation("one").await.expect(200).body["state"],
        "succeeded"
    );
}

#[tokio::test]
async fn lob_01_denied_binding_fails_and_can_be_deleted() {
    let (client, _) = slow_bind().await;
    client.world.let_time_pass(SignedDuration::from_secs(30));
    client
        .world
        .inject("users.create_user", Fault::After(Denied));
    for _ in 0..2 {
        let answer = client.binding_last_operation("one").await.expect(200);
        assert_eq!(answer.body["state"], "failed");
        assert!(
            answer.description().contains("denied the broker access"),
            "{}",
            answer.description()
        );
    }
    client.bind_async("one", json!({})).await.expect(409);
    client.fetch_binding("one").await.expect(404);
    client.unbind("one").await.expect(200);
    assert!(client.world.users().is_empty());
}

#[tokio::test]
async fn lob_02_05_empty_hints_are_refused_unknown_ones_ignored() {
    let (client, _) = slow_bind().await;
    let path = format!("/v2/service_instances/{INSTANCE}/service_bindings/one/last_operation");
    for hint in ["operation=", "service_id=", "plan_id="] {
        client
            .request("GET", &format!("{path}?{hint}"), None)
            .await
            .expect(400);
    }
    client
        .request(
            "GET",
            &format!("{path}?operation=x&service_id=y&plan_id=z"),
            None,
        )
        .await
        .expect(200);
    client.request("GET", &path, None).await.expect(200);
}

#[tokio::test]
async fn lob_03_missing_binding_is_not_found() {
    Client::new()
        .binding_last_operation("one")
        .await
        .expect(404);
    Client::with_instance()
        .await
        .binding_last_operation("one")
        .await
        .expect(404);
}

#[tokio::test]
async fn lob_04_only_unbindings_are_reported_gone() {
    let (client, bound) = slow_bind().await;
    client.world.let_time_pass(SignedDuration::from_secs(30));
    client
        .world
        .inject("users.access_keys", Fault::Before(Throttled));
    let unbound = client.unbind_async("one").await.expect(202);
    client.world.let_time_pass(SignedDuration::from_secs(30));
    assert_eq!(
        client.binding_last_operation("one").await.expect(200).body["state"],
        "succeeded"
    );
    client
        .world
        .let_time_pass(SignedDuration::from_hours(7 * 24));
    let operation = |answer: &Answer| {
        answer.body["operation"]
            .as_str()
            .expect("an operation")
            .to_owned()
    };
    poll(&client, &operation(&unbound)).await.expect(410);
    poll(&client, &operation(&bound)).await.expect(404);
}

#[tokio::test]
async fn lob_06_retry_after_is_in_seconds() {
    let (client, _) = slow_bind().await;
    assert_eq!(
        client
            .binding_last_operation("one")
            .await
            .expect(200)
            .headers["retry-after"],
        "5"
    );
    client.world.let_time_pass(SignedDuration::from_secs(30));
    assert_eq!(
        client
            .binding_last_operation("one")
            .await
            .expect(200)
            .headers
            .get("retry-after"),
        None
    );
}

#[tokio::test]
async fn lob_07_finished_unbinding_is_remembered() {
    let (client, unbound) = slow_unbind().await;
    let operation = unbound.body["operation"].as_str().expect("an operation");
    let answer = poll(&client, operation).await.expect(200);
    assert_eq!(
        (&answer.body["state"], answer.description()),
        (&json!("in progress"), "The binding is being deleted.")
    );
    client.world.let_time_pass(SignedDuration::from_secs(30));
    for _ in 0..2 {
        let answer = poll(&client, operation).await.expect(200);
        assert_eq!(
            (&answer.body["state"], answer.description()),
            (&json!("succeeded"), "The binding has been deleted.")
        );
    }
    assert!(client.world.users().is_empty());
}

#[tokio::test]
async fn bnd_08_12_and_unb_04_10_slow_request_keeps_its_operation() {
    let (client, first) = slow_bind().await;
    assert_eq!(
        first
            .body
            .as_object()
            .expect("an object")
            .keys()
            .collect::<Vec<_>>(),
        ["operation"]
    );
    assert!((1..100).contains(&first.body["operation"].as_str().expect("a text").len()));
    assert_eq!(
        client.bind_async("one", json!({})).await.expect(202).body,
        first.body
    );
    // A platform that does not poll has to come again.
    assert_eq!(
        client.bind("one", json!({})).await.expect(422).body["error"],
        "ConcurrencyError"
    );
    client
        .bind_async("one", json!({"app_guid": "an-app"}))
        .await
        .expect(409);

    let (client, first) = slow_unbind().await;
    assert_eq!(
        first
            .body
            .as_object()
            .expect("an object")
            .keys()
            .collect::<Vec<_>>(),
        ["operation"]
    );
    assert!((1..100).contains(&first.body["operation"].as_str().expect("a text").len()));
    client
        .world
        .inject("users.access_keys", Fault::Before(Throttled));
    assert_eq!(
        client.unbind_async("one").await.expect(202).body,
        first.body
    );
    client.unbind_async("one").await.expect(200);
    client.unbind_async("one").await.expect(410);
}

#[tokio::test]
async fn unb_09_poll_reports_the_requested_operation() {
    let (client, bound) = slow_bind().await;
    client.world.let_time_pass(SignedDuration::from_secs(30));
    client.unbind("one").await.expect(200);
    let operation = bound.body["operation"].as_str().expect("an operation");
    let answer = poll(&client, operation).await.expect(200);
    assert_eq!(
        (&answer.body["state"], answer.description()),
        (&json!("failed"), "Cancelled by a later deletion.")
    );
    assert_eq!(
        client.binding_last_operation("one").await.expect(200).body["state"],
        "succeeded"
    );
}

/// A platform does not poll again after a final state.
#[tokio::test]
async fn lob_unrecorded_failure_is_not_reported() {
    let client = Client::with_instance().await;
    client
        .world
        .inject("users.create_user", Fault::Before(Unavailable));
    client.bind_async("one", json!({})).await.expect(202);
    client.world.let_time_pass(SignedDuration::from_secs(31));

    client
        .world
        .inject("users.create_user", Fault::Before(Denied));
    // Another request writes the record between the failure and its record.
    let change = async {
        client.world.edit(|account| {
            let bindings = account.bindings.values_mut();
            bindings.for_each(|binding| binding.version += 1);
        });
    };
    let poll = client.binding_last_operation("one");
    let (answer, ()) = client.interrupt(poll, "users.create_user", change).await;
    assert_eq!(answer.expect(200).body["state"], "in progress");
}

#[tokio::test]
async fn unb_09_poll_during_unbind_reports_the_finished_bind() {
    let (client, bound) = slow_bind().await;
    client.world.let_time_pass(SignedDuration::from_secs(30));
    client.binding_last_operation("one").await.expect(200);
    client
        .world
        .inject("users.access_keys", Fault::Before(Throttled));
    client.unbind_async("one").await.expect(202);

    let operation = bound.body["operation"].as_str().expect("an operation");
    let answer = poll(&client, operation).await.expect(200);
    assert_eq!(
        (&answer.body["state"], answer.description()),
        (&json!("succeeded"), "The binding has been created.")
    );
}
