use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Client, body_of, catalog, plan};

fn services() -> Vec<Value> {
    let body = body_of(&catalog());
    body["services"].as_array().expect("services").clone()
}

fn plans() -> Vec<Value> {
    services()
        .iter()
        .flat_map(|service| service["plans"].as_array().expect("plans").clone())
        .collect()
}

#[tokio::test]
async fn cat_01_catalog_needs_no_aws_call() {
    let client = Client::new();
    client.request("GET", "/v2/catalog", None).await.expect(200);
    client.world.take_calls();
    client.request("GET", "/v2/catalog", None).await.expect(200);
    assert!(client.world.take_calls().is_empty());
}

#[test]
fn cat_02_ids_match_the_predecessor_broker() {
    // UUIDv5 by hand: python3 -c 'from uuid import *; n = uuid5(UUID(int=0),
    // "000000000000awsservicebroker"); print(uuid5(n, "sqs"), uuid5(n,
    // "service__sqs__plan__standard"))'
    let sqs = services()
        .into_iter()
        .find(|service| service["name"] == "sqs")
        .expect("sqs");
    assert_eq!(sqs["id"], "34c8ae01-bd17-50f6-aa3d-b3877feb4f43");
    assert_eq!(
        sqs["plans"][0]["id"],
        "b309019a-e1a9-5a5b-afcb-dc1c0ada6efd"
    );
}

#[test]
fn cat_07_19_and_cf_01_catalog_ids_are_unique() {
    let ids: Vec<_> = services()
        .into_iter()
        .chain(plans())
        .map(|entry| entry["id"].to_string())
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

#[test]
fn cat_03_05_08_20_21_and_cf_02_04_and_k8s_06_texts_are_short() {
    // OSBAPI recommends 255 characters for every string. Long descriptions, which people read, are
    // longer on purpose.
    for entry in services().into_iter().chain(plans()) {
        let name = entry["name"].as_str().expect("a name");
        assert!((1..=63).contains(&name.len()), "{name}");
        let description = entry["description"].as_str().expect("a description");
        assert!(
            (1..=255).contains(&description.chars().count()),
            "{name}: {description}"
        );
    }
}

#[test]
fn cat_22_no_plan_is_free() {
    assert!(plans().iter().all(|plan| plan["free"] == false));
}

#[test]
fn cat_28_29_30_31_and_cf_06_schemas_are_small_draft_4() {
    for plan in plans() {
        for schema in [
            &plan["schemas"]["service_instance"]["create"]["parameters"],
            &plan["schemas"]["service_instance"]["update"]["parameters"],
            &plan["schemas"]["service_binding"]["create"]["parameters"],
        ] {
            assert_eq!(schema["$schema"], "http://json-schema.org/draft-04/schema#");
            jsonschema::draft4::meta::validate(schema).expect("draft 4");
            let text = schema.to_string();
            assert!(text.len() <= 65_536 && !text.contains("$ref"), "{text}");
        }
    }
}

#[tokio::test]
async fn cat_04_unchanged_catalog_is_a_304() {
    let client = Client::new();
    let answer = client.request("GET", "/v2/catalog", None).await.expect(200);
    let etag = answer.headers["etag"].to_str().expect("text").to_owned();
    for (known, status) in [
        (etag.as_str(), 304),
        (&format!("\"other\", W/{etag}"), 304),
        ("*", 304),
        ("\"other\"", 200),
        ("nonsense", 200),
    ] {
        let request = axum::http::Request::builder()
            .uri("/v2/catalog")
            .header(
                "authorization",
                crate::support::basic("broker", "local-only-password"),
            )
            .header("x-broker-api-version", "2.17")
            .header("if-none-match", known);
        let answer = client
            .send(request.body(axum::body::Body::empty()).expect("a request"))
            .await
            .expect(status);
        assert_eq!(answer.headers["etag"], etag, "{known}");
    }
    // Another catalog has another tag.
    let empty = Client::with_catalog(catalog::Catalog::new(Vec::new().into(), "0", "b"));
    let answer = empty.request("GET", "/v2/catalog", None).await.expect(200);
    assert_eq!(answer.body, json!({"services": []}));
    assert_ne!(answer.headers["etag"], etag);
}

// OSBAPI recommends a prefix for the names of services. These are those of the broker that this one
// succeeds.
#[test]
fn cat_05_06_10_names_are_unique_and_cli_friendly() {
    let cli_friendly = |name: &Value| {
        let name = name.as_str().expect("a name");
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-')
    };
    let services = services();
    let names: BTreeSet<_> = services
        .iter()
        .map(|service| service["name"].to_string())
        .collect();
    assert_eq!(names.len(), services.len());
    for service in services {
        let plans = service["plans"].as_array().expect("plans").clone();
        let names: BTreeSet<_> = plans.iter().map(|plan| plan["name"].to_string()).collect();
        assert!(!plans.is_empty() && names.len() == plans.len());
        assert!(
            plans
                .iter()
                .chain([&service])
                .all(|entry| cli_friendly(&entry["name"]))
        );
    }
}

#[test]
fn cat_09_11_12_13_14_15_16_17_services_declare_capabilities() {
    for service in services() {
        for field in [
            "bindable",
            "instances_retrievable",
            "bindings_retrievable",
            "allow_context_updates",
        ] {
            assert_eq!(service[field], true, "{field}");
        }
        let plans = service["plans"].as_array().expect("plans").iter();
        let updateable = plans.clone().any(|plan| plan["plan_updateable"] == true);
        assert_eq!(service["plan_updateable"], updateable);
        assert!(
            service["tags"]
                .as_array()
                .expect("tags")
                .iter()
                .all(Value::is_string)
        );
        assert!(service["metadata"].is_object());
        // Nothing of what it would declare.
        assert_eq!(service.get("requires"), None);
    }
    let updateable: Vec<_> = services()
        .iter()
        .filter(|service| service["plan_updateable"] == true)
        .map(|service| service["name"].clone())
        .collect();
    assert_eq!(
        updateable,
        [
            "auroramysql",
            "aurorapostgresql",
            "cognito",
            "dynamodb",
            "kinesis",
            "rdsmariadb",
            "rdsmssql",
            "rdsmysql",
            "rdsoracle",
            "rdspostgresql",
            "s3"
        ]
    );
}

#[test]
fn cat_23_24_25_26_27_and_cf_05_plans_declare_capabilities() {
    for plan in plans() {
        assert_eq!(plan["bindable"], true);
        assert_eq!(plan["binding_rotatable"], true);
        let polling = plan["maximum_polling_duration"].as_u64().expect("seconds");
        assert!((7_200..=86_400).contains(&polling), "{plan}");
        let info = plan["maintenance_info"]
            .as_object()
            .expect("maintenance_info");
        assert_eq!(info.keys().collect::<Vec<_>>(), ["version", "description"]);
        semver::Version::parse(info["version"].as_str().expect("a version")).expect("SemVer");
        assert!(
            info["description"]
                .as_str()
                .is_some_and(|text| !text.is_empty() && text.len() <= 255)
        );
    }
}

#[test]
fn cat_28_update_schema_has_only_updatable_parameters() {
    let standard = plan("sqs", "standard");
    let schema = &standard["schemas"]["service_instance"]["update"]["parameters"];
    let properties = schema["properties"].as_object().expect("properties");
    assert_eq!(
        properties["DelaySeconds"]["type"],
        json!(["integer", "null"])
    );
    assert_eq!(properties["DelaySeconds"].get("default"), None);
    assert_eq!(
        properties.get("UseDeadLetterQueue"),
        None,
        "it would replace the queue"
    );
    assert_eq!(
        (schema.get("required"), &schema["additionalProperties"]),
        (None, &json!(false))
    );
}

#[tokio::test]
async fn cat_32_instance_of_removed_service_can_be_deleted() {
    let old = Client::with_instance().await;
    let empty = catalog::Catalog::new(Vec::new().into(), "0", "b");
    let client = Client::with(
        old.world.clone(),
        empty,
        Default::default(),
        Default::default(),
    );
    client.last_operation().await.expect(200);
    client.fetch_instance().await.expect(200);
    client.update(json!({})).await.expect(400);
    client.deprovision().await.expect(202);
    assert_eq!(
        client.last_operation().await.expect(200).description(),
        "Deleting: 0 resources done."
    );
    client.world.complete_stacks();
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
}

#[test]
fn pro_01_02_03_04_metadata_follow_the_profile() {
    for service in services() {
        let metadata = &service["metadata"];
        for field in [
            "displayName",
            "longDescription",
            "providerDisplayName",
            "documentationUrl",
        ] {
            assert!(
                metadata[field]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{field}: {metadata}"
            );
        }
        assert_eq!(metadata["shareable"], true);
    }
    for plan in plans() {
        let metadata = &plan["metadata"];
        assert!(metadata["displayName"].is_string());
        assert!(
            metadata["bullets"]
                .as_array()
                .is_some_and(|bullets| bullets.iter().all(Value::is_string))
        );
        for cost in metadata["costs"].as_array().into_iter().flatten() {
            assert!(
                cost["amount"]
                    .as_object()
                    .is_some_and(|amount| amount.values().all(Value::is_number)),
                "{cost}"
            );
            assert!(cost["unit"].is_string(), "{cost}");
        }
    }
}
