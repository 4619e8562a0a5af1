//! `DELETE /v2/service_instances/:instance_id`

use super::{
    Broker, Error, Result,
    binding::Binding,
    id::InstanceId,
    instance::Instance,
    last_operation::advice,
    operation::{Operation, OperationKind},
    ports::DeleteStack,
};

impl Broker {
    /// Deletes an instance in whatever state it is: its bindings' identities, then its stack. A creation that still
    /// runs is halted, an update is not: what it has changed would be undone first. Returns what to poll with.
    ///
    /// # Errors
    ///
    /// [`Error::AsyncRequired`]; [`Error::Gone`] where there is no such instance; [`Error::Concurrency`] while an update
    /// runs; a [`Error::Port`] leaves the record, so that a poll, or a deletion sent again, goes on from there.
    pub async fn deprovision(&self, id: &InstanceId, accepts_incomplete: bool) -> Result<String> {
        if !accepts_incomplete {
            let instance = self.records.instance(id, self.environment.now()).await?;
            let exists = instance.is_some_and(|instance| !instance.is_tombstone());
            return Err(if exists { Error::AsyncRequired } else { Error::Gone });
        }
        let mut instance = self.begin_deprovision(id).await?;
        if instance.is_updating() {
            // It may be over without anybody having looked.
            self.advance(instance).await?;
            instance = self.begin_deprovision(id).await?;
        }
        if instance.is_updating() {
            return Err(Error::Concurrency);
        }
        let instance = self.tear_down(instance).await?;
        Ok(instance.operation.id)
    }

    async fn begin_deprovision(&self, id: &InstanceId) -> Result<Instance> {
        let operation = Operation::begin(OperationKind::Deprovision, self.environment.uuid(), self.environment.now());
        let instance = self.records.begin_deprovision(id, &operation).await?;
        let instance = instance.filter(|instance| !instance.is_tombstone()).ok_or(Error::Gone)?;
        self.observe(&instance.attributes);
        Ok(instance)
    }

    /// Removes what the instance has in AWS. Every step can be repeated. Where a request may still be at work on a
    /// binding, the rest is left to a later poll.
    pub(super) async fn tear_down(&self, instance: Instance) -> Result<Instance> {
        let mut busy = false;
        for binding in self.records.bindings(&instance.id).await? {
            busy |= !self.tear_down_binding(binding).await?;
        }
        if busy {
            return Ok(instance);
        }
        match self.stacks_of(&instance).await.delete(&instance.stack_name, &instance.operation.id).await? {
            DeleteStack::Accepted => Ok(instance),
            DeleteStack::Rejected(reason) => {
                let reason = format!("{reason} {}", advice(OperationKind::Deprovision, true));
                let usable = !instance.outputs.is_empty();
                self.fail(instance, reason, usable).await
            }
        }
    }

    /// Whether the binding is gone.
    async fn tear_down_binding(&self, binding: Binding) -> Result<bool> {
        if binding.is_tombstone() {
            return Ok(true);
        }
        let operation = Operation::begin(OperationKind::Unbind, self.environment.uuid(), self.environment.now());
        let binding = self.records.begin_unbind(&binding.instance_id, &binding.id, &operation).await?;
        match binding {
            Some(binding) if binding.is_tombstone() => Ok(true),
            Some(binding) if binding.operation.kind != OperationKind::Unbind => Ok(false),
            Some(binding) => match self.remove_binding_of_what_goes(binding).await {
                Err(Error::Concurrency) => Ok(false),
                removed => removed.map(|()| true),
            },
            None => Ok(true),
        }
    }

    /// What a function has made for the binding goes with the instance, so that its failure does not keep the instance.
    async fn remove_binding_of_what_goes(&self, binding: Binding) -> Result<()> {
        self.invoke_unbind(&binding).await.or_else(Error::unless_passing)?;
        self.remove_binding(binding).await
    }

    /// Whether bindings of the instance are left.
    pub(super) async fn has_bindings(&self, instance: &Instance) -> Result<bool> {
        Ok(self.records.bindings(&instance.id).await?.iter().any(|binding| !binding.is_tombstone()))
    }
}
