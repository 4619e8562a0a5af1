//! IAM policy document of a binding.

use serde_json::{Value, json};

/// Returns the policy document of these statements. From `ends_at` on, if it is given, everything
/// is denied.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_aws-dates.html>
pub fn document(statements: &[Value], ends_at: Option<&str>) -> String {
    let end = ends_at.map(|time| {
        json!({
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {"DateGreaterThanEquals": {"aws:CurrentTime": time}},
        })
    });
    let statements: Vec<_> = statements.iter().cloned().chain(end).collect();
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}
