//! The function's environment variables, set by `infra/template.yaml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
};

use catalog::{Consents, DatabaseAccess, EnabledPlans, ParameterLimits, Precedence, Restrictions};
use jiff::SignedDuration;

use crate::{
    broker::{
        records::Location,
        rules::{
            BindingRules, Locations, OperatorTags, OwnRoles, Quotas, RolePatterns, WorkloadIdentity,
        },
    },
    http::MissingVersion,
    offerings::{self, OFFERINGS},
};

/// The operator's settings. Every variable is required, unless its description says what an empty
/// one means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `AWS_REGION`: the broker's own Region. Lambda sets it.
    pub region: String,
    /// `ACCOUNT_ID`: the AWS account, twelve digits. Service and plan ids are derived from it.
    pub account_id: String,
    /// `BROKER_ID`: distinguishes this broker from others in the account. Service and plan ids are
    /// derived from it.
    pub broker_id: String,
    /// `NAME_PREFIX`: prefix of all stack and user names.
    pub name_prefix: String,
    /// `ENABLED_SERVICES`: names of the offered services, separated by commas. Empty: all services.
    pub enabled_services: Vec<String>,
    /// Restrictions of the offered services:
    /// - `ENABLED_PLANS`: plans as `service/plan`, separated by commas. A service that does not
    ///   occur has all of its plans.
    /// - `PARAMETER_LIMITS`: limits of parameters, a JSON object. Empty: no limits.
    /// - a variable for each setting of the templates, such as `RECORD_ZONES`: entries separated by
    ///   commas. Empty: no entries.
    /// - `ENTRY_OWNERS`: the organizations and spaces that entries are reserved for, a JSON object.
    ///   Empty: every entry is for all.
    pub restrictions: Restrictions,
    /// Quotas; 0 means unlimited:
    /// - `MAX_INSTANCES_PER_ORGANIZATION`
    /// - `MAX_BINDINGS_PER_INSTANCE`
    pub quotas: Quotas,
    /// `TAGS`: the operator's own tags, as `key=value`, separated by commas. Empty: no tags.
    pub operator_tags: OperatorTags,
    /// `PRESCRIBE_OVERRIDES`: `yes` if the operator's overrides win over users' values, or `no`.
    pub precedence: Precedence,
    /// `TABLE_NAME`: the DynamoDB table of the records.
    pub table_name: String,
    /// `KEY_ARN`: the KMS key for secrets at rest.
    pub key_arn: String,
    /// `CREDENTIALS_SECRET_ARN`: the secret with the user name and password for platforms.
    pub credentials_secret_arn: String,
    /// `BROKER_ROLE_ARN`: the role of the broker's function.
    pub broker_role_arn: String,
    /// `LOCATIONS`: locations for instances besides the broker's own account and Region, separated
    /// by commas. Each is an account, a Region and a role, separated by slashes. Empty: no other
    /// locations.
    pub locations: Locations,
    /// `EXTERNAL_ID`: the external id with which the broker assumes a role of [`Self::locations`].
    /// Required if there are any.
    pub external_id: Option<String>,
    /// The network of databases. Absent if all of its variables are empty:
    /// - `DATABASE_FUNCTION`: the function in the network, which manages the users.
    /// - `DATABASE_SUBNET_IDS`: the subnets for databases, separated by commas.
    /// - `DATABASE_SECURITY_GROUP_ID`: the security group that admits the function.
    pub database_network: Option<DatabaseNetwork>,
    /// `SWEEP_REMOVES`: `yes` if the sweep may remove something, or `no`.
    pub sweep_removes: bool,
    /// `STACK_EVENTS`: `yes` if CloudFormation's events about instances' stacks reach the function,
    /// or `no`.
    pub stack_events: bool,
    /// Rules for bindings:
    /// - `BINDING_LIFETIME_DAYS`: lifetime of a binding's access key; 0 means forever.
    /// - `BINDABLE_ROLES`: patterns of the roles that a binding may add permissions to. Empty: no
    ///   roles.
    /// - `OIDC_PROVIDER_ARN`, `EKS_CLUSTER_ARN`: the OIDC provider and the EKS cluster that roles
    ///   for service accounts trust. Empty: none.
    /// - `OUTPUTS_AS_IS`: `yes` if the credentials' keys are the outputs' names, or `no`.
    pub binding_rules: BindingRules,
    /// `MISSING_VERSION_STATUS`: the status for a request without `X-Broker-API-Version`, 400 or
    /// 412.
    pub missing_version: MissingVersion,
}

/// The network that the operator has given to databases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseNetwork {
    /// Name of the function that manages the users.
    pub function_name: String,
    /// Ids of the subnets for databases, separated by commas.
    pub subnet_ids: String,
    /// Id of the security group that admits the function.
    pub security_group_id: String,
}

/// The error for a setting that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSetting {
    /// A missing variable: its name.
    #[error("the environment variable {0} is missing or empty: infra/template.yaml sets it")]
    Missing(&'static str),
    /// A wrong variable: its name, and the values that it may have.
    #[error("the environment variable {0} must be {1}: infra/template.yaml sets it")]
    Wrong(&'static str, &'static str),
    /// An unusable variable: its name, and the reason.
    #[error("the environment variable {0} is not valid: {1}")]
    Unusable(&'static str, String),
}

impl Settings {
    /// Reads the settings from the process's environment.
    ///
    /// # Errors
    ///
    /// Returns the first variable that is missing or wrong.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        Self::read(|name| env::var(name).ok())
    }

    /// Reads the settings. `variable` returns the value for a name.
    ///
    /// # Errors
    ///
    /// Returns the first variable that is missing or wrong.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let variables = Variables(variable);
        let database_network = database_network(&variables)?;
        Ok(Self {
            region: variables.required("AWS_REGION")?,
            account_id: variables.required("ACCOUNT_ID")?,
            broker_id: variables.required("BROKER_ID")?,
            name_prefix: nobody_elses(variables.required("NAME_PREFIX")?)?,
            enabled_services: services(&variables.or_empty("ENABLED_SERVICES"))?,
            restrictions: restrictions(&variables, database_network.as_ref())?,
            quotas: Quotas {
                instances_per_organization: variables.quota("MAX_INSTANCES_PER_ORGANIZATION")?,
                bindings_per_instance: variables.quota("MAX_BINDINGS_PER_INSTANCE")?,
            },
            operator_tags: OperatorTags::parse(&variables.or_empty("TAGS"))
                .map_err(unusable("TAGS"))?,
            precedence: if variables.yes_or_no("PRESCRIBE_OVERRIDES")? {
                Precedence::Operator
            } else {
                Precedence::User
            },
            table_name: outside(
                &variables.required("NAME_PREFIX")?,
                variables.required("TABLE_NAME")?,
            )?,
            key_arn: variables.required("KEY_ARN")?,
            credentials_secret_arn: variables.required("CREDENTIALS_SECRET_ARN")?,
            broker_role_arn: variables.required("BROKER_ROLE_ARN")?,
            locations: locations(
                &variables.or_empty("LOCATIONS"),
                &variables.required("NAME_PREFIX")?,
                variables.optional("EXTERNAL_ID").is_some(),
            )?,
            external_id: variables.optional("EXTERNAL_ID"),
            database_network,
            sweep_removes: variables.yes_or_no("SWEEP_REMOVES")?,
            stack_events: variables.yes_or_no("STACK_EVENTS")?,
            binding_rules: binding_rules(&variables)?,
            missing_version: missing_version(&variables)?,
        })
    }

    /// Returns the partition, the second part of every ARN: `aws`, `aws-cn`, …
    pub fn partition(&self) -> &str {
        self.broker_role_arn.split(':').nth(1).unwrap_or_default()
    }

    /// Returns the IAM path of the bindings' users and roles.
    pub fn identity_path(&self) -> String {
        format!("/{}/", self.name_prefix)
    }
}

/// The environment: a function from names to values.
struct Variables<F>(F);

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    /// Returns the value; `None` if it is not set or empty.
    fn optional(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// Returns the value; empty if it is not set.
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

    /// Returns the quota; `None` for 0, which means unlimited.
    fn quota(&self, name: &'static str) -> Result<Option<usize>, InvalidSetting> {
        let quota = self.required(name)?.parse();
        let quota: usize = quota.map_err(|_| InvalidSetting::Wrong(name, "a whole number"))?;
        Ok((quota > 0).then_some(quota))
    }

    /// Returns the number of days; `None` for 0, which means forever.
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

/// Reads the restrictions of the offered services, and of the values that users may name.
fn restrictions(
    variables: &Variables<impl Fn(&str) -> Option<String>>,
    database_network: Option<&DatabaseNetwork>,
) -> Result<Restrictions, InvalidSetting> {
    let offerings = OFFERINGS;

    let plans = EnabledPlans::parse(&variables.or_empty("ENABLED_PLANS"), offerings);
    let limits = ParameterLimits::parse(&variables.or_empty("PARAMETER_LIMITS"), offerings);
    let owners = variables.or_empty("ENTRY_OWNERS");
    let consents = consents(variables).with_owners(&owners, offerings);

    Ok(Restrictions {
        plans: plans.map_err(unusable("ENABLED_PLANS"))?,
        limits: limits.map_err(unusable("PARAMETER_LIMITS"))?,
        consents: consents.map_err(unusable("ENTRY_OWNERS"))?,
        database_access: match database_network {
            Some(_) => DatabaseAccess::Users,
            None => DatabaseAccess::MasterSecret,
        },
    })
}

fn unusable(name: &'static str) -> impl FnOnce(String) -> InvalidSetting {
    move |reason| InvalidSetting::Unusable(name, reason)
}

fn binding_rules(
    variables: &Variables<impl Fn(&str) -> Option<String>>,
) -> Result<BindingRules, InvalidSetting> {
    Ok(BindingRules {
        lifetime: variables.days("BINDING_LIFETIME_DAYS")?,
        own_roles: OwnRoles::beside(&variables.required("BROKER_ROLE_ARN")?),
        roles: RolePatterns::new(&variables.or_empty("BINDABLE_ROLES")),
        workload_identity: WorkloadIdentity {
            oidc_provider_arn: variables.optional("OIDC_PROVIDER_ARN"),
            eks_cluster_arn: variables.optional("EKS_CLUSTER_ARN"),
        },
        outputs_as_is: variables.yes_or_no("OUTPUTS_AS_IS")?,
    })
}

fn database_network(
    variables: &Variables<impl Fn(&str) -> Option<String>>,
) -> Result<Option<DatabaseNetwork>, InvalidSetting> {
    let Some(function_name) = variables.optional("DATABASE_FUNCTION") else {
        return Ok(None);
    };
    Ok(Some(DatabaseNetwork {
        function_name,
        subnet_ids: variables.required("DATABASE_SUBNET_IDS")?,
        security_group_id: variables.required("DATABASE_SECURITY_GROUP_ID")?,
    }))
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
    if names.iter().all(|name| offerings::is_service(name)) && names.is_empty() == list.is_empty() {
        return Ok(names);
    }
    Err(InvalidSetting::Wrong(
        "ENABLED_SERVICES",
        "a list of names of services in the catalog",
    ))
}

/// Reads the entries of every setting of the templates.
fn consents(variables: &Variables<impl Fn(&str) -> Option<String>>) -> Consents {
    let given = offerings::settings().into_iter().filter_map(|name| {
        let list = variables.optional(&catalog::screaming_snake_case(name))?;
        let entries = list.split(',').map(|entry| entry.trim().to_owned());
        Some((name.to_owned(), entries.collect()))
    });
    Consents {
        entries: given.collect(),
        owners: BTreeMap::new(),
    }
}

fn locations(list: &str, prefix: &str, has_external_id: bool) -> Result<Locations, InvalidSetting> {
    let wrong = InvalidSetting::Wrong(
        "LOCATIONS",
        "a list of account/region/role, with roles of this broker, each optionally followed by \
         =organization|organization",
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

/// Parses a location with the organizations that may use it.
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

    // The function may not assume any other role.
    let is_ours = role_name.starts_with(&format!("service-broker-{prefix}-"));
    let location = Location {
        account_id: account_id.to_owned(),
        region: region.to_owned(),
        role_name: role_name.to_owned(),
    };
    (is_ours && !organizations.contains("")).then_some((location, organizations))
}

/// Prefixes with which the names of other roles begin. The deploy role may delete the roles that
/// begin with its prefix. The roles of brokers begin with `aws-service-broker-…` if the stack has
/// its default name, and with `service-broker-…` in other accounts. Those of AWS's own services,
/// such as Control Tower, begin with `aws-`.
const PREFIXES_OF_OTHERS: [&str; 2] = ["aws", "service"];

/// Returns the prefix, or an error if the names of other roles begin with it.
fn nobody_elses(prefix: String) -> Result<String, InvalidSetting> {
    if PREFIXES_OF_OTHERS.contains(&prefix.as_str()) {
        return Err(InvalidSetting::Wrong(
            "NAME_PREFIX",
            "a prefix other than aws and service, which the names of other roles begin with",
        ));
    }
    Ok(prefix)
}

/// Returns the table's name, or an error if it begins with the prefix. The roles of instances'
/// stacks and bindings are limited by the prefix. With such a name, they could access the broker's
/// own resources.
fn outside(prefix: &str, table_name: String) -> Result<String, InvalidSetting> {
    if table_name.starts_with(&format!("{prefix}-")) {
        return Err(InvalidSetting::Wrong(
            "NAME_PREFIX",
            "a prefix that the broker's stack name does not begin with",
        ));
    }
    Ok(table_name)
}

/// The longest lifetime of a binding's identity, in days: ten years. The limit keeps dates in their
/// valid range.
const MAX_LIFETIME_DAYS: u16 = 3_653;
