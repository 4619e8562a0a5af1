//! The operator's own values and limits of parameters: overrides, for everybody or for some.
//!
//! The levels and their order are those of the archived AWS Service Broker's code. Its
//! documentation gives another order, in which a space's value wins over an organization's.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Catalog, Offered,
    restrictions::{LimitText, ParameterLimit},
};

/// An override: what the operator sets for a parameter of the instances in its scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Override {
    /// The instances that get the value.
    #[serde(flatten)]
    pub scope: Scope,
    /// Name of the template's parameter, or [`PLAN`].
    pub parameter: String,
    /// Value or limit of the parameter.
    #[serde(flatten)]
    pub setting: Setting,
}

/// The operator's value or limit of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    /// A value, in the form that CloudFormation takes.
    Value(String),
    /// A limit of the values that users can choose.
    Limit(LimitText),
}

/// The partition of the broker's table that holds all overrides.
pub const OVERRIDES: &str = "OVERRIDES";

/// The name under which the plans are limited that users can choose.
pub const PLAN: &str = "plan";

/// The instances that an override is for. Without any of its parts, they are all instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// GUID of the organization; on Kubernetes, id of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// GUID of the space; on Kubernetes, name or UID of the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<String>,
    /// Name of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// The level of a scope. Later levels win over earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// All instances.
    Everybody,
    /// Instances of a service.
    Service,
    /// Instances in a space.
    Space,
    /// Instances of a service in a space.
    SpaceAndService,
    /// Instances of an organization.
    Organization,
    /// Instances of a service of an organization.
    OrganizationAndService,
    /// Instances in a space, if the space belongs to the organization.
    OrganizationAndSpace,
    /// Instances of a service in a space, if the space belongs to the organization.
    OrganizationAndSpaceAndService,
}

/// The ids of an instance's organization and space. Each can have several: Service Catalog sends a
/// namespace's UID and its name.
#[derive(Clone, Debug, Default)]
pub struct Owner<'a> {
    /// The ids of the organization or cluster.
    pub organization: Vec<&'a str>,
    /// The ids of the space, or the UID and the name of the namespace.
    pub space: Vec<&'a str>,
}

/// The operator's value of one parameter of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorValue {
    /// The value in the form that CloudFormation takes.
    pub value: String,
    /// The level of the override that set it.
    pub level: Level,
}

/// The operator's values of one instance's parameters, by name.
pub type OperatorValues = BTreeMap<String, OperatorValue>;

/// The operator's limits of one instance's parameters, by name.
pub type OperatorLimits = BTreeMap<String, ParameterLimit>;

/// All overrides, the most general ones first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides(Vec<Override>);

impl Scope {
    /// Returns the level of the scope.
    pub fn level(&self) -> Level {
        let parts = (
            self.organization.is_some(),
            self.space.is_some(),
            self.service.is_some(),
        );

        match parts {
            (false, false, false) => Level::Everybody,
            (false, false, true) => Level::Service,
            (false, true, false) => Level::Space,
            (false, true, true) => Level::SpaceAndService,
            (true, false, false) => Level::Organization,
            (true, false, true) => Level::OrganizationAndService,
            (true, true, false) => Level::OrganizationAndSpace,
            (true, true, true) => Level::OrganizationAndSpaceAndService,
        }
    }

    /// Returns the scope with GUIDs in one spelling, with hyphens, so that the same scope has one key.
    ///
    /// # Errors
    ///
    /// A part is empty, or contains the separator of keys.
    pub fn normalized(self) -> Result<Self, String> {
        Ok(Self {
            organization: normalized_part("organization", self.organization)?,
            space: normalized_part("space", self.space)?,
            service: normalized_part("service", self.service)?,
        })
    }

    fn contains(&self, service: &str, owner: &Owner<'_>) -> bool {
        is_one_of(self.organization.as_deref(), &owner.organization)
            && is_one_of(self.space.as_deref(), &owner.space)
            && self.is_of_service(service)
    }

    fn is_of_service(&self, service: &str) -> bool {
        self.service.as_deref().is_none_or(|name| name == service)
    }
}

/// True if the id is one of these, or if the scope has no id.
fn is_one_of(id: Option<&str>, ids: &[&str]) -> bool {
    id.is_none_or(|id| ids.iter().any(|other| same_id(id, other)))
}

fn normalized_part(name: &str, part: Option<String>) -> Result<Option<String>, String> {
    match part {
        Some(text) if text.trim().is_empty() || text.contains(SEPARATOR) => Err(format!(
            "the {name} must not be empty and must not contain {SEPARATOR}"
        )),
        Some(text) => Ok(Some(match Uuid::try_parse(&text) {
            Ok(uuid) => uuid.hyphenated().to_string(),
            Err(_) => text,
        })),
        None => Ok(None),
    }
}

/// True if both are the same id. GUIDs may lack their hyphens: the archived broker removed them,
/// because the names of environment variables cannot contain any.
fn same_id(one: &str, other: &str) -> bool {
    let uuids = (Uuid::try_parse(one), Uuid::try_parse(other));
    one == other || matches!(uuids, (Ok(one), Ok(other)) if one == other)
}

impl Override {
    /// Returns the key that distinguishes the override from all others: its kind, scope and
    /// parameter.
    pub fn key(&self) -> String {
        let kind = match self.setting {
            Setting::Value(_) => "value",
            Setting::Limit(_) => "limit",
        };
        let parts = [
            Some(&self.parameter),
            self.scope.organization.as_ref(),
            self.scope.space.as_ref(),
            self.scope.service.as_ref(),
        ];
        // No part contains the separator: see `Scope::normalized`.
        let parts = parts.map(|part| part.map_or("", String::as_str));
        format!("{kind}{SEPARATOR}{}", parts.join(SEPARATOR))
    }

    /// Returns the problem of the override, such as a secret parameter, or a value that a plan in its
    /// scope does not accept; `None` if it has none.
    pub fn problem(&self, catalog: &Catalog) -> Option<String> {
        let service = self.scope.service.as_deref();
        let plans: Vec<_> = catalog
            .all_plans()
            .filter(|offered| service.is_none_or(|name| name == offered.offering.name))
            .collect();
        if plans.is_empty() {
            return Some(format!(
                "the catalog has no service `{}`",
                service.unwrap_or_default()
            ));
        }

        match &self.setting {
            Setting::Value(value) => problem_of_value(&plans, &self.parameter, value),
            Setting::Limit(limit) => problem_of_limit(&plans, &self.parameter, &limit.0),
        }
    }
}

fn problem_of_value(plans: &[Offered<'_>], name: &str, value: &str) -> Option<String> {
    if plans.iter().any(|offered| offered.is_secret(name)) {
        return Some(format!(
            "`{name}` is secret (NoEcho), and an override is not"
        ));
    }
    let mut open = plans
        .iter()
        .filter(|offered| offered.is_open(name))
        .peekable();
    if open.peek().is_none() {
        return Some(format!("no plan leaves a parameter `{name}` open"));
    }
    let refusing = open.find(|offered| !offered.accepts(name, value))?;
    Some(format!(
        "{}/{} does not accept this value of `{name}`, and its creations fail",
        refusing.offering.name, refusing.plan.name
    ))
}

fn problem_of_limit(plans: &[Offered<'_>], name: &str, limit: &ParameterLimit) -> Option<String> {
    if name == PLAN {
        return problem_of_plans(plans, limit);
    }
    let mut reasons = plans
        .iter()
        .filter_map(|offered| offered.limited(name, limit))
        .peekable();
    if reasons.peek().is_none() {
        return Some(format!("no plan leaves a parameter `{name}` to users"));
    }
    reasons.find_map(Result::err)
}

fn problem_of_plans(plans: &[Offered<'_>], limit: &ParameterLimit) -> Option<String> {
    let Some(allowed) = limit.allowed_values.as_ref().filter(|it| !it.is_empty()) else {
        return Some("it allows no plan: write --allow PLAN".to_owned());
    };
    let unknown = allowed
        .iter()
        .find(|name| !plans.iter().any(|offered| **name == *offered.plan.name))?;
    Some(format!("there is no plan {unknown}"))
}

/// The separator in [`Override::key`].
const SEPARATOR: &str = "#";

impl Overrides {
    /// Sorts the overrides by level.
    pub fn new(overrides: impl IntoIterator<Item = Override>) -> Self {
        let mut overrides: Vec<_> = overrides.into_iter().collect();
        overrides.sort_by(|one, other| (one.scope.level(), one).cmp(&(other.scope.level(), other)));
        Self(overrides)
    }

    /// The overrides, the most general ones first.
    pub fn iter(&self) -> impl Iterator<Item = &Override> {
        self.0.iter()
    }

    /// Returns the values that apply to the owner's instances of the service.
    pub fn values(&self, service: &str, owner: &Owner<'_>) -> OperatorValues {
        let values = self.of(service, owner).filter_map(|it| {
            let Setting::Value(value) = &it.setting else {
                return None;
            };
            let value = OperatorValue {
                value: value.clone(),
                level: it.scope.level(),
            };
            Some((it.parameter.clone(), value))
        });
        values.collect()
    }

    /// Returns the limits for an instance of the service that this owner has. A limit on a later
    /// level replaces one on an earlier level.
    pub fn limits(&self, service: &str, owner: &Owner<'_>) -> OperatorLimits {
        let limits = self.of(service, owner).filter_map(|it| {
            let Setting::Limit(limit) = &it.setting else {
                return None;
            };
            Some((it.parameter.clone(), limit.0.clone()))
        });
        limits.collect()
    }

    fn of(&self, service: &str, owner: &Owner<'_>) -> impl Iterator<Item = &Override> {
        self.iter()
            .filter(move |it| it.scope.contains(service, owner))
    }

    /// Returns the values that apply to every instance of the service.
    pub fn values_for_everybody(&self, service: &str) -> OperatorValues {
        let nobody = Owner::default();
        self.values(service, &nobody)
    }

    /// Returns the limits that every instance of the service has, without those that some instances
    /// have another limit for.
    pub fn limits_without_exception(&self, service: &str) -> OperatorLimits {
        let mut limits = self.limits(service, &Owner::default());
        let narrower = self.iter().filter(|it| {
            matches!(it.setting, Setting::Limit(_))
                && it.scope.is_of_service(service)
                && it.scope.level() >= Level::Space
        });
        for it in narrower {
            limits.remove(&it.parameter);
        }
        limits
    }

    /// Returns the parameters that have a value for some instances of the service.
    pub fn parameters(&self, service: &str) -> BTreeSet<&str> {
        let values = self
            .iter()
            .filter(|it| matches!(it.setting, Setting::Value(_)));
        let of_service = values.filter(|it| it.scope.is_of_service(service));
        of_service.map(|it| &*it.parameter).collect()
    }
}
