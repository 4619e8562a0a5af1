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
/// replaces the policy. The one with a name cannot be replaced, the other one is the boundary of
/// users that the new one would not be.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-managedpolicy.html>
#[test]
fn boundary_descriptions_never_change() {
    for template in [
        include_str!("../../infra/template.yaml"),
        include_str!("../../infra/target-account.yaml"),
    ] {
        let template: Template = serde_saphyr::from_str(template).expect("a template");
        for (boundary, text) in [
            (
                "StackRolesBoundary",
                "${AWS::StackName} - the most that a role in the stack of a service instance can \
                 be worth",
            ),
            (
                "PermissionsBoundary",
                "${AWS::StackName} - the most that the credentials of a binding can be worth",
            ),
        ] {
            let properties = template.resources[boundary]
                .properties
                .as_ref()
                .expect("properties");
            assert_eq!(
                properties.description,
                Some(text.into()),
                "of {boundary}, which is never to change"
            );
        }
    }
}
