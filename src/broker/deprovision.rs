//! `DELETE /v2/service_instances/:instance_id`

use super::{
    Broker, Error, Result,
    id::InstanceId,
    instance::Instance,
    operation::{Operation, OperationKind},
};

impl Broker {
    /// Deletes an instance in whatever state it is: its bindings' identities, then its stack. A creation that still
    /// runs is halted; an update cannot be. Returns what to poll with.
    ///
    /// # Errors
    ///
    /// [`Error::AsyncRequired`]; [`Error::Gone`] where there is no such instance; [`Error::Concurrency`] while an update
    /// runs, and where another request deletes one of its bindings; a [`Error::Port`] leaves the record, so that a
    /// deletion sent again goes on from there.
    pub async fn deprovision(&self, id: &InstanceId, accepts_incomplete: bool) -> Result<String> {
        if !accepts_incomplete {
            return Err(Error::AsyncRequired);
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
        self.tear_down(&instance).await?;
        Ok(instance.operation.id)
    }

    async fn begin_deprovision(&self, id: &InstanceId) -> Result<Instance> {
        let operation = Operation::begin(OperationKind::Deprovision, self.environment.uuid(), self.environment.now());
        let instance = self.records.begin_deprovision(id, &operation).await?;
        instance.filter(|instance| !instance.is_tombstone()).ok_or(Error::Gone)
    }

    /// Removes what the instance has in AWS. Every step can be repeated.
    pub(super) async fn tear_down(&self, instance: &Instance) -> Result<()> {
        for binding in self.records.bindings(&instance.id).await? {
            if !binding.is_tombstone() {
                self.remove_binding(binding).await?;
            }
        }
        Ok(self.stacks.delete(&instance.stack_name, &instance.operation.id).await?)
    }
}
