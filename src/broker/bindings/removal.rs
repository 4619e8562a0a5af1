//! The removal of a binding: its grants, then its record.

use super::grants;
use crate::broker::{
    Broker,
    error::{Error, Result},
    ports::WriteOutcome,
    records::{BINDING_TOMBSTONE_LIFETIME, Binding},
};

/// Revokes and removes every grant, the last one first, then the record.
pub async fn release(broker: &Broker, binding: Binding) -> Result<()> {
    for grant in grants::kinds(&binding).rev() {
        grant.revoke(broker, &binding).await?;
        grant.remove(broker, &binding).await?;
    }
    bury(broker, binding).await
}

/// Turns the record of a binding without grants into a tombstone. This can be repeated.
pub async fn bury(broker: &Broker, binding: Binding) -> Result<()> {
    let (instance_id, id) = (binding.instance_id.clone(), binding.id.clone());
    let now = broker.environment.now();
    let tombstone = Binding {
        operation: binding.operation.clone().succeeded(),
        grants: Vec::new(),
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
