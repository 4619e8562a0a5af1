//! What the log says of requests and operations, and what CloudWatch makes metrics of.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_service_broker::{
    broker::{ports::PortErrorKind, stacks::StackStatus},
    telemetry::{
        self,
        facts::Facts,
        lines::{Outcome, Request},
    },
};
use axum::{body::Body, http};
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tracing::Level;

use crate::support::{self, Answer, Client, Fault, Log, basic};

/// A platform, and what the log says of its one instance: all tests share the log.
struct Watched {
    client: Client,
    log: Log,
    path: String,
    instance: &'static str,
}

impl Watched {
    fn new(instance: &'static str) -> Self {
        let path = format!("/v2/service_instances/{instance}");
        Self {
            client: Client::new(),
            log: Log::watch(),
            path,
            instance,
        }
    }

    async fn provision(&self) -> Answer {
        self.client
            .provision_as(self.instance, json!({}))
            .await
            .expect(202)
    }

    /// For a user of Cloud Foundry.
    async fn provision_for(&self, user: &str) -> Answer {
        let plan = support::plan("sqs", "standard");
        let body = json!({
            "service_id": support::service_id("sqs"),
            "plan_id": plan["id"],
            "organization_guid": "an-organization",
            "space_guid": "a-space",
        });
        let identity = BASE64_STANDARD.encode(json!({"user_id": user}).to_string());
        let request = http::Request::put(format!("{}?accepts_incomplete=true", self.path))
            .header("authorization", basic("broker", "local-only-password"))
            .header("content-type", "application/json")
            .header("x-broker-api-version", "2.17")
            .header(
                "x-broker-api-originating-identity",
                format!("cloudfoundry {identity}"),
            );
        self.client
            .send(
                request
                    .body(Body::from(body.to_string()))
                    .expect("a request"),
            )
            .await
            .expect(202)
    }

    async fn fetch(&self) -> Answer {
        self.client.request("GET", &self.path, None).await
    }

    async fn poll(&self) -> Answer {
        self.client
            .request("GET", &format!("{}/last_operation", self.path), None)
            .await
            .expect(200)
    }

    async fn deprovision(&self) -> Answer {
        let service_id = support::service_id("sqs");
        let path = format!(
            "{}?accepts_incomplete=true&service_id={service_id}&plan_id=any",
            self.path
        );
        self.client.request("DELETE", &path, None).await
    }

    fn lines(&self, message: &str) -> Vec<Value> {
        self.log
            .lines(|line| line["message"] == message && line["instance_id"] == self.instance)
    }
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(|metric| metric["Name"].as_str())
        .collect()
}

/// Of a line: the sets of dimensions with the names of the metrics that have them.
fn metrics(line: &Value) -> Vec<(Value, Vec<&str>)> {
    let directives = line["_aws"]["CloudWatchMetrics"]
        .as_array()
        .into_iter()
        .flatten();
    directives
        .map(|directive| {
            (
                directive["Dimensions"].clone(),
                names(&directive["Metrics"]),
            )
        })
        .collect()
}

#[tokio::test]
async fn request_is_logged_once_with_its_metrics() {
    let watched = Watched::new("one-line");
    watched.provision().await;

    let [line] = &watched.lines("request")[..] else {
        panic!("{:?}", watched.lines("request"))
    };
    for (field, value) in [
        ("level", json!("INFO")),
        ("operation", json!("provision")),
        ("service", json!("sqs")),
        ("plan", json!("standard")),
        ("outcome", json!("accepted")),
        ("status", json!(202)),
    ] {
        assert_eq!(line[field], value, "{field}");
    }
    assert_eq!(
        metrics(line)[..2],
        [
            (
                json!([["outcome"], ["operation", "outcome"]]),
                vec!["duration_ms", "aws_calls"]
            ),
            (json!([["service", "plan", "outcome"]]), vec!["duration_ms"]),
        ]
    );
}

#[tokio::test]
async fn request_without_plan_has_no_plan_metrics() {
    let watched = Watched::new("no-plan");
    watched.fetch().await.expect(404);

    let [line] = &watched.lines("request")[..] else {
        panic!("one line")
    };
    assert_eq!(
        (&line["outcome"], &line["level"]),
        (&json!("refused"), &json!("WARN"))
    );
    let of_plan = json!([["service", "plan", "outcome"]]);
    assert!(
        metrics(line)
            .iter()
            .all(|(dimensions, _)| *dimensions != of_plan),
        "{line}"
    );
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
#[tokio::test]
async fn metrics_are_numbers_and_dimensions_are_strings() {
    let watched = Watched::new("well-formed");
    watched.provision().await;
    watched.poll().await;
    watched.client.world.complete_stacks();
    watched.poll().await;

    let lines = [watched.lines("request"), watched.lines("operation")].concat();
    assert_eq!(lines.len(), 4);
    for line in lines {
        assert!(
            line["_aws"]["Timestamp"]
                .as_u64()
                .is_some_and(|time| time > 1_700_000_000_000),
            "{line}"
        );
        let directives = line["_aws"]["CloudWatchMetrics"]
            .as_array()
            .expect("a list");
        assert!(!directives.is_empty(), "{line}");
        for directive in directives {
            assert_eq!(directive["Namespace"], "broker");
            for metric in names(&directive["Metrics"]) {
                assert!(line[metric].is_u64(), "{metric} in {line}");
            }
            for dimension in directive["Dimensions"]
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|set| set.as_array())
            {
                assert!(
                    dimension
                        .iter()
                        .all(|name| line[name.as_str().unwrap_or_default()].is_string()),
                    "{line}"
                );
            }
        }
    }
}

#[tokio::test]
async fn completed_operation_is_logged_once() {
    let watched = Watched::new("ends-once");
    watched.provision().await;
    watched
        .client
        .world
        .let_time_pass(SignedDuration::from_secs(40));
    watched.poll().await;
    assert_eq!(watched.lines("request")[1]["in_flight_seconds"], 40);
    assert_eq!(watched.lines("operation"), Vec::<Value>::new());

    watched.client.world.complete_stacks();
    watched.poll().await;
    watched.poll().await;

    let [line] = &watched.lines("operation")[..] else {
        panic!("{:?}", watched.lines("operation"))
    };
    assert_eq!(
        (&line["operation"], &line["outcome"]),
        (&json!("provision"), &json!("succeeded"))
    );
    assert_eq!(
        (&line["service"], &line["plan"]),
        (&json!("sqs"), &json!("standard"))
    );
    assert_eq!(line["operation_seconds"], 40);
    let dimensions = json!([["outcome"], ["service", "plan", "operation", "outcome"]]);
    assert_eq!(metrics(line), [(dimensions, vec!["operation_seconds"])]);
    assert_eq!(watched.lines("request")[2].get("in_flight_seconds"), None);
}

#[tokio::test]
async fn failed_operation_is_logged_without_its_reason() {
    let watched = Watched::new("fails");
    watched.provision().await;
    watched.client.world.settle_stacks(
        StackStatus::RollbackComplete,
        Some("Value hunter2 is not allowed"),
    );
    watched.poll().await;

    let [line] = &watched.lines("operation")[..] else {
        panic!("one line")
    };
    assert_eq!(
        (&line["outcome"], &line["level"]),
        (&json!("failed"), &json!("WARN"))
    );
    assert!(line["stack_name"].is_string());
    assert!(
        !line.to_string().contains("hunter2"),
        "CloudFormation's reasons may quote a secret: {line}"
    );
}

#[tokio::test]
async fn only_mutating_requests_are_audited() {
    let watched = Watched::new("audited");
    watched.provision_for("683ea748").await;
    watched.poll().await;
    watched.fetch().await.expect(404);
    watched.client.world.inject(
        "records.begin_deprovision",
        Fault::Before(PortErrorKind::Unavailable),
    );
    watched.deprovision().await.expect(503);
    watched.deprovision().await.expect(202);

    let lines = watched.lines("audit");
    let said: Vec<_> = lines
        .iter()
        .map(|line| (line["operation"].as_str(), line["outcome"].as_str()))
        .collect();
    assert_eq!(
        said,
        [
            (Some("provision"), Some("accepted")),
            (Some("deprovision"), Some("failed")),
            (Some("deprovision"), Some("accepted")),
        ]
    );
    for (field, value) in [
        ("service", "sqs"),
        ("plan", "standard"),
        ("organization_guid", "an-organization"),
        ("space_guid", "a-space"),
        ("originating_platform", "cloudfoundry"),
        ("originating_user", "683ea748"),
    ] {
        assert_eq!(lines[0][field], value, "{field}");
    }
}

#[tokio::test]
async fn unauthenticated_requests_are_not_audited() {
    let watched = Watched::new("stranger");
    let request = http::Request::delete(format!("/v2/service_instances/{}", watched.instance));
    let request = request
        .header("authorization", basic("broker", "guessed"))
        .body(Body::empty());
    watched
        .client
        .send(request.expect("a request"))
        .await
        .expect(401);

    // Nor does anybody, while the passwords cannot be read.
    watched
        .client
        .world
        .let_time_pass(SignedDuration::from_hours(1));
    watched.client.world.inject(
        "platform_secrets.read",
        Fault::Before(PortErrorKind::Denied),
    );
    watched.deprovision().await.expect(500);

    assert_eq!(watched.lines("audit"), Vec::<Value>::new());
    assert_eq!(watched.lines("request").len(), 2);
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is written at this level of a provision that was accepted.
fn written(level: Level, detailed: bool) -> Vec<Value> {
    let written = Written::default();
    let output = written.clone();
    let metrics = telemetry::Metrics {
        namespace: "broker".into(),
        detailed,
    };
    let subscriber = telemetry::subscriber(level, Some(metrics), move || output.clone());
    tracing::subscriber::with_default(subscriber, || {
        Request {
            operation: "provision",
            is_mutation: true,
            outcome: Outcome::Accepted,
            status: Some(202),
            duration: Duration::from_millis(7),
            instance_id: None,
            binding_id: None,
            request_id: None,
            request_identity: None,
            originating_platform: None,
            originating_user: None,
            originating_identity_mistake: None,
            reason: None,
        }
        .log(&Facts {
            service: Some("sqs".into()),
            plan: Some("standard".into()),
            ..Facts::default()
        });
        tracing::info!(target: "aws_service_broker::broker", "what the level may leave out");
    });
    let text = String::from_utf8(written.0.lock().expect("no panic").clone()).expect("UTF-8");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

#[test]
fn request_and_audit_lines_ignore_the_log_level() {
    let messages: Vec<_> = written(Level::ERROR, true)
        .into_iter()
        .map(|line| line["message"].clone())
        .collect();
    assert_eq!(messages, ["request", "audit"]);
}

#[test]
fn basic_metrics_omit_the_plan_dimension() {
    let lines = written(Level::INFO, false);
    assert_eq!(
        metrics(&lines[0])[0],
        (json!([["outcome"]]), vec!["duration_ms", "aws_calls"])
    );
    let of_plan = |(dimensions, _): &(Value, Vec<&str>)| dimensions.to_string().contains("plan");
    assert!(!metrics(&lines[0]).iter().any(of_plan));
}

#[tokio::test]
async fn request_line_names_its_operation() {
    let watched = Watched::new("named");
    let requests = [
        ("PUT", "", "provision"),
        ("PATCH", "", "update"),
        ("GET", "", "fetch_instance"),
        ("DELETE", "", "deprovision"),
        ("GET", "/last_operation", "last_operation"),
        ("PUT", "/service_bindings/one", "bind"),
        ("GET", "/service_bindings/one", "fetch_binding"),
        ("DELETE", "/service_bindings/one", "unbind"),
        (
            "GET",
            "/service_bindings/one/last_operation",
            "binding_last_operation",
        ),
    ];
    for (method, path, _) in requests {
        let path = format!("{}{path}", watched.path);
        watched.client.request(method, &path, None).await;
    }

    let lines = watched.lines("request").into_iter();
    let named: Vec<_> = lines.map(|line| line["operation"].clone()).collect();
    assert_eq!(named, requests.map(|(.., operation)| operation));
}
