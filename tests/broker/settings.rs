use std::collections::BTreeMap;

use aws_service_broker::{http::MissingVersion, settings::Settings};
use jiff::SignedDuration;
use serde_json::Value;

fn variable(name: &str) -> Option<String> {
    Some(match name {
        "BROKER_ROLE_ARN" => "arn:aws-cn:iam::123456789012:role/broker".into(),
        "BINDING_LIFETIME_DAYS" => "90".into(),
        "MAX_INSTANCES_PER_ORGANIZATION" => "0".into(),
        "MAX_BINDINGS_PER_INSTANCE" => "5".into(),
        "MISSING_VERSION_STATUS" => "412".into(),
        "BINDABLE_ROLES" => "team/*,web".into(),
        "OIDC_PROVIDER_ARN" => String::new(),
        "OUTPUTS_AS_IS" | "PRESCRIBE_OVERRIDES" | "STACK_EVENTS" | "SWEEP_REMOVES" => "no".into(),
        "ENABLED_SERVICES" => "sqs, s3".into(),
        "LOCATIONS" | "ENABLED_PLANS" | "PARAMETER_LIMITS" | "RECORD_NAMES" | "ENTRY_OWNERS"
        | "TAGS" => String::new(),
        "RECORD_ZONES" => "Z1,Z2".into(),
        name => format!("the {name}"),
    })
}

#[test]
fn partition_follows_from_the_broker_role() {
    let settings = Settings::read(variable).expect("all are set");
    assert_eq!(settings.partition(), "aws-cn");
    assert_eq!(settings.table_name, "the TABLE_NAME");
    assert_eq!(
        settings.binding_rules.lifetime,
        Some(SignedDuration::from_hours(90 * 24))
    );
    assert_eq!(settings.missing_version, MissingVersion::PreconditionFailed);
}

#[test]
fn zero_days_mean_no_binding_expiry() {
    let read = |days: &str| {
        Settings::read(|name| {
            if name == "BINDING_LIFETIME_DAYS" {
                Some(days.into())
            } else {
                variable(name)
            }
        })
    };
    assert_eq!(read("0").expect("a lifetime").binding_rules.lifetime, None);
    for wrong in ["-1", "forever", "3654", "1.5"] {
        let error = read(wrong).expect_err(wrong).to_string();
        assert!(
            error.contains("BINDING_LIFETIME_DAYS") && error.contains("number of days"),
            "{error}"
        );
    }
}

#[test]
fn optional_settings_may_be_empty() {
    let rules = Settings::read(variable).expect("all are set").binding_rules;
    assert!(
        rules
            .roles
            .allow("arn:aws-cn:iam::123456789012:role/team/a")
    );
    assert_eq!(rules.workload_identity.oidc_provider_arn, None);
    assert_eq!(
        rules.workload_identity.eks_cluster_arn.as_deref(),
        Some("the EKS_CLUSTER_ARN")
    );
    let empty = |name: &str| {
        variable(name).filter(|_| !matches!(name, "BINDABLE_ROLES" | "EKS_CLUSTER_ARN"))
    };
    let rules = Settings::read(empty)
        .expect("what has to be set is")
        .binding_rules;
    assert!(rules.roles.is_empty() && !rules.workload_identity.is_configured());
    let wrong = |name: &str| {
        if name == "OUTPUTS_AS_IS" {
            Some("maybe".into())
        } else {
            variable(name)
        }
    };
    let error = Settings::read(wrong).expect_err("maybe").to_string();
    assert!(
        error.contains("OUTPUTS_AS_IS") && error.contains("yes or no"),
        "{error}"
    );
}

#[test]
fn enabled_services_are_parsed_and_validated() {
    let read = |list: &str| {
        Settings::read(|name| {
            if name == "ENABLED_SERVICES" {
                Some(list.into())
            } else {
                variable(name)
            }
        })
    };
    assert_eq!(
        read("sqs, s3").expect("two services").enabled_services,
        ["sqs", "s3"]
    );
    assert!(read("").expect("all services").enabled_services.is_empty());
    for wrong in ["sqs,mainframe", ","] {
        let error = read(wrong).expect_err(wrong).to_string();
        assert!(
            error.contains("ENABLED_SERVICES must be a list of names of services"),
            "{error}"
        );
    }
}

#[test]
fn restriction_settings_are_parsed_and_validated() {
    let restrictions = Settings::read(variable).expect("all are set").restrictions;
    assert_eq!(restrictions.consents.entries["RecordZones"], ["Z1", "Z2"]);
    assert_eq!(
        restrictions.consents.entries.get("RecordNames"),
        None,
        "an empty list is none"
    );
    for (name, value) in [
        ("ENABLED_PLANS", "sqs/none"),
        ("PARAMETER_LIMITS", "{\"sqs\": 1}"),
        ("ENTRY_OWNERS", "{\"Z3\": [\"one\"]}"),
        ("TAGS", "team"),
    ] {
        let wrong = |other: &str| {
            if other == name {
                Some(value.into())
            } else {
                variable(other)
            }
        };
        let error = Settings::read(wrong).expect_err(value).to_string();
        assert!(
            error.contains(name) && error.contains("is not valid"),
            "{error}"
        );
    }
}

#[test]
fn zero_quota_means_unlimited() {
    let quotas = Settings::read(variable).expect("all are set").quotas;
    assert_eq!(
        (
            quotas.instances_per_organization,
            quotas.bindings_per_instance
        ),
        (None, Some(5))
    );
    for name in [
        "MAX_INSTANCES_PER_ORGANIZATION",
        "MAX_BINDINGS_PER_INSTANCE",
    ] {
        let wrong = |other: &str| {
            if other == name {
                Some("-1".into())
            } else {
                variable(other)
            }
        };
        let error = Settings::read(wrong).expect_err("-1").to_string();
        assert!(
            error.contains(name) && error.contains("a whole number"),
            "{error}"
        );
    }
}

#[test]
fn prefix_must_not_match_the_brokers_own_stack() {
    let read = |prefix: &str, table: &str| {
        Settings::read(|name| match name {
            "NAME_PREFIX" => Some(prefix.into()),
            "TABLE_NAME" => Some(table.into()),
            name => variable(name),
        })
    };
    read("osb", "aws-service-broker-Table").expect("another name");
    read("osb", "osbs-Table").expect("another name");
    let error = read("broker", "broker-Table")
        .expect_err("the same first word")
        .to_string();
    assert!(
        error.contains("NAME_PREFIX must be a prefix that the broker's stack"),
        "{error}"
    );
}

#[test]
fn reserved_name_prefixes_are_refused() {
    let read = |prefix: &str| {
        Settings::read(|name| match name {
            "NAME_PREFIX" => Some(prefix.into()),
            "TABLE_NAME" => Some("my-broker-Table".into()),
            name => variable(name),
        })
    };
    for prefix in ["osb", "awsome", "services"] {
        assert_eq!(read(prefix).expect(prefix).name_prefix, prefix);
    }
    for prefix in ["aws", "service"] {
        let error = read(prefix).expect_err(prefix).to_string();
        assert!(
            error.contains("NAME_PREFIX must be a prefix other than aws and service"),
            "{error}"
        );
    }
}

#[test]
fn missing_version_status_must_be_400_or_412() {
    let with = |name: &str| {
        if name == "MISSING_VERSION_STATUS" {
            Some("200".into())
        } else {
            variable(name)
        }
    };
    let error = Settings::read(with).expect_err("200").to_string();
    assert!(
        error.contains("MISSING_VERSION_STATUS") && error.contains("400 or 412"),
        "{error}"
    );
}

#[test]
fn missing_or_empty_setting_is_named() {
    for value in [None, Some(String::new())] {
        let without = |name: &str| {
            if name == "KEY_ARN" {
                value.clone()
            } else {
                variable(name)
            }
        };
        let error = Settings::read(without)
            .expect_err("KEY_ARN is not set")
            .to_string();
        assert!(
            error.contains("KEY_ARN") && error.contains("infra/template.yaml"),
            "{error}"
        );
    }
}

#[test]
fn locations_are_parsed_and_validated() {
    let read = |list: &str, external_id: &str| {
        Settings::read(|name| match name {
            "NAME_PREFIX" => Some("osb".into()),
            "LOCATIONS" => Some(list.into()),
            "EXTERNAL_ID" => Some(external_id.into()),
            name => variable(name),
        })
    };
    let good = "222222222222/eu-west-1/service-broker-osb-eu-west-1";
    let locations = read(&format!("{good}, {good}-2"), "a-secret")
        .expect("two locations")
        .locations
        .0;
    let locations: Vec<_> = locations.into_keys().collect();
    assert_eq!(
        (
            locations[0].account_id.as_str(),
            locations[0].region.as_str()
        ),
        ("222222222222", "eu-west-1")
    );
    assert_eq!(locations[1].role_name, "service-broker-osb-eu-west-1-2");
    assert!(read("", "").expect("none").locations.0.is_empty());
    let twice = read(&format!("{good}=one,{good}"), "an-id")
        .expect_err("for one, and for all")
        .to_string();
    assert!(
        twice.contains("LOCATIONS must be a list in which each location occurs once"),
        "{twice}"
    );
    let for_two = read(&format!("{good}=one|two, {good}-2"), "an-id")
        .expect("organizations")
        .locations
        .0;
    let organizations: Vec<_> = for_two
        .into_values()
        .map(|guids| guids.into_iter().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(organizations, ["one two", ""]);
    read(&format!("{good}="), "an-id").expect_err("no organization");
    for wrong in [
        "222222222222/eu-west-1",
        "222222222222/eu-west-1/admin",
        "222222222222/eu-west-1/service-broker-a-b",
    ] {
        let error = read(wrong, "an-id").expect_err(wrong).to_string();
        assert!(
            error.contains("LOCATIONS must be a list of account/region/role"),
            "{error}"
        );
    }
    let error = read(good, "").expect_err("no external id").to_string();
    assert!(error.contains("EXTERNAL_ID is missing"), "{error}");
}

/// Otherwise a deployment with a wrong value would succeed, and the broker would not start.
#[test]
fn guard_checks_every_parameter_the_broker_may_refuse() {
    let template: Value = serde_saphyr::from_str(include_str!("../../infra/template.yaml"))
        .expect("the broker's own stack");
    let guarded = template["Resources"]["Guard"]["Properties"]["Settings"].to_string();
    let variables = template["Globals"]["Function"]["Environment"]["Variables"]
        .as_object()
        .expect("variables");
    let parameters: BTreeMap<_, _> = template["Parameters"]
        .as_object()
        .expect("parameters")
        .iter()
        .collect();

    let mut refused = 0;
    for (name, value) in variables {
        let source = value
            .as_array()
            .and_then(|list| list.last())
            .unwrap_or(value);
        let Some((parameter, declared)) = source
            .as_str()
            .and_then(|source| parameters.get_key_value(&source.to_owned()))
        else {
            continue;
        };
        let wrong = |other: &str| {
            if other == name {
                Some("1.5".into())
            } else {
                variable(other)
            }
        };
        if declared.get("AllowedValues").is_none() && Settings::read(wrong).is_err() {
            assert!(
                guarded.contains(&format!("\"{parameter}\"")),
                "{parameter}: {guarded}"
            );
            refused += 1;
        }
    }
    assert!(refused > 5, "{refused} parameters");
}
