//! Changes of overrides.

use anyhow::{Context, Result, bail};
use catalog::{Catalog, Override, Overrides, Scope};

use super::{described, present, scope};

/// A change of one override.
pub enum Change {
    /// Sets the value, with a warning if it has no effect.
    Set(Override, Option<String>),
    /// Removes the value. The override's own value does not matter.
    Rm(Override),
}

impl Change {
    /// The change as a line for the operator.
    pub fn line(&self, overrides: &Overrides) -> String {
        match self {
            Self::Set(it, problem) => {
                let before = match present(overrides, &it.key()) {
                    Some(known) if known.value == it.value => " (as it is)".to_owned(),
                    Some(known) => format!(" (was {})", known.value),
                    None => String::new(),
                };
                let problem = problem
                    .as_deref()
                    .map_or(String::new(), |reason| format!("  NO EFFECT: {reason}"));
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
/// A value is no value, or has no effect: it would be a mistake that nobody sees.
pub fn set(scope: &Scope, values: &[String], catalog: &Catalog) -> Result<Vec<Change>> {
    let changes = values.iter().map(|text| {
        let (parameter, value) = text
            .split_once('=')
            .with_context(|| format!("`{text}` has no value: write PARAMETER=VALUE"))?;
        let it = Override {
            scope: scope.clone(),
            parameter: parameter.to_owned(),
            value: value.to_owned(),
        };
        match it.problem(catalog) {
            None => Ok(Change::Set(it, None)),
            Some(reason) => bail!("`{text}` would have no effect: {reason}"),
        }
    });
    changes.collect()
}

/// Returns the changes that remove the values of these parameters.
pub fn rm(scope: &Scope, parameters: Vec<String>) -> Vec<Change> {
    let changes = parameters.into_iter().map(|parameter| {
        Change::Rm(Override {
            scope: scope.clone(),
            parameter,
            value: String::new(),
        })
    });
    changes.collect()
}

/// Returns the changes that set these overrides. Those without effect are set, too: the archived
/// broker had other services and parameters, and `list` shows them.
pub fn of_import(overrides: Vec<Override>, catalog: &Catalog) -> Vec<Change> {
    let changes = overrides.into_iter().map(|it| {
        let problem = it.problem(catalog);
        Change::Set(it, problem)
    });
    changes.collect()
}
