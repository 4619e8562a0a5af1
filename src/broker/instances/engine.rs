//! The engine, which advances an instance's operation as far as CloudFormation has come.

use jiff::{SignedDuration, Timestamp};

use super::{
    adoption, deletion,
    outcome::{self, CREATE_AGAIN, DELETE_INSTANCE, NO_STACK, advice, advice_after_update},
};
use crate::broker::{
    Broker,
    error::{Error, Result},
    observation,
    records::{Instance, InstanceId, Operation, OperationKind},
    stacks::{OperationEvents, Progress, Sight, StackStatus, description, progress},
};

/// The longest time for which CloudFormation may leave a stack at rest instead of deleting it.
/// After that, the deletion fails.
///
/// The time counts from the stack's last event, by CloudFormation's clock. The broker may repeat
/// the deletion request only some polls later.
const BEGIN_DELETION_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// The time for which a deletion is retried before [`BEGIN_DELETION_WITHIN`] applies.
const LONGEST_BEGINNING: SignedDuration = SignedDuration::from_hours(1);

pub async fn find_instance(broker: &Broker, id: &InstanceId) -> Result<Instance> {
    let instance = broker
        .records
        .instance(id, broker.environment.now())
        .await?;
    let instance = instance
        .filter(|instance| !instance.is_tombstone())
        .ok_or_else(Error::instance_not_found)?;
    observation::observe(broker, &instance.attributes);
    Ok(instance)
}

/// Returns the instance; a creation or update that has ended is recorded first.
pub async fn find_current_instance(broker: &Broker, id: &InstanceId) -> Result<Instance> {
    let instance = find_instance(broker, id).await?;
    if instance.operation.kind == OperationKind::Deprovision {
        return Ok(instance);
    }
    Ok(advance(broker, instance).await?.0)
}

/// Advances the instance's operation as far as possible now. Returns the events of the
/// operation if it was in progress.
pub async fn advance(broker: &Broker, instance: Instance) -> Result<(Instance, OperationEvents)> {
    if !instance.operation.in_progress() {
        return Ok((instance, OperationEvents::default()));
    }

    // Boxed: the future holds those of every end of an operation, and every request holds it.
    Box::pin(advance_running(broker, instance)).await
}

async fn advance_running(
    broker: &Broker,
    instance: Instance,
) -> Result<(Instance, OperationEvents)> {
    let events = broker
        .stacks_of(&instance)
        .await
        .events(instance.stack(), &instance.operation.id)
        .await?;
    let sight = Sight::of(events.as_ref());
    let mut events = events.unwrap_or_default();
    if instance.has_secret_parameters() {
        description::withhold_reasons(&mut events);
    }

    let advanced = match progress(instance.operation.kind, sight) {
        // Boxed: this future holds those of a whole deletion.
        Progress::NotStarted => Box::pin(without_events(broker, instance, sight, &events)).await?,
        Progress::Running => instance,
        Progress::Succeeded if sight == Sight::NoStack => {
            end_without_stack(broker, instance, &events).await?
        }
        Progress::Succeeded => outcome::succeed(broker, instance).await?,
        Progress::Failed => end_failed(broker, instance, sight, &events).await?,
    };
    Ok((advanced, events))
}

/// Ends a deletion whose stack is deleted, unless something of the instance may be left or may
/// still be created.
async fn end_without_stack(
    broker: &Broker,
    instance: Instance,
    events: &OperationEvents,
) -> Result<Instance> {
    if instance.may_be_created_late(broker.environment.now()) {
        return Ok(instance);
    }
    // Somebody may have deleted the stack outside the broker, while bindings are left.
    if deletion::has_bindings(broker, &instance).await? {
        return without_events(broker, instance, Sight::NoStack, events).await;
    }
    // A late request may have created another stack under the same name.
    if instance.stack_id.is_some() && instance.may_have_been_created_again() {
        return deletion::delete_successor(broker, instance).await;
    }

    outcome::succeed(broker, instance).await
}

/// Records the failure that the events report, with advice for the user.
async fn end_failed(
    broker: &Broker,
    instance: Instance,
    sight: Sight,
    events: &OperationEvents,
) -> Result<Instance> {
    let usable = events
        .current_status()
        .is_some_and(StackStatus::is_usable_after_update);
    let reason = match sight {
        Sight::NoStack => NO_STACK.into(),
        _ => description::cause(events),
    };
    let advice = match instance.operation.kind {
        _ if sight == Sight::NoStack => DELETE_INSTANCE,
        // The user's parameters were not the cause.
        OperationKind::Provision if events.interruption().is_some() => CREATE_AGAIN,
        OperationKind::Update => advice_after_update(usable),
        kind => advice(kind),
    };

    let reason = description::with_advice(&reason, advice);
    match instance.operation.kind {
        OperationKind::Update if usable => outcome::fail_unchanged(broker, instance, reason).await,
        _ => outcome::fail(broker, instance, reason).await,
    }
}

/// Ends or restarts an operation that CloudFormation does not know, once no request can be working
/// on it any more.
async fn without_events(
    broker: &Broker,
    instance: Instance,
    sight: Sight,
    events: &OperationEvents,
) -> Result<Instance> {
    let now = broker.environment.now();
    if instance.operation.may_be_running(now) {
        return Ok(instance);
    }

    match instance.operation.kind {
        OperationKind::Deprovision => restart_deletion(broker, instance, events, now).await,
        OperationKind::Update => end_unsent_update(broker, instance).await,
        _ => end_unsent_creation(broker, instance, sight).await,
    }
}

/// Deletes what is left of the instance, unless CloudFormation has ignored the deletion for too
/// long.
async fn restart_deletion(
    broker: &Broker,
    instance: Instance,
    events: &OperationEvents,
    now: Timestamp,
) -> Result<Instance> {
    // Until the record has the stack's id, the broker has not asked CloudFormation to delete the
    // stack.
    if instance.stack_id.is_some() && is_ignored(&instance.operation, events, now) {
        let reason = "CloudFormation did not start to delete the stack. Delete the instance again.";
        return outcome::fail(broker, instance, reason.into()).await;
    }
    deletion::tear_down(broker, instance).await
}

/// Ends an update as failed. The platform is told so, so it must not happen later.
async fn end_unsent_update(broker: &Broker, instance: Instance) -> Result<Instance> {
    let reason = "The request did not reach AWS, and nothing was changed. Retry the update.";
    outcome::fail_unchanged(broker, instance, reason.into()).await
}

/// Ends a creation: adopts the stack if there is one that matches, and fails otherwise. A poll
/// never creates a stack: one that somebody has deleted by hand must not come back.
async fn end_unsent_creation(
    broker: &Broker,
    instance: Instance,
    sight: Sight,
) -> Result<Instance> {
    if sight != Sight::NoStack {
        return adoption::adopt_stack(broker, instance).await;
    }
    let reason = "There is no stack: the request did not reach AWS, or somebody has deleted the \
                  stack";
    let reason = description::with_advice(reason, CREATE_AGAIN);
    outcome::fail(broker, instance, reason).await
}

/// True if CloudFormation leaves the stack at rest after repeated requests to delete it.
fn is_ignored(operation: &Operation, events: &OperationEvents, now: Timestamp) -> bool {
    now.duration_since(operation.started_at) > LONGEST_BEGINNING
        && events.foreign.last().is_some_and(|event| {
            event.stack_status().is_at_rest()
                && now.duration_since(event.at) > BEGIN_DELETION_WITHIN
        })
}
