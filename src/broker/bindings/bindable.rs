//! The states of an instance in which it can be bound.

use crate::broker::{
    Broker,
    error::{Error, Result},
    records::{Instance, OperationKind, OperationState},
};

pub async fn check_bindable(broker: &Broker, instance: &Instance) -> Result<()> {
    use OperationState::{Failed, InProgress, Succeeded};

    match (instance.operation.kind, instance.operation.state) {
        (OperationKind::Provision | OperationKind::Update, Succeeded) => Ok(()),
        (OperationKind::Update, Failed) if instance.operation.instance_usable == Some(true) => {
            Ok(())
        }
        (OperationKind::Update, Failed) => {
            // The operator may have repaired the stack since.
            let stack = broker
                .stacks_of(instance)
                .await
                .describe(instance.stack())
                .await?;
            let Some(stack) = stack else {
                return Err(invalid(
                    "The instance's stack no longer exists. Delete the instance.",
                ));
            };

            if stack.status.can_be_updated() {
                return Ok(());
            }
            Err(invalid(
                "The service instance cannot be bound: its last update failed, and so did the \
                 rollback. The broker's operator has to repair the stack.",
            ))
        }
        (_, InProgress) => Err(Error::Concurrency),
        // AWS does not delete a resource with contents, such as a bucket. An application can
        // empty it through a binding; then the deletion can be retried.
        (OperationKind::Deprovision, Failed) if !instance.outputs.is_empty() => Ok(()),
        (OperationKind::Deprovision, Failed) => Err(invalid(
            "The service instance cannot be bound: its deletion failed. Delete it again.",
        )),
        (_, Failed) => Err(invalid(
            "The service instance cannot be bound: its creation failed. Delete it, then create a \
             new one.",
        )),
        (kind, Succeeded) => Err(Error::Corrupt(format!(
            "an instance has the last operation {kind:?}"
        ))),
    }
}

fn invalid(reason: &str) -> Error {
    Error::Invalid(reason.into())
}
