//! `DELETE /v2/service_instances/:instance_id/service_bindings/:binding_id`

use super::{
    Broker, Error, Result,
    binding::Binding,
    id::{BindingId, InstanceId},
    operation::{Operation, OperationKind},
    ports::{BeginUnbind, Update},
};

impl Broker {
    /// Deletes a binding in whatever state it is: its identity, then its record.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] where there is no such binding; [`Error::Concurrency`] while its creation runs; a
    /// [`Error::Port`] leaves the record, so that a deletion sent again goes on from there.
    pub async fn unbind(&self, instance_id: &InstanceId, id: &BindingId) -> Result<()> {
        let operation = Operation::begin(OperationKind::Unbind, self.environment.uuid(), self.environment.now());
        match self.records.begin_unbind(instance_id, id, &operation).await? {
            BeginUnbind::Done(binding) => self.remove_binding(&binding).await,
            BeginUnbind::Missing => Err(Error::Gone),
            BeginUnbind::Busy => Err(Error::Concurrency),
        }
    }

    /// Deletes the identity, then the record. Every step can be repeated.
    pub(super) async fn remove_binding(&self, binding: &Binding) -> Result<()> {
        if let Some(user_name) = &binding.user_name {
            self.identities.delete(user_name).await?;
        }
        match self.records.delete_binding(binding).await? {
            Update::Done => Ok(()),
            Update::Conflict => Err(Error::Concurrency),
        }
    }
}
