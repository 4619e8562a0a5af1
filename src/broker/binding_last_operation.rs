//! `GET /v2/service_instances/:instance_id/service_bindings/:binding_id/last_operation`

use super::{
    Broker, Deadline, Error, LastOperation, Result, Waiting,
    binding::Binding,
    deprovision::LONGEST_HELPER_WAIT,
    description,
    id::{BindingId, InstanceId},
    instance::Instance,
    operation::{Operation, OperationKind},
    ports::Update,
};

impl Broker {
    /// Returns the status of the last operation on a binding. Nothing runs between requests: a poll
    /// resumes an operation that was not finished in time.
    ///
    /// # Errors
    ///
    /// - [`Error::Gone`] if `asked` is a deletion and not even the tombstone is left.
    /// - [`Error::NotFound`] if the binding does not exist.
    /// - The error of a port.
    pub async fn binding_last_operation(
        &self,
        instance_id: &InstanceId,
        id: &BindingId,
        asked: Option<&str>,
        deadline: Deadline,
    ) -> Result<LastOperation> {
        let now = self.environment.now();
        let (instance, binding) = self
            .records
            .instance_and_binding(instance_id, id, now)
            .await?;
        let (Some(instance), Some(binding)) = (instance, binding) else {
            let deleted = asked.is_some_and(|asked| OperationKind::Unbind.is_of(asked));
            return Err(if deleted {
                Error::Gone
            } else {
                Error::binding_not_found()
            });
        };
        self.observe(&instance.attributes);

        if let Some(previous) = binding
            .previous_operation
            .as_ref()
            .filter(|previous| asked == Some(&previous.id))
        {
            return Ok(self.superseded(previous.clone(), now));
        }
        if binding.operation.has_followed_deletion(asked) {
            return Err(Error::Gone);
        }

        let operation = if !binding.operation.in_progress() || binding.operation.may_be_running(now)
        {
            binding.operation
        } else {
            self.take_up(&instance, binding, Waiting::Briefly(deadline))
                .await?
        };

        Ok(LastOperation::new(
            &operation,
            description::of_binding(&operation),
            now,
        ))
    }

    /// Resumes an operation that no request works on any more.
    async fn take_up(
        &self,
        instance: &Instance,
        mut binding: Binding,
        waiting: Waiting,
    ) -> Result<Operation> {
        if binding.operation.kind == OperationKind::Bind && instance.operation.in_progress() {
            // The bind operation has to wait for the instance, and a deletion must not wait for a
            // bind operation.
            return Ok(binding.operation);
        }

        binding.operation = binding.operation.taken_up(self.environment.now());
        match self.records.update_binding(&binding).await? {
            Update::Done => binding.version += 1,
            // Another request resumes it.
            Update::Conflict => return Ok(binding.operation),
        }

        let operation = binding.operation.clone();
        let done = match operation.kind {
            OperationKind::Unbind => {
                waiting
                    .result_of(self.release_binding(binding.clone()))
                    .await
            }
            _ => {
                waiting
                    .result_of(self.resume_bind(instance, binding.clone()))
                    .await
            }
        };

        match done {
            Ok(None)
                if binding.function.is_some()
                    && operation.age(self.environment.now()) > LONGEST_HELPER_WAIT =>
            {
                self.fail_binding(binding, Error::Function("It does not answer.".into()))
                    .await
            }
            Ok(None) => Ok(operation),
            Ok(Some(())) => Ok(operation.succeeded()),
            Err(Error::Concurrency) => Ok(operation),
            Err(error) => self.fail_binding(binding, error).await,
        }
    }

    /// Records that the binding's operation has failed. If another request was faster, its outcome
    /// counts: a platform does not poll after a final state.
    pub(super) async fn fail_binding(&self, binding: Binding, error: Error) -> Result<Operation> {
        let failed = Binding {
            operation: binding.operation.clone().failed(error.to_string()),
            ..binding
        };
        if self.records.update_binding(&failed).await? == Update::Done {
            tracing::error!(
                reason = error.detail().unwrap_or_default(),
                "a binding's operation has failed"
            );
            return Ok(failed.operation);
        }

        let now = self.environment.now();
        let (_, current) = self
            .records
            .instance_and_binding(&failed.instance_id, &failed.id, now)
            .await?;
        current
            .map(|binding| binding.operation)
            .ok_or_else(Error::binding_not_found)
    }
}
