//! Changes to overrides, which the operator requests on the command line.

use anyhow::{Context, Result, bail};
use catalog::{Catalog, LimitText, Override, Overrides, ParameterLimit, Scope, Setting};

use super::{described, present, scope};

/// A change to one override.
pub enum Change {
    /// Sets the value, with a warning if it has no effect.
    Set(Override, Option<String>),
    /// Removes the override. Its scope and parameter identify it; its value is ignored.
    Rm(Override),
}

impl Change {
    /// Returns a line of text that describes the change.
    pub fn line(&self, overrides: &Overrides) -> String {
        match self {
            Self::Set(it, problem) => {
                let before = match present(overrides, &it.key()) {
                    Some(known) if known.setting == it.setting => " (as it is)".to_owned(),
                    Some(known) => format!(" (was {})", told(&known.setting)),
                    None => String::new(),
                };

                let problem = problem
                    .as_deref()
                    .map_or(String::new(), |reason| format!("  PROBLEM: {reason}"));

                format!("set     {}{before}{problem}", described(it))
            }
            Self::Rm(it) => match present(overrides, &it.key()) {
                Some(known) => format!("remove  {}", described(known)),
                None => format!(
                    "remove  {}  {} (there is none)",
                    scope(&it.scope),
                    it.parameter
                ),
            },
        }
    }
}

/// Returns the changes that set these values, each as `parameter=value`.
///
/// # Errors
///
/// The text has no `=`, or the override would have no effect. The mistake would otherwise stay
/// unnoticed.
pub fn set(scope: &Scope, values: &[String], catalog: &Catalog) -> Result<Vec<Change>> {
    let changes = values.iter().map(|text| {
        let (parameter, value) = text
            .split_once('=')
            .with_context(|| format!("`{text}` has no value: write PARAMETER=VALUE"))?;

        let it = Override {
            scope: scope.clone(),
            parameter: parameter.to_owned(),
            setting: Setting::Value(value.to_owned()),
        };

        match it.problem(catalog) {
            None => Ok(Change::Set(it, None)),
            Some(reason) => bail!("`{text}` is refused: {reason}"),
        }
    });
    changes.collect()
}

/// Returns the change that sets this limit.
///
/// # Errors
///
/// The limit has no effect: it would be a mistake that nobody sees.
pub fn limit(
    scope: Scope,
    parameter: String,
    limit: ParameterLimit,
    catalog: &Catalog,
) -> Result<Change> {
    let it = Override {
        scope,
        parameter,
        setting: Setting::Limit(LimitText(limit)),
    };
    match it.problem(catalog) {
        None => Ok(Change::Set(it, None)),
        Some(reason) => bail!("the limit is refused: {reason}"),
    }
}

fn told(setting: &Setting) -> String {
    match setting {
        Setting::Value(value) => value.clone(),
        Setting::Limit(limit) => limit.to_string(),
    }
}

/// Returns the changes that remove the values of these parameters, or their limits.
pub fn rm(scope: &Scope, parameters: Vec<String>, is_limit: bool) -> Vec<Change> {
    let changes = parameters.into_iter().map(|parameter| {
        Change::Rm(Override {
            scope: scope.clone(),
            parameter,
            setting: if is_limit {
                Setting::Limit(LimitText(ParameterLimit::default()))
            } else {
                Setting::Value(String::new())
            },
        })
    });
    changes.collect()
}

/// Returns the changes that set these overrides. Those without effect are included, because the
/// archived broker had other services and parameters; `list` marks them.
pub fn of_import(overrides: Vec<Override>, catalog: &Catalog) -> Vec<Change> {
    let changes = overrides.into_iter().map(|it| {
        let problem = it.problem(catalog);
        Change::Set(it, problem)
    });
    changes.collect()
}
