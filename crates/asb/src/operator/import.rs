//! The environment variables with which the archived AWS Service Broker was configured.

use anyhow::{Context, Result, bail};
use catalog::{Override, Scope};

const PREFIX: &str = "PARAM_OVERRIDE_";
/// A part of a name that stands for all clusters, namespaces or services.
const ALL: &str = "all";

/// Reads the variables `PARAM_OVERRIDE_<broker>_<cluster>_<namespace>_<service>_<parameter>` from lines
/// `NAME=VALUE`. A line may begin with `export`, and a value may be quoted.
///
/// # Errors
///
/// A variable of this broker has another form, or there is none.
pub fn overrides(text: &str, broker_id: &str) -> Result<Vec<Override>> {
    let prefix = format!("{PREFIX}{broker_id}_");
    let mut overrides = Vec::new();
    for line in text.lines().map(str::trim) {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        if let Some(rest) = name.strip_prefix(&prefix) {
            let it = parse(rest, unquoted(value)).with_context(|| name.to_owned())?;
            // The archived broker ignored empty values.
            overrides.extend((!it.value.is_empty()).then_some(it));
        }
    }
    if overrides.is_empty() {
        bail!("no variable begins with {prefix}: name the archived broker's id with --broker-id");
    }
    Ok(overrides)
}

fn parse(rest: &str, value: &str) -> Result<Override> {
    let parts: Vec<_> = rest.splitn(4, '_').collect();
    let [cluster, namespace, service, parameter] = parts[..] else {
        bail!("expected <cluster>_<namespace>_<service>_<parameter> after the broker's id");
    };
    let part = |text: &str| (text != ALL).then(|| text.to_owned());
    Ok(Override {
        scope: Scope {
            organization: part(cluster),
            space: part(namespace),
            service: part(service),
        },
        parameter: parameter.to_owned(),
        value: value.to_owned(),
    })
}

fn unquoted(value: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_become_overrides() {
        let text = "\
PATH=/usr/bin
export PARAM_OVERRIDE_aws_broker_all_all_all_region='eu-west-1'
PARAM_OVERRIDE_aws_broker_0b6e2c1a8d474b6a9e0f1c2d3e4f5a6b_shop_sqs_Delay_Seconds=\"5=5\"
PARAM_OVERRIDE_aws_broker_all_all_s3_Empty=
PARAM_OVERRIDE_another_all_all_all_VpcId=vpc-1
";
        let found = overrides(text, "aws_broker").expect("overrides");
        let [region, delay] = &found[..] else {
            panic!("{found:?}");
        };
        assert_eq!(
            (&*region.parameter, &*region.value),
            ("region", "eu-west-1")
        );
        assert_eq!(region.scope, Scope::default());
        assert_eq!((&*delay.parameter, &*delay.value), ("Delay_Seconds", "5=5"));
        assert_eq!(delay.scope.space.as_deref(), Some("shop"));
        assert_eq!(delay.scope.service.as_deref(), Some("sqs"));
    }

    #[test]
    fn unknown_broker_and_short_name_are_refused() {
        let refused = overrides("A=1", "broker").expect_err("none").to_string();
        assert!(refused.contains("--broker-id"), "{refused}");
        let refused = overrides("PARAM_OVERRIDE_broker_all_all_VpcId=1", "broker");
        assert!(format!("{:#}", refused.expect_err("short")).contains("expected <cluster>"));
    }
}
