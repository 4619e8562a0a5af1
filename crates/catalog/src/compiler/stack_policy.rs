//! The stack policy of a template: what no update may replace or delete.

use serde_json::{Value, json};

use super::document::Template;
use crate::model::Text;

/// CloudFormation's limit of a stack policy, in bytes.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html>
const MAX_STACK_POLICY: usize = 16_384;

/// Returns the stack policy, which protects the resources that hold data. Without such resources,
/// it allows everything: a stack keeps its policy until it gets another one.
///
/// Without a policy, a change of a property can replace a table by an empty one.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html>
///
/// # Errors
///
/// Fails if the policy is longer than CloudFormation allows.
pub fn stack_policy(template: &Template) -> Result<Text, String> {
    let protected: Vec<_> = template
        .resources
        .iter()
        .filter(|(_, resource)| holds_data(resource))
        .map(|(logical_id, _)| format!("LogicalResourceId/{logical_id}"))
        .collect();

    let mut statements =
        vec![json!({"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"})];
    if !protected.is_empty() {
        statements.push(json!({
            "Effect": "Deny",
            "Action": ["Update:Replace", "Update:Delete"],
            "Principal": "*",
            "Resource": protected,
        }));
    }
    let policy = json!({ "Statement": statements }).to_string();
    if policy.len() > MAX_STACK_POLICY {
        return Err(format!(
            "the stack policy has {} bytes; CloudFormation allows {MAX_STACK_POLICY}",
            policy.len()
        ));
    }
    Ok(policy.into())
}

/// True if the author wants the resource to outlive a replacement, or else its deletion. A value
/// that depends on a parameter counts, too.
fn holds_data(resource: &Value) -> bool {
    let policy = ["UpdateReplacePolicy", "DeletionPolicy"]
        .iter()
        .find_map(|key| resource.get(key));
    policy.is_some_and(|policy| policy != "Delete")
}
