use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Client, catalog};

fn services() -> Vec<Value> {
    let body = serde_json::to_value(catalog().to_osb().expect("a catalog")).expect("JSON");
    body["services"].as_array().expect("services").clone()
}

fn plans() -> Vec<Value> {
    services().iter().flat_map(|service| service["plans"].as_array().expect("plans").clone()).collect()
}

#[tokio::test]
async fn cat_01_it_is_served_without_any_call_of_aws() {
    let client = Client::new();
    client.request("GET", "/v2/catalog", None).await.expect(200);
    client.world.take_calls();
    client.request("GET", "/v2/catalog", None).await.expect(200);
    assert!(client.world.take_calls().is_empty());
}

#[test]
fn the_services_and_plans_are_those_of_the_templates() {
    let names: Vec<_> = services()
        .iter()
        .map(|service| {
            let plans = service["plans"].as_array().expect("plans").iter();
            (service["name"].clone(), plans.map(|plan| plan["name"].clone()).collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(
        json!(names),
        json!([
            ["dynamodb", ["hashrange", "ondemand"]],
            ["s3", ["simple", "production", "custom"]],
            ["sns", ["topic", "topicwithsub", "subscription"]],
            ["sqs", ["standard", "fifo"]],
        ])
    );
}

#[test]
fn cat_02_the_ids_are_those_of_the_broker_that_this_one_succeeds() {
    // UUIDv5 by hand: python3 -c 'from uuid import *; n = uuid5(UUID(int=0), "000000000000awsservicebroker");
    // print(uuid5(n, "sqs"), uuid5(n, "service__sqs__plan__standard"))'
    let sqs = services().into_iter().find(|service| service["name"] == "sqs").expect("sqs");
    assert_eq!(sqs["id"], "34c8ae01-bd17-50f6-aa3d-b3877feb4f43");
    assert_eq!(sqs["plans"][0]["id"], "b309019a-e1a9-5a5b-afcb-dc1c0ada6efd");
}

#[test]
fn cat_07_and_19_ids_are_unique_in_the_whole_catalog() {
    let ids: Vec<_> = services().into_iter().chain(plans()).map(|entry| entry["id"].to_string()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

#[test]
fn cf_02_and_04_and_k8s_06_texts_are_there_and_short_enough() {
    for entry in services().into_iter().chain(plans()) {
        let name = entry["name"].as_str().expect("a name");
        assert!((1..=63).contains(&name.len()), "{name}");
        let description = entry["description"].as_str().expect("a description");
        assert!((1..=255).contains(&description.chars().count()), "{name}: {description}");
    }
}

#[test]
fn cat_22_nothing_is_declared_free() {
    assert!(plans().iter().all(|plan| plan["free"] == false));
}

#[test]
fn cat_29_30_31_and_cf_06_schemas_are_draft_4_and_small_and_refer_to_nothing() {
    for plan in plans() {
        for schema in [
            &plan["schemas"]["service_instance"]["create"]["parameters"],
            &plan["schemas"]["service_binding"]["create"]["parameters"],
        ] {
            assert_eq!(schema["$schema"], "http://json-schema.org/draft-04/schema#");
            jsonschema::draft4::meta::validate(schema).expect("draft 4");
            let text = schema.to_string();
            assert!(text.len() <= 65_536 && !text.contains("$ref"), "{text}");
        }
    }
}

#[test]
fn a_parameter_is_described_with_all_that_the_template_says_of_it() {
    let standard = plans().into_iter().find(|plan| plan["name"] == "standard").expect("standard");
    let properties = &standard["schemas"]["service_instance"]["create"]["parameters"]["properties"];
    let delay = &properties["DelaySeconds"];
    assert_eq!(delay["type"], "number");
    assert_eq!((&delay["minimum"], &delay["maximum"], &delay["default"]), (&json!(0), &json!(900), &json!(0)));
    assert!(delay["description"].as_str().is_some_and(|text| text.contains("Seconds")));
    assert!(delay["title"].is_string());
    // What the plan fixes is not for the user.
    assert_eq!(properties["FifoQueue"], Value::Null);
}
