//! `GET /v2/service_instances/:instance_id/last_operation`

use super::{
    Broker, Error, Result,
    id::InstanceId,
    instance::{Instance, TOMBSTONE_LIFETIME},
    operation::{Operation, OperationKind, OperationState},
    ports::{Stack, Update},
    stack::{Progress, progress},
};

/// How the last operation on an instance stands.
#[derive(Clone, Debug, PartialEq)]
pub struct LastOperation {
    /// Over or not, and how.
    pub state: OperationState,
    /// For the user.
    pub description: String,
}

impl Broker {
    /// Looks how the last operation stands, and writes its end into the record when it sees it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or that of a port.
    pub async fn last_operation(&self, id: &InstanceId) -> Result<LastOperation> {
        let instance = self.find_instance(id).await?;
        if !instance.operation.in_progress() {
            return Ok(report(&instance.operation));
        }
        let stack = self.stacks.describe(&instance.stack_name).await?;
        match progress(instance.operation.kind, stack.as_ref().map(|stack| stack.status)) {
            Progress::NotStarted => self.start_again(instance).await,
            Progress::Running => Ok(report(&instance.operation)),
            Progress::Succeeded => self.finish(succeeded(instance, stack, self.environment.now())).await,
            Progress::Failed => self.finish(failed(instance, stack)).await,
        }
    }

    pub(super) async fn find_instance(&self, id: &InstanceId) -> Result<Instance> {
        let instance = self.records.instance(id, self.environment.now()).await?;
        instance.ok_or_else(Error::instance_not_found)
    }

    async fn finish(&self, instance: Instance) -> Result<LastOperation> {
        match self.records.update_instance(&instance).await? {
            Update::Done => Ok(report(&instance.operation)),
            // Another poll was faster, or a deletion has begun.
            Update::Conflict => Ok(report(&self.find_instance(&instance.id).await?.operation)),
        }
    }

    /// The request that accepted the operation did not get as far as CloudFormation.
    async fn start_again(&self, instance: Instance) -> Result<LastOperation> {
        if instance.operation.may_be_running(self.environment.now()) {
            return Ok(report(&instance.operation));
        }
        match instance.operation.kind {
            OperationKind::Deprovision => {
                self.tear_down(&instance).await?;
                Ok(report(&instance.operation))
            }
            _ if instance.secret_parameters.is_some() => {
                // The secret parameters are known to nobody but the user.
                let reason = "The request did not get through to AWS. Delete the instance, then create it again.";
                self.finish(Instance { operation: instance.operation.clone().failed(reason), ..instance }).await
            }
            _ => {
                let offered = self.catalog.find(&instance.service_id, &instance.plan_id)?;
                self.create_stack(&offered, &instance, &instance.parameters.0).await?;
                Ok(report(&instance.operation))
            }
        }
    }
}

fn succeeded(instance: Instance, stack: Option<Stack>, now: jiff::Timestamp) -> Instance {
    let operation = instance.operation.clone().succeeded();
    match operation.kind {
        OperationKind::Deprovision => {
            Instance { operation, expires_at: Some(now + TOMBSTONE_LIFETIME), outputs: Default::default(), ..instance }
        }
        _ => Instance { operation, outputs: stack.map(|stack| stack.outputs).unwrap_or_default(), ..instance },
    }
}

fn failed(instance: Instance, stack: Option<Stack>) -> Instance {
    let reason =
        stack.and_then(|stack| stack.status_reason).unwrap_or_else(|| "CloudFormation gives no reason.".into());
    let advice = match instance.operation.kind {
        OperationKind::Deprovision => "The deletion failed; remove its cause, then delete the instance again",
        _ => "The creation failed; delete the instance, then create it again with other parameters",
    };
    Instance { operation: instance.operation.clone().failed(format!("{advice}. {reason}")), ..instance }
}

fn report(operation: &Operation) -> LastOperation {
    let (doing, done) = match operation.kind {
        OperationKind::Deprovision => ("The instance is being deleted.", "The instance is deleted."),
        _ => ("The instance is being created.", "The instance is created."),
    };
    let description = match operation.state {
        OperationState::InProgress => doing.into(),
        OperationState::Succeeded => done.into(),
        OperationState::Failed => operation.reason.clone().unwrap_or_else(|| "The operation failed.".into()),
    };
    LastOperation { state: operation.state, description }
}
