//! Import of overrides from the environment variables of the archived AWS Service Broker.

use anyhow::{Context, Result, bail};
use catalog::{Override, Scope, Setting};

const PREFIX: &str = "PARAM_OVERRIDE_";
/// A part of a name that stands for all clusters, namespaces or services.
const ALL: &str = "all";

/// Reads overrides from lines `NAME=VALUE`. A line may begin with `export`, and a value may be
/// quoted. Names have the form
/// `PARAM_OVERRIDE_<broker>_<cluster>_<namespace>_<service>_<parameter>`.
///
/// # Errors
///
/// No variable belongs to this broker, or the name of one has another form.
pub fn overrides(text: &str, broker_id: &str) -> Result<Vec<Override>> {
    let prefix = format!("{PREFIX}{broker_id}_");
    let mut overrides = Vec::new();

    for line in text.lines().map(str::trim) {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        if let Some(rest) = name.strip_prefix(&prefix) {
            let value = unquoted(value);
            let it = parse(rest, value).with_context(|| name.to_owned())?;
            // The archived broker ignored empty values.
            overrides.extend((!value.is_empty()).then_some(it));
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

    let scope = Scope {
        organization: part(cluster),
        space: part(namespace),
        service: part(service),
    };
    Ok(Override {
        scope: scope.normalized().map_err(anyhow::Error::msg)?,
        parameter: parameter.to_owned(),
        setting: Setting::Value(value.to_owned()),
    })
}

/// Returns a part of the scope; `None` if the name stands for all.
fn part(name: &str) -> Option<String> {
    (name != ALL).then(|| name.to_owned())
}

fn unquoted(value: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
}
