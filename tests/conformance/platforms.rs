//! What Cloud Foundry and Service Catalog demand on top, as their clients read answers.

use aws_service_broker::{
    broker::{
        ports::PortErrorKind::Throttled,
        stacks::StackStatus::{RollbackComplete, UpdateRollbackComplete},
    },
    osb::NonEmpty,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Client, Fault, INSTANCE, basic, plan_id, service_id};

#[tokio::test]
async fn cf_07_responses_have_cloud_foundry_types() {
    let client = Client::new();
    let provisioned = client.provision(json!({})).await.expect(202).body;
    client.finish().await;
    let updated = client
        .update(json!({"parameters": {"DelaySeconds": 1}}))
        .await
        .expect(202)
        .body;
    client.finish().await;
    let deleted = client.deprovision().await.expect(202).body;
    for body in [&provisioned, &updated, &deleted] {
        assert!(
            body["operation"]
                .as_str()
                .is_some_and(|text| (1..=10_000).contains(&text.len())),
            "{body}"
        );
    }
    for body in [&provisioned, &updated] {
        assert!(body["dashboard_url"].is_string());
        assert!(
            body["metadata"]["labels"].is_object() && body["metadata"]["attributes"].is_object()
        );
    }
}

#[tokio::test]
async fn cf_08_09_fetched_resources_have_no_nulls_or_extras() {
    let client = Client::with_instance().await;
    let instance = client.fetch_instance().await.expect(200).body;
    assert!(instance["dashboard_url"].is_string() && instance["parameters"].is_object());
    let bound = client.bind("one", json!({})).await.expect(201).body;
    let fetched = client.fetch_binding("one").await.expect(200).body;
    assert!(fetched["parameters"].is_object());
    for body in [&bound, &fetched] {
        assert!(body["credentials"].is_object());
        for field in ["syslog_drain_url", "route_service_url", "volume_mounts"] {
            assert_eq!(body.get(field), None);
        }
    }
    for body in [&instance, &bound, &fetched] {
        assert!(!body.to_string().contains("null"), "{body}");
    }
}

#[tokio::test]
async fn cf_10_poll_of_known_instance_is_a_200() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.last_operation().await.expect(200);
    client.world.settle_stacks(RollbackComplete, None);
    client.last_operation().await.expect(200);
    client.deprovision().await.expect(202);
    client.last_operation().await.expect(200);
    client.finish().await;
}

#[tokio::test]
async fn cf_11_update_is_never_a_409() {
    let client = Client::new();
    let other = json!({"parameters": {"DelaySeconds": 9}});
    client.provision(json!({})).await.expect(202);
    let mut statuses = vec![client.update(other.clone()).await.status.as_u16()];
    client.world.complete_stacks();
    statuses.push(
        client
            .update(json!({"parameters": {"DelaySeconds": 1}}))
            .await
            .status
            .as_u16(),
    );
    statuses.push(client.update(other.clone()).await.status.as_u16());
    client.world.settle_stacks(UpdateRollbackComplete, None);
    client.last_operation().await.expect(200);
    client.deprovision().await.expect(202);
    statuses.push(client.update(other).await.status.as_u16());
    assert_eq!(statuses, [422, 202, 422, 422]);
}

#[tokio::test]
async fn cf_12_and_k8s_04_deletion_is_a_200_202_or_410() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client.unbind("one").await.expect(200);
    client.unbind("one").await.expect(410);
    client.deprovision().await.expect(202);
    client.finish().await;
    client.deprovision().await.expect(410);
}

#[tokio::test]
async fn cf_13_polling_intervals_are_in_seconds() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.let_time_pass(SignedDuration::from_secs(100));
    let wait: u32 = client.last_operation().await.headers["retry-after"]
        .to_str()
        .expect("text")
        .parse()
        .expect("seconds");
    assert!((1..=60).contains(&wait));
    let catalog = client.request("GET", "/v2/catalog", None).await.body;
    assert!(catalog["services"][0]["plans"][0]["maximum_polling_duration"].is_u64());
}

#[tokio::test]
async fn cf_14_cloud_foundry_requests_are_accepted() {
    let client = Client::with_instance().await;
    let path = format!("/v2/service_instances/{INSTANCE}/service_bindings/one");
    let send = |method: &str, path: String, body: Option<Value>| {
        let request = axum::http::Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", basic("broker", "local-only-password"))
            .header("X-Broker-Api-Version", "2.15")
            .header("X-Broker-API-Request-Identity", "9a5a4e5e")
            .header(
                "X-Broker-Api-Originating-Identity",
                "cloudfoundry eyJ1c2VyX2lkIjoiNjgzZWE3NDgifQ==",
            )
            .header("X-VCAP-Request-ID", "x")
            .header("X-Api-Info-Location", "api.example/v2/info");
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_string()),
            None => request.body(String::new()),
        };
        client.send(request.expect("a request"))
    };
    // A service key: no application.
    let context =
        json!({"platform": "cloudfoundry", "organization_annotations": {}, "space_name": "dev"});
    let body = json!({
        "service_id": service_id("sqs"), "plan_id": plan_id("sqs", "standard"), "context": context,
        "bind_resource": {"credential_client_id": "x"},
    });
    send("PUT", path.clone(), Some(body)).await.expect(201);
    let ids = client.ids();
    send(
        "DELETE",
        format!("{path}?{ids}&accepts_incomplete=true"),
        None,
    )
    .await
    .expect(200);
}

#[tokio::test]
async fn cf_15_error_codes_are_known_to_cloud_foundry() {
    let client = Client::new();
    let mut answers = vec![
        client
            .provision(json!({"maintenance_info": {"version": "0.0.1"}}))
            .await,
        client
            .request("PUT", "/v2/service_instances/x", Some(json!({})))
            .await,
        client.provision(json!({"parameters": {"x": 1}})).await,
        client.bind("one", json!({})).await,
        client.provision(json!({})).await,
        client.bind("one", json!({})).await,
    ];
    client.world.settle_stacks(RollbackComplete, None);
    client.last_operation().await.expect(200);
    answers.extend([
        client.bind("one", json!({})).await,
        client.provision(json!({})).await,
    ]);
    client.deprovision().await.expect(202);
    answers.extend([
        client.bind("one", json!({})).await,
        client.provision(json!({})).await,
    ]);
    client.finish().await;
    answers.extend([
        client.bind("one", json!({})).await,
        client.provision(json!({})).await,
    ]);
    for answer in answers {
        let status = answer.status.as_u16();
        assert!(!(300..400).contains(&status) && status != 410, "{answer:?}");
        let known = [
            "AsyncRequired",
            "ConcurrencyError",
            "MaintenanceInfoConflict",
        ];
        assert!(
            status != 422 || known.iter().any(|word| answer.body["error"] == *word),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn k8s_01_errors_are_objects_with_a_description() {
    let client = Client::new();
    for answer in [
        client.deprovision().await,
        client.request("PUT", "/v2/catalog", None).await,
    ] {
        assert!(answer.body["description"].is_string(), "{answer:?}");
    }
}

#[tokio::test]
async fn k8s_02_error_descriptions_match_service_catalog() {
    let client = Client::new();
    let body = json!({
        "service_id": service_id("sqs"), "plan_id": plan_id("sqs", "standard"),
        "organization_guid": "o", "space_guid": "s",
    });
    let answer = client
        .request("PUT", "/v2/service_instances/x", Some(body))
        .await
        .expect(422);
    assert_eq!(
        answer.description(),
        "This service plan requires client support for asynchronous service operations."
    );
    client.provision(json!({})).await.expect(202);
    assert_eq!(
        client
            .bind("one", json!({}))
            .await
            .expect(422)
            .description(),
        "The Service Broker does not support concurrent requests that mutate the same resource."
    );
}

#[tokio::test]
async fn k8s_03_synchronous_platform_never_gets_a_202() {
    let client = Client::with_instance().await;
    for call in [
        "users.create_user",
        "users.put_policy",
        "users.create_access_key",
        "vault.seal",
    ] {
        client.world.inject(call, Fault::Before(Throttled));
        client.bind("one", json!({})).await.expect(503);
        client.bind("one", json!({})).await.expect(422);
        client.world.let_time_pass(SignedDuration::from_secs(30));
    }
    client.bind("one", json!({})).await.expect(201);
    client
        .world
        .inject("users.access_keys", Fault::Before(Throttled));
    client.unbind("one").await.expect(503);
    client.unbind("one").await.expect(200);
}

#[tokio::test]
async fn k8s_05_only_permanent_errors_are_400s() {
    let client = Client::new();
    client
        .provision(json!({"parameters": {"DelaySeconds": -1}}))
        .await
        .expect(400);
    client
        .provision(json!({"service_id": "unknown"}))
        .await
        .expect(400);
    client
        .world
        .inject("stacks.create", Fault::Before(Throttled));
    client.provision(json!({})).await.expect(503);
    client.provision(json!({})).await.expect(202);
}

#[tokio::test]
async fn pro_05_06_contexts_of_both_platforms_are_kept() {
    for context in [
        json!({
            "platform": "cloudfoundry", "organization_guid": "o", "organization_name": "n", "space_guid": "s",
            "space_name": "d", "instance_name": "i", "organization_annotations": {"a.example/b": "c"},
        }),
        json!({
            "platform": "kubernetes", "namespace": "n", "clusterid": "c", "instance_name": "i",
            "namespace_annotations": {"a": "b"}, "instance_annotations": {},
        }),
    ] {
        let client = Client::new();
        client
            .provision(json!({"context": context}))
            .await
            .expect(202);
        let stored = client
            .world
            .instance(INSTANCE)
            .expect("the record")
            .attributes
            .context;
        assert_eq!(json!(stored.0), context);
    }
}

/// Korifi's bodies: its client leaves nothing out, whether or not it has something to say.
/// <https://github.com/cloudfoundry/korifi/blob/main/controllers/controllers/services/osbapi/types.go>
#[tokio::test]
async fn bnd_03_and_prv_05_korifi_empty_fields_count_as_absent() {
    let client = Client::new();
    let provision = json!({
        "service_id": service_id("sqs"),
        "plan_id": plan_id("sqs", "standard"),
        "space_guid": "2b2f8c4e-6c1c-4a43-b0f4-3f0a6d7c8e9f",
        "organization_guid": "4c1d2e3f-5a6b-4c7d-8e9f-0a1b2c3d4e5f",
        "parameters": null,
    });
    let path = format!("/v2/service_instances/{INSTANCE}");
    client
        .request(
            "PUT",
            &format!("{path}?accepts_incomplete=true"),
            Some(provision),
        )
        .await
        .expect(202);
    client.finish().await;

    let bind = |app_guid: &str| {
        json!({
            "service_id": service_id("sqs"),
            "plan_id": plan_id("sqs", "standard"),
            "app_guid": app_guid,
            "bind_resource": {"app_guid": app_guid},
            "parameters": null,
        })
    };
    let path = |id: &str| format!("{path}/service_bindings/{id}?accepts_incomplete=true");
    client
        .request("PUT", &path("key"), Some(bind("")))
        .await
        .expect(201);
    client
        .request("PUT", &path("key"), Some(bind("")))
        .await
        .expect(200);
    client
        .request("PUT", &path("key"), Some(bind("an-app")))
        .await
        .expect(409);
    client
        .request("PUT", &path("app"), Some(bind("an-app")))
        .await
        .expect(201);

    let apps: Vec<_> = client
        .world
        .bindings()
        .into_iter()
        .map(|binding| binding.app_guid)
        .collect();
    assert_eq!(apps, [NonEmpty::new("an-app"), None]);
}

#[tokio::test]
async fn bnd_03_non_empty_app_guid_wins() {
    let client = Client::with_instance().await;
    for (id, members) in [
        (
            "deprecated",
            json!({"app_guid": "an-app", "bind_resource": {"app_guid": ""}}),
        ),
        (
            "resource",
            json!({"app_guid": "", "bind_resource": {"app_guid": "an-app"}}),
        ),
    ] {
        client.bind(id, members).await.expect(201);
    }
    client
        .bind("wrong", json!({"app_guid": 1}))
        .await
        .expect(400);
    assert!(
        client
            .world
            .bindings()
            .iter()
            .all(|binding| binding.app_guid.as_deref() == Some("an-app"))
    );
}

/// A context of Kubernetes, which Service Catalog sends with every request about an instance.
fn kubernetes() -> Value {
    json!({"platform": "kubernetes", "namespace": "shop", "clusterid": "a-cluster"})
}

/// Service Catalog retries everything but a 400 without end, and meanwhile does not let its user
/// take the change back.
#[tokio::test]
async fn k8s_impossible_update_is_a_400_elsewhere_a_422() {
    let cases = [
        // A parameter that an existing instance cannot change.
        json!({"parameters": {"UseDeadLetterQueue": "false"}}),
        json!({"maintenance_info": {"version": "0.0.1"}}),
    ];
    for case in cases {
        for (context, status) in [
            (kubernetes(), 400),
            (json!({"platform": "cloudfoundry"}), 422),
        ] {
            // Once the request says which platform it is of, and once only the record does.
            for of_request in [true, false] {
                let client = Client::new();
                client
                    .provision(json!({"context": context}))
                    .await
                    .expect(202);
                client.finish().await;
                let mut members = case.clone();
                if of_request {
                    members["context"] = context.clone();
                }
                let refused = client.update(members).await.expect(status);
                assert!(!refused.description().is_empty());
                // The user can take it back.
                client
                    .update(json!({"parameters": {"DelaySeconds": 7}}))
                    .await
                    .expect(202);
            }
        }
    }
}

#[tokio::test]
async fn k8s_update_conflict_is_a_retryable_422() {
    let client = Client::new();
    client
        .provision(json!({"context": kubernetes()}))
        .await
        .expect(202);
    let busy = client
        .update(json!({"context": kubernetes(), "parameters": {"DelaySeconds": 7}}))
        .await
        .expect(422);
    assert_eq!(busy.body["error"], "ConcurrencyError");
}

#[tokio::test]
async fn k8s_omitted_parameter_returns_to_its_default() {
    let client = Client::new();
    let parameters = json!({"DelaySeconds": 7, "VisibilityTimeout": 60});
    client
        .provision(json!({"context": kubernetes(), "parameters": parameters}))
        .await
        .expect(202);
    client.finish().await;

    // What has not changed is not sent.
    client
        .update(json!({"context": kubernetes()}))
        .await
        .expect(200);
    client
        .update(json!({"context": kubernetes(), "parameters": {"DelaySeconds": 7}}))
        .await
        .expect(202);
    client.finish().await;
    assert_eq!(
        client.fetch_instance().await.expect(200).body["parameters"],
        json!({"DelaySeconds": 7})
    );
    assert_eq!(
        client.world.stack().parameters.get("VisibilityTimeout"),
        None,
        "the template's default"
    );

    client
        .update(json!({"context": kubernetes(), "parameters": {}}))
        .await
        .expect(202);
    client.finish().await;
    assert_eq!(
        client.fetch_instance().await.expect(200).body["parameters"],
        json!({})
    );
}

#[tokio::test]
async fn k8s_unchangeable_parameter_cannot_be_omitted() {
    let client = Client::new();
    let parameters = json!({"UseDeadLetterQueue": "false"});
    client
        .provision(json!({"context": kubernetes(), "parameters": parameters}))
        .await
        .expect(202);
    client.finish().await;
    let refused = client
        .update(json!({"context": kubernetes(), "parameters": {}}))
        .await
        .expect(400);
    assert!(
        refused.description().contains("`UseDeadLetterQueue`"),
        "{}",
        refused.description()
    );
}

#[tokio::test]
async fn cf_omitted_parameters_are_kept() {
    let client = Client::new();
    client
        .provision(json!({"parameters": {"VisibilityTimeout": 60}}))
        .await
        .expect(202);
    client.finish().await;
    client
        .update(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(202);
    client.finish().await;
    let parameters = client.fetch_instance().await.expect(200).body["parameters"].clone();
    assert_eq!(
        parameters,
        json!({"VisibilityTimeout": 60, "DelaySeconds": 7})
    );
}
