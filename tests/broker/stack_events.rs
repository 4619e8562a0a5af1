//! What CloudFormation tells of stacks: as good as a poll, and never needed.

use std::fs;

use aws_service_broker::{
    broker::{
        Broker,
        ports::PortErrorKind,
        records::{Operation, OperationKind},
        stacks::{ProgressCache, StackStatus},
    },
    stack_events,
};
use jiff::{SignedDuration, Timestamp};
use lambda_http::Request;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Client, Fault, INSTANCE};

/// The event of `events/`, of a stack of this name.
fn event(stack_name: &str) -> Request {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/events/stack-event.json");
    let text = fs::read_to_string(path).expect("an event");
    let text = text.replace(&format!("osb-sqs-{INSTANCE}"), stack_name);
    lambda_http::request::from_str(&text).expect("what Lambda passes on")
}

fn of_instance() -> Request {
    event(&format!("osb-sqs-{INSTANCE}"))
}

async fn told(client: &Client) {
    stack_events::handle(&client.broker(), &of_instance())
        .await
        .expect("it is handled");
}

#[tokio::test]
async fn stack_event_is_distinguished_from_a_request() {
    assert!(stack_events::is_event(&of_instance()));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/events/catalog.json");
    let request = lambda_http::request::from_str(&fs::read_to_string(path).expect("an event"))
        .expect("a request");
    assert!(!stack_events::is_event(&request));
}

#[tokio::test]
async fn event_completes_the_record_before_a_poll() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.complete_stacks();
    told(&client).await;
    client.world.take_calls();

    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
    assert_eq!(client.world.take_calls(), ["records.instance"]);
}

#[tokio::test]
async fn events_end_failed_updates_and_deletions() {
    let client = Client::with_instance().await;
    client
        .update(json!({"parameters": {"DelaySeconds": 5}}))
        .await
        .expect(202);
    client
        .world
        .settle_stacks(StackStatus::UpdateRollbackComplete, Some("no"));
    told(&client).await;
    let operation = client
        .world
        .instance(INSTANCE)
        .expect("an instance")
        .operation;
    assert_eq!(
        (operation.in_progress(), operation.instance_usable),
        (false, Some(true))
    );

    client.deprovision().await.expect(202);
    client
        .world
        .settle_stacks(StackStatus::DeleteComplete, None);
    told(&client).await;
    assert!(
        client
            .world
            .instance(INSTANCE)
            .expect("a tombstone")
            .is_tombstone()
    );
}

#[tokio::test]
async fn early_late_or_repeated_events_change_nothing() {
    let client = Client::new();
    told(&client).await;
    assert!(client.world.instance(INSTANCE).is_none());

    client.provision(json!({})).await.expect(202);
    told(&client).await;
    assert!(
        client
            .world
            .instance(INSTANCE)
            .expect("an instance")
            .operation
            .in_progress()
    );

    client.finish().await;
    let created = client.world.instance(INSTANCE);
    told(&client).await;
    told(&client).await;
    assert_eq!(client.world.instance(INSTANCE), created);

    // That of the creation, while an update runs.
    client
        .update(json!({"parameters": {"DelaySeconds": 5}}))
        .await
        .expect(202);
    told(&client).await;
    assert!(
        client
            .world
            .instance(INSTANCE)
            .expect("an instance")
            .is_updating()
    );
}

#[tokio::test]
async fn events_of_other_stacks_are_ignored() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.complete_stacks();
    let before = client.world.instance(INSTANCE);
    for name in [
        "",
        "osb",
        "other",
        "osb-sqs-not-a-uuid",
        &format!("osb-s3-{INSTANCE}"),
        &format!("other-sqs-{INSTANCE}"),
        "ü",
    ] {
        stack_events::handle(&client.broker(), &event(name))
            .await
            .expect("it is handled");
    }
    assert_eq!(client.world.instance(INSTANCE), before);
}

#[tokio::test]
async fn throttled_event_can_be_retried() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.complete_stacks();
    client
        .world
        .inject("stacks.events", Fault::Before(PortErrorKind::Throttled));
    let error = stack_events::handle(&client.broker(), &of_instance())
        .await
        .expect_err("throttled");
    assert!(!error.to_string().is_empty());
    told(&client).await;
    assert!(
        !client
            .world
            .instance(INSTANCE)
            .expect("an instance")
            .operation
            .in_progress()
    );
}

#[tokio::test]
async fn invalid_event_error_does_not_quote_it() {
    let client = Client::new();
    for text in [
        r#"{"secret": 1}"#,
        "[]",
        r#"{"detail-type": "secret", "detail": {"stack-id": "a/secret/c"}}"#,
        r#"{"detail-type": "CloudFormation Stack Status Change", "detail": {"stack-id": "secret"}}"#,
    ] {
        let request = lambda_http::request::from_str(text).expect("what Lambda passes on");
        let error = stack_events::handle(&client.broker(), &request)
            .await
            .expect_err(text)
            .to_string();
        assert_eq!(error, "neither an API request nor a CloudFormation event");
    }
}

/// A front door wraps what it is sent.
#[test]
fn event_in_a_request_body_is_not_an_event() {
    let read = |name: &str| {
        let path = format!("{}/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str::<Value>(&fs::read_to_string(path).expect("an event")).expect("JSON")
    };
    for front_door in ["catalog", "rest-api-catalog", "function-url-catalog"] {
        let mut request = read(front_door);
        request["body"] = read("stack-event").to_string().into();
        let request = lambda_http::request::from_str(&request.to_string()).expect("a request");
        assert!(!stack_events::is_event(&request), "{front_door}");
    }
}

#[tokio::test]
async fn platform_cannot_send_events() {
    let answer = Client::new()
        .request("POST", "/events", Some(json!({})))
        .await
        .expect(404);
    assert!(
        answer.description().contains("/events"),
        "{}",
        answer.description()
    );
}

/// A broker to which AWS tells how operations end.
fn beside_events() -> Client {
    let client = Client::new();
    let broker = Broker {
        progress_cache: ProgressCache::beside_events(),
        ..client.broker()
    };
    client.with_broker(broker)
}

#[tokio::test]
async fn poll_with_events_enabled_is_one_read() {
    let client = beside_events();
    client.provision(json!({})).await.expect(202);
    let first = client.last_operation().await.expect(200).body;
    client.world.take_calls();
    for _ in 0..5 {
        client.world.let_time_pass(SignedDuration::from_secs(5));
        assert_eq!(client.last_operation().await.expect(200).body, first);
    }
    assert_eq!(client.world.take_calls(), ["records.instance"; 5]);
}

#[tokio::test]
async fn lost_event_is_recovered_within_30_seconds() {
    let client = beside_events();
    client.provision(json!({})).await.expect(202);
    client.last_operation().await.expect(200);
    client.world.complete_stacks();
    client.world.let_time_pass(SignedDuration::from_secs(29));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    client.world.let_time_pass(SignedDuration::from_secs(1));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
}

#[tokio::test]
async fn progress_is_not_reused_for_another_operation() {
    let client = beside_events();
    client.provision(json!({})).await.expect(202);
    let creating = client.last_operation().await.expect(200).body["description"].clone();
    client.world.complete_stacks();
    told(&client).await;
    client
        .update(json!({"parameters": {"DelaySeconds": 5}}))
        .await
        .expect(202);
    let updating = client.last_operation().await.expect(200).body;
    assert_eq!(updating["state"], "in progress");
    assert_ne!(updating["description"], creating);
}

#[tokio::test]
async fn poll_checks_creation_that_never_reached_cloudformation() {
    let client = beside_events();
    client
        .world
        .inject("stacks.create", Fault::Before(PortErrorKind::Unavailable));
    client.provision(json!({})).await.expect(503);
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    client.world.let_time_pass(SignedDuration::from_secs(31));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "failed",
        "the poll has looked"
    );
}

#[test]
fn sample_event_belongs_to_the_sample_instance() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/events/stack-event.json");
    let event: Value =
        serde_json::from_str(&fs::read_to_string(path).expect("an event")).expect("JSON");
    assert!(
        event["detail"]["stack-id"]
            .as_str()
            .is_some_and(|id| id.contains(&format!("osb-sqs-{INSTANCE}/")))
    );
}

#[tokio::test]
async fn progress_of_two_operations_is_cached() {
    let client = beside_events();
    let ids = ["one", "two"];
    for id in ids {
        client.provision_as(id, json!({})).await.expect(202);
    }

    let polls = ids.map(|id| format!("/v2/service_instances/{id}/last_operation"));
    for poll in &polls {
        client.request("GET", poll, None).await.expect(200);
    }
    client.world.take_calls();
    for poll in &polls {
        client.request("GET", poll, None).await.expect(200);
    }
    assert_eq!(client.world.take_calls(), ["records.instance"; 2]);
}

#[test]
fn progress_of_a_thousand_operations_is_cached() {
    let (cache, now) = (ProgressCache::beside_events(), Timestamp::UNIX_EPOCH);
    let operation = |number| Operation::begin(OperationKind::Update, Uuid::from_u128(number), now);
    for number in 1..=1_000 {
        cache.keep(&operation(number), "", now);
    }
    assert!(cache.recent(&operation(1), now).is_some());

    cache.keep(&operation(1_001), "", now);
    assert!(cache.recent(&operation(1), now).is_none());
    assert!(cache.recent(&operation(1_001), now).is_some());
}
