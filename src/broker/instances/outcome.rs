//! The outcome of an instance's operation, written into its record.

use crate::broker::{
    Broker,
    error::{Error, Result},
    observation,
    ports::WriteOutcome,
    records::{Attributes, INSTANCE_TOMBSTONE_LIFETIME, Instance, Operation, OperationKind},
    stacks::description,
};

/// Records that the operation has succeeded.
pub async fn succeed(broker: &Broker, instance: Instance) -> Result<Instance> {
    let operation = instance.operation.clone().succeeded();
    if operation.kind == OperationKind::Deprovision {
        return finish(broker, tombstone(broker, instance, operation)).await;
    }

    let Some(stack) = broker
        .stacks_of(&instance)
        .await
        .describe(instance.stack())
        .await?
    else {
        return fail(
            broker,
            instance,
            description::with_advice(NO_STACK, DELETE_INSTANCE),
            false,
        )
        .await;
    };

    // The events may be ahead of the stack, which has its outputs only at the end.
    if stack.status.is_in_progress() {
        return Ok(instance);
    }

    let attributes = instance.update.unwrap_or(instance.attributes);
    let (stack_id, outputs) = (Some(stack.id), stack.outputs);
    finish(
        broker,
        Instance {
            operation,
            attributes,
            update: None,
            stack_id,
            outputs,
            ..instance
        },
    )
    .await
}

/// The tombstone of a deleted instance: its owner and its names, without the users' data.
fn tombstone(broker: &Broker, instance: Instance, operation: Operation) -> Instance {
    let (context, parameters) = Default::default();
    let attributes = Attributes {
        context,
        parameters,
        secret_parameters: None,
        ..instance.attributes
    };
    let expires_at = Some(broker.environment.now() + INSTANCE_TOMBSTONE_LIFETIME);
    let outputs = Default::default();
    Instance {
        operation,
        expires_at,
        attributes,
        outputs,
        ..instance
    }
}

/// Records that the operation has failed. After a failed update, the attributes stay as they
/// were. `usable` applies to updates only: true if the instance can still be used.
pub async fn fail(
    broker: &Broker,
    instance: Instance,
    reason: String,
    usable: bool,
) -> Result<Instance> {
    let instance_usable = match instance.operation.kind {
        OperationKind::Provision => None,
        // A resource that AWS does not delete, such as a bucket with objects, can still be
        // bound.
        OperationKind::Deprovision => Some(!instance.outputs.is_empty()),
        _ => Some(usable),
    };

    let operation = Operation {
        instance_usable,
        ..instance.operation.clone().failed(reason)
    };
    finish(
        broker,
        Instance {
            operation,
            update: None,
            ..instance
        },
    )
    .await
}

async fn finish(broker: &Broker, instance: Instance) -> Result<Instance> {
    match broker.records.update_instance(&instance).await? {
        WriteOutcome::Done => {
            observation::observe_end(broker, &instance);
            Ok(Instance {
                version: instance.version + 1,
                ..instance
            })
        }
        // Another poll was faster, or a deletion has begun.
        WriteOutcome::Conflict => reread(broker, &instance).await,
    }
}

/// Reads the instance again, after another request has changed it.
pub async fn reread(broker: &Broker, instance: &Instance) -> Result<Instance> {
    let now = broker.environment.now();
    broker
        .records
        .instance(&instance.id, now)
        .await?
        .ok_or_else(Error::instance_not_found)
}

/// Reads the instance again, after the same request, sent twice, has changed it.
/// [`Error::Concurrency`] if it was a different request.
pub async fn joined(broker: &Broker, instance: &Instance) -> Result<Instance> {
    match reread(broker, instance).await {
        Ok(joined) if joined.operation.id == instance.operation.id => Ok(joined),
        Ok(_) | Err(Error::NotFound(_)) => Err(Error::Concurrency),
        Err(error) => Err(error),
    }
}

pub const NO_STACK: &str = "The stack does not exist any more";

pub const DELETE_INSTANCE: &str = "Delete the instance.";

pub const CREATE_AGAIN: &str = "Delete the instance, then create it again.";

/// Advice for the user after a failure. `usable` applies to updates only.
pub fn advice(kind: OperationKind, usable: bool) -> &'static str {
    match kind {
        OperationKind::Deprovision => "Remove the cause, then delete the instance again.",
        OperationKind::Update if usable => "The instance is as it was before the update.",
        OperationKind::Update => {
            "The update could not be undone either; the broker's operator has to repair the stack."
        }
        _ => "Delete the instance, then create it again with other parameters.",
    }
}
