//! The removal of a binding: its function's data, its identity, then its record.

use super::{function, identity};
use crate::broker::{
    Broker,
    error::{Error, Result},
    ports::WriteOutcome,
    records::{BINDING_TOMBSTONE_LIFETIME, Binding},
};

/// Calls the template's function, if it has one, then revokes the identity and removes the
/// binding.
pub async fn release_binding(broker: &Broker, binding: Binding) -> Result<()> {
    function::invoke_unbind(broker, &binding).await?;
    identity::revoke_identity(broker, &binding).await?;
    remove_binding(broker, binding).await
}

/// Deletes the identity, whose keys and policy must be gone, then turns the record into a
/// tombstone. Every step can be repeated.
pub async fn remove_binding(broker: &Broker, binding: Binding) -> Result<()> {
    identity::delete_identity(broker, &binding).await?;

    let (instance_id, id) = (binding.instance_id.clone(), binding.id.clone());
    let now = broker.environment.now();
    let tombstone = Binding {
        operation: binding.operation.clone().succeeded(),
        identity: None,
        function: None,
        expires_at: Some(now + BINDING_TOMBSTONE_LIFETIME),
        ..binding
    };

    if broker.records.update_binding(&tombstone).await? == WriteOutcome::Done {
        return Ok(());
    }

    // Another request may have removed it first.
    let (_, binding) = broker
        .records
        .instance_and_binding(&instance_id, &id, now)
        .await?;
    if binding.is_none_or(|binding| binding.is_tombstone()) {
        Ok(())
    } else {
        Err(Error::Concurrency)
    }
}
