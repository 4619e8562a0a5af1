//! The binding that a bind request asks for.

use catalog::Offered;
use jiff::SignedDuration;

use super::{
    grants::{self, Kind},
    policy::Policy,
    rotation::Predecessor,
    service_instance::ServiceInstance,
};
use crate::{
    broker::{
        Broker,
        error::{Error, Result},
        records::{Binding, BindingId, Instance, Json, Lifetime, Operation, OperationKind},
    },
    osb::{BindRequest, Object},
};

/// Returns the record of the requested binding, with normalised parameters and without grants. A
/// rotation inherits from its predecessor what the request leaves out.
///
/// # Errors
///
/// [`Error::Invalid`] if the plan does not allow the binding.
pub fn binding(
    broker: &Broker,
    service: &ServiceInstance<'_>,
    id: BindingId,
    request: BindRequest,
    predecessor: Option<Predecessor>,
) -> Result<Binding> {
    let app_guid = request
        .bind_resource
        .and_then(|resource| resource.app_guid)
        .or(request.app_guid);

    let is_rotation = predecessor.is_some();
    let (predecessor_id, predecessors_app, predecessors_parameters) = match predecessor {
        Some(Predecessor {
            id,
            app_guid,
            parameters,
        }) => (Some(id), app_guid, parameters),
        None => (None, None, Json::default()),
    };
    let parameters = request.parameters.map_or(predecessors_parameters, Json);

    let instance = service.record;
    Ok(Binding {
        id,
        instance_id: instance.id.clone(),
        location: instance.location.clone(),
        service_id: instance.attributes.service_id.clone(),
        plan_id: instance.attributes.plan_id.clone(),
        app_guid: app_guid.or(predecessors_app),
        parameters: check_parameters(&service.offered, parameters, is_rotation)?,
        predecessor_id,
        grants: Vec::new(),
        lifetime: None,
        operation: Operation::begin(
            OperationKind::Bind,
            broker.environment.uuid(),
            broker.environment.now(),
        ),
        previous_operation: None,
        expires_at: None,
        version: broker.environment.first_version(),
    })
}

/// Checks that the plan allows the binding, and returns the parameters normalised.
fn check_parameters(offered: &Offered<'_>, parameters: Json, is_rotation: bool) -> Result<Json> {
    if is_rotation && !offered.is_binding_rotatable() {
        return Err(Error::Invalid(
            "The plan does not support the rotation of bindings. Create a binding without a \
             predecessor_binding_id."
                .into(),
        ));
    }
    let parameters = offered.check_binding_parameters(parameters.0);
    parameters.map(Json).map_err(Error::Invalid)
}

/// Checks the quota of bindings, and adds the grants and the lifetime that the binding requires.
/// Returns the permissions of its identity, too.
///
/// # Errors
///
/// [`Error::Invalid`] if the operator does not allow the binding; the error of a port.
pub async fn with_grants(
    broker: &Broker,
    service: &ServiceInstance<'_>,
    binding: Binding,
    context: Option<&Object>,
) -> Result<(Binding, Option<Policy>)> {
    let is_rotation = binding.predecessor_id.is_some();
    broker
        .quotas
        .check_bindings(&*broker.records, service.record, is_rotation)
        .await?;

    let policy = service.policy(broker, &binding)?;
    let grants = grants::requested(broker, service, &binding, policy.as_ref(), context).await?;

    let mut binding = Binding { grants, ..binding };
    if grants::kinds(&binding).any(Kind::expires) {
        let lifetime = broker.rules.lifetime;
        binding.lifetime = lifetime.map(|lifetime| begin(lifetime, &binding.operation));
    }
    if binding.grants.is_empty() {
        // Nothing is left to do after the record.
        binding.operation = binding.operation.succeeded();
    }
    Ok((binding, policy))
}

/// Returns the validity period of an access key that this operation creates.
fn begin(lifetime: SignedDuration, operation: &Operation) -> Lifetime {
    let begun = operation.started_at;
    Lifetime {
        // The last third is for the platform to create a successor, and for the application to
        // receive it.
        renew_before: begun + SignedDuration::from_secs(lifetime.as_secs() / 3 * 2),
        ends_at: begun + lifetime,
    }
}

/// Checks that the service and the plan in the request, if any, are the instance's.
pub fn check_plan(broker: &Broker, request: &BindRequest, instance: &Instance) -> Result<()> {
    let attributes = &instance.attributes;
    let service_id = request
        .service_id
        .as_deref()
        .unwrap_or(&attributes.service_id);
    let plan_id = request.plan_id.as_deref().unwrap_or(&attributes.plan_id);
    if (service_id, plan_id) == (&attributes.service_id, &attributes.plan_id) {
        return Ok(());
    }
    broker.catalog.find(service_id, plan_id)?;
    let reason = "service_id and plan_id do not match the service instance. Send its current ones.";
    Err(Error::Invalid(reason.into()))
}

/// Checks that required fields are present. A rotation needs only its predecessor (OSBAPI, Rotating
/// a Service Binding).
pub fn check_complete(request: &BindRequest) -> Result<()> {
    match request {
        BindRequest {
            predecessor_binding_id: Some(_),
            ..
        } => Ok(()),
        BindRequest {
            service_id: None, ..
        } => Err(missing("service_id")),
        BindRequest { plan_id: None, .. } => Err(missing("plan_id")),
        _ => Ok(()),
    }
}

fn missing(field: &str) -> Error {
    Error::Invalid(format!("The body is not valid: missing field `{field}`."))
}
