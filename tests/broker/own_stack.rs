//! The stacks that operators deploy: what an upgrade must not change.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Template {
    resources: BTreeMap<String, Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    properties: Option<Properties>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    description: Option<Value>,
}

/// `Description` is one of the create-only properties of `AWS::IAM::ManagedPolicy`: another text
/// replaces the policy, which cannot be done to one with a name.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-managedpolicy.html>
#[test]
fn boundary_descriptions_never_change() {
    for template in [
        include_str!("../../infra/template.yaml"),
        include_str!("../../infra/target-account.yaml"),
    ] {
        assert_eq!(
            description(template, "StackRolesBoundary"),
            "${AWS::StackName} - the most that a role in the stack of a service instance can be \
             worth",
        );
    }
    assert_eq!(
        description(
            include_str!("../../infra/services.yaml"),
            "StepfunctionsBoundary"
        ),
        "The most that the credentials of a binding of stepfunctions can be worth",
    );
}

fn description(template: &str, logical_id: &str) -> Value {
    let template: Template = serde_saphyr::from_str(template).expect("a template");
    let properties = template.resources[logical_id].properties.as_ref();
    let description = properties.expect("properties").description.clone();
    description.expect("a description")
}
