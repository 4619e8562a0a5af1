//! What CloudFormation tells of stacks: as good as a poll, and never needed.

use std::fs;

use aws_service_broker::{
    broker::{
        Broker,
        ports::PortErrorKind,
        stacks::{ProgressCache, StackStatus},
    },
    stack_events,
};
use jiff::SignedDuration;
use lambda_http::Request;
use serde_json::{Value, json};

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
async fn an_event_of_cloudformation_is_told_from_a_request() {
    assert!(stack_events::is_event(&of_instance()));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/events/catalog.json");
    let request = lambda_http::request::from_str(&fs::read_to_string(path).expect("an event"))
        .expect("a request");
    assert!(!stack_events::is_event(&request));
}

#[tokio::test]
async fn the_record_is_complete_as_soon_as_aws_tells_so_and_a_poll_is_one_read() {
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
async fn every_end_of_every_operation_is_seen() {
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
async fn an_event_that_comes_early_late_or_twice_changes_nothing() {
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
async fn an_event_of_another_stack_is_left_alone() {
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
async fn where_aws_does_not_answer_the_event_is_to_be_sent_again() {
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
async fn what_is_no_event_of_a_stack_is_an_error_that_repeats_nothing_of_it() {
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
fn an_event_in_the_body_of_a_request_is_none() {
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
async fn a_platform_cannot_send_events() {
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
async fn beside_events_most_polls_are_one_read_and_say_what_was_seen() {
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
async fn a_lost_event_is_made_up_for_within_half_a_minute() {
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
async fn what_was_seen_of_one_operation_is_not_told_of_another() {
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
async fn what_did_not_reach_cloudformation_is_looked_at_by_every_poll() {
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
fn the_sample_is_one_of_the_sample_requests_stack() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/events/stack-event.json");
    let event: Value =
        serde_json::from_str(&fs::read_to_string(path).expect("an event")).expect("JSON");
    assert!(
        event["detail"]["stack-id"]
            .as_str()
            .is_some_and(|id| id.contains(&format!("osb-sqs-{INSTANCE}/")))
    );
}
