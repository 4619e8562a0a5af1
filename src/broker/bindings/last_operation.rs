//! `GET /v2/service_instances/:instance_id/service_bindings/:binding_id/last_operation`

use jiff::SignedDuration;

use super::{
    creation,
    grants::{self, Kind, LONGEST_WAIT_FOR_STACK},
    outcome, removal,
};
use crate::broker::{
    Broker,
    deadline::Deadline,
    error::{Error, Result},
    last_operation::{self, LastOperation},
    observation,
    records::{Binding, BindingId, Instance, InstanceId, Operation, OperationKind},
    stacks::description,
    waiting::Waiting,
};

/// Returns the status of the last operation on a binding. Nothing runs between requests: a poll
/// resumes an operation that was not finished in time.
///
/// # Errors
///
/// - [`Error::Gone`] if `asked` is a deletion and not even the tombstone is left.
/// - [`Error::NotFound`] if the binding does not exist.
/// - The error of a port.
pub async fn last_operation(
    broker: &Broker,
    instance_id: &InstanceId,
    id: &BindingId,
    asked: Option<&str>,
    deadline: Deadline,
) -> Result<LastOperation> {
    let now = broker.environment.now();
    let (instance, binding) = broker
        .records
        .instance_and_binding(instance_id, id, now)
        .await?;
    let (Some(instance), Some(binding)) = (instance, binding) else {
        let deleted = asked.is_some_and(|asked| OperationKind::Unbind.is_of(asked));
        return Err(if deleted {
            Error::Gone
        } else {
            Error::binding_not_found()
        });
    };
    observation::observe(broker, &instance.attributes);

    if let Some(previous) = binding
        .previous_operation
        .as_ref()
        .filter(|previous| asked == Some(&previous.id))
    {
        return Ok(last_operation::superseded(broker, previous.clone(), now));
    }
    if binding.operation.has_followed_deletion(asked) {
        return Err(Error::Gone);
    }

    let operation = if !binding.operation.in_progress() || binding.operation.may_be_running(now) {
        binding.operation
    } else {
        take_up(broker, &instance, binding, Waiting::Briefly(deadline)).await?
    };

    Ok(LastOperation::new(
        &operation,
        description::of_binding(&operation),
        SignedDuration::ZERO,
        now,
    ))
}

/// Resumes an operation that no request works on any more.
async fn take_up(
    broker: &Broker,
    instance: &Instance,
    mut binding: Binding,
    waiting: Waiting,
) -> Result<Operation> {
    if binding.operation.kind == OperationKind::Bind && instance.operation.in_progress() {
        // The bind operation has to wait for the instance, and a deletion must not wait for a
        // bind operation.
        return Ok(binding.operation);
    }

    binding.operation = binding.operation.taken_up(broker.environment.now());
    let Some(binding) = broker.records.replace_binding(&binding).await? else {
        // Another request resumes it.
        return Ok(binding.operation);
    };

    let operation = binding.operation.clone();
    let done = match operation.kind {
        OperationKind::Unbind => {
            waiting
                .result_of(removal::release(broker, binding.clone()))
                .await
        }
        _ => {
            waiting
                .result_of(creation::resume(broker, instance, binding.clone()))
                .await
        }
    };

    match done {
        Ok(None) => {
            let timeout = grants::kinds(&binding).find_map(Kind::timeout);
            match timeout {
                Some(error) if operation.age(broker.environment.now()) > LONGEST_WAIT_FOR_STACK => {
                    outcome::fail(broker, binding, error).await
                }
                _ => Ok(operation),
            }
        }
        Ok(Some(())) => Ok(operation.succeeded()),
        Err(Error::Concurrency) => Ok(operation),
        Err(error) => outcome::fail(broker, binding, error).await,
    }
}
