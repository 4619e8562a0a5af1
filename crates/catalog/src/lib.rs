//! The services that a broker offers: from `templates/` to what a request may ask for.
//!
//! The [`compiler`] turns a CloudFormation template with its metadata into an [`Offering`]. The
//! broker's build script does so for all of `templates/` and bakes the offerings into the binary.
//! At run time, [`Catalog`] is what one deployment offers of them: with ids, within the operator's
//! [`Restrictions`]. A request's plan is an [`Offered`], which validates the request's parameters.
//!
//! The crate knows neither AWS's SDK nor OSBAPI's wire types.
//!
//! ```
//! use catalog::{Catalog, compiler};
//!
//! let template = "
//! Description: A queue.
//! Metadata:
//!   AWS::ServiceBroker::Specification:
//!     Name: queue
//!     ServicePlans:
//!       small: {Description: A small one., ParameterValues: {Size: 1}}
//! Parameters:
//!   Size: {Type: Number}
//! Resources:
//!   Queue: {Type: 'AWS::SQS::Queue'}
//! ";
//! let offering = compiler::compile("template.yaml", template)?;
//! let catalog = Catalog::new(vec![offering].into(), "123456789012", "awsservicebroker");
//!
//! let service = catalog.services().next().expect("the queue");
//! let queue = catalog.find(service.id, service.plans[0].id())?;
//! assert_eq!(queue.plan.name, "small");
//! assert!(!queue.takes("Size"), "the plan decides it");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(missing_docs)]
#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

pub mod bind_parameters;
pub mod compiler;
mod consent;
mod database_scopes;
mod limits;
pub mod model;
mod normalization;
mod overrides;
mod parameter_schema;
pub mod policy;
mod prescription;
pub mod reference;
mod resolution;
mod restrictions;
mod rules;
mod spelling;
mod unique;
mod validation;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;
use uuid::Uuid;

pub use self::{
    consent::Consents,
    database_scopes::DatabaseAccess,
    normalization::parameter_text,
    overrides::{
        Level, OVERRIDES, OperatorLimits, OperatorValue, OperatorValues, Override, Overrides,
        Owner, PLAN, Scope, Setting,
    },
    resolution::{Precedence, Resolved, Source},
    restrictions::{EnabledPlans, LimitText, ParameterLimit, ParameterLimits, Restrictions},
    spelling::screaming_snake_case,
};
use self::{
    model::{Offering, Plan},
    normalization::normalized,
    parameter_schema::{LazySchema, PlanSchemas},
    validation::Check,
};

/// A JSON object whose keys the broker does not know.
pub type Object = serde_json::Map<String, Value>;

/// The offerings of one broker deployment and their ids. Clones share the compiled schemas.
#[derive(Clone, Debug)]
pub struct Catalog {
    entries: Arc<[Entry]>,
    namespace: Uuid,
    /// Properties (JSON Schema) that provision requests of every plan take besides the plan's own
    /// parameters: the choice of account and Region.
    asked_for: Object,
    /// The operator's consents to values that users name.
    consents: Arc<Consents>,
}

/// An offering with its id, and the ids and schemas of its plans.
#[derive(Debug)]
struct Entry {
    id: String,
    offering: Offering,
    /// One entry for each of the offering's plans, in the same order.
    plans: Vec<PlanEntry>,
}

#[derive(Debug)]
struct PlanEntry {
    id: String,
    schemas: PlanSchemas,
    /// Schema of the values that users may choose for limited parameters. None if the operator
    /// limits none of the plan's.
    limits: Option<LazySchema>,
    /// False if the operator does not offer the plan: it is for existing instances only.
    is_offered: bool,
}

/// A plan of the catalog, such as the one that a request names.
#[derive(Clone, Copy, Debug)]
pub struct Offered<'a> {
    /// The plan's offering.
    pub offering: &'a Offering,
    /// The plan with its schemas and fixed parameters.
    pub plan: &'a Plan,
    entry: &'a PlanEntry,
    asked_for: &'a Object,
    consents: &'a Consents,
}

/// A service of the catalog with a plan that the operator offers.
#[derive(Clone, Debug)]
pub struct Service<'a> {
    /// The id of the service, which never changes.
    pub id: &'a str,
    /// The service's offering.
    pub offering: &'a Offering,
    /// The offered plans, at least one.
    pub plans: Vec<Offered<'a>>,
}

/// Error: the catalog does not offer the service or plan of a request.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotOffered {
    /// The `service_id` is unknown.
    #[error(
        "The catalog has no service offering with the id `{0}`. Fetch the catalog again and \
         choose one from it."
    )]
    Service(String),
    /// The `plan_id` is unknown.
    #[error(
        "The service offering `{offering}` has no plan with the id `{plan_id}`. Choose one of its \
         plans: {plans}."
    )]
    Plan {
        /// Name of the offering.
        offering: String,
        /// The `plan_id` of the request.
        plan_id: String,
        /// Names of the offered plans, separated by commas.
        plans: String,
    },
    /// The plan is for existing instances only, because the operator does not offer it.
    #[error(
        "The broker's operator does not allow the plan `{plan}` of `{offering}`. Fetch the \
         catalog again and choose another one."
    )]
    PlanForNewInstances {
        /// Name of the offering.
        offering: String,
        /// Name of the plan.
        plan: String,
    },
}

impl Catalog {
    /// Returns the catalog with only the named services, or unchanged if none is named. Call
    /// [`Self::restricted`] afterwards: a selection resets the restrictions.
    #[must_use]
    pub fn only(self, services: &[String]) -> Self {
        if services.is_empty() {
            return self;
        }
        let offerings = self.entries.iter().map(|entry| &entry.offering);
        let offerings =
            offerings.filter(|offering| services.iter().any(|name| *name == offering.name));
        Self {
            entries: entries(self.namespace, offerings.cloned(), &Restrictions::default()),
            ..self
        }
    }

    /// Returns the catalog with additional parameters for provision requests of every plan.
    /// `properties` are those of a JSON Schema.
    #[must_use]
    pub fn asking_for(self, properties: Object) -> Self {
        Self {
            asked_for: properties,
            ..self
        }
    }

    /// Creates the catalog of these offerings, for the broker of this id in this account.
    ///
    /// Offerings and plans have the same ids as in the archived AWS Service Broker. A platform that
    /// migrates from it keeps its service classes.
    pub fn new(offerings: model::List<Offering>, account_id: &str, broker_id: &str) -> Self {
        let namespace = Uuid::new_v5(&Uuid::nil(), format!("{account_id}{broker_id}").as_bytes());
        let entries = entries(namespace, offerings.into_owned(), &Restrictions::default());
        Self {
            entries,
            namespace,
            asked_for: Object::new(),
            consents: Arc::default(),
        }
    }

    /// Returns the catalog with the operator's restrictions. Plans that are not offered, or that
    /// lack a required consent, are for existing instances only.
    #[must_use]
    pub fn restricted(self, restrictions: &Restrictions) -> Self {
        let offerings = self.entries.iter().map(|entry| entry.offering.clone());
        let entries = entries(self.namespace, offerings, restrictions);
        Self {
            entries,
            consents: Arc::new(restrictions.consents.clone()),
            ..self
        }
    }

    /// Returns the plan with these ids.
    ///
    /// # Errors
    ///
    /// [`NotOffered::Service`] or [`NotOffered::Plan`], for the id that is not in the catalog.
    pub fn find(&self, service_id: &str, plan_id: &str) -> Result<Offered<'_>, NotOffered> {
        let entry = self.find_entry(service_id)?;
        let plan = self
            .plans(entry)
            .find(|offered| offered.entry.id == plan_id);
        plan.ok_or_else(|| NotOffered::Plan {
            offering: entry.offering.name.to_string(),
            plan_id: plan_id.into(),
            plans: self.names_of_plans(entry),
        })
    }

    fn names_of_plans(&self, entry: &Entry) -> String {
        let offered = self.plans(entry).filter(Offered::is_offered);
        offered
            .map(|offered| format!("`{}`", offered.plan.name))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Returns all plans of a service, including those that are not offered.
    fn plans<'a>(&'a self, entry: &'a Entry) -> impl Iterator<Item = Offered<'a>> {
        let Entry {
            offering, plans, ..
        } = entry;

        offering
            .plans
            .iter()
            .zip(plans)
            .map(move |(plan, entry)| Offered {
                offering,
                plan,
                entry,
                asked_for: &self.asked_for,
                consents: &self.consents,
            })
    }

    /// Returns all plans of all services, including those that are not offered.
    pub fn all_plans(&self) -> impl Iterator<Item = Offered<'_>> {
        self.entries.iter().flat_map(|entry| self.plans(entry))
    }

    /// True if both share their entries. Catalogs that are only equal do not.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.entries, &other.entries)
    }

    /// Returns the offering with this id.
    ///
    /// # Errors
    ///
    /// [`NotOffered::Service`].
    pub fn find_service(&self, service_id: &str) -> Result<&Offering, NotOffered> {
        self.find_entry(service_id).map(|entry| &entry.offering)
    }

    fn find_entry(&self, service_id: &str) -> Result<&Entry, NotOffered> {
        let entry = self.entries.iter().find(|entry| entry.id == service_id);
        entry.ok_or_else(|| NotOffered::Service(service_id.into()))
    }

    /// Returns the services with a plan that the operator offers.
    pub fn services(&self) -> impl Iterator<Item = Service<'_>> {
        let services = self.entries.iter().map(|entry| Service {
            id: &entry.id,
            offering: &entry.offering,
            plans: self.plans(entry).filter(Offered::is_offered).collect(),
        });
        services.filter(|service| !service.plans.is_empty())
    }
}

fn entries(
    namespace: Uuid,
    offerings: impl IntoIterator<Item = Offering>,
    restrictions: &Restrictions,
) -> Arc<[Entry]> {
    offerings
        .into_iter()
        .map(|offering| entry(namespace, offering, restrictions))
        .collect()
}

fn entry(namespace: Uuid, mut offering: Offering, restrictions: &Restrictions) -> Entry {
    database_scopes::restrict(&mut offering.bindings, restrictions.database_access);

    let mut plans: Vec<_> = offering
        .plans
        .iter()
        .map(|plan| PlanEntry {
            id: id(
                namespace,
                &format!("service__{}__plan__{}", offering.name, plan.name),
            ),
            schemas: PlanSchemas::new(&offering, plan),
            limits: None,
            is_offered: restrictions.plans.allow(&offering, plan)
                && consent::is_usable(&offering, plan, &restrictions.consents),
        })
        .collect();

    if !restrictions.limits.is_empty() {
        let Offering {
            name,
            updatable_parameters,
            plans: of_offering,
            ..
        } = &mut offering;
        for (plan, entry) in of_offering.to_mut().iter_mut().zip(&mut plans) {
            entry.limits = restrictions
                .limits
                .apply(name, updatable_parameters, plan)
                .map(LazySchema::new);
        }
    }

    Entry {
        id: id(namespace, &offering.name),
        plans,
        offering,
    }
}

fn id(namespace: Uuid, name: &str) -> String {
    Uuid::new_v5(&namespace, name.as_bytes()).to_string()
}

impl<'a> Offered<'a> {
    /// Returns the id of the plan, which never changes.
    pub fn id(&self) -> &'a str {
        &self.entry.id
    }

    /// Returns the JSON Schema of a provision request's parameters: those of the plan, and those
    /// that [`Catalog::asking_for`] added.
    ///
    /// # Errors
    ///
    /// None for plans from the compiler, whose schemas are valid JSON.
    pub fn create_schema(&self) -> serde_json::Result<Cow<'a, str>> {
        if self.asked_for.is_empty() {
            return Ok(Cow::Borrowed(&self.plan.create_schema));
        }
        let mut schema: Value = serde_json::from_str(&self.plan.create_schema)?;
        let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
        if let Some(properties) = properties {
            properties.extend(self.asked_for.clone());
        }
        Ok(Cow::Owned(schema.to_string()))
    }
}

impl Offered<'_> {
    /// Returns the parameters of a provision or update request in the forms of the catalog's
    /// schema. Numbers and flags that were sent as text become numbers and flags. A value that fits
    /// no form is unchanged, and validation rejects it.
    pub fn normalized(&self, parameters: Object) -> Object {
        in_forms_of(&self.entry.schemas.create, parameters)
    }

    /// Validates the `parameters` of a provision request against the catalog's schema. Returns them
    /// normalised: see [`Self::normalized`].
    ///
    /// # Errors
    ///
    /// A message for the user with the wrong parameters and the reasons. It never repeats a value.
    pub fn check_parameters(&self, parameters: Object) -> Result<Object, String> {
        let parameters = self.normalized(parameters);
        self.check_parameters_besides(&parameters, &BTreeSet::new())?;
        Ok(parameters)
    }

    /// Validates normalised parameters. Those in `known` may be absent even if the plan requires
    /// them.
    ///
    /// # Errors
    ///
    /// The same as for [`Self::check_parameters`].
    pub fn check_parameters_besides(
        &self,
        parameters: &Object,
        known: &BTreeSet<&str>,
    ) -> Result<(), String> {
        let besides: Vec<_> = self.asked_for.keys().map(String::as_str).collect();
        self.check(
            &self.entry.schemas.create,
            "The plan accepts",
            &besides,
            parameters,
            known,
        )
    }

    /// Returns the parameters that the plan requires and that are not given.
    pub fn missing(&self, parameters: &Object) -> BTreeSet<&str> {
        let schema = self.entry.schemas.create.get().ok();
        let required = schema.into_iter().flat_map(|schema| schema.required());
        required
            .filter(|name| !parameters.contains_key(*name))
            .collect()
    }

    /// Validates the normalised `parameters` of an update request.
    ///
    /// # Errors
    ///
    /// The same as for [`Self::check_parameters`].
    pub fn check_changes(&self, parameters: &Object) -> Result<(), String> {
        self.check(
            &self.entry.schemas.update,
            "An update of this plan accepts",
            &[],
            parameters,
            &BTreeSet::new(),
        )
    }

    fn check(
        &self,
        schema: &LazySchema,
        taker: &str,
        besides: &[&str],
        parameters: &Object,
        known: &BTreeSet<&str>,
    ) -> Result<(), String> {
        let decided = self
            .plan
            .parameters
            .iter()
            .map(|given| &*given.name)
            .filter(|name| !self.takes(name));
        let decided: Vec<_> = decided.collect();

        let constraints = &self.offering.constraints;
        let check = Check {
            schema: schema.get()?,
            constraints,
            taker,
            besides,
            decided: &decided,
        };
        check.check(parameters, known)
    }

    /// Validates values against the template's rules.
    ///
    /// `values` are the stack's future parameters as CloudFormation takes them. A rule about a
    /// parameter without a value is left to CloudFormation.
    ///
    /// # Errors
    ///
    /// The template's messages for the rules that these values break, for the user.
    pub fn check_rules(&self, values: &BTreeMap<String, String>) -> Result<(), String> {
        let broken = rules::broken(&self.offering.rules, values);
        if broken.is_empty() {
            Ok(())
        } else {
            Err(broken.join(" "))
        }
    }

    /// True if the operator offers the plan for new instances.
    pub fn is_offered(&self) -> bool {
        self.entry.is_offered
    }

    /// Rejects a plan that the operator does not offer for new instances.
    ///
    /// # Errors
    ///
    /// [`NotOffered::PlanForNewInstances`].
    pub fn check_offered(&self) -> Result<(), NotOffered> {
        if self.is_offered() {
            return Ok(());
        }
        let (offering, plan) = (self.offering.name.to_string(), self.plan.name.to_string());
        Err(NotOffered::PlanForNewInstances { offering, plan })
    }

    /// Validates a request's values of stack parameters against the operator's limits and consents.
    ///
    /// `values` have the form that CloudFormation takes. `owners` are the GUIDs of the instance's
    /// organization and space.
    ///
    /// # Errors
    ///
    /// A message for the user with the parameters that are not allowed. It never repeats a value.
    pub fn check_allowed(
        &self,
        values: &BTreeMap<String, String>,
        owners: &[&str],
    ) -> Result<(), String> {
        if let Some(limits) = &self.entry.limits {
            let schema = limits.get()?;
            let limited = values
                .iter()
                .filter(|(name, _)| schema.property(name).is_some());
            let limited = limited
                .map(|(name, value)| (name.clone(), value.clone().into()))
                .collect();

            let constraints = &self.offering.constraints;
            let check = Check {
                schema,
                constraints,
                taker: "The plan accepts",
                besides: &[],
                decided: &[],
            };
            check.check(&normalized(schema, limited), &BTreeSet::new())?;
        }

        let refusals = consent::refusals(self.offering, self.consents, values, owners);
        if refusals.is_empty() {
            Ok(())
        } else {
            Err(refusals.join(" "))
        }
    }

    /// True if the plan leaves the parameter to the user.
    pub fn takes(&self, parameter: &str) -> bool {
        self.entry
            .schemas
            .create
            .get()
            .is_ok_and(|schema| schema.property(parameter).is_some())
    }

    /// True if the template has the parameter, whether the plan, the user or the operator sets it.
    pub fn knows(&self, parameter: &str) -> bool {
        self.takes(parameter)
            || self.is_of_operator(parameter)
            || self
                .plan
                .parameters
                .iter()
                .any(|given| given.name == parameter)
    }

    /// True if a platform can replace a binding by a new one. This is only useful if each binding
    /// has its own identity.
    pub fn is_binding_rotatable(&self) -> bool {
        !self.offering.bindings.scopes.is_empty()
    }

    /// Validates the `parameters` of a bind request. Returns them normalised.
    ///
    /// # Errors
    ///
    /// The same as for [`Self::check_parameters`].
    pub fn check_binding_parameters(&self, parameters: Object) -> Result<Object, String> {
        let parameters = in_forms_of(&self.entry.schemas.bind, parameters);

        let (schema, constraints) = (
            self.entry.schemas.bind.get()?,
            &*self.offering.bindings.constraints,
        );

        let check = Check {
            schema,
            constraints,
            taker: "A binding accepts",
            besides: &[],
            decided: &[],
        };

        check.check(&parameters, &BTreeSet::new())?;
        Ok(parameters)
    }
}

fn in_forms_of(schema: &LazySchema, parameters: Object) -> Object {
    match schema.get() {
        Ok(schema) => normalized(schema, parameters),
        Err(_) => parameters,
    }
}
