//! What the broker offers: `templates/`, compiled into the binary by the build script.

pub mod compiler;
pub mod model;
mod normalization;
mod parameter_schema;
pub mod policy;
pub mod reference;
mod rules;
mod spelling;
mod validation;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};
use uuid::Uuid;

pub use self::normalization::plain;
use self::{
    model::{Offering, Plan},
    normalization::normalized,
    parameter_schema::{LazySchema, PlanSchemas},
    validation::Check,
};
use crate::osb;

/// Every template below `templates/`, as [`compiler::compile_folder`] returned it at build time.
static OFFERINGS: &[Offering] = include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

/// Seconds after which a platform may give an operation up: a day. CloudFormation ends what it does by itself; an index
/// that is added to a large table takes hours.
const MAXIMUM_POLLING_DURATION: u64 = 86_400;

/// Whether there is a template for a service of this name.
pub fn is_service(name: &str) -> bool {
    OFFERINGS.iter().any(|offering| offering.name == name)
}

/// The offerings of one deployment of the broker, with its ids. Its clones share what is computed once.
#[derive(Clone, Debug)]
pub struct Catalog {
    entries: Arc<[Entry]>,
    namespace: Uuid,
    /// What instances of every plan are asked for besides their plan's parameters, as properties of a JSON Schema.
    asked_for: osb::Object,
}

/// An offering, and what is computed of it once a process.
#[derive(Debug)]
struct Entry {
    id: String,
    offering: Offering,
    /// One for each of the offering's plans, in their order.
    plans: Vec<PlanEntry>,
}

#[derive(Debug)]
struct PlanEntry {
    id: String,
    schemas: PlanSchemas,
}

/// A plan that a request names.
#[derive(Clone, Copy, Debug)]
pub struct Offered<'a> {
    /// The plan's offering.
    pub offering: &'a Offering,
    /// The plan.
    pub plan: &'a Plan,
    schemas: &'a PlanSchemas,
    asked_for: &'a osb::Object,
}

/// A request named what is not in the catalog.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotOffered {
    /// Its `service_id`.
    #[error("The catalog has no service offering with the id `{0}`. Fetch the catalog again and choose one from it.")]
    Service(String),
    /// Its `plan_id`.
    #[error("The service offering `{offering}` has no plan with the id `{plan_id}`. Choose one of its plans: {plans}.")]
    Plan {
        /// The name of the offering.
        offering: String,
        /// As requested.
        plan_id: String,
        /// The names of the plans that there are.
        plans: String,
    },
}

impl Catalog {
    /// The compiled-in offerings, for the broker of this id in this account.
    pub fn compiled_in(account_id: &str, broker_id: &str) -> Self {
        Self::new(OFFERINGS.into(), account_id, broker_id)
    }

    /// The same catalog with the services of these names alone, or with all of them where none is named.
    #[must_use]
    pub fn only(self, services: &[String]) -> Self {
        if services.is_empty() {
            return self;
        }
        let offerings = self.entries.iter().map(|entry| &entry.offering);
        let offerings = offerings.filter(|offering| services.iter().any(|name| *name == offering.name));
        Self { entries: entries(self.namespace, offerings.cloned()), ..self }
    }

    /// The same catalog, in which a request for an instance of whatever plan may have these parameters, too: properties
    /// of a JSON Schema.
    #[must_use]
    pub fn asking_for(self, properties: osb::Object) -> Self {
        Self { asked_for: properties, ..self }
    }

    /// These offerings, for the broker of this id in this account.
    ///
    /// The ids of offerings and plans are those that the archived AWS Service Broker made, so that a platform which
    /// moves from it keeps its service classes.
    pub fn new(offerings: model::List<Offering>, account_id: &str, broker_id: &str) -> Self {
        let namespace = Uuid::new_v5(&Uuid::nil(), format!("{account_id}{broker_id}").as_bytes());
        let entries = entries(namespace, offerings.into_owned());
        Self { entries, namespace, asked_for: osb::Object::new() }
    }

    /// The plan of these ids.
    ///
    /// # Errors
    ///
    /// Says which of the two is not in the catalog.
    pub fn find(&self, service_id: &str, plan_id: &str) -> Result<Offered<'_>, NotOffered> {
        let entry = self.find_entry(service_id)?;
        entry.offered(&self.asked_for).find(|(id, _)| *id == plan_id).map(|(_, offered)| offered).ok_or_else(|| {
            let plans: Vec<_> = entry.offering.plans.iter().map(|plan| format!("`{}`", plan.name)).collect();
            let (offering, plans) = (entry.offering.name.to_string(), plans.join(", "));
            NotOffered::Plan { offering, plan_id: plan_id.into(), plans }
        })
    }

    /// The offering of this id.
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

    /// The catalog as platforms read it.
    ///
    /// # Errors
    ///
    /// None for offerings that the compiler made: their JSON texts are JSON.
    pub fn to_osb(&self) -> serde_json::Result<osb::Catalog<'_>> {
        let services = self.entries.iter().map(|entry| self.service_offering(entry));
        Ok(osb::Catalog { services: services.collect::<Result<_, _>>()? })
    }

    fn service_offering<'a>(&'a self, entry: &'a Entry) -> serde_json::Result<osb::ServiceOffering<'a>> {
        let offering = &entry.offering;
        let plans = entry.offered(&self.asked_for).map(|(id, offered)| self.service_plan(id, offered));
        Ok(osb::ServiceOffering {
            name: &offering.name,
            id: &entry.id,
            description: &offering.description,
            tags: offering.tags.iter().map(AsRef::as_ref).collect(),
            bindable: true,
            instances_retrievable: true,
            bindings_retrievable: true,
            allow_context_updates: true,
            plan_updateable: offering.plans.iter().any(|plan| plan.plan_updateable),
            metadata: serde_json::from_str(&offering.metadata)?,
            plans: plans.collect::<Result<_, _>>()?,
        })
    }

    fn service_plan<'a>(&self, id: &'a str, offered: Offered<'a>) -> serde_json::Result<osb::ServicePlan<'a>> {
        let Offered { offering, plan, .. } = offered;
        let schema = |text: &'a str| -> serde_json::Result<osb::InputParameters<'a>> {
            Ok(osb::InputParameters { parameters: Cow::Borrowed(serde_json::from_str::<&RawValue>(text)?) })
        };
        let create = if self.asked_for.is_empty() {
            schema(&plan.create_schema)?
        } else {
            let mut schema: Value = serde_json::from_str(&plan.create_schema)?;
            if let Some(properties) = schema["properties"].as_object_mut() {
                properties.extend(self.asked_for.clone());
            }
            osb::InputParameters { parameters: Cow::Owned(to_raw_value(&schema)?) }
        };
        Ok(osb::ServicePlan {
            id,
            name: &plan.name,
            description: &plan.description,
            metadata: serde_json::from_str(&plan.metadata)?,
            free: false,
            bindable: true,
            plan_updateable: plan.plan_updateable,
            binding_rotatable: offered.is_binding_rotatable(),
            maintenance_info: offering
                .version
                .as_deref()
                .map(|version| osb::MaintenanceInfo { version, description: offering.version_description.as_deref() }),
            maximum_polling_duration: MAXIMUM_POLLING_DURATION,
            schemas: osb::Schemas {
                service_instance: osb::InstanceSchemas { create, update: schema(&plan.update_schema)? },
                service_binding: osb::BindingSchemas { create: schema(&offering.bindings.create_schema)? },
            },
        })
    }
}

impl Entry {
    /// The ids of the plans, and what is known of each.
    fn offered<'a>(&'a self, asked_for: &'a osb::Object) -> impl Iterator<Item = (&'a str, Offered<'a>)> {
        let Self { offering, plans, .. } = self;
        let plans = offering.plans.iter().zip(plans);
        plans.map(move |(plan, entry)| (&*entry.id, Offered { offering, plan, schemas: &entry.schemas, asked_for }))
    }
}

fn entries(namespace: Uuid, offerings: impl IntoIterator<Item = Offering>) -> Arc<[Entry]> {
    let id = |name: &str| Uuid::new_v5(&namespace, name.as_bytes()).to_string();
    let entry = |offering: Offering| {
        let plans = offering.plans.iter().map(|plan| PlanEntry {
            id: id(&format!("service__{}__plan__{}", offering.name, plan.name)),
            schemas: PlanSchemas::new(&offering, plan),
        });
        Entry { id: id(&offering.name), plans: plans.collect(), offering }
    };
    offerings.into_iter().map(entry).collect()
}

impl Offered<'_> {
    /// The parameters of a provision or update request in the forms that the catalog shows: numbers and flags that came
    /// as text are numbers and flags. What fits no form stays as it is, for a check to refuse.
    pub fn normalized(&self, parameters: osb::Object) -> osb::Object {
        in_forms_of(&self.schemas.create, parameters)
    }

    /// Checks the `parameters` of a provision request against the schema that the catalog shows, and returns them
    /// normalised: see [`Self::normalized`].
    ///
    /// # Errors
    ///
    /// A text for the user that names every parameter which is wrong, and why; it repeats no value.
    pub fn check_parameters(&self, parameters: osb::Object) -> Result<osb::Object, String> {
        let parameters = self.normalized(parameters);
        self.check_parameters_besides(&parameters, &BTreeSet::new())?;
        Ok(parameters)
    }

    /// Checks parameters that are normalised, where `known` need not be among them although the plan demands them.
    ///
    /// # Errors
    ///
    /// As [`Self::check_parameters`].
    pub fn check_parameters_besides(&self, parameters: &osb::Object, known: &BTreeSet<&str>) -> Result<(), String> {
        let besides: Vec<_> = self.asked_for.keys().map(String::as_str).collect();
        self.check(&self.schemas.create, "The plan takes", &besides, parameters, known)
    }

    /// Checks the `parameters` of an update request that are normalised.
    ///
    /// # Errors
    ///
    /// As [`Self::check_parameters`].
    pub fn check_changes(&self, parameters: &osb::Object) -> Result<(), String> {
        self.check(&self.schemas.update, "An update of this plan takes", &[], parameters, &BTreeSet::new())
    }

    fn check(
        &self,
        schema: &LazySchema,
        taker: &str,
        besides: &[&str],
        parameters: &osb::Object,
        known: &BTreeSet<&str>,
    ) -> Result<(), String> {
        let decided = self.plan.parameters.iter().map(|given| &*given.name).filter(|name| !self.takes(name));
        let decided: Vec<_> = decided.collect();
        let constraints = &self.offering.constraints;
        let check = Check { schema: schema.get()?, constraints, taker, besides, decided: &decided };
        check.check(parameters, known)
    }

    /// Checks what the template excludes by its rules. `values` are those that the stack is to have, as CloudFormation
    /// takes them; a rule about one that is not among them is left to CloudFormation.
    ///
    /// # Errors
    ///
    /// The template's texts of the rules that these values break, for the user.
    pub fn check_rules(&self, values: &BTreeMap<String, String>) -> Result<(), String> {
        let broken = rules::broken(&self.offering.rules, values);
        if broken.is_empty() { Ok(()) } else { Err(broken.join(" ")) }
    }

    /// Whether the plan leaves the parameter to the user.
    pub fn takes(&self, parameter: &str) -> bool {
        self.schemas.create.get().is_ok_and(|schema| schema.property(parameter).is_some())
    }

    /// Whether the template has the parameter, be it fixed by the plan or left to the user.
    pub fn knows(&self, parameter: &str) -> bool {
        self.takes(parameter) || self.plan.parameters.iter().any(|given| given.name == parameter)
    }

    /// Whether a binding can be created in the place of another one: it is of use where each has its own identity.
    pub fn is_binding_rotatable(&self) -> bool {
        !self.offering.bindings.scopes.is_empty()
    }

    /// Checks the `parameters` of a bind request likewise, and returns them normalised.
    ///
    /// # Errors
    ///
    /// As [`Self::check_parameters`].
    pub fn check_binding_parameters(&self, parameters: osb::Object) -> Result<osb::Object, String> {
        let parameters = in_forms_of(&self.schemas.bind, parameters);
        let (schema, constraints) = (self.schemas.bind.get()?, &*self.offering.bindings.constraints);
        let check = Check { schema, constraints, taker: "A binding takes", besides: &[], decided: &[] };
        check.check(&parameters, &BTreeSet::new())?;
        Ok(parameters)
    }
}

fn in_forms_of(schema: &LazySchema, parameters: osb::Object) -> osb::Object {
    match schema.get() {
        Ok(schema) => normalized(schema, parameters),
        Err(_) => parameters,
    }
}
