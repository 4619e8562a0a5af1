//! The deletion of an instance: its bindings' identities, then its stack.

use std::{iter, time::Duration};

use jiff::Timestamp;

use super::{
    adoption::{self, Ownership},
    outcome::{self, advice},
};
use crate::broker::{
    Broker,
    bindings::{
        grants::{self, Kind, LONGEST_WAIT_FOR_STACK},
        removal,
    },
    error::{Error, Result},
    ports::{Stack, StackDeletion},
    records::{Binding, INSTANCE_ID_TAG, Instance, Operation, OperationKind, Tag},
    stacks::description,
};

/// The time limit of one last call per grant of the stack, after [`LONGEST_WAIT_FOR_STACK`].
const LAST_CALL_OF_STACK: Duration = Duration::from_secs(5);

/// Deletes the instance's bindings and its stack. Every step can be repeated. While a request
/// may still work on a binding, a later poll does the rest.
pub async fn tear_down(broker: &Broker, instance: Instance) -> Result<Instance> {
    let Some(revoked) = revoke_bindings(broker, &instance).await? else {
        return Ok(instance);
    };

    for binding in revoked {
        match remove_binding(broker, binding, instance.operation.started_at).await {
            Err(Error::Concurrency) => return Ok(instance),
            Err(error @ Error::IdentityInUse { .. }) => {
                return outcome::fail(broker, instance, error.to_string()).await;
            }
            removed => removed?,
        }
    }

    if instance.stack_id.is_some() {
        delete_stack(broker, instance).await
    } else {
        find_stack(broker, instance).await
    }
}

/// Revokes the keys and policies of every binding, and returns the bindings that are left.
/// `None` while a request may still work on one of them.
///
/// It comes before everything that may fail: an identity that cannot be deleted, or a function
/// that does not respond.
async fn revoke_bindings(broker: &Broker, instance: &Instance) -> Result<Option<Vec<Binding>>> {
    let (mut revoked, mut is_busy, mut failure) = (Vec::new(), false, None);
    for binding in broker.records.bindings(&instance.id).await? {
        match revoke_binding(broker, binding).await {
            Ok(Revoked::Done(binding)) => revoked.push(*binding),
            Ok(Revoked::Gone) => {}
            Ok(Revoked::Busy) => is_busy = true,
            // A failure for one binding must not leave another one its keys.
            Err(error) => failure = failure.or(Some(error)),
        }
    }

    match failure {
        Some(error) => Err(error),
        None => Ok((!is_busy).then_some(revoked)),
    }
}

async fn revoke_binding(broker: &Broker, binding: Binding) -> Result<Revoked> {
    if binding.is_tombstone() {
        return Ok(Revoked::Gone);
    }

    let operation = Operation::begin(
        OperationKind::Unbind,
        broker.environment.uuid(),
        broker.environment.now(),
    );
    let Binding {
        instance_id,
        id,
        service_id,
        ..
    } = &binding;
    let binding = broker
        .records
        .begin_unbind(instance_id, id, service_id, &operation)
        .await?;

    let Some(binding) = binding.filter(|binding| !binding.is_tombstone()) else {
        return Ok(Revoked::Gone);
    };
    if binding.operation.kind != OperationKind::Unbind {
        return Ok(Revoked::Busy);
    }

    grants::revoke(broker, &binding).await?;
    Ok(Revoked::Done(Box::new(binding)))
}

/// Looks for the stack of an instance whose record lacks the stack's id. Deletes the stack if
/// it is the instance's.
async fn find_stack(broker: &Broker, instance: Instance) -> Result<Instance> {
    let Some(stack) = broker
        .stacks_of(&instance)
        .await
        .describe(&instance.stack_name)
        .await?
    else {
        return forget_without_stack(broker, instance).await;
    };

    match adoption::ownership(broker, &instance, &stack).await? {
        Ownership::Proven => delete_found_stack(broker, instance, stack.id).await,
        Ownership::Refuted => {
            let mut instance = instance;
            tracing::warn!(
                stack_name = instance.stack_name,
                "the instance did not create the stack; keeping the stack in AWS"
            );
            instance.operation.reason = Some(description_of_stack_left(&instance));
            forget_without_stack(broker, instance).await
        }
        Ownership::Unknown => {
            let reason = reason_of_unknown_owner(&instance);
            fail_deletion(broker, instance, &reason).await
        }
    }
}

/// Ends the deletion of an instance whose stack is deleted. If a late request has created
/// another stack since, deletes that one first.
pub async fn delete_successor(broker: &Broker, instance: Instance) -> Result<Instance> {
    let stack = broker
        .stacks_of(&instance)
        .await
        .describe(&instance.stack_name)
        .await?;
    match stack.filter(|stack| adoption::is_of(&instance, stack)) {
        Some(stack) => delete_found_stack(broker, instance, stack.id).await,
        None => outcome::succeed(broker, instance).await,
    }
}

/// Records the id of the instance's stack, and deletes the stack. If this deletion fails, the
/// next one recognises the stack by its id, whatever its tags say.
async fn delete_found_stack(
    broker: &Broker,
    mut instance: Instance,
    stack_id: String,
) -> Result<Instance> {
    instance.stack_id = Some(stack_id);
    match broker.records.replace_instance(&instance).await? {
        Some(instance) => delete_stack(broker, instance).await,
        None => outcome::reread(broker, &instance).await,
    }
}

async fn delete_stack(broker: &Broker, instance: Instance) -> Result<Instance> {
    let stacks = broker.stacks_of(&instance).await;
    match stacks
        .delete(instance.stack(), &instance.operation.id)
        .await?
    {
        StackDeletion::Accepted => Ok(instance),
        // Somebody else is changing the stack; a poll retries.
        StackDeletion::Rejected(_) if is_busy(stacks.describe(instance.stack()).await?) => {
            Ok(instance)
        }
        StackDeletion::Rejected(reason) => fail_deletion(broker, instance, &reason).await,
    }
}

/// Records that the deletion has failed.
async fn fail_deletion(broker: &Broker, instance: Instance, reason: &str) -> Result<Instance> {
    let reason = description::with_advice(reason, advice(OperationKind::Deprovision));
    outcome::fail(broker, instance, reason).await
}

/// Ends the deletion of an instance without a stack of its own, unless one may still be
/// created.
async fn forget_without_stack(broker: &Broker, instance: Instance) -> Result<Instance> {
    if instance.may_be_created_late(broker.environment.now()) {
        return Ok(instance);
    }
    outcome::succeed(broker, instance).await
}

/// Removes a binding whose instance is being deleted, and whose grants are revoked.
///
/// What the stack keeps for the binding is deleted with the stack, so its failure blocks nothing.
async fn remove_binding(broker: &Broker, binding: Binding, begun: Timestamp) -> Result<()> {
    for grant in grants::kinds(&binding).rev() {
        if grant.goes_with_stack() {
            remove_with_stack(broker, grant, &binding, begun).await?;
        } else {
            grant.remove(broker, &binding).await?;
        }
    }
    removal::bury(broker, binding).await
}

/// Removes a grant that is deleted with the stack. If the stack's function does not respond, the
/// deletion waits no longer than [`LONGEST_WAIT_FOR_STACK`].
async fn remove_with_stack(
    broker: &Broker,
    grant: &dyn Kind,
    binding: &Binding,
    begun: Timestamp,
) -> Result<()> {
    let is_last_call = broker.environment.now().duration_since(begun) > LONGEST_WAIT_FOR_STACK;
    let removed = grant.remove(broker, binding);
    if !is_last_call {
        return removed.await.or_else(Error::unless_passing);
    }

    let failure = match tokio::time::timeout(LAST_CALL_OF_STACK, removed).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.log_text()),
        Err(_) => Some("it did not respond in time".into()),
    };
    if let Some(reason) = failure {
        let binding_id = binding.id.as_str();
        tracing::warn!(
            binding_id,
            reason,
            "could not notify the instance's stack of the unbind; deleting the binding anyway"
        );
    }
    Ok(())
}

/// True if the instance has bindings other than tombstones.
pub async fn has_bindings(broker: &Broker, instance: &Instance) -> Result<bool> {
    Ok(broker
        .records
        .bindings(&instance.id)
        .await?
        .iter()
        .any(|binding| !binding.is_tombstone()))
}

/// The outcome of revoking a binding.
enum Revoked {
    Done(Box<Binding>),
    Gone,
    /// A request may still work on the binding.
    Busy,
}

/// The description of a deletion that left a stack with the instance's name alone.
fn description_of_stack_left(Instance { stack_name, .. }: &Instance) -> String {
    format!(
        "The instance has been deleted. The stack {stack_name} was not created by it, and is kept \
         in AWS. The broker's operator can find it with the sweep."
    )
}

/// The failure reason of a deletion that cannot determine who owns the stack.
fn reason_of_unknown_owner(
    Instance {
        id,
        attributes,
        stack_name,
        ..
    }: &Instance,
) -> String {
    let own = Tag::new(INSTANCE_ID_TAG, id.as_str());
    let tags: Vec<_> = iter::once(own).chain(attributes.owner_tags()).collect();
    let tags: Vec<_> = tags
        .iter()
        .map(|Tag { key, value }| format!("{key} to {value}"))
        .collect();

    format!(
        "The broker did not delete the stack {stack_name}: its tags do not identify it as this \
         instance's. Have the broker's operator set its tags ({}) or delete the stack.",
        tags.join(", ")
    )
}

fn is_busy(stack: Option<Stack>) -> bool {
    stack.is_some_and(|stack| stack.status.is_in_progress())
}
