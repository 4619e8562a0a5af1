//! The outcome of an instance's operation, written into its record.

use crate::broker::{
    Broker,
    error::{Error, Result},
    observation,
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
        overrides: Default::default(),
        references: Default::default(),
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
/// were, and the instance cannot be used.
pub async fn fail(broker: &Broker, instance: Instance, reason: String) -> Result<Instance> {
    let instance_usable = match instance.operation.kind {
        OperationKind::Provision => None,
        // A resource that AWS does not delete, such as a bucket with objects, can still be
        // bound.
        OperationKind::Deprovision => Some(!instance.outputs.is_empty()),
        _ => Some(false),
    };
    finish(broker, failed(instance, reason, instance_usable)).await
}

/// Records that an update has failed without a change of the stack: the instance can be used.
pub async fn fail_unchanged(
    broker: &Broker,
    instance: Instance,
    reason: String,
) -> Result<Instance> {
    finish(broker, failed(instance, reason, Some(true))).await
}

fn failed(instance: Instance, reason: String, instance_usable: Option<bool>) -> Instance {
    let operation = Operation {
        instance_usable,
        ..instance.operation.clone().failed(reason)
    };
    Instance {
        operation,
        update: None,
        ..instance
    }
}

async fn finish(broker: &Broker, instance: Instance) -> Result<Instance> {
    match broker.records.replace_instance(&instance).await? {
        Some(finished) => {
            observation::observe_end(broker, &finished);
            Ok(finished)
        }
        // Another poll was faster, or a deletion has begun.
        None => reread(broker, &instance).await,
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

pub const NO_STACK: &str = "The instance's stack no longer exists";

pub const DELETE_INSTANCE: &str = "Delete the instance.";

pub const CREATE_AGAIN: &str = "Delete the instance, then create it again.";

/// Advice for the user after a failed creation or deletion.
pub fn advice(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Deprovision => "Remove the cause, then delete the instance again.",
        _ => "Delete the instance, then create it again with other parameters.",
    }
}

/// Advice for the user after a failed update. `usable` is true if the update was undone.
pub fn advice_after_update(usable: bool) -> &'static str {
    match usable {
        true => "The instance is as it was before the update.",
        false => {
            "The rollback of the update failed, too. The broker's operator has to repair the stack."
        }
    }
}
