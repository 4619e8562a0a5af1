use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

/// The body of `GET /v2/catalog`.
#[derive(Debug, Serialize)]
pub struct Catalog<'a> {
    /// What the broker offers.
    pub services: Vec<ServiceOffering<'a>>,
}

/// Service Offering Object.
#[derive(Debug, Serialize)]
pub struct ServiceOffering<'a> {
    /// Unique in the catalog.
    pub name: &'a str,
    /// Globally unique, and the same forever.
    pub id: &'a str,
    /// One sentence.
    pub description: &'a str,
    /// Words to search for.
    pub tags: Vec<&'a str>,
    /// Whether applications can be bound to it.
    pub bindable: bool,
    /// Whether `GET /v2/service_instances/:id` answers.
    pub instances_retrievable: bool,
    /// Whether `GET …/service_bindings/:id` answers.
    pub bindings_retrievable: bool,
    /// Whether an update may be one of the context alone.
    pub allow_context_updates: bool,
    /// Whether an instance can change its plan (spelled as the specification does).
    pub plan_updateable: bool,
    /// Service Metadata (profile.md), a JSON object.
    pub metadata: &'a RawValue,
    /// At least one.
    pub plans: Vec<ServicePlan<'a>>,
}

/// Service Plan Object.
#[derive(Debug, Serialize)]
pub struct ServicePlan<'a> {
    /// Globally unique, and the same forever.
    pub id: &'a str,
    /// Unique in the offering.
    pub name: &'a str,
    /// One sentence.
    pub description: &'a str,
    /// Plan Metadata (profile.md), a JSON object.
    pub metadata: &'a RawValue,
    /// False for everything that AWS charges for.
    pub free: bool,
    /// Whether applications can be bound to it: said of every plan, for platforms that do not look
    /// at its service.
    pub bindable: bool,
    /// Whether instances of this plan can change it.
    pub plan_updateable: bool,
    /// Whether a binding can be created in the place of another one.
    pub binding_rotatable: bool,
    /// The version of the plan's template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance_info: Option<MaintenanceInfo<'a>>,
    /// Seconds after which the platform may give an operation up.
    pub maximum_polling_duration: u64,
    /// What `parameters` may hold.
    pub schemas: Schemas<'a>,
}

/// Maintenance Info Object.
#[derive(Debug, Serialize)]
pub struct MaintenanceInfo<'a> {
    /// A SemVer 2.0 version.
    pub version: &'a str,
    /// What an upgrade to this version does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
}

/// Schemas Object.
#[derive(Debug, Serialize)]
pub struct Schemas<'a> {
    /// Of instances.
    pub service_instance: InstanceSchemas<'a>,
    /// Of bindings.
    pub service_binding: BindingSchemas<'a>,
}

/// Service Instance Schema Object.
#[derive(Debug, Serialize)]
pub struct InstanceSchemas<'a> {
    /// Of a provision request.
    pub create: InputParameters<'a>,
    /// Of an update request.
    pub update: InputParameters<'a>,
}

/// Service Binding Schema Object.
#[derive(Debug, Serialize)]
pub struct BindingSchemas<'a> {
    /// Of a bind request.
    pub create: InputParameters<'a>,
}

/// Input Parameters Schema Object.
#[derive(Debug, Serialize)]
pub struct InputParameters<'a> {
    /// A JSON Schema, draft 4.
    pub parameters: Cow<'a, RawValue>,
}
