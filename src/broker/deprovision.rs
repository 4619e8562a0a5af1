//! `DELETE /v2/service_instances/:instance_id`

use super::{
    Broker, Error, Result,
    binding::Binding,
    id::InstanceId,
    instance::Instance,
    operation::{Operation, OperationKind},
    ports::Update,
};

/// A deprovision request was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deprovisioned {
    /// What to poll with.
    pub operation: String,
}

impl Broker {
    /// Deletes an instance in whatever state it is: its bindings' identities, then its stack. A creation that still
    /// runs is halted.
    ///
    /// # Errors
    ///
    /// [`Error::AsyncRequired`]; [`Error::Gone`] where there is no such instance; [`Error::Concurrency`] where another
    /// request was faster; a [`Error::Port`] leaves the record, so that a deletion sent again goes on from there.
    pub async fn deprovision(&self, id: &InstanceId, accepts_incomplete: bool) -> Result<Deprovisioned> {
        if !accepts_incomplete {
            return Err(Error::AsyncRequired);
        }
        let now = self.environment.now();
        let (mut instance, bindings) = self.records.instance_with_bindings(id, now).await?.ok_or(Error::Gone)?;
        if instance.is_tombstone() {
            return Err(Error::Gone);
        }
        let deleting = instance.operation.kind == OperationKind::Deprovision && instance.operation.in_progress();
        if !deleting {
            instance.operation = Operation::begin(OperationKind::Deprovision, self.environment.uuid(), now);
            match self.records.update_instance(&instance).await? {
                Update::Done => {}
                Update::Conflict => return Err(Error::Concurrency),
            }
        }
        self.tear_down(&instance, bindings).await?;
        Ok(Deprovisioned { operation: instance.operation.id })
    }

    /// Removes what the instance has in AWS. Every step can be repeated.
    pub(super) async fn tear_down(&self, instance: &Instance, bindings: Vec<Binding>) -> Result<()> {
        for binding in bindings {
            self.remove_binding(&binding).await?;
        }
        Ok(self.stacks.delete(&instance.stack_name, &instance.operation.id).await?)
    }
}
