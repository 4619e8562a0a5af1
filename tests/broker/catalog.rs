use serde_json::{Value, json};

use crate::support::catalog;

fn services() -> Vec<Value> {
    let body = serde_json::to_value(catalog().to_osb().expect("a catalog")).expect("JSON");
    body["services"].as_array().expect("services").clone()
}

fn plans() -> Vec<Value> {
    services().iter().flat_map(|service| service["plans"].as_array().expect("plans").clone()).collect()
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
