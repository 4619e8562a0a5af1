use serde_json::{Value, json};

use crate::support::{body_of, catalog, plan};

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

/// Those of the broker that this one succeeds have its names, from which their ids follow. Whoever
/// has instances of a plan relies on it.
#[test]
fn published_services_and_plans_are_still_offered() {
    let promised = json!([
        ["athena", ["default"]],
        ["bedrock", ["models", "guarded"]],
        ["codecommit", ["default"]],
        ["cognito", ["production", "dev", "custom"]],
        ["dynamodb", ["hashrange", "ondemand"]],
        ["eventbridge", ["bus"]],
        ["kinesis", ["default", "ondemand"]],
        ["kms", ["default"]],
        ["lex", ["default"]],
        ["location", ["places", "tracking"]],
        ["polly", ["default"]],
        ["rekognition", ["default", "collection"]],
        ["route53", ["hostedzone", "recordset"]],
        ["s3", ["simple", "production", "custom"]],
        ["secretsmanager", ["default"]],
        ["ses", ["identity", "address"]],
        ["sns", ["topic", "topicwithsub", "subscription"]],
        ["sqs", ["standard", "fifo"]],
        ["stepfunctions", ["standard", "express"]],
        ["translate", ["default"]],
    ]);
    for entry in promised.as_array().expect("services") {
        for name in entry[1].as_array().expect("plans") {
            let (service, name) = (
                entry[0].as_str().expect("a name"),
                name.as_str().expect("a name"),
            );
            assert_eq!(plan(service, name)["name"], name);
        }
    }
}

#[test]
fn services_and_plans_have_complete_metadata() {
    let says = |entry: &Value, path: &str| {
        let text = entry
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default();
        assert!(!text.is_empty(), "{} has no {path}", entry["name"]);
        text.to_owned()
    };
    for service in services() {
        for field in ["displayName", "longDescription", "providerDisplayName"] {
            says(&service, &format!("/metadata/{field}"));
        }
        assert!(
            says(&service, "/metadata/documentationUrl")
                .starts_with("https://docs.aws.amazon.com/")
        );
        assert!(!service["tags"].as_array().expect("tags").is_empty());
    }
    for plan in plans() {
        says(&plan, "/description");
        says(&plan, "/metadata/displayName");
        says(&plan, "/metadata/longDescription");
        assert!(says(&plan, "/metadata/cost").starts_with("https://aws.amazon.com/"));
        assert!(
            !plan["metadata"]["bullets"]
                .as_array()
                .expect("bullets")
                .is_empty()
        );
    }
}

#[test]
fn every_parameter_has_a_label_and_a_description() {
    for plan in plans() {
        let schema = &plan["schemas"]["service_instance"]["create"]["parameters"];
        for (name, property) in schema["properties"].as_object().expect("properties") {
            for field in ["title", "description"] {
                let text = property[field].as_str().unwrap_or_default();
                assert!(
                    !text.is_empty(),
                    "{name} of plan {} has no {field}",
                    plan["name"]
                );
            }
        }
    }
}

#[test]
fn parameter_schema_reflects_the_template() {
    let standard = plan("sqs", "standard");
    let properties = &standard["schemas"]["service_instance"]["create"]["parameters"]["properties"];
    let delay = &properties["DelaySeconds"];
    assert_eq!(delay["type"], "integer");
    assert_eq!(
        (&delay["minimum"], &delay["maximum"], &delay["default"]),
        (&json!(0), &json!(900), &json!(0))
    );
    assert!(
        delay["description"]
            .as_str()
            .is_some_and(|text| text.contains("in seconds"))
    );
    assert!(delay["title"].is_string());
    // What the plan fixes is not for the user.
    assert_eq!(properties["FifoQueue"], Value::Null);
}

#[test]
fn operator_selects_offered_services() {
    let names = |services: &[&str]| {
        let services: Vec<_> = services.iter().map(|name| (*name).to_owned()).collect();
        let offered = body_of(&catalog().only(&services));
        let offered = offered["services"].as_array().expect("services").clone();
        offered
            .iter()
            .map(|service| service["name"].as_str().expect("a name").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&["sqs", "s3"]), ["s3", "sqs"]);
    assert_eq!(names(&[]).len(), services().len());
}
