use aws_service_broker::{
    broker::{
        ports::PortErrorKind::{Denied, Throttled, Unavailable},
        stacks::StackStatus::{DeleteFailed, RollbackComplete, UpdateRollbackComplete},
    },
    http::MissingVersion,
};
use axum::{body::Body, http::Request};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::support::{
    Answer, Client, Fault, INSTANCE, Log, World, basic, catalog, plan_id, service_id,
};

fn provision(body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method("PUT")
        .uri(format!(
            "/v2/service_instances/{INSTANCE}?accepts_incomplete=true"
        ))
        .header("authorization", basic("broker", "local-only-password"))
        .header("x-broker-api-version", "2.17")
        .body(body.into())
        .expect("a request")
}

/// One request for every endpoint, good but for what it names.
const ENDPOINTS: [(&str, &str); 10] = [
    ("GET", "/v2/catalog"),
    ("PUT", "/v2/service_instances/i"),
    ("PATCH", "/v2/service_instances/i"),
    ("GET", "/v2/service_instances/i"),
    (
        "DELETE",
        "/v2/service_instances/i?service_id=s&plan_id=p&accepts_incomplete=true",
    ),
    ("GET", "/v2/service_instances/i/last_operation"),
    ("PUT", "/v2/service_instances/i/service_bindings/b"),
    ("GET", "/v2/service_instances/i/service_bindings/b"),
    (
        "DELETE",
        "/v2/service_instances/i/service_bindings/b?service_id=s&plan_id=p",
    ),
    (
        "GET",
        "/v2/service_instances/i/service_bindings/b/last_operation",
    ),
];

/// Answers of all kinds: good ones, and mistakes of the platform and of AWS, in every state.
async fn all_kinds_of_answers() -> Vec<Answer> {
    let client = Client::new();
    let mut answers = vec![
        client.request("GET", "/v2/catalog", None).await.expect(200),
        client.request("GET", "/nowhere", None).await.expect(404),
        client
            .request("POST", "/v2/catalog", None)
            .await
            .expect(405),
        client.provision(json!({"plan_id": ""})).await.expect(400),
        client
            .provision(json!({"maintenance_info": {"version": "0.0.1"}}))
            .await
            .expect(422),
        client
            .request("PUT", "/v2/service_instances/x", Some(json!({})))
            .await
            .expect(400),
        client.fetch_instance().await.expect(404),
        client.last_operation().await.expect(404),
        client.update(json!({})).await.expect(404),
        client.deprovision().await.expect(410),
        client.unbind("one").await.expect(410),
        client.fetch_binding("one").await.expect(404),
        client.binding_last_operation("one").await.expect(404),
        client.provision(json!({})).await.expect(202),
        client.update(json!({})).await.expect(422),
        client.bind("one", json!({})).await.expect(422),
        client.last_operation().await.expect(200),
    ];
    client.world.complete_stacks();
    answers.extend([
        client.last_operation().await.expect(200),
        client.provision(json!({})).await.expect(200),
        client
            .provision(json!({"space_guid": "another"}))
            .await
            .expect(409),
        client.fetch_instance().await.expect(200),
        client.bind("one", json!({})).await.expect(201),
        client.bind("one", json!({})).await.expect(200),
        client
            .bind("one", json!({"app_guid": "an-app"}))
            .await
            .expect(409),
        client.fetch_binding("one").await.expect(200),
        client.binding_last_operation("one").await.expect(200),
        client
            .update(json!({"plan_id": plan_id("sqs", "fifo")}))
            .await
            .expect(422),
        client
            .update(json!({"parameters": {"DelaySeconds": 5}}))
            .await
            .expect(202),
        client.fetch_instance().await.expect(422),
        client.deprovision().await.expect(422),
    ]);
    client
        .world
        .settle_stacks(UpdateRollbackComplete, Some("no"));
    answers.extend([
        client.last_operation().await.expect(200),
        client.unbind("one").await.expect(200),
        client.deprovision().await.expect(202),
    ]);
    client.world.settle_stacks(DeleteFailed, Some("no"));
    answers.extend([
        client.last_operation().await.expect(200),
        client.update(json!({})).await.expect(422),
        client.provision(json!({})).await.expect(409),
    ]);
    for (kind, status) in [(Throttled, 503), (Unavailable, 503), (Denied, 500)] {
        client.world.inject("records.instance", Fault::Before(kind));
        answers.push(client.fetch_instance().await.expect(status));
    }
    client.world.inject("records.instance", Fault::Panic);
    answers.push(client.fetch_instance().await.expect(500));
    answers
}

#[tokio::test]
async fn gen_02_03_errors_have_a_description_and_optional_code() {
    let answers = all_kinds_of_answers().await;
    assert!(
        answers
            .iter()
            .filter(|answer| answer.status.as_u16() >= 400)
            .count()
            > 15
    );
    for answer in answers
        .iter()
        .filter(|answer| answer.status.as_u16() >= 400)
    {
        assert!(!answer.description().trim().is_empty(), "{answer:?}");
        let word = answer.body.get("error");
        let camel_case = |word: &str| {
            word.starts_with(char::is_uppercase)
                && word
                    .chars()
                    .all(|character| character.is_ascii_alphanumeric())
        };
        assert!(
            word.is_none_or(|word| word.as_str().is_some_and(camel_case)),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn gen_09_33_every_response_is_a_json_object() {
    for answer in all_kinds_of_answers().await {
        assert_eq!(answer.headers["content-type"], "application/json");
        assert!(answer.body.is_object(), "{answer:?}");
    }
}

#[tokio::test]
async fn gen_04_05_usability_fields_appear_only_on_failures() {
    for answer in all_kinds_of_answers().await {
        let failed = answer.status.as_u16() >= 400 || answer.body["state"] == "failed";
        if !failed {
            assert_eq!(answer.body.get("instance_usable"), None, "{answer:?}");
            assert_eq!(answer.body.get("update_repeatable"), None, "{answer:?}");
        }
    }
    let client = Client::with_instance().await;
    for answer in [
        client
            .provision(json!({"plan_id": plan_id("sqs", "fifo")}))
            .await
            .expect(409),
        client
            .bind("one", json!({"plan_id": plan_id("sqs", "fifo")}))
            .await
            .expect(400),
        client.unbind("one").await.expect(410),
    ] {
        assert_eq!(
            (
                answer.body.get("instance_usable"),
                answer.body.get("update_repeatable")
            ),
            (None, None)
        );
    }
    let unsupported = client
        .update(json!({"plan_id": plan_id("sqs", "fifo")}))
        .await
        .expect(422);
    assert_eq!(unsupported.body["update_repeatable"], false);
}

#[tokio::test]
async fn gen_01_06_each_error_has_its_status_and_code() {
    let client = Client::new();
    let answer = client
        .request("GET", "/v2/service_instances/x", None)
        .await
        .expect(404);
    assert_eq!(answer.body.get("error"), None);
    let path = format!("/v2/service_instances/{INSTANCE}");
    let body = json!({
        "service_id": service_id("sqs"), "plan_id": plan_id("sqs", "standard"),
        "organization_guid": "o", "space_guid": "s",
    });
    let word = |answer: Answer| answer.body["error"].clone();
    assert_eq!(
        word(client.request("PUT", &path, Some(body)).await.expect(422)),
        "AsyncRequired"
    );
    let other_version = json!({"maintenance_info": {"version": "9.9.9"}});
    assert_eq!(
        word(client.provision(other_version).await.expect(422)),
        "MaintenanceInfoConflict"
    );
    client.provision(json!({})).await.expect(202);
    assert_eq!(
        word(client.bind("one", json!({})).await.expect(422)),
        "ConcurrencyError"
    );
}

#[tokio::test]
async fn gen_07_refused_request_changes_nothing() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    let before = (
        client.world.instance(INSTANCE),
        client.world.bindings(),
        client.world.users().len(),
    );
    for answer in [
        client.provision(json!({"space_guid": "another"})).await,
        client.provision(json!({"plan_id": "unknown"})).await,
        client
            .update(json!({"parameters": {"DelaySeconds": -1}}))
            .await,
        client
            .update(json!({"plan_id": plan_id("sqs", "fifo")}))
            .await,
        client.bind("one", json!({"app_guid": "an-app"})).await,
        client
            .bind("two", json!({"parameters": {"Scope": "Everything"}}))
            .await,
        client
            .request("DELETE", &format!("/v2/service_instances/{INSTANCE}"), None)
            .await,
    ] {
        assert!(answer.status.is_client_error(), "{answer:?}");
    }
    client
        .world
        .inject("stacks.update", Fault::Rejected("no such queue"));
    client
        .update(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(400);
    let after = client.world.instance(INSTANCE).map(|instance| {
        aws_service_broker::broker::records::Instance {
            version: 0,
            ..instance
        }
    });
    let before_without_version =
        before
            .0
            .map(|instance| aws_service_broker::broker::records::Instance {
                version: 0,
                ..instance
            });
    assert_eq!(
        (after, client.world.bindings(), client.world.users().len()),
        (before_without_version, before.1, before.2)
    );
}

#[tokio::test]
async fn gen_08_failed_record_insert_changes_nothing() {
    let client = Client::new();
    client
        .world
        .inject("records.insert_instance", Fault::Before(Unavailable));
    client.provision(json!({})).await.expect(503);
    assert_eq!(client.world.instance(INSTANCE), None);
    assert!(client.world.stack_names().is_empty());
}

#[tokio::test]
async fn gen_12_13_14_api_version_is_checked() {
    let (usual, strict) = (Client::new(), strict());
    for (version, status, strict_status) in [
        (None, 400, 412),
        (Some(""), 400, 412),
        (Some("2.13"), 200, 200),
        (Some("2.17"), 200, 200),
        (Some("2.99"), 200, 200),
        (Some("2.12"), 412, 412),
        (Some("1.0"), 412, 412),
        (Some("3.0"), 412, 412),
        (Some("two"), 412, 412),
        (Some("2"), 412, 412),
    ] {
        for (client, status) in [(&usual, status), (&strict, strict_status)] {
            let mut request = Request::builder()
                .uri("/v2/catalog")
                .header("authorization", basic("broker", "local-only-password"))
                .body(Body::empty())
                .expect("a request");
            if let Some(version) = version {
                request
                    .headers_mut()
                    .insert("x-broker-api-version", version.parse().expect("a value"));
            }
            let answer = client.send(request).await.expect(status);
            assert!(
                status == 200 || answer.description().contains("2.17"),
                "{answer:?}"
            );
        }
    }
}

/// A broker for old checkers.
fn strict() -> Client {
    Client::with(
        World::new(),
        catalog(),
        Default::default(),
        MissingVersion::PreconditionFailed,
    )
}

#[tokio::test]
async fn gen_15_unknown_fields_are_ignored_at_every_level() {
    let client = Client::new();
    let extra = json!({"x-extra": {"a": [1]}, "context": {"y": [1]}, "maintenance_info": {"version": "1.1.0", "z": 1}});
    client.provision(extra.clone()).await.expect(202);
    client.finish().await;
    client
        .update(json!({"x-extra": 1, "previous_values": {"plan_id": "p", "z": 2}, "context": {}}))
        .await
        .expect(200);
    client
        .bind("one", json!({"x-extra": 1, "bind_resource": {"x": 1}}))
        .await
        .expect(201);
    let path = format!("/v2/service_instances/{INSTANCE}/last_operation?x=1");
    client.request("GET", &path, None).await.expect(200);
}

#[tokio::test]
async fn gen_16_responses_have_only_standard_fields() {
    let known = [
        "services",
        "error",
        "description",
        "instance_usable",
        "update_repeatable",
        "dashboard_url",
        "operation",
        "metadata",
        "state",
        "service_id",
        "plan_id",
        "parameters",
        "maintenance_info",
        "credentials",
        "endpoints",
    ];
    for answer in all_kinds_of_answers().await {
        for field in answer.body.as_object().expect("an object").keys() {
            assert!(known.contains(&field.as_str()), "{field}");
        }
    }
}

#[tokio::test]
async fn gen_17_every_request_is_authenticated_first() {
    let client = Client::with_instance().await;
    for (method, path) in ENDPOINTS
        .into_iter()
        .chain([("GET", "/nowhere"), ("POST", "/v2/catalog")])
    {
        for authorization in [
            None,
            Some(basic("broker", "wrong")),
            Some("Bearer x".to_owned()),
        ] {
            let mut request = Request::builder()
                .method(method)
                .uri(path)
                .body(Body::from("{"))
                .expect("a request");
            if let Some(authorization) = authorization {
                request
                    .headers_mut()
                    .insert("authorization", authorization.parse().expect("a value"));
            }
            let answer = client.send(request).await.expect(401);
            assert!(
                answer.headers["www-authenticate"]
                    .to_str()
                    .expect("text")
                    .starts_with("Basic")
            );
        }
    }
    assert!(
        client
            .world
            .take_calls()
            .iter()
            .all(|call| *call == "platform_secrets.read")
    );
}

#[tokio::test]
async fn gen_19_generated_ids_are_url_safe() {
    let unreserved = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
    };
    let client = Client::new();
    let catalog = client.request("GET", "/v2/catalog", None).await.body;
    for service in catalog["services"].as_array().expect("services") {
        for entry in service["plans"]
            .as_array()
            .expect("plans")
            .iter()
            .chain([service])
        {
            assert!(unreserved(entry["id"].as_str().expect("an id")));
        }
    }
    let provisioned = client.provision(json!({})).await;
    let deleted = client.deprovision().await;
    for answer in [provisioned, deleted] {
        assert!(unreserved(
            answer.body["operation"].as_str().expect("an operation")
        ));
    }
}

#[tokio::test]
async fn gen_21_request_identity_is_returned() {
    let client = Client::new();
    for path in ["/v2/catalog", "/v2/nowhere"] {
        let request = Request::builder()
            .uri(path)
            .header("x-broker-api-request-identity", "abc");
        let answer = client
            .send(request.body(Body::empty()).expect("a request"))
            .await;
        assert_eq!(answer.headers["x-broker-api-request-identity"], "abc");
    }
    client.world.inject("platform_secrets.read", Fault::Panic);
    let request = Request::builder()
        .uri("/v2/catalog")
        .header("authorization", basic("broker", "local-only-password"))
        .header("x-broker-api-request-identity", "abc");
    let answer = client
        .send(request.body(Body::empty()).expect("a request"))
        .await
        .expect(500);
    assert_eq!(answer.headers["x-broker-api-request-identity"], "abc");
}

/// The log's line of a catalog request of this identity with this header.
async fn log_line(identity: &str, name: &'static str, value: &str) -> Value {
    let log = Log::watch();
    let request = Request::builder()
        .uri("/v2/catalog")
        .header("authorization", basic("broker", "local-only-password"))
        .header("x-broker-api-version", "2.17")
        .header("x-broker-api-request-identity", identity)
        .header(name, value);
    Client::new()
        .send(request.body(Body::empty()).expect("a request"))
        .await
        .expect(200);
    log.lines(|line| line["request_identity"] == identity)
        .pop()
        .expect("a line of the request")
}

#[tokio::test]
async fn gen_22_request_identity_is_logged() {
    let line = log_line("an-identity", "accept", "*/*").await;
    assert_eq!(
        (&line["operation"], &line["status"]),
        (&json!("catalog"), &json!(200))
    );
}

#[tokio::test]
async fn gen_23_and_pro_07_originating_identity_is_logged() {
    const HEADER: &str = "x-broker-api-originating-identity";
    for (platform, value, user) in [
        ("cloudfoundry", r#"{"user_id": "683ea748"}"#, "683ea748"),
        (
            "kubernetes",
            r#"{"username": "duke", "uid": "c2dde242", "groups": ["admin"], "extra": {}}"#,
            "duke",
        ),
        ("other", r#"{"name":"x"}"#, r#"{"name":"x"}"#),
    ] {
        let line = log_line(
            platform,
            HEADER,
            &format!("{platform} {}", BASE64_STANDARD.encode(value)),
        )
        .await;
        assert_eq!(
            (&line["originating_platform"], &line["originating_user"]),
            (&json!(platform), &json!(user))
        );
        assert_eq!(line.get("originating_identity_mistake"), None);
    }
    for wrong in [
        "cloudfoundry",
        "cloudfoundry !",
        "cloudfoundry bnVsbA==",
        "",
    ] {
        let line = log_line(&format!("wrong: {wrong}"), HEADER, wrong).await;
        assert!(
            line["originating_identity_mistake"].is_string(),
            "{wrong}: {line}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn gen_25_hanging_request_times_out_with_504() {
    let client = Client::with_instance().await;
    client.world.inject("records.instance", Fault::Hang);
    let started = tokio::time::Instant::now();
    let answer = client.fetch_instance().await.expect(504);
    assert!(
        started.elapsed().as_secs() < 29,
        "API Gateway would have given up"
    );
    assert!(
        answer.description().contains("Retry the request"),
        "{}",
        answer.description()
    );
}

#[tokio::test]
async fn gen_26_27_28_long_operations_must_be_asynchronous() {
    let client = Client::with_instance().await;
    let path = format!("/v2/service_instances/{INSTANCE}");
    let ids = format!(
        "service_id={}&plan_id={}",
        service_id("sqs"),
        plan_id("sqs", "standard")
    );
    let change = json!({"service_id": service_id("sqs"), "parameters": {"DelaySeconds": 7}});
    for suffix in ["", "accepts_incomplete=false"] {
        let answer = client
            .request("PATCH", &format!("{path}?{suffix}"), Some(change.clone()))
            .await
            .expect(422);
        assert_eq!(answer.body["error"], "AsyncRequired");
        let answer = client
            .request("DELETE", &format!("{path}?{ids}&{suffix}"), None)
            .await
            .expect(422);
        assert_eq!(answer.body["error"], "AsyncRequired");
    }
    client
        .request(
            "PATCH",
            &format!("{path}?accepts_incomplete=true"),
            Some(change),
        )
        .await
        .expect(202);
    client.world.complete_stacks();
    // What can be answered at once is, whatever the platform accepts.
    client.last_operation().await.expect(200);
    client.bind_async("one", json!({})).await.expect(201);
    client
        .request(
            "PATCH",
            &path,
            Some(json!({"service_id": service_id("sqs"), "context": {"a": 1}})),
        )
        .await
        .expect(200);
    client
        .request(
            "DELETE",
            &format!("{path}?{ids}&accepts_incomplete=true"),
            None,
        )
        .await
        .expect(202);
    let wrong = client
        .request(
            "DELETE",
            &format!("{path}?{ids}&accepts_incomplete=perhaps"),
            None,
        )
        .await;
    wrong.expect(400);
}

#[tokio::test]
async fn gen_30_conflicting_operation_is_a_concurrency_error() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    for answer in [
        client
            .update(json!({"parameters": {"DelaySeconds": 1}}))
            .await,
        client.bind("one", json!({})).await,
    ] {
        assert_eq!(answer.expect(422).body["error"], "ConcurrencyError");
    }
    client.world.settle_stacks(RollbackComplete, None);
    client.last_operation().await.expect(200);
    client.deprovision().await.expect(202);
    assert_eq!(
        client.provision(json!({})).await.expect(422).body["error"],
        "ConcurrencyError"
    );
}

#[tokio::test]
async fn gen_32_empty_request_strings_are_refused() {
    let client = Client::with_instance().await;
    for members in [
        json!({"service_id": ""}),
        json!({"plan_id": ""}),
        json!({"maintenance_info": {"version": ""}}),
    ] {
        client.update(members).await.expect(400);
    }
    for members in [
        json!({"bind_resource": {"route": ""}}),
        json!({"predecessor_binding_id": ""}),
    ] {
        client.bind("one", members).await.expect(400);
    }
    for members in [json!({"organization_guid": ""}), json!({"space_guid": ""})] {
        client.provision_as("another", members).await.expect(400);
    }
    for path in [
        "",
        "/last_operation",
        "/service_bindings/one",
        "/service_bindings/one/last_operation",
    ] {
        for hint in ["service_id=", "plan_id=", "operation="] {
            let path = format!("/v2/service_instances/{INSTANCE}{path}?{hint}");
            client.request("GET", &path, None).await.expect(400);
        }
    }
}

#[tokio::test]
async fn gen_32_responses_have_no_empty_strings() {
    fn check(value: &Value, path: &str) {
        match value {
            Value::String(text) => assert!(!text.is_empty(), "{path}"),
            Value::Array(entries) => entries.iter().for_each(|entry| check(entry, path)),
            // Schemas are JSON of their own: a default may well be empty.
            Value::Object(fields) => fields
                .iter()
                .filter(|(key, _)| *key != "schemas")
                .for_each(|(key, field)| check(field, &format!("{path}.{key}"))),
            _ => {}
        }
    }
    for answer in all_kinds_of_answers().await {
        check(&answer.body, "");
    }
}

#[tokio::test]
async fn gen_10_body_must_be_a_json_object() {
    let client = Client::new();
    for body in [
        "",
        "{",
        "null",
        "[]",
        "\"text\"",
        "12",
        "{\"service_id\": 12}",
        "{\"service_id\": \"x\"} y",
    ] {
        let answer = client.send(provision(body)).await.expect(400);
        assert!(
            answer.description().starts_with("The body"),
            "{}",
            answer.description()
        );
    }
    client.send(provision(vec![0xff, 0xfe])).await.expect(400);
    let large = format!("{{\"service_id\": \"{}\"}}", "x".repeat(300 * 1024));
    let answer = client.send(provision(large)).await.expect(400);
    assert!(
        answer.description().contains("at most"),
        "{}",
        answer.description()
    );
}

#[tokio::test]
async fn gen_11_content_type_is_optional_and_may_have_a_charset() {
    let body = json!({
        "service_id": service_id("sqs"), "plan_id": plan_id("sqs", "standard"),
        "organization_guid": "o", "space_guid": "s",
    });
    let client = Client::new();
    client.send(provision(body.to_string())).await.expect(202);
    let mut request = provision(body.to_string());
    request.headers_mut().insert(
        "content-type",
        "Application/JSON; charset=utf-8".parse().expect("a value"),
    );
    client.send(request).await.expect(202);
}

#[tokio::test]
async fn gen_20_ids_are_opaque_and_not_empty() {
    let client = Client::new();
    client
        .provision_as("%2e%2e%2f%22%00%F0%9F%A6%80", json!({}))
        .await
        .expect(202);
    let long = "x".repeat(201);
    let answer = client.provision_as(&long, json!({})).await.expect(400);
    assert!(
        answer.description().contains("200"),
        "{}",
        answer.description()
    );
    client.provision_as("%ff", json!({})).await.expect(400);
    client.provision_as("", json!({})).await.expect(404);
}

/// A request as API Gateway hands it to the function: with its path decoded.
fn event(method: &str, path: &str, query: &str) -> Request<lambda_http::Body> {
    let event = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
        "headers": {
            "authorization": basic("broker", "local-only-password"),
            "host": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
            "x-broker-api-version": "2.17",
        },
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
        "isBase64Encoded": false,
    });
    lambda_http::request::from_str(&event.to_string()).expect("an API Gateway event")
}

#[tokio::test]
async fn gen_20_url_syntax_in_an_id_is_part_of_the_id() {
    let client = Client::with_instance().await;
    let query = &format!("{}&accepts_incomplete=true", client.ids());
    for disguise in [
        "?service_id=x",
        "#",
        "\t",
        "\\",
        " ",
        "%",
        "/../x",
        "?service_id=x&plan_id=y#",
    ] {
        let path = format!("/v2/service_instances/{INSTANCE}{disguise}");
        client.send(event("GET", &path, "")).await.expect(404);
        let answer = client.send(event("DELETE", &path, query)).await;
        assert!(
            [404, 410].contains(&answer.status.as_u16()),
            "{disguise}: {answer:?}"
        );
    }
    client.fetch_instance().await.expect(200);
    let path = format!("/v2/service_instances/{INSTANCE}");
    client
        .send(event("GET", &path, "service_id=a%20b&plan_id=c"))
        .await
        .expect(200);
    client
        .send(event("GET", &path, "service_id="))
        .await
        .expect(400);
    client.send(event("DELETE", &path, query)).await.expect(202);
}

#[tokio::test]
async fn gen_20_id_characters_are_kept_as_sent() {
    for id in ["a b ü%41&+;=@:!$'()*,", "..", "%2e%2e", "日本", "a?b#c"] {
        let client = Client::new();
        let mut request = event(
            "PUT",
            &format!("/v2/service_instances/{id}"),
            "accepts_incomplete=true",
        );
        *request.body_mut() = lambda_http::Body::from(
            json!({
                "service_id": service_id("sqs"), "plan_id": plan_id("sqs", "standard"),
                "organization_guid": "o", "space_guid": "s",
            })
            .to_string(),
        );
        client.send(request).await.expect(202);
        assert!(client.world.instance(id).is_some(), "{id}");
    }
}
