//! `DELETE /v2/service_instances/:instance_id/service_bindings/:binding_id`

use super::{
    Broker, Error, Result,
    binding::{Binding, TOMBSTONE_LIFETIME},
    id::{BindingId, InstanceId},
    operation::{Operation, OperationKind},
    ports::Update,
    waiting::Waiting,
};

impl Broker {
    /// Deletes a binding in whatever state it is: its identity, then its record. Returns the
    /// operation to poll, if the platform polls and AWS takes longer than a request may.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] where there is no such binding; [`Error::Invalid`] where it is of another
    /// service; [`Error::Concurrency`] while its creation runs. An [`Error::Port`] leaves the
    /// record: a deletion sent again resumes from there.
    pub async fn unbind(
        &self,
        instance_id: &InstanceId,
        id: &BindingId,
        service_id: &str,
        waiting: Waiting,
    ) -> Result<Option<String>> {
        let operation = Operation::begin(
            OperationKind::Unbind,
            self.environment.uuid(),
            self.environment.now(),
        );

        let binding = self
            .records
            .begin_unbind(instance_id, id, service_id, &operation)
            .await?;
        let binding = binding
            .filter(|binding| !binding.is_tombstone())
            .ok_or(Error::Gone)?;

        if binding.service_id != service_id {
            return Err(Error::of_another_service("service binding"));
        }
        self.observe_plan(&binding.service_id, &binding.plan_id);
        if binding.operation.kind != OperationKind::Unbind {
            return Err(Error::Concurrency);
        }

        let operation = binding.operation.id.clone();
        let released = waiting.result_of(self.release_binding(binding)).await?;
        Ok(released.is_none().then_some(operation))
    }

    /// Calls the template's function, if it has one, then revokes the identity and removes the
    /// binding.
    pub(super) async fn release_binding(&self, binding: Binding) -> Result<()> {
        self.invoke_unbind(&binding).await?;
        self.revoke_identity(&binding).await?;
        self.remove_binding(binding).await
    }

    /// Deletes the identity, whose keys and policy must be gone, then turns the record into a
    /// tombstone. Every step can be repeated.
    pub(super) async fn remove_binding(&self, binding: Binding) -> Result<()> {
        self.delete_identity(&binding).await?;

        let (instance_id, id) = (binding.instance_id.clone(), binding.id.clone());
        let now = self.environment.now();
        let tombstone = Binding {
            operation: binding.operation.clone().succeeded(),
            identity: None,
            function: None,
            expires_at: Some(now + TOMBSTONE_LIFETIME),
            ..binding
        };

        if self.records.update_binding(&tombstone).await? == Update::Done {
            return Ok(());
        }

        // Another request may have removed it first.
        let (_, binding) = self
            .records
            .instance_and_binding(&instance_id, &id, now)
            .await?;
        if binding.is_none_or(|binding| binding.is_tombstone()) {
            Ok(())
        } else {
            Err(Error::Concurrency)
        }
    }
}
