use aws_service_broker::broker::ports::PortErrorKind::Unavailable;
use axum::{body::Body, http::Request};
use serde_json::json;

use crate::support::{Client, Fault, INSTANCE, basic, plan_id, service_id};

fn provision(body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method("PUT")
        .uri(format!("/v2/service_instances/{INSTANCE}?accepts_incomplete=true"))
        .header("authorization", basic("broker", "local-only-password"))
        .header("x-broker-api-version", "2.17")
        .body(body.into())
        .expect("a request")
}

#[tokio::test]
async fn gen_10_a_body_that_is_no_json_object_is_refused() {
    let client = Client::new();
    for body in ["", "{", "null", "[]", "\"text\"", "12", "{\"service_id\": 12}", "{\"service_id\": \"x\"} y"] {
        let answer = client.send(provision(body)).await.expect(400);
        assert!(answer.description().starts_with("The body"), "{}", answer.description());
    }
    client.send(provision(vec![0xff, 0xfe])).await.expect(400);
    let large = format!("{{\"service_id\": \"{}\"}}", "x".repeat(300 * 1024));
    let answer = client.send(provision(large)).await.expect(400);
    assert!(answer.description().contains("at most"), "{}", answer.description());
}

#[tokio::test]
async fn gen_11_the_content_type_may_be_missing_and_may_name_a_charset() {
    let body = json!({
        "service_id": service_id("sqs"), "plan_id": plan_id("sqs", "standard"),
        "organization_guid": "o", "space_guid": "s",
    });
    let client = Client::new();
    client.send(provision(body.to_string())).await.expect(202);
    let mut request = provision(body.to_string());
    request.headers_mut().insert("content-type", "Application/JSON; charset=utf-8".parse().expect("a value"));
    client.send(request).await.expect(202);
}

#[tokio::test]
async fn prv_02_mandatory_fields_must_be_there_and_not_empty() {
    let client = Client::new();
    for field in ["service_id", "plan_id", "organization_guid", "space_guid"] {
        for value in [json!(null), json!(""), json!(12), json!([])] {
            let answer = client.provision(json!({field: value})).await.expect(400);
            assert!(!answer.description().is_empty());
        }
    }
    client.provision(json!({"parameters": []})).await.expect(400);
    client.provision(json!({"context": "text"})).await.expect(400);
    assert!(client.world.instance(INSTANCE).is_none());
}

#[tokio::test]
async fn what_does_not_fit_is_named_and_its_value_not_repeated() {
    let client = Client::new();
    for (members, expected) in [
        (json!({"parameters": "hunter2"}), "The body does not fit the API: `parameters` has the wrong type."),
        (json!({"plan_id": null}), "The body does not fit the API: missing field `plan_id`."),
        (json!({"space_guid": ""}), "The body does not fit the API: `space_guid` must not be empty."),
        (
            json!({"maintenance_info": {"version": ["hunter2"]}}),
            "The body does not fit the API: `maintenance_info.version` has the wrong type.",
        ),
    ] {
        assert_eq!(client.provision(members).await.expect(400).description(), expected);
    }
}

#[tokio::test]
async fn prv_03_what_is_not_in_the_catalog_is_refused_with_what_is() {
    let client = Client::new();
    let answer = client.provision(json!({"plan_id": plan_id("s3", "production")})).await.expect(400);
    assert!(answer.description().contains("`standard`, `fifo`"), "{}", answer.description());
    client.provision(json!({"service_id": "unknown"})).await.expect(400);
}

#[tokio::test]
async fn prv_04_parameters_are_checked_and_their_values_not_repeated() {
    let client = Client::new();
    for (parameters, expected) in [
        (json!({"DelaySecond": 1}), "Unknown parameter `DelaySecond`. The plan takes: `DelaySeconds`,"),
        (json!({"DelaySeconds": "ten"}), "The parameter `DelaySeconds` is not valid: the value is not of type"),
        (json!({"DelaySeconds": 901}), "the value is greater than the maximum of 900"),
        (json!({"UseDeadLetterQueue": "perhaps"}), "The parameter `UseDeadLetterQueue` is not valid"),
        (json!({"FifoQueue": "true"}), "Unknown parameter `FifoQueue`"),
    ] {
        let answer = client.provision(json!({"parameters": parameters})).await.expect(400);
        assert!(answer.description().contains(expected), "{}", answer.description());
        assert!(!answer.description().contains("perhaps"), "{}", answer.description());
    }
    assert!(client.world.take_calls().iter().all(|call| !call.starts_with("records")));
}

#[tokio::test]
async fn prv_06_it_needs_a_platform_that_polls() {
    let client = Client::new();
    let body = json!({
        "service_id": service_id("sqs"), "plan_id": plan_id("sqs", "standard"),
        "organization_guid": "o", "space_guid": "s",
    });
    for query in ["", "?accepts_incomplete=false"] {
        let path = format!("/v2/service_instances/{INSTANCE}{query}");
        let answer = client.request("PUT", &path, Some(body.clone())).await.expect(422);
        assert_eq!(answer.body["error"], "AsyncRequired");
        // Service Catalog compares this text.
        assert_eq!(
            answer.description(),
            "This service plan requires client support for asynchronous service operations."
        );
    }
    let path = format!("/v2/service_instances/{INSTANCE}?accepts_incomplete=perhaps");
    client.request("PUT", &path, Some(body)).await.expect(400);
}

#[tokio::test]
async fn prv_07_another_version_of_the_plan_is_refused() {
    let client = Client::new();
    let answer = client.provision(json!({"maintenance_info": {"version": "0.0.1"}})).await.expect(422);
    assert_eq!(answer.body["error"], "MaintenanceInfoConflict");
    client.provision(json!({"maintenance_info": {"version": "1.0.0", "description": "x"}})).await.expect(202);
}

#[tokio::test]
async fn gen_12_13_14_the_api_version_is_checked() {
    let client = Client::new();
    for (version, status) in [
        (None, 400),
        (Some(""), 400),
        (Some("2.13"), 200),
        (Some("2.17"), 200),
        (Some("2.99"), 200),
        (Some("2.12"), 412),
        (Some("1.0"), 412),
        (Some("3.0"), 412),
        (Some("two"), 412),
        (Some("2"), 412),
    ] {
        let mut request = Request::builder()
            .uri("/v2/catalog")
            .header("authorization", basic("broker", "local-only-password"))
            .body(Body::empty())
            .expect("a request");
        if let Some(version) = version {
            request.headers_mut().insert("x-broker-api-version", version.parse().expect("a value"));
        }
        assert_eq!(client.send(request).await.status, status, "{version:?}");
    }
}

#[tokio::test]
async fn gen_15_unknown_fields_are_ignored_at_every_level() {
    let client = Client::new();
    client.provision(json!({"x": {}, "context": {"y": [1]}, "maintenance_info": null})).await.expect(202);
}

#[tokio::test]
async fn gen_20_ids_are_opaque_and_not_empty() {
    let client = Client::new();
    client.provision_as("%2e%2e%2f%22%00%F0%9F%A6%80", json!({})).await.expect(202);
    let long = "x".repeat(201);
    let answer = client.provision_as(&long, json!({})).await.expect(400);
    assert!(answer.description().contains("200"), "{}", answer.description());
    client.provision_as("%ff", json!({})).await.expect(400);
    client.provision_as("", json!({})).await.expect(404);
}

#[tokio::test]
async fn gen_21_the_requests_identity_comes_back() {
    let client = Client::new();
    for path in ["/v2/catalog", "/v2/nowhere"] {
        let request = Request::builder().uri(path).header("x-broker-api-request-identity", "abc");
        let answer = client.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.headers["x-broker-api-request-identity"], "abc");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_answered_in_json() {
    let client = Client::new();
    client.request("GET", "/", None).await.expect(404);
    client.request("GET", "/v2/service_instances/", None).await.expect(404);
    client.request("POST", "/v2/catalog", None).await.expect(405);
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let client = Client::with_instance().await;
    client.world.inject("records.instance", Fault::Panic);
    let answer = client.fetch_instance().await.expect(500);
    assert!(!answer.description().contains("injected"), "{}", answer.description());
    client.fetch_instance().await.expect(200);
}

#[tokio::test]
async fn a_failure_of_aws_does_not_tell_the_user_what_the_log_tells() {
    let client = Client::with_instance().await;
    client.world.inject("records.instance", Fault::Before(Unavailable));
    let answer = client.fetch_instance().await.expect(503);
    assert_eq!(answer.description(), "AWS twin does not answer. Send the request again.");
}

#[tokio::test]
async fn gen_09_every_answer_is_json() {
    let client = Client::new();
    for answer in [
        client.request("GET", "/v2/catalog", None).await,
        client.provision(json!({})).await,
        client.deprovision().await,
        client.unbind("one").await,
        client.request("GET", "/nowhere", None).await,
    ] {
        assert_eq!(answer.headers["content-type"], "application/json");
        assert!(answer.body.is_object());
    }
}
