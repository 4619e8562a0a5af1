//! The states of an instance in which it can be bound.

use crate::broker::{
    Broker,
    error::{Error, Result},
    records::{Instance, OperationKind, OperationState},
};

pub async fn check_bindable(broker: &Broker, instance: &Instance) -> Result<()> {
    use OperationState::{Failed, InProgress, Succeeded};
    let invalid = |reason: &str| Err(Error::Invalid(reason.into()));

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
                return invalid(
                    "The stack of the service instance does not exist any more. Delete the \
                     instance.",
                );
            };

            if stack.status.can_be_updated() {
                return Ok(());
            }
            invalid(
                "The last update of the service instance has failed and could not be undone, \
                 so that it cannot be bound. The broker's operator has to repair its stack.",
            )
        }
        (_, InProgress) => Err(Error::Concurrency),
        // AWS does not delete a resource with contents, such as a bucket. An application can
        // empty it through a binding; then the deletion can be retried.
        (OperationKind::Deprovision, Failed) if !instance.outputs.is_empty() => Ok(()),
        (OperationKind::Deprovision, Failed) => invalid(
            "The deletion of the service instance has failed, so that it cannot be bound. \
             Delete it again.",
        ),
        (_, Failed) => invalid(
            "The creation of the service instance has failed, so that it cannot be bound. \
             Delete it.",
        ),
        (kind, Succeeded) => Err(Error::Corrupt(format!(
            "an instance whose last operation is {kind:?}"
        ))),
    }
}
