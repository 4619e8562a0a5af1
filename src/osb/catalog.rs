use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

/// The body of `GET /v2/catalog`.
#[derive(Debug, Serialize)]
pub struct Catalog<'a> {
    /// The services that this broker offers.
    pub services: Vec<ServiceOffering<'a>>,
}

/// Service Offering Object.
#[derive(Debug, Serialize)]
pub struct ServiceOffering<'a> {
    /// The name, unique in the catalog.
    pub name: &'a str,
    /// The globally unique id, which never changes.
    pub id: &'a str,
    /// The description, one sentence.
    pub description: &'a str,
    /// Search terms.
    pub tags: Vec<&'a str>,
    /// True if applications can be bound to its instances.
    pub bindable: bool,
    /// True if the broker supports `GET /v2/service_instances/:id`.
    pub instances_retrievable: bool,
    /// True if the broker supports `GET …/service_bindings/:id`.
    pub bindings_retrievable: bool,
    /// True if an update may change the context alone.
    pub allow_context_updates: bool,
    /// True if an instance can change its plan. The spelling is the specification's.
    pub plan_updateable: bool,
    /// Service Metadata (profile.md), a JSON object.
    pub metadata: &'a RawValue,
    /// The plans; at least one.
    pub plans: Vec<ServicePlan<'a>>,
}

/// Service Plan Object.
#[derive(Debug, Serialize)]
pub struct ServicePlan<'a> {
    /// The globally unique id, which never changes.
    pub id: &'a str,
    /// The name, unique in the offering.
    pub name: &'a str,
    /// The description, one sentence.
    pub description: &'a str,
    /// Plan Metadata (profile.md), a JSON object.
    pub metadata: &'a RawValue,
    /// True if AWS charges nothing for an instance.
    pub free: bool,
    /// True if applications can be bound to its instances. Every plan has it, for platforms that
    /// ignore the offering's value.
    pub bindable: bool,
    /// True if instances of this plan can change to another one.
    pub plan_updateable: bool,
    /// True if a new binding can replace an existing one.
    pub binding_rotatable: bool,
    /// The version of the plan's template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance_info: Option<MaintenanceInfo<'a>>,
    /// The time in seconds after which the platform may give up an operation.
    pub maximum_polling_duration: u32,
    /// Schemas of the `parameters` in requests.
    pub schemas: Schemas<'a>,
}

/// Maintenance Info Object.
#[derive(Debug, Serialize)]
pub struct MaintenanceInfo<'a> {
    /// A SemVer 2.0 version.
    pub version: &'a str,
    /// The effects of an upgrade to this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
}

/// Schemas Object.
#[derive(Debug, Serialize)]
pub struct Schemas<'a> {
    /// Schemas for instances.
    pub service_instance: InstanceSchemas<'a>,
    /// Schemas for bindings.
    pub service_binding: BindingSchemas<'a>,
}

/// Service Instance Schema Object.
#[derive(Debug, Serialize)]
pub struct InstanceSchemas<'a> {
    /// Schema for provision requests.
    pub create: InputParameters<'a>,
    /// Schema for update requests.
    pub update: InputParameters<'a>,
}

/// Service Binding Schema Object.
#[derive(Debug, Serialize)]
pub struct BindingSchemas<'a> {
    /// Schema for bind requests.
    pub create: InputParameters<'a>,
}

/// Input Parameters Schema Object.
#[derive(Debug, Serialize)]
pub struct InputParameters<'a> {
    /// A JSON Schema, draft 4, of `parameters`.
    pub parameters: Cow<'a, RawValue>,
}
