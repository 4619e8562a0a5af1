//! `GET /v2/service_instances/:instance_id/last_operation`

use jiff::{SignedDuration, Timestamp};

use super::engine;
use crate::broker::{
    Broker,
    deadline::Deadline,
    error::{Error, Result},
    last_operation::{LastOperation, superseded},
    observation,
    records::{Instance, InstanceId, Operation, OperationKind},
    stacks::{
        OperationEvents,
        description::{self, ExpectedStack},
    },
};

/// Returns the status of an operation, and records its end.
///
/// `asked` is the id of the operation that the platform polls. An id that the record does not
/// know means the last operation.
///
/// # Errors
///
/// - [`Error::Gone`] if `asked` is a deletion and not even the tombstone is left.
/// - [`Error::NotFound`] if the instance does not exist.
/// - The error of a port.
pub async fn last_operation(
    broker: &Broker,
    id: &InstanceId,
    asked: Option<&str>,
    deadline: Deadline,
) -> Result<LastOperation> {
    let now = broker.environment.now();
    let Some(instance) = broker.records.instance(id, now).await? else {
        let deleted = asked.is_some_and(|asked| OperationKind::Deprovision.is_of(asked));
        return Err(if deleted {
            Error::Gone
        } else {
            Error::instance_not_found()
        });
    };
    observation::observe(broker, &instance.attributes);

    if let Some(previous) = instance
        .previous_operation
        .as_ref()
        .filter(|previous| asked == Some(&previous.id))
    {
        return Ok(superseded(broker, previous.clone(), now));
    }
    if instance.operation.has_followed_deletion(asked) {
        return Err(Error::Gone);
    }

    if let Some(description) = broker.progress_cache.recent(&instance.operation, now)
        && instance.operation.in_progress()
    {
        observation::observe_running(broker, &instance.operation);
        let longest_creation = longest_creation(expected_stack(broker, &instance));
        return Ok(LastOperation::new(
            &instance.operation,
            description,
            longest_creation,
            now,
        ));
    }
    look(broker, instance, deadline, now).await
}

/// Advances the operation as far as the deadline allows, and describes it.
async fn look(
    broker: &Broker,
    instance: Instance,
    deadline: Deadline,
    now: Timestamp,
) -> Result<LastOperation> {
    let seen = deadline
        .limit(engine::advance(broker, instance.clone()))
        .await;
    let (instance, events) = match seen {
        Ok(Err(error)) if error.is_passing() => {
            tracing::warn!(
                reason = error.log_text(),
                "could not read the operation's progress; reporting it as in progress"
            );
            return Ok(unseen(broker, &instance.operation));
        }
        Ok(advanced) => advanced?,
        Err(_) => {
            tracing::warn!(
                "could not read the operation's progress in time; reporting it as in progress"
            );
            return Ok(unseen(broker, &instance.operation));
        }
    };

    Ok(describe(broker, &instance, &events, now))
}

/// The response while AWS does not report the operation's progress.
fn unseen(broker: &Broker, operation: &Operation) -> LastOperation {
    observation::observe_running(broker, operation);
    LastOperation::unseen(operation)
}

/// Describes the operation's progress, and keeps the description for the next polls.
fn describe(
    broker: &Broker,
    instance: &Instance,
    events: &OperationEvents,
    now: Timestamp,
) -> LastOperation {
    let operation = &instance.operation;
    observation::observe_running(broker, operation);

    let expected = expected_stack(broker, instance);
    let description = description::of_instance(operation, events, expected, now);

    // The next polls may use this description only if AWS will report the operation's end. An
    // operation that CloudFormation has not begun ends without an event, and from other
    // locations no events arrive.
    if operation.in_progress() && !events.own.is_empty() && instance.location.is_none() {
        broker.progress_cache.keep(operation, &description, now);
    }

    LastOperation::new(operation, description, longest_creation(expected), now)
}

/// Returns the expected properties of the instance's stack; `None` if the catalog no longer has the
/// plan.
fn expected_stack(broker: &Broker, instance: &Instance) -> Option<ExpectedStack> {
    let attributes = &instance.attributes;
    let offered = broker
        .catalog
        .find(&attributes.service_id, &attributes.plan_id);
    offered.ok().map(|offered| ExpectedStack::of(&offered))
}

fn longest_creation(expected: Option<ExpectedStack>) -> SignedDuration {
    expected.map_or(SignedDuration::ZERO, |expected| expected.longest_creation)
}
