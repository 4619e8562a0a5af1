//! What all templates of this repository have in common.

use aws_service_broker::offerings::OFFERINGS;
use serde_json::Value;

/// The services of this repository that hand out an identity: their names, with the keys of their
/// credentials.
fn keys_of_services() -> Vec<(String, Vec<String>)> {
    let with_identity = OFFERINGS
        .iter()
        .filter(|offering| !offering.bindings.scopes.is_empty());

    with_identity
        .map(|offering| {
            let keys = offering
                .bindings
                .credentials
                .iter()
                .map(|credential| credential.key.to_string());
            (offering.name.to_string(), keys.collect())
        })
        .collect()
}

#[test]
fn every_service_provides_the_standard_aws_keys() {
    let services = keys_of_services();
    assert!(services.len() >= 20, "{services:?}");

    for (service, keys) in services {
        for key in [
            "AWS_REGION",
            "AWS_DEFAULT_REGION",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_ROLE_ARN",
        ] {
            assert!(
                keys.iter().any(|other| other == key),
                "{service} has no {key}: {keys:?}"
            );
        }
    }
}

/// Kubernetes leaves others out where it makes variables of a secret.
/// <https://kubernetes.io/docs/tasks/inject-data-application/distribute-credentials-secure/>
#[test]
fn every_key_can_be_an_environment_variable() {
    let is_variable = |key: &str| {
        let is_character = |c: char| c.is_ascii_alphanumeric() || c == '_';
        key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.chars().all(is_character)
    };

    for (service, keys) in keys_of_services() {
        for key in keys {
            assert!(is_variable(&key), "{service}: {key}");
        }
    }
}

/// True if the statement lets a binding use a key of KMS. To describe one gives nothing away.
fn allows_use_of_a_key(statement: &Value) -> bool {
    let is_use = |action: &Value| {
        action
            .as_str()
            .is_some_and(|action| action.starts_with("kms:") && action != "kms:DescribeKey")
    };
    let action = &statement["Action"];
    statement["Effect"] == "Allow"
        && (is_use(action) || action.as_array().into_iter().flatten().any(is_use))
}

/// True if the statement is about the service's use of the key for certain resources, or if the
/// key's owner has agreed to it with a tag.
fn is_limited_to_what_is_encrypted(statement: &Value) -> bool {
    let operators = ["StringEquals", "StringLike", "ArnEquals", "ArnLike"];
    let conditions = operators
        .into_iter()
        .filter_map(|operator| statement["Condition"][operator].as_object());

    conditions
        .flat_map(|condition| condition.keys())
        .any(|key| {
            key.starts_with("kms:EncryptionContext:")
                || key == "aws:ResourceTag/servicebroker:space-guid"
        })
}

/// Whoever may create an instance can name any key. In a role that may read more than the instance,
/// the right to use the key for all of it would be a gift.
#[test]
fn kms_permissions_are_limited_to_the_instance() {
    let mut uses = 0;

    // The key of an instance of the service kms is its own.
    for offering in OFFERINGS.iter().filter(|offering| &*offering.name != "kms") {
        for scope in &*offering.bindings.scopes {
            let statements: Vec<Value> =
                serde_json::from_str(&scope.statements).expect("statements");
            for statement in statements
                .iter()
                .filter(|statement| allows_use_of_a_key(statement))
            {
                assert!(
                    is_limited_to_what_is_encrypted(statement),
                    "{}, scope {}: {statement}",
                    offering.name,
                    scope.name
                );
                uses += 1;
            }
        }
    }

    assert!(uses >= 20, "statements about keys: {uses}");
}
