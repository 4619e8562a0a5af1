//! `PUT /v2/service_instances/:instance_id/service_bindings/:binding_id`

use super::{
    bindable::check_bindable,
    creation, grants, outcome,
    policy::Policy,
    removal, requested,
    rotation::predecessor,
    service_instance::ServiceInstance,
    view::{self, BindingView},
};
use crate::{
    broker::{
        Broker,
        error::{Error, Result},
        instances::engine,
        mutation::Mutation,
        ports::BindingInsertion,
        records::{Binding, BindingId, InstanceId, OperationKind, OperationState},
        waiting::Waiting,
    },
    osb::BindRequest,
};

/// Creates a binding: its record, then its grants, whose secrets are sealed into the record.
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
) -> Result<Mutation<BindingView, ()>> {
    requested::check_complete(&request)?;
    let instance = engine::find_current_instance(broker, instance_id).await?;
    check_bindable(broker, &instance).await?;

    let predecessor = match &request.predecessor_binding_id {
        Some(named) => Some(predecessor(broker, instance_id, named, &id).await?),
        None => None,
    };

    let service = ServiceInstance::find(broker, &instance)?;
    requested::check_plan(broker, &request, &instance)?;

    let context = request.context.clone();
    let requested = requested::binding(broker, &service, id, request, predecessor)?;

    let with_grants =
        requested::with_grants(broker, &service, requested.clone(), context.as_ref()).await;
    let (binding, policy) = match with_grants {
        Err(refused @ Error::Invalid(_)) => {
            // A repeated request gets its earlier response, even if the broker would reject it
            // today.
            let existing = find_binding(broker, instance_id, &requested.id).await?;
            let existing = existing.ok_or(refused)?;
            return bind_again(broker, &service, existing, &requested, waiting).await;
        }
        with_grants => with_grants?,
    };

    insert(broker, &service, binding, policy, waiting).await
}

/// Inserts the record, and creates the grants that it lists.
async fn insert(
    broker: &Broker,
    service: &ServiceInstance<'_>,
    binding: Binding,
    policy: Option<Policy>,
    waiting: Waiting,
) -> Result<Mutation<BindingView, ()>> {
    let now = broker.environment.now();

    match broker
        .records
        .insert_binding(service.record, &binding, now)
        .await?
    {
        BindingInsertion::Done if binding.is_usable() => Ok(Mutation::Created(
            view::of_binding(broker, service, &binding).await?,
        )),
        BindingInsertion::Done => create(broker, service, binding, policy, waiting).await,
        BindingInsertion::InstanceChanged => Err(Error::Concurrency),
        BindingInsertion::Exists(existing) => {
            bind_again(broker, service, *existing, &binding, waiting).await
        }
    }
}

/// Returns the binding's record, if it exists and has not expired.
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

/// Handles a bind request whose id exists: one that was sent again, or a conflicting one.
async fn bind_again(
    broker: &Broker,
    service: &ServiceInstance<'_>,
    existing: Binding,
    requested: &Binding,
    waiting: Waiting,
) -> Result<Mutation<BindingView, ()>> {
    let now = broker.environment.now();
    match (existing.operation.kind, existing.operation.state) {
        // The platform was told that there was nothing to delete, so nobody polls this late
        // deletion.
        (OperationKind::Unbind, OperationState::InProgress)
            if !existing.operation.may_be_running(now) =>
        {
            removal::release(broker, existing).await?;
            return Err(Error::Concurrency);
        }
        // A tombstone blocks its id for half a minute: an earlier request for the id may still
        // run.
        (OperationKind::Unbind, _) => return Err(Error::Concurrency),
        _ if !existing.same_request(requested) => {
            let reason =
                "A service binding with this id exists with other attributes. Use a new id.";
            return Err(Error::Conflict(reason.into()));
        }
        (_, OperationState::Failed) => {
            let reason = "The creation of the service binding with this id failed. Delete it, then \
                          create a new one.";
            return Err(Error::Conflict(reason.into()));
        }
        (_, OperationState::Succeeded) => {
            return Ok(Mutation::Done(
                view::of_binding(broker, service, &existing).await?,
            ));
        }
        (_, OperationState::InProgress) => {}
    }

    if !existing.operation.may_be_running(now) {
        return take_up(broker, service, existing, waiting).await;
    }
    if waiting.is_polled() {
        return Ok(Mutation::InProgress {
            operation: existing.operation.id,
            view: (),
        });
    }
    Err(Error::Concurrency)
}

/// Resumes a bind operation that no request works on any more.
async fn take_up(
    broker: &Broker,
    service: &ServiceInstance<'_>,
    mut existing: Binding,
    waiting: Waiting,
) -> Result<Mutation<BindingView, ()>> {
    if let Err(Error::Invalid(reason)) =
        creation::check_again(broker, service.record, &existing).await
    {
        grants::revoke(broker, &existing).await?;
        outcome::fail(broker, existing, Error::Invalid(reason.clone())).await?;
        return Err(Error::Invalid(reason));
    }

    // Only one request may resume the operation of another one.
    existing.operation = existing.operation.taken_up(broker.environment.now());
    let Some(binding) = broker.records.replace_binding(&existing).await? else {
        return Err(Error::Concurrency);
    };
    let policy = service.policy(broker, &binding)?;
    create(broker, service, binding, policy, waiting).await
}

/// Creates the grants, for as long as the platform waits.
async fn create(
    broker: &Broker,
    service: &ServiceInstance<'_>,
    binding: Binding,
    policy: Option<Policy>,
    waiting: Waiting,
) -> Result<Mutation<BindingView, ()>> {
    let operation = binding.operation.id.clone();
    let created = creation::create(broker, service, binding, policy);

    Ok(match waiting.result_of(created).await? {
        Some(view) => Mutation::Created(view),
        None => Mutation::InProgress {
            operation,
            view: (),
        },
    })
}
