//! `DELETE /v2/service_instances/:instance_id`

use super::{
    Broker, Error, Result,
    id::InstanceId,
    instance::Instance,
    operation::{Operation, OperationKind},
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
    /// request deletes one of its bindings; a [`Error::Port`] leaves the record, so that a deletion sent again goes on from there.
    pub async fn deprovision(&self, id: &InstanceId, accepts_incomplete: bool) -> Result<Deprovisioned> {
        if !accepts_incomplete {
            return Err(Error::AsyncRequired);
        }
        let operation = Operation::begin(OperationKind::Deprovision, self.environment.uuid(), self.environment.now());
        let instance = self.records.begin_deprovision(id, &operation).await?.ok_or(Error::Gone)?;
        self.tear_down(&instance).await?;
        Ok(Deprovisioned { operation: instance.operation.id })
    }

    /// Removes what the instance has in AWS. Every step can be repeated.
    pub(super) async fn tear_down(&self, instance: &Instance) -> Result<()> {
        for binding in self.records.bindings(&instance.id).await? {
            self.remove_binding(&binding).await?;
        }
        Ok(self.stacks.delete(&instance.stack_name, &instance.operation.id).await?)
    }
}
