//! `events/*.json` as the function gets them: the answers to the good ones, one after the other, and to the bad ones.

use std::{fs, path::PathBuf};

use aws_service_broker::broker::stack::StackStatus::{CreateComplete, DeleteComplete};
use serde_json::json;

use crate::support::{Answer, Client};

/// The status that each bad event is to be answered with.
const BAD: [(&str, u16); 25] = [
    ("bad-bind-other-plan", 400),
    ("bad-bind-unknown-parameter", 400),
    ("bad-body-not-an-object", 400),
    ("bad-body-not-json", 400),
    ("bad-content-type", 400),
    ("bad-deprovision-missing-plan-id", 400),
    ("bad-no-api-version", 400),
    ("bad-no-credentials", 401),
    ("bad-old-api-version", 412),
    ("bad-path", 404),
    ("bad-provision-empty-space-guid", 400),
    ("bad-provision-ill-typed-parameter", 400),
    ("bad-provision-missing-plan-id", 400),
    ("bad-provision-other-version", 422),
    ("bad-provision-plan-of-another-service", 400),
    ("bad-provision-synchronous", 422),
    ("bad-provision-unknown-parameter", 400),
    ("bad-provision-unknown-plan", 400),
    ("bad-provision-unknown-service", 400),
    ("bad-rotate-unknown-predecessor", 400),
    ("bad-unbind-missing-service-id", 400),
    ("bad-update-fixed-parameter", 422),
    ("bad-update-missing-service-id", 400),
    ("bad-update-other-version", 422),
    ("bad-wrong-credentials", 401),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("events")
}

async fn send(client: &Client, event: &str) -> Answer {
    let text = fs::read_to_string(folder().join(format!("{event}.json"))).expect("an event");
    client.send(lambda_http::request::from_str(&text).expect("an API Gateway event")).await
}

#[tokio::test]
async fn the_good_events_are_a_whole_life() {
    let client = Client::new();
    let catalog = send(&client, "catalog").await.expect(200);
    assert!(catalog.body["services"].as_array().is_some_and(|services| !services.is_empty()));
    send(&client, "provision").await.expect(202);
    assert_eq!(send(&client, "last-operation").await.expect(200).body["state"], "in progress");
    client.world.settle_stacks(CreateComplete, None);
    assert_eq!(send(&client, "last-operation").await.expect(200).body["state"], "succeeded");
    assert_eq!(send(&client, "fetch-instance").await.expect(200).body["parameters"], json!({"VisibilityTimeout": 60}));
    let bound = send(&client, "bind").await.expect(201);
    assert_eq!(send(&client, "binding-last-operation").await.expect(200).body["state"], "succeeded");
    assert_eq!(send(&client, "fetch-binding").await.expect(200).body["credentials"], bound.body["credentials"]);
    let rotated = send(&client, "rotate").await.expect(201);
    assert_ne!(rotated.body["credentials"], bound.body["credentials"]);
    send(&client, "update").await.expect(202);
    client.world.complete_stacks();
    assert_eq!(send(&client, "last-operation").await.expect(200).body["state"], "succeeded");
    assert_eq!(send(&client, "fetch-instance").await.expect(200).body["parameters"], json!({"VisibilityTimeout": 90}));
    send(&client, "unbind").await.expect(200);
    send(&client, "deprovision").await.expect(202);
    client.world.settle_stacks(DeleteComplete, None);
    assert_eq!(send(&client, "last-operation").await.expect(200).body["state"], "succeeded");
}

/// What API Gateway and Lambda make of one request, by the front door that it came through.
const FRONT_DOORS: [&str; 3] = ["", "rest-api-", "function-url-"];

#[tokio::test]
async fn a_request_is_the_same_through_every_front_door() {
    for front_door in FRONT_DOORS {
        let client = Client::new();
        let catalog = send(&client, &format!("{front_door}catalog")).await.expect(200);
        assert!(catalog.body["services"].is_array(), "{front_door}");
        send(&client, &format!("{front_door}provision")).await.expect(202);
        let instance = client.world.instance(crate::support::INSTANCE).expect("an instance");
        assert_eq!(instance.attributes.parameters.0["VisibilityTimeout"], 60, "{front_door}");
    }
}

/// HTTP APIs decode the path, the others do not.
#[tokio::test]
async fn an_id_is_the_same_through_every_front_door() {
    for (front_door, sent) in FRONT_DOORS.into_iter().zip(["100% a?b#c", "100%25%20a%3Fb%23c", "100%25%20a%3Fb%23c"]) {
        let client = Client::new();
        let text = fs::read_to_string(folder().join(format!("{front_door}provision.json"))).expect("an event");
        let text = text.replace(crate::support::INSTANCE, sent);
        client.send(lambda_http::request::from_str(&text).expect("an event")).await.expect(202);
        assert!(client.world.instance("100% a?b#c").is_some(), "{front_door}");
    }
}

#[tokio::test]
async fn the_bad_events_are_refused_and_change_nothing() {
    for (event, status) in BAD {
        let client = Client::with_instance().await;
        let before = client.world.instance(crate::support::INSTANCE);
        let answer = send(&client, event).await.expect(status);
        assert!(answer.description().ends_with('.'), "{event}: {}", answer.description());
        assert_eq!(client.world.instance(crate::support::INSTANCE), before, "{event}");
        assert!(client.world.bindings().is_empty(), "{event}");
    }
}

#[test]
fn every_event_is_tried() {
    let names = fs::read_dir(folder())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().trim_end_matches(".json").to_owned());
    let mut bad: Vec<_> = names.filter(|name| name.starts_with("bad-")).collect();
    bad.sort();
    assert_eq!(bad, BAD.map(|(name, _)| name));
}
