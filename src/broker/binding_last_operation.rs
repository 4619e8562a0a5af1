//! `GET /v2/service_instances/:instance_id/service_bindings/:binding_id/last_operation`

use super::{
    Broker, Error, LastOperation, Result,
    binding::Binding,
    description,
    id::{BindingId, InstanceId},
    instance::Instance,
    operation::{Operation, OperationKind},
    ports::Update,
};

impl Broker {
    /// Looks how the last operation on a binding stands. Nothing runs between requests: one that was not done in time
    /// is taken up again here.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] where `asked` deleted a binding of which not even the tombstone is left; [`Error::NotFound`]; or
    /// that of a port.
    pub async fn binding_last_operation(
        &self,
        instance_id: &InstanceId,
        id: &BindingId,
        asked: Option<&str>,
    ) -> Result<LastOperation> {
        let now = self.environment.now();
        let (instance, binding) = self.records.instance_and_binding(instance_id, id, now).await?;
        let (Some(instance), Some(binding)) = (instance, binding) else {
            let deleted = asked.is_some_and(|asked| OperationKind::Unbind.is_of(asked));
            return Err(if deleted { Error::Gone } else { Error::binding_not_found() });
        };
        self.observe(&instance.attributes);
        if let Some(previous) = binding.previous_operation.as_ref().filter(|previous| asked == Some(&previous.id)) {
            return Ok(self.superseded(previous.clone(), now));
        }
        let operation = if !binding.operation.in_progress() || binding.operation.may_be_running(now) {
            binding.operation
        } else {
            self.take_up(&instance, binding).await?
        };
        Ok(LastOperation::new(&operation, description::of_binding(&operation), now))
    }

    /// Whoever was at work on it is not any more.
    async fn take_up(&self, instance: &Instance, mut binding: Binding) -> Result<Operation> {
        if binding.operation.kind == OperationKind::Bind && instance.operation.in_progress() {
            // It has to wait for the instance, and a deletion must not have to wait for it.
            return Ok(binding.operation);
        }
        binding.operation = binding.operation.taken_up(self.environment.now());
        match self.records.update_binding(&binding).await? {
            Update::Done => binding.version += 1,
            // Another request does.
            Update::Conflict => return Ok(binding.operation),
        }
        let operation = binding.operation.clone();
        let done = match operation.kind {
            OperationKind::Unbind => self.unless_slow(true, self.release_binding(binding.clone())).await,
            _ => self.unless_slow(true, self.resume_bind(instance, binding.clone())).await,
        };
        match done {
            Ok(None) => Ok(operation),
            Ok(Some(())) => Ok(operation.succeeded()),
            Err(Error::Concurrency) => Ok(operation),
            Err(error) => {
                let failed = Binding { operation: operation.failed(error.to_string()), ..binding };
                // Whoever comes first: the next poll reads what it is then.
                let _ = self.records.update_binding(&failed).await?;
                tracing::error!(reason = error.detail().unwrap_or_default(), "a binding's operation has failed");
                Ok(failed.operation)
            }
        }
    }
}
