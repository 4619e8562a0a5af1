//! The function's environment variables, set by `infra/template.yaml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
};

use jiff::SignedDuration;

use crate::{
    broker::{BindingRules, Location, Locations, OwnRoles, Quotas, RolePatterns, WorkloadIdentity},
    catalog::{self, Consents, EnabledPlans, ParameterLimits, Restrictions},
    http::MissingVersion,
};

/// What the operator has set. Every variable is required, but for those of which it is said what
/// nothing stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `AWS_REGION`, which Lambda sets.
    pub region: String,
    /// `ACCOUNT_ID`: the AWS account, twelve digits. Service and plan ids follow from it.
    pub account_id: String,
    /// `BROKER_ID`: tells this broker from others in the account. Service and plan ids follow from
    /// it.
    pub broker_id: String,
    /// `NAME_PREFIX`: with what the names of stacks and users begin.
    pub name_prefix: String,
    /// `ENABLED_SERVICES`: names of the services that are offered, with commas in between; none for
    /// all.
    pub enabled_services: Vec<String>,
    /// What is offered of these services:
    /// - `ENABLED_PLANS`: plans as `service/plan`, with commas in between; all of the services that
    ///   do not occur.
    /// - `PARAMETER_LIMITS`: limits of parameters, a JSON object; none where it is empty.
    /// - a variable for each setting of the templates, such as `RECORD_ZONES`: entries with commas
    ///   in between.
    /// - `ENTRY_OWNERS`: for whom these entries are, a JSON object; for all where it is empty.
    pub restrictions: Restrictions,
    /// How much there may be at a time; 0 is any number:
    /// - `MAX_INSTANCES_PER_ORGANIZATION`
    /// - `MAX_BINDINGS_PER_INSTANCE`
    pub quotas: Quotas,
    /// `TABLE_NAME`: the DynamoDB table.
    pub table_name: String,
    /// `KEY_ARN`: the KMS key for secrets at rest.
    pub key_arn: String,
    /// `CREDENTIALS_SECRET_ARN`: the secret with the user name and password of the platforms.
    pub credentials_secret_arn: String,
    /// `DEPLOY_ROLE_ARN`: the role that CloudFormation assumes.
    pub deploy_role_arn: String,
    /// `PERMISSIONS_BOUNDARY_ARN`: the limit of every binding's identity.
    pub permissions_boundary_arn: String,
    /// `LOCATIONS`: where users may have instances besides the broker's own account and Region:
    /// account, Region and role, with slashes in between, and commas between locations; none where
    /// it is empty.
    pub locations: Locations,
    /// `EXTERNAL_ID`: what the broker says when it assumes a role of [`Self::locations`]; needed
    /// where there are any.
    pub external_id: Option<String>,
    /// `SWEEP_REMOVES`: `yes`, where the sweep may remove something; `no`.
    pub sweep_removes: bool,
    /// `STACK_EVENTS`: `yes`, where CloudFormation's events of instances' stacks reach the
    /// function; `no`.
    pub stack_events: bool,
    /// What is decided about bindings:
    /// - `BINDING_LIFETIME_DAYS`: how long a binding's access key works; 0 is forever.
    /// - `BINDABLE_ROLES`: patterns of the roles that a binding may add to; none where it is empty.
    /// - `OIDC_PROVIDER_ARN`, `EKS_CLUSTER_ARN`: who vouches for service accounts; nobody where
    ///   they are empty.
    /// - `OUTPUTS_AS_IS`: `yes`, where the credentials' keys are the outputs' names; `no`.
    pub binding_rules: BindingRules,
    /// `MISSING_VERSION_STATUS`: what a request without `X-Broker-API-Version` is answered with.
    pub missing_version: MissingVersion,
}

/// A setting is missing, or wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSetting {
    /// Which one.
    #[error("the environment variable {0} is not set, or empty: infra/template.yaml sets it")]
    Missing(&'static str),
    /// Which one, and what it may be.
    #[error("the environment variable {0} is not {1}: infra/template.yaml sets it")]
    Wrong(&'static str, &'static str),
    /// Which one, and why it is not usable.
    #[error("the environment variable {0} is not usable: {1}")]
    Unusable(&'static str, String),
}

impl Settings {
    /// Reads the process's environment.
    ///
    /// # Errors
    ///
    /// The first variable that is not set, or wrong.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        Self::read(|name| env::var(name).ok())
    }

    /// Reads what `variable` returns for each name.
    ///
    /// # Errors
    ///
    /// The first variable that is not set, or wrong.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let variables = Variables(variable);
        Ok(Self {
            region: variables.required("AWS_REGION")?,
            account_id: variables.required("ACCOUNT_ID")?,
            broker_id: variables.required("BROKER_ID")?,
            name_prefix: nobody_elses(variables.required("NAME_PREFIX")?)?,
            enabled_services: services(&variables.or_empty("ENABLED_SERVICES"))?,
            restrictions: restrictions(&variables)?,
            quotas: Quotas {
                instances_per_organization: variables.quota("MAX_INSTANCES_PER_ORGANIZATION")?,
                bindings_per_instance: variables.quota("MAX_BINDINGS_PER_INSTANCE")?,
            },
            table_name: outside(
                &variables.required("NAME_PREFIX")?,
                variables.required("TABLE_NAME")?,
            )?,
            key_arn: variables.required("KEY_ARN")?,
            credentials_secret_arn: variables.required("CREDENTIALS_SECRET_ARN")?,
            deploy_role_arn: variables.required("DEPLOY_ROLE_ARN")?,
            permissions_boundary_arn: variables.required("PERMISSIONS_BOUNDARY_ARN")?,
            locations: locations(
                &variables.or_empty("LOCATIONS"),
                &variables.required("NAME_PREFIX")?,
                variables.optional("EXTERNAL_ID").is_some(),
            )?,
            external_id: variables.optional("EXTERNAL_ID"),
            sweep_removes: variables.yes_or_no("SWEEP_REMOVES")?,
            stack_events: variables.yes_or_no("STACK_EVENTS")?,
            binding_rules: binding_rules(&variables)?,
            missing_version: missing_version(&variables)?,
        })
    }

    /// `aws`, `aws-cn`, …: the second part of every ARN.
    pub fn partition(&self) -> &str {
        self.deploy_role_arn.split(':').nth(1).unwrap_or_default()
    }

    /// The IAM path of the bindings' users.
    pub fn identity_path(&self) -> String {
        format!("/{}/", self.name_prefix)
    }
}

/// The environment: a function from names to values.
struct Variables<F>(F);

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    /// The value, unless it is not set or empty.
    fn optional(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// The value; empty if it is not set.
    fn or_empty(&self, name: &str) -> String {
        self.optional(name).unwrap_or_default()
    }

    fn required(&self, name: &'static str) -> Result<String, InvalidSetting> {
        self.optional(name).ok_or(InvalidSetting::Missing(name))
    }

    fn yes_or_no(&self, name: &'static str) -> Result<bool, InvalidSetting> {
        match self.required(name)?.as_str() {
            "yes" => Ok(true),
            "no" => Ok(false),
            _ => Err(InvalidSetting::Wrong(name, "yes or no")),
        }
    }

    /// None for 0.
    fn quota(&self, name: &'static str) -> Result<Option<usize>, InvalidSetting> {
        let quota = self.required(name)?.parse();
        let quota: usize = quota.map_err(|_| InvalidSetting::Wrong(name, "a whole number"))?;
        Ok((quota > 0).then_some(quota))
    }

    /// None for 0.
    fn days(&self, name: &'static str) -> Result<Option<SignedDuration>, InvalidSetting> {
        match self.required(name)?.parse() {
            Ok(0) => Ok(None),
            Ok(days @ 1..=MAX_LIFETIME_DAYS) => {
                Ok(Some(SignedDuration::from_hours(24 * i64::from(days))))
            }
            _ => Err(InvalidSetting::Wrong(
                name,
                "a number of days, at most 3653",
            )),
        }
    }
}

/// What is offered of the services, and what users may name.
fn restrictions(
    variables: &Variables<impl Fn(&str) -> Option<String>>,
) -> Result<Restrictions, InvalidSetting> {
    let offerings = catalog::offerings();
    let unusable = |name| move |reason| InvalidSetting::Unusable(name, reason);

    let plans = EnabledPlans::parse(&variables.or_empty("ENABLED_PLANS"), offerings);
    let limits = ParameterLimits::parse(&variables.or_empty("PARAMETER_LIMITS"), offerings);
    let owners = variables.or_empty("ENTRY_OWNERS");
    let consents = consents(variables).with_owners(&owners, offerings);
    Ok(Restrictions {
        plans: plans.map_err(unusable("ENABLED_PLANS"))?,
        limits: limits.map_err(unusable("PARAMETER_LIMITS"))?,
        consents: consents.map_err(unusable("ENTRY_OWNERS"))?,
    })
}

fn binding_rules(
    variables: &Variables<impl Fn(&str) -> Option<String>>,
) -> Result<BindingRules, InvalidSetting> {
    Ok(BindingRules {
        lifetime: variables.days("BINDING_LIFETIME_DAYS")?,
        own_roles: OwnRoles::beside(&variables.required("DEPLOY_ROLE_ARN")?),
        roles: RolePatterns::new(&variables.or_empty("BINDABLE_ROLES")),
        workload_identity: WorkloadIdentity {
            oidc_provider_arn: variables.optional("OIDC_PROVIDER_ARN"),
            eks_cluster_arn: variables.optional("EKS_CLUSTER_ARN"),
        },
        outputs_as_is: variables.yes_or_no("OUTPUTS_AS_IS")?,
    })
}

fn missing_version(
    variables: &Variables<impl Fn(&str) -> Option<String>>,
) -> Result<MissingVersion, InvalidSetting> {
    let name = "MISSING_VERSION_STATUS";
    match variables.required(name)?.as_str() {
        "400" => Ok(MissingVersion::BadRequest),
        "412" => Ok(MissingVersion::PreconditionFailed),
        _ => Err(InvalidSetting::Wrong(name, "400 or 412")),
    }
}

fn services(list: &str) -> Result<Vec<String>, InvalidSetting> {
    let names: Vec<_> = list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    if names.iter().all(|name| catalog::is_service(name)) && names.is_empty() == list.is_empty() {
        return Ok(names);
    }
    Err(InvalidSetting::Wrong(
        "ENABLED_SERVICES",
        "a list of names of services in the catalog",
    ))
}

/// The entries of every setting of the templates.
fn consents(variables: &Variables<impl Fn(&str) -> Option<String>>) -> Consents {
    let entries = |list: String| {
        list.split(',')
            .map(|entry| entry.trim().to_owned())
            .collect()
    };
    let given = catalog::settings().into_iter().filter_map(|name| {
        let list = variables.optional(&catalog::screaming_snake_case(name))?;
        Some((name.to_owned(), entries(list)))
    });
    Consents {
        entries: given.collect(),
        owners: BTreeMap::new(),
    }
}

fn locations(list: &str, prefix: &str, has_external_id: bool) -> Result<Locations, InvalidSetting> {
    let wrong = InvalidSetting::Wrong(
        "LOCATIONS",
        "a list of account/region/role, of roles of this broker, each with \
         =organization|organization or without",
    );

    let texts = list
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty());

    let mut locations = BTreeMap::new();
    for text in texts {
        let Some((location, organizations)) = location(text, prefix) else {
            return Err(wrong);
        };
        if locations.insert(location, organizations).is_some() {
            return Err(InvalidSetting::Wrong(
                "LOCATIONS",
                "a list in which each location occurs once",
            ));
        }
    }

    if !locations.is_empty() && !has_external_id {
        return Err(InvalidSetting::Missing("EXTERNAL_ID"));
    }
    Ok(Locations(locations))
}

/// A location with the organizations that may use it.
fn location(text: &str, prefix: &str) -> Option<(Location, BTreeSet<String>)> {
    let (location, organizations) = text
        .split_once('=')
        .map_or((text, None), |(location, list)| (location, Some(list)));
    let [account_id, region, role_name] = location.split('/').collect::<Vec<_>>()[..] else {
        return None;
    };

    let organizations: BTreeSet<_> = organizations
        .into_iter()
        .flat_map(|list| list.split('|'))
        .map(str::to_owned)
        .collect();

    // The function may assume no others.
    let is_ours = role_name.starts_with(&format!("service-broker-{prefix}-"));
    let location = Location {
        account_id: account_id.to_owned(),
        region: region.to_owned(),
        role_name: role_name.to_owned(),
    };
    (is_ours && !organizations.contains("")).then_some((location, organizations))
}

/// Prefixes that names of others begin with. The deploy role may delete the roles that begin with
/// the prefix, and those of brokers are `aws-service-broker-…`, where the stack has its default
/// name, and `service-broker-…` in other accounts. Names of AWS's own services begin with `aws-`,
/// such as those of Control Tower.
const PREFIXES_OF_OTHERS: [&str; 2] = ["aws", "service"];

/// The prefix, unless names of others begin with it.
fn nobody_elses(prefix: String) -> Result<String, InvalidSetting> {
    if PREFIXES_OF_OTHERS.contains(&prefix.as_str()) {
        return Err(InvalidSetting::Wrong(
            "NAME_PREFIX",
            "a word of its own: the names of roles that are not of instances begin with aws or \
             service",
        ));
    }
    Ok(prefix)
}

/// The table's name, unless it is one that the resources of instances could have: the roles of
/// their stacks and bindings, which are limited by the prefix, could then reach the broker's own.
fn outside(prefix: &str, table_name: String) -> Result<String, InvalidSetting> {
    if table_name.starts_with(&format!("{prefix}-")) {
        return Err(InvalidSetting::Wrong(
            "NAME_PREFIX",
            "a word of its own: the broker's stack has a name that begins with it",
        ));
    }
    Ok(table_name)
}

/// The longest lifetime of a binding's identity, in days: ten years. A limit keeps dates within
/// what they can be.
const MAX_LIFETIME_DAYS: u16 = 3_653;
