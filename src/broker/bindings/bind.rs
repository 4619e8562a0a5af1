//! `PUT /v2/service_instances/:instance_id/service_bindings/:binding_id`

use catalog::Offered;
use jiff::SignedDuration;

use super::{
    bindable::check_bindable,
    function, identity, outcome,
    policy::{self, Policy},
    removal,
    rotation::predecessor,
    view::{self, BindingView},
};
use crate::{
    broker::{
        Broker,
        error::{Error, Result},
        instances::{engine, tags},
        ports::{BindingInsertion, WriteOutcome},
        records::{
            Binding, BindingId, Identity, Instance, InstanceId, Json, Lifetime, Operation,
            OperationKind, OperationState, Tag,
        },
        waiting::Waiting,
    },
    osb::{BindRequest, NonEmpty, Object},
};

/// The outcome of an accepted bind request.
pub enum Bound {
    /// The binding exists, and this request created it.
    Created(BindingView),
    /// The binding existed before this request.
    Exists(BindingView),
    /// The binding is being created.
    Accepted {
        /// The operation id for the platform's polls.
        operation: String,
    },
}

/// Creates a binding: its record, then its identity, whose key is sealed into the record.
///
/// # Errors
///
/// - [`Error::Invalid`] and [`Error::NotFound`] before anything is written.
/// - [`Error::Conflict`] if the id is taken.
/// - [`Error::Concurrency`] while another request works on the instance or the binding.
/// - [`Error::Port`] leaves the record. The same request, sent again, or a deletion resumes
///   there.
pub async fn bind(
    broker: &Broker,
    instance_id: &InstanceId,
    id: BindingId,
    request: BindRequest,
    waiting: Waiting,
) -> Result<Bound> {
    check_complete(&request)?;
    let instance = engine::find_current_instance(broker, instance_id).await?;
    check_bindable(broker, &instance).await?;

    let predecessor = match &request.predecessor_binding_id {
        Some(named) => Some(predecessor(broker, instance_id, named, &id).await?),
        None => None,
    };

    let attributes = &instance.attributes;
    let offered = broker
        .catalog
        .find(&attributes.service_id, &attributes.plan_id)?;
    check_plan(broker, &request, &instance)?;

    let context = request.context.clone();
    let requested = requested_binding(broker, &instance, id, request, predecessor);
    let requested = check_requested(&offered, requested)?;

    let binding = match with_identity(
        broker,
        &offered,
        &instance,
        requested.clone(),
        context.as_ref(),
    )
    .await
    {
        Err(refused @ Error::Invalid(_)) => {
            // A repeated request gets its earlier response, even if the broker would reject it
            // today.
            let existing = find_binding(broker, instance_id, &requested.id).await?;
            let existing = existing.ok_or(refused)?;
            return bind_again(broker, &offered, &instance, existing, &requested, waiting).await;
        }
        binding => binding?,
    };

    match broker
        .records
        .insert_binding(&instance, &binding, broker.environment.now())
        .await?
    {
        BindingInsertion::Done if binding.is_usable() => Ok(Bound::Created(
            view::binding_view(broker, &offered, &instance, &binding).await?,
        )),
        BindingInsertion::Done => bind_now(broker, &offered, &instance, binding, waiting).await,
        BindingInsertion::InstanceChanged => Err(Error::Concurrency),
        BindingInsertion::Exists(existing) => {
            bind_again(broker, &offered, &instance, *existing, &binding, waiting).await
        }
    }
}

/// The binding's record, if it exists and has not expired.
async fn find_binding(
    broker: &Broker,
    instance_id: &InstanceId,
    id: &BindingId,
) -> Result<Option<Binding>> {
    let now = broker.environment.now();
    let (_, binding) = broker
        .records
        .instance_and_binding(instance_id, id, now)
        .await?;
    Ok(binding)
}

/// The record of the requested binding. A rotation inherits from its predecessor what the
/// request leaves out.
fn requested_binding(
    broker: &Broker,
    instance: &Instance,
    id: BindingId,
    request: BindRequest,
    predecessor: Option<Binding>,
) -> Binding {
    let app_guid = request
        .bind_resource
        .and_then(|resource| resource.app_guid)
        .or(request.app_guid);

    let of_predecessor =
        predecessor.map(|binding| (binding.id, binding.app_guid, binding.parameters));
    let (predecessor_id, predecessors_app, predecessors_parameters) = match of_predecessor {
        Some((id, app_guid, parameters)) => (Some(id), app_guid, parameters),
        None => (None, None, Json::default()),
    };

    Binding {
        id,
        instance_id: instance.id.clone(),
        location: instance.location.clone(),
        service_id: instance.attributes.service_id.clone(),
        plan_id: instance.attributes.plan_id.clone(),
        app_guid: app_guid.map(NonEmpty::into_inner).or(predecessors_app),
        parameters: request.parameters.map_or(predecessors_parameters, Json),
        predecessor_id,
        identity: None,
        function: None,
        lifetime: None,
        operation: Operation::begin(
            OperationKind::Bind,
            broker.environment.uuid(),
            broker.environment.now(),
        ),
        previous_operation: None,
        expires_at: None,
        version: broker.environment.first_version(),
    }
}

/// Checks that the service and the plan in the request, if any, are the instance's.
fn check_plan(broker: &Broker, request: &BindRequest, instance: &Instance) -> Result<()> {
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
    let reason =
        "The service instance is not of this service_id and plan_id. Send those that it has.";
    Err(Error::Invalid(reason.into()))
}

/// Checks the quota of bindings, and adds the identity, function and lifetime that the binding
/// requires.
async fn with_identity(
    broker: &Broker,
    offered: &Offered<'_>,
    instance: &Instance,
    binding: Binding,
    context: Option<&Object>,
) -> Result<Binding> {
    broker
        .quotas
        .check_bindings(&*broker.records, instance, binding.predecessor_id.is_some())
        .await?;

    let parameters = &binding.parameters.0;
    let identity = match policy::policy(broker, offered, instance, parameters)? {
        Some(policy) => {
            let identity =
                identity::requested_identity(broker, instance, &binding.id, parameters, context)
                    .await?;
            if policy.denies() && matches!(identity, Identity::RolePolicy { .. }) {
                return Err(denies_a_role(&policy));
            }
            Some(identity)
        }
        None => None,
    };

    let function = function::bind_function(broker, offered, instance)?;
    let lifetime = match identity {
        Some(Identity::User { .. }) => broker
            .rules
            .lifetime
            .map(|lifetime| begin(lifetime, &binding.operation)),
        _ => None,
    };

    let operation = match (&identity, &function) {
        // Without an identity or a function, nothing is left to do after the record.
        (None, None) => binding.operation.succeeded(),
        _ => binding.operation,
    };

    Ok(Binding {
        identity,
        function,
        lifetime,
        operation,
        ..binding
    })
}

/// Handles a bind request whose id exists: one that was sent again, or a conflicting one.
async fn bind_again(
    broker: &Broker,
    offered: &Offered<'_>,
    instance: &Instance,
    existing: Binding,
    requested: &Binding,
    waiting: Waiting,
) -> Result<Bound> {
    let now = broker.environment.now();
    let conflict = |reason: &str| Err(Error::Conflict(reason.into()));

    match (existing.operation.kind, existing.operation.state) {
        // The platform was told that there was nothing to delete, so nobody polls this late
        // deletion.
        (OperationKind::Unbind, OperationState::InProgress)
            if !existing.operation.may_be_running(now) =>
        {
            removal::release_binding(broker, existing).await?;
            return Err(Error::Concurrency);
        }
        // A tombstone blocks its id for half a minute: an earlier request for the id may still
        // run.
        (OperationKind::Unbind, _) => return Err(Error::Concurrency),
        _ if !existing.same_request(requested) => {
            return conflict(
                "A service binding of this id exists with other attributes. Use a new id.",
            );
        }
        (_, OperationState::Failed) => {
            return conflict(
                "The creation of the service binding of this id has failed. Delete it.",
            );
        }
        (_, OperationState::Succeeded) => {
            return Ok(Bound::Exists(
                view::binding_view(broker, offered, instance, &existing).await?,
            ));
        }
        (_, OperationState::InProgress) => {}
    }

    if !existing.operation.may_be_running(now) {
        take_up_bind(broker, offered, instance, existing, waiting).await
    } else if waiting.is_polled() {
        Ok(Bound::Accepted {
            operation: existing.operation.id,
        })
    } else {
        Err(Error::Concurrency)
    }
}

/// Resumes a bind operation that no request works on any more.
async fn take_up_bind(
    broker: &Broker,
    offered: &Offered<'_>,
    instance: &Instance,
    mut existing: Binding,
    waiting: Waiting,
) -> Result<Bound> {
    if let Err(Error::Invalid(reason)) =
        identity::check_role_again(broker, instance, &existing).await
    {
        identity::revoke_identity(broker, &existing).await?;
        outcome::fail_binding(broker, existing, Error::Invalid(reason.clone())).await?;
        return Err(Error::Invalid(reason));
    }

    // Only one request may resume the operation of another one.
    existing.operation = existing.operation.taken_up(broker.environment.now());
    match broker.records.update_binding(&existing).await? {
        WriteOutcome::Done => {
            existing.version += 1;
            bind_now(broker, offered, instance, existing, waiting).await
        }
        WriteOutcome::Conflict => Err(Error::Concurrency),
    }
}

async fn bind_now(
    broker: &Broker,
    offered: &Offered<'_>,
    instance: &Instance,
    binding: Binding,
    waiting: Waiting,
) -> Result<Bound> {
    let operation = binding.operation.id.clone();
    let bound = complete_bind(broker, offered, instance, binding);
    Ok(match waiting.result_of(bound).await? {
        Some(view) => Bound::Created(view),
        None => Bound::Accepted { operation },
    })
}

/// Resumes a bind operation that no request works on any more, for a poll.
pub async fn resume_bind(broker: &Broker, instance: &Instance, binding: Binding) -> Result<()> {
    check_bindable(broker, instance).await?;
    identity::check_role_again(broker, instance, &binding).await?;
    let offered = broker.catalog.find(
        &instance.attributes.service_id,
        &instance.attributes.plan_id,
    )?;
    complete_bind(broker, &offered, instance, binding)
        .await
        .map(drop)
}

/// Creates the identity and the credentials, and records that the bind operation succeeded.
async fn complete_bind(
    broker: &Broker,
    offered: &Offered<'_>,
    instance: &Instance,
    binding: Binding,
) -> Result<BindingView> {
    let policy = policy::policy(broker, offered, instance, &binding.parameters.0)?;
    let (identity, access) = match (binding.identity.clone(), policy) {
        (Some(identity), Some(policy)) => {
            let tags = tags(offered, instance, &binding, &policy);
            let (identity, access) =
                identity::create_identity(broker, &binding, identity, tags, &policy).await?;
            (Some(identity), Some(access))
        }
        (identity, _) => (identity, None),
    };

    let made =
        function::make_credentials(broker, offered, instance, &binding, access.as_ref()).await?;

    let operation = binding.operation.clone().succeeded();
    let bound = Binding {
        identity,
        function: made.function,
        operation,
        ..binding
    };

    match broker.records.update_binding(&bound).await? {
        WriteOutcome::Done => Ok(view::view_of(
            broker,
            offered,
            instance,
            &bound,
            made.credentials,
        )),
        WriteOutcome::Conflict => Err(Error::Concurrency),
    }
}

fn denies_a_role(policy: &Policy) -> Error {
    Error::Invalid(format!(
        "The scope {} of this plan denies things, which a role of an application would lose for \
         all that it does. Bind without RoleName and RoleArn, or with a ServiceAccount.",
        policy.scope
    ))
}

/// The validity period of an access key that this operation creates.
fn begin(lifetime: SignedDuration, operation: &Operation) -> Lifetime {
    let begun = operation.started_at;
    Lifetime {
        // The last third is for the platform to create a successor, and for the application to
        // receive it.
        renew_before: begun + SignedDuration::from_secs(lifetime.as_secs() / 3 * 2),
        ends_at: begun + lifetime,
    }
}

/// The tags of an IAM identity, which show people whose it is.
fn tags(
    offered: &Offered<'_>,
    instance: &Instance,
    binding: &Binding,
    policy: &Policy,
) -> Vec<Tag> {
    let mut tags = tags::tags(offered, &instance.id, &instance.attributes);
    tags.push(Tag::new("servicebroker:binding-id", binding.id.as_str()));
    tags.push(Tag::new("servicebroker:scope", &policy.scope));
    tags.extend(
        binding
            .app_guid
            .as_deref()
            .map(|app_guid| Tag::new("servicebroker:app-guid", app_guid)),
    );
    tags
}

/// Checks that the plan allows the binding, and returns it with its parameters normalised.
fn check_requested(offered: &Offered<'_>, requested: Binding) -> Result<Binding> {
    if requested.predecessor_id.is_some() && !offered.is_binding_rotatable() {
        return Err(Error::Invalid(
            "The plan does not rotate bindings. Create a binding without a predecessor.".into(),
        ));
    }
    let parameters = offered.check_binding_parameters(requested.parameters.0);
    let parameters = Json(parameters.map_err(Error::Invalid)?);
    Ok(Binding {
        parameters,
        ..requested
    })
}

/// Checks that required fields are present. A rotation needs only its predecessor (OSBAPI, Rotating
/// a Service Binding).
fn check_complete(request: &BindRequest) -> Result<()> {
    let missing = |field| {
        Err(Error::Invalid(format!(
            "The body does not fit the API: missing field `{field}`."
        )))
    };

    match request {
        BindRequest {
            predecessor_binding_id: Some(_),
            ..
        } => Ok(()),
        BindRequest {
            service_id: None, ..
        } => missing("service_id"),
        BindRequest { plan_id: None, .. } => missing("plan_id"),
        _ => Ok(()),
    }
}
