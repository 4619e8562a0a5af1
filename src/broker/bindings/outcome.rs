//! The failure of a binding's operation, written into its record.

use crate::broker::{
    Broker,
    error::{Error, Result},
    ports::WriteOutcome,
    records::{Binding, Operation},
};

/// Records that the binding's operation has failed. If another request was faster, its outcome
/// counts: a platform does not poll after a final state.
pub async fn fail(broker: &Broker, binding: Binding, error: Error) -> Result<Operation> {
    let failed = Binding {
        operation: binding.operation.clone().failed(error.to_string()),
        ..binding
    };
    if broker.records.update_binding(&failed).await? == WriteOutcome::Done {
        tracing::error!(
            reason = error.detail().unwrap_or_default(),
            "the operation of a binding failed"
        );
        return Ok(failed.operation);
    }

    let now = broker.environment.now();
    let (_, current) = broker
        .records
        .instance_and_binding(&failed.instance_id, &failed.id, now)
        .await?;
    current
        .map(|binding| binding.operation)
        .ok_or_else(Error::binding_not_found)
}
