//! `events/*.json` as the function gets them: the answers to the good ones, one after the other,
//! and to the bad ones.

use std::{fs, path::PathBuf};

use aws_service_broker::{
    broker::stacks::StackStatus::{CreateComplete, DeleteComplete},
    http::front_door,
};
use axum::{body::Body, http::StatusCode, response::Response};
use lambda_http::{Context, LambdaEvent};
use serde_json::{Value, json};

use crate::support::{Answer, Client, Log};

/// The status that each bad event is to be answered with.
const BAD: [(&str, u16); 26] = [
    ("bad-bind-other-plan", 400),
    ("bad-bind-unknown-parameter", 400),
    ("bad-body-not-an-object", 400),
    ("bad-body-not-json", 400),
    ("bad-content-type", 400),
    ("bad-deprovision-missing-plan-id", 400),
    ("bad-function-url-query", 400),
    ("bad-no-api-version", 400),
    ("bad-no-credentials", 401),
    ("bad-old-api-version", 412),
    ("bad-path", 404),
    ("bad-provision-empty-space-guid", 400),
    ("bad-provision-ill-typed-parameter", 400),
    ("bad-provision-missing-plan-id", 400),
    ("bad-provision-other-version", 400),
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

fn read(event: &str) -> Value {
    let text = fs::read_to_string(folder().join(format!("{event}.json"))).expect("an event");
    serde_json::from_str(&text).expect("JSON")
}

async fn send(client: &Client, event: &str) -> Answer {
    send_event(client, &read(event)).await
}

/// Sends what Lambda gets from a front door.
async fn send_event(client: &Client, event: &Value) -> Answer {
    let event = serde_json::from_str(&event.to_string()).expect("an event of a front door");
    client
        .send(front_door::request(LambdaEvent::new(
            event,
            Context::default(),
        )))
        .await
}

#[tokio::test]
async fn good_events_cover_the_instance_lifecycle() {
    let client = Client::new();
    let catalog = send(&client, "catalog").await.expect(200);
    assert!(
        catalog.body["services"]
            .as_array()
            .is_some_and(|services| !services.is_empty())
    );
    send(&client, "provision").await.expect(202);
    assert_eq!(
        send(&client, "last-operation").await.expect(200).body["state"],
        "in progress"
    );
    client.world.settle_stacks(CreateComplete, None);
    assert_eq!(
        send(&client, "last-operation").await.expect(200).body["state"],
        "succeeded"
    );
    assert_eq!(
        send(&client, "fetch-instance").await.expect(200).body["parameters"],
        json!({"VisibilityTimeout": 60})
    );
    let bound = send(&client, "bind").await.expect(201);
    assert_eq!(
        send(&client, "binding-last-operation")
            .await
            .expect(200)
            .body["state"],
        "succeeded"
    );
    assert_eq!(
        send(&client, "fetch-binding").await.expect(200).body["credentials"],
        bound.body["credentials"]
    );
    let rotated = send(&client, "rotate").await.expect(201);
    assert_ne!(rotated.body["credentials"], bound.body["credentials"]);
    send(&client, "update").await.expect(202);
    client.world.complete_stacks();
    assert_eq!(
        send(&client, "last-operation").await.expect(200).body["state"],
        "succeeded"
    );
    assert_eq!(
        send(&client, "fetch-instance").await.expect(200).body["parameters"],
        json!({"VisibilityTimeout": 90})
    );
    send(&client, "unbind").await.expect(200);
    send(&client, "deprovision").await.expect(202);
    client.world.settle_stacks(DeleteComplete, None);
    assert_eq!(
        send(&client, "last-operation").await.expect(200).body["state"],
        "succeeded"
    );
}

/// What API Gateway and Lambda make of one request, by the front door that it came through.
const FRONT_DOORS: [&str; 3] = ["", "rest-api-", "function-url-"];

#[tokio::test]
async fn every_front_door_serves_catalog_and_provision() {
    for front_door in FRONT_DOORS {
        let client = Client::new();
        let catalog = send(&client, &format!("{front_door}catalog"))
            .await
            .expect(200);
        assert!(catalog.body["services"].is_array(), "{front_door}");
        send(&client, &format!("{front_door}provision"))
            .await
            .expect(202);
        let instance = client
            .world
            .instance(crate::support::INSTANCE)
            .expect("an instance");
        assert_eq!(
            instance.attributes.parameters.0["VisibilityTimeout"], 60,
            "{front_door}"
        );
    }
}

/// HTTP APIs decode the path, the others do not.
#[tokio::test]
async fn every_front_door_decodes_ids_alike() {
    for (front_door, sent) in
        FRONT_DOORS
            .into_iter()
            .zip(["100% a?b#c", "100%25%20a%3Fb%23c", "100%25%20a%3Fb%23c"])
    {
        let client = Client::new();
        let text = read(&format!("{front_door}provision"))
            .to_string()
            .replace(crate::support::INSTANCE, sent);
        send_event(&client, &serde_json::from_str(&text).expect("JSON"))
            .await
            .expect(202);
        assert!(
            client.world.instance("100% a?b#c").is_some(),
            "{front_door}"
        );
    }
}

/// Platforms append `/v2/…` to the URL that they were given.
#[tokio::test]
async fn broker_url_may_end_with_slashes() {
    for front_door in FRONT_DOORS {
        for slashes in ["//", "///"] {
            let client = Client::new();
            for event in ["catalog", "provision"] {
                let mut event = read(&format!("{front_door}{event}"));
                let member = if event["rawPath"].is_string() {
                    "rawPath"
                } else {
                    "path"
                };
                let path = event[member]
                    .as_str()
                    .expect("a path")
                    .replacen('/', slashes, 1);
                event[member] = path.into();

                let status = send_event(&client, &event).await.status;
                assert!(status.is_success(), "{front_door}{slashes}: {status}");
            }
            assert!(
                client.world.instance(crate::support::INSTANCE).is_some(),
                "{front_door}{slashes}"
            );
        }
    }
    Client::new()
        .request("GET", "//v2/catalog", None)
        .await
        .expect(200);
}

#[tokio::test]
async fn malformed_query_is_refused_and_logged() {
    let log = Log::watch();
    for (number, front_door) in ["", "function-url-"].into_iter().enumerate() {
        for (query, name) in [
            ("q=a b", "space"),
            ("q=\"", "quote"),
            ("q=<", "less"),
            ("q=>", "greater"),
            ("#", "hash"),
        ] {
            let identity = format!("query-{number}-{name}");
            let mut event = read(&format!("{front_door}catalog"));
            event["rawQueryString"] = query.into();
            event["headers"]["x-broker-api-request-identity"] = identity.as_str().into();

            let client = Client::new();
            let answer = send_event(&client, &event).await.expect(400);
            assert!(
                answer.description().contains("query"),
                "{}",
                answer.description()
            );
            event["headers"]
                .as_object_mut()
                .expect("headers")
                .remove("authorization");
            send_event(&client, &event).await.expect(401);

            let lines = log.lines(|line| {
                line["message"] == "request" && line["request_identity"] == identity.as_str()
            });
            let said: Vec<_> = lines
                .iter()
                .map(|line| (&line["operation"], &line["status"]))
                .collect();
            assert_eq!(
                said,
                [
                    (&json!("catalog"), &json!(400)),
                    (&json!("catalog"), &json!(401))
                ]
            );
            assert!(
                lines.iter().all(|line| line["_aws"].is_object()),
                "they are counted"
            );
        }
    }
}

/// Nothing longer comes through a front door, but whoever may invoke the function needs none.
#[tokio::test]
async fn overlong_url_is_refused() {
    let long = "a".repeat(70_000);
    for (front_door, path) in FRONT_DOORS.into_iter().zip(["rawPath", "path", "rawPath"]) {
        let mut event = read(&format!("{front_door}catalog"));
        event[path] = format!("/v2/{long}").into();
        let refused = send_event(&Client::new(), &event).await.expect(400);
        assert_eq!(
            refused.description(),
            "The path of the URL must have at most 10240 bytes."
        );

        let mut event = read(&format!("{front_door}catalog"));
        event["rawQueryString"] = long.as_str().into();
        for (first, all) in [
            (json!({"q": long}), json!(null)),
            (json!(null), json!({"": vec![""; 70_000]})),
        ] {
            event["queryStringParameters"] = first;
            event["multiValueQueryStringParameters"] = all;
            let refused = send_event(&Client::new(), &event).await.expect(400);
            assert_eq!(
                refused.description(),
                "The query of the URL must have at most 10240 bytes."
            );
        }
    }
}

#[tokio::test]
async fn url_of_the_maximum_length_is_accepted() {
    for (front_door, path) in FRONT_DOORS.into_iter().zip(["rawPath", "path", "rawPath"]) {
        let mut event = read(&format!("{front_door}catalog"));
        event[path] = format!("/{}", "a".repeat(10_239)).into();
        send_event(&Client::new(), &event).await.expect(404);

        let mut event = read(&format!("{front_door}catalog"));
        let value = "a".repeat(10_238);
        event["rawQueryString"] = format!("q={value}").into();
        event["queryStringParameters"] = json!({"q": value});
        event["multiValueQueryStringParameters"] = json!(null);
        send_event(&Client::new(), &event).await.expect(200);
    }
}

/// The client chooses it, and API Gateway hands it on.
#[tokio::test]
async fn malformed_host_is_ignored() {
    for front_door in FRONT_DOORS {
        for host in ["a b", "[", "a:b:c", "", "x/../"] {
            let mut event = read(&format!("{front_door}catalog"));
            for headers in ["headers", "multiValueHeaders"] {
                let Some(headers) = event[headers].as_object_mut() else {
                    continue;
                };
                for name in ["host", "Host", "x-forwarded-proto", "X-Forwarded-Proto"] {
                    if let Some(header) = headers.get_mut(name) {
                        *header = if header.is_array() {
                            json!([host])
                        } else {
                            json!(host)
                        };
                    }
                }
            }
            send_event(&Client::new(), &event).await.expect(200);
        }
    }
}

/// REST APIs and function URLs hand over the path as it came.
#[tokio::test]
async fn malformed_path_is_not_found() {
    for (front_door, member) in FRONT_DOORS.into_iter().zip(["rawPath", "path", "rawPath"]) {
        for path in [
            "/v2/<catalog>",
            "/v2/\"",
            "/ /",
            "*",
            "",
            "/%",
            "//",
            "?",
            "#",
        ] {
            let mut event = read(&format!("{front_door}catalog"));
            event[member] = path.into();
            send_event(&Client::new(), &event).await.expect(404);
        }
    }
}

#[tokio::test]
async fn response_has_lambda_proxy_format() {
    let response = Response::builder()
        .status(StatusCode::UNAUTHORIZED)
        .header("content-type", "application/json")
        .header("www-authenticate", "Basic")
        .body(Body::from("{}"))
        .expect("a response");
    let answer = serde_json::to_value(front_door::Answer::of(response).await.expect("an answer"))
        .expect("JSON");
    let expected = json!({
        "statusCode": 401,
        "headers": {"content-type": "application/json", "www-authenticate": "Basic"},
        "body": "{}",
        "isBase64Encoded": false,
    });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn bad_events_are_refused_and_change_nothing() {
    for (event, status) in BAD {
        let client = Client::with_instance().await;
        let before = client.world.instance(crate::support::INSTANCE);
        let answer = send(&client, event).await.expect(status);
        assert!(
            answer.description().ends_with('.'),
            "{event}: {}",
            answer.description()
        );
        assert_eq!(
            client.world.instance(crate::support::INSTANCE),
            before,
            "{event}"
        );
        assert!(client.world.bindings().is_empty(), "{event}");
    }
}

#[test]
fn every_bad_event_is_tested() {
    let names = fs::read_dir(folder()).expect("the folder").map(|entry| {
        entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .trim_end_matches(".json")
            .to_owned()
    });
    let mut bad: Vec<_> = names.filter(|name| name.starts_with("bad-")).collect();
    bad.sort();
    assert_eq!(bad, BAD.map(|(name, _)| name));
}
