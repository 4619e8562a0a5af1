//! `DELETE /v2/service_instances/:instance_id`

use std::{iter, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{
    Broker, Error, Result,
    adoption::{self, Ownership},
    binding::Binding,
    description::with_advice,
    id::InstanceId,
    instance::Instance,
    last_operation::advice,
    operation::{Operation, OperationKind},
    ports::{DeleteStack, INSTANCE_ID_TAG, Stack, Tag, Update},
    requester::Requester,
    waiting::Waiting,
};

/// The longest time for which a function of the instance's stack may leave an operation unfinished.
/// In the network of a half-deleted stack, the function never responds again.
pub(super) const LONGEST_HELPER_WAIT: SignedDuration = SignedDuration::from_mins(5);
/// The function's time limit for one last call per binding, after [`LONGEST_HELPER_WAIT`].
const LAST_HELPER_CALL: Duration = Duration::from_secs(5);

impl Broker {
    /// Deletes an instance in any state: its bindings' identities, then its stack. Returns the
    /// operation id for the platform's polls.
    ///
    /// The deletion halts a running creation. It does not halt a running update, whose changes
    /// CloudFormation would undo first.
    ///
    /// # Errors
    ///
    /// - [`Error::AsyncRequired`] if the platform does not poll.
    /// - [`Error::Gone`] if the instance does not exist, or this user was refused its id.
    /// - [`Error::Invalid`] if the instance is of another service.
    /// - [`Error::Concurrency`] while an update runs.
    /// - [`Error::Port`] leaves the record. A poll, or a deletion sent again, resumes there.
    pub async fn deprovision(
        &self,
        id: &InstanceId,
        service_id: &str,
        requester: Option<&Requester>,
        waiting: Waiting,
    ) -> Result<String> {
        if !waiting.is_polled() {
            let instance = self.records.instance(id, self.environment.now()).await?;
            let exists = instance.is_some_and(|instance| !instance.is_tombstone());
            return Err(if exists {
                Error::AsyncRequired
            } else {
                Error::Gone
            });
        }

        let mut instance = self.begin_deprovision(id, service_id, requester).await?;
        if instance.is_updating() {
            // The update may have ended without a poll that recorded it.
            self.advance(instance).await?;
            instance = self.begin_deprovision(id, service_id, requester).await?;
        }
        if instance.is_updating() {
            return Err(Error::Concurrency);
        }

        let operation = instance.operation.id.clone();
        // The record holds the intent: polls finish what this request does not delete in time.
        waiting.result_of(self.tear_down(instance)).await?;
        Ok(operation)
    }

    async fn begin_deprovision(
        &self,
        id: &InstanceId,
        service_id: &str,
        requester: Option<&Requester>,
    ) -> Result<Instance> {
        if let Some(requester) = requester {
            self.check_not_refused(id, requester).await?;
        }

        let operation = Operation::begin(
            OperationKind::Deprovision,
            self.environment.uuid(),
            self.environment.now(),
        );
        let instance = self
            .records
            .begin_deprovision(id, service_id, &operation)
            .await?;

        let instance = instance
            .filter(|instance| !instance.is_tombstone())
            .ok_or(Error::Gone)?;
        if instance.attributes.service_id != service_id {
            return Err(Error::of_another_service("service instance"));
        }

        self.observe(&instance.attributes);
        Ok(instance)
    }

    /// Checks that the deletion is not the platform's clean-up after a refused creation. A creation
    /// is refused if the id is that of this instance, which belongs to another user.
    async fn check_not_refused(&self, id: &InstanceId, requester: &Requester) -> Result<()> {
        let now = self.environment.now();
        if !self.records.is_refused(id, requester, now).await? {
            return Ok(());
        }
        let instance = self.records.instance(id, now).await?;
        if !instance.is_some_and(|instance| instance.is_known_to(requester)) {
            tracing::warn!("a deletion for a user who was refused the id; left the instance alone");
            return Err(Error::Gone);
        }
        Ok(())
    }

    /// Deletes the instance's bindings and its stack. Every step can be repeated. While a request
    /// may still work on a binding, a later poll does the rest.
    pub(super) async fn tear_down(&self, instance: Instance) -> Result<Instance> {
        let Some(revoked) = self.revoke_bindings(&instance).await? else {
            return Ok(instance);
        };

        for binding in revoked {
            match self
                .remove_binding_of_what_goes(binding, instance.operation.started_at)
                .await
            {
                Err(Error::Concurrency) => return Ok(instance),
                Err(error @ Error::IdentityInUse { .. }) => {
                    return self.fail(instance, error.to_string(), true).await;
                }
                removed => removed?,
            }
        }

        if instance.stack_id.is_some() {
            self.delete_stack(instance).await
        } else {
            self.find_stack(instance).await
        }
    }

    /// Revokes the keys and policies of every binding, and returns the bindings that are left.
    /// `None` while a request may still work on one of them.
    ///
    /// It comes before everything that may fail: an identity that cannot be deleted, or a function
    /// that does not respond.
    async fn revoke_bindings(&self, instance: &Instance) -> Result<Option<Vec<Binding>>> {
        let (mut revoked, mut is_busy, mut failure) = (Vec::new(), false, None);
        for binding in self.records.bindings(&instance.id).await? {
            match self.revoke_binding(binding).await {
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

    async fn revoke_binding(&self, binding: Binding) -> Result<Revoked> {
        if binding.is_tombstone() {
            return Ok(Revoked::Gone);
        }

        let operation = Operation::begin(
            OperationKind::Unbind,
            self.environment.uuid(),
            self.environment.now(),
        );
        let Binding {
            instance_id,
            id,
            service_id,
            ..
        } = &binding;
        let binding = self
            .records
            .begin_unbind(instance_id, id, service_id, &operation)
            .await?;

        let Some(binding) = binding.filter(|binding| !binding.is_tombstone()) else {
            return Ok(Revoked::Gone);
        };
        if binding.operation.kind != OperationKind::Unbind {
            return Ok(Revoked::Busy);
        }

        self.revoke_identity(&binding).await?;
        Ok(Revoked::Done(Box::new(binding)))
    }

    /// Looks for the stack of an instance whose record lacks the stack's id. Deletes the stack if
    /// it is the instance's.
    async fn find_stack(&self, instance: Instance) -> Result<Instance> {
        let Some(stack) = self
            .stacks_of(&instance)
            .await
            .describe(&instance.stack_name)
            .await?
        else {
            return self.forget_without_stack(instance).await;
        };

        match self.ownership(&instance, &stack).await? {
            Ownership::Proven => self.delete_found_stack(instance, stack.id).await,
            Ownership::Refuted => {
                let mut instance = instance;
                tracing::warn!(
                    stack_name = instance.stack_name,
                    "not created by the instance; left in AWS"
                );
                instance.operation.reason = Some(description_of_stack_left(&instance));
                self.forget_without_stack(instance).await
            }
            Ownership::Unknown => {
                let reason = reason_of_unknown_owner(&instance);
                self.fail_deletion(instance, &reason).await
            }
        }
    }

    /// Ends the deletion of an instance whose stack is deleted. If a late request has created
    /// another stack since, deletes that one first.
    pub(super) async fn delete_successor(&self, instance: Instance) -> Result<Instance> {
        let stack = self
            .stacks_of(&instance)
            .await
            .describe(&instance.stack_name)
            .await?;
        match stack.filter(|stack| adoption::is_of(&instance, stack)) {
            Some(stack) => self.delete_found_stack(instance, stack.id).await,
            None => self.succeed(instance).await,
        }
    }

    /// Records the id of the instance's stack, and deletes the stack. If this deletion fails, the
    /// next one recognises the stack by its id, whatever its tags say.
    async fn delete_found_stack(
        &self,
        mut instance: Instance,
        stack_id: String,
    ) -> Result<Instance> {
        instance.stack_id = Some(stack_id);
        if self.records.update_instance(&instance).await? == Update::Conflict {
            return self.reread(&instance).await;
        }
        instance.version += 1;
        self.delete_stack(instance).await
    }

    async fn delete_stack(&self, instance: Instance) -> Result<Instance> {
        let stacks = self.stacks_of(&instance).await;
        match stacks
            .delete(instance.stack(), &instance.operation.id)
            .await?
        {
            DeleteStack::Accepted => Ok(instance),
            // Somebody else is changing the stack; a poll retries.
            DeleteStack::Rejected(_) if is_busy(stacks.describe(instance.stack()).await?) => {
                Ok(instance)
            }
            DeleteStack::Rejected(reason) => self.fail_deletion(instance, &reason).await,
        }
    }

    /// Records that the deletion has failed.
    async fn fail_deletion(&self, instance: Instance, reason: &str) -> Result<Instance> {
        let reason = with_advice(reason, advice(OperationKind::Deprovision, true));
        self.fail(instance, reason, true).await
    }

    /// Ends the deletion of an instance without a stack of its own, unless one may still be
    /// created.
    async fn forget_without_stack(&self, instance: Instance) -> Result<Instance> {
        if instance.may_be_created_late(self.environment.now()) {
            return Ok(instance);
        }
        self.succeed(instance).await
    }

    /// Removes a binding whose instance is being deleted.
    ///
    /// A function's data for the binding is deleted with the instance, so its failure blocks
    /// nothing. If it does not respond, the deletion waits no longer than [`LONGEST_HELPER_WAIT`].
    async fn remove_binding_of_what_goes(&self, binding: Binding, begun: Timestamp) -> Result<()> {
        let is_last_call = self.environment.now().duration_since(begun) > LONGEST_HELPER_WAIT;
        if !is_last_call {
            self.invoke_unbind(&binding)
                .await
                .or_else(Error::unless_passing)?;
            return self.remove_binding(binding).await;
        }

        let failure =
            match tokio::time::timeout(LAST_HELPER_CALL, self.invoke_unbind(&binding)).await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.detail().unwrap_or_else(|| error.to_string())),
                Err(_) => Some("it does not answer".into()),
            };
        if let Some(reason) = failure {
            let binding_id = binding.id.as_str();
            tracing::warn!(
                binding_id,
                reason,
                "the service's function was not told of the unbinding; removing the binding"
            );
        }

        self.remove_binding(binding).await
    }

    /// True if the instance has bindings other than tombstones.
    pub(super) async fn has_bindings(&self, instance: &Instance) -> Result<bool> {
        Ok(self
            .records
            .bindings(&instance.id)
            .await?
            .iter()
            .any(|binding| !binding.is_tombstone()))
    }
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
        "The instance is deleted. The stack {stack_name} was not made by it and stays in AWS; the \
         broker's operator finds it with the sweep."
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
        "The stack {stack_name} exists in AWS, and its tags do not say that it is this \
         instance's, so that the broker has not deleted it. Have the broker's operator set its \
         tags ({}), or delete the stack.",
        tags.join(", ")
    )
}

fn is_busy(stack: Option<Stack>) -> bool {
    stack.is_some_and(|stack| stack.status.is_in_progress())
}
