//! The predecessor of a rotated binding.

use crate::broker::{
    Broker,
    error::{Error, Result},
    records::{Binding, BindingId, InstanceId},
};

/// The binding to rotate.
///
/// A repeated request may come after the predecessor was deleted. It then inherits from the
/// binding that the first request created.
pub async fn predecessor(
    broker: &Broker,
    instance_id: &InstanceId,
    predecessor: &str,
    successor: &BindingId,
) -> Result<Binding> {
    let (id, now) = (BindingId::new(predecessor)?, broker.environment.now());
    let (_, binding) = broker
        .records
        .instance_and_binding(instance_id, &id, now)
        .await?;
    if let Some(binding) = binding.filter(|binding| binding.is_valid(now)) {
        return Ok(binding);
    }

    let (_, existing) = broker
        .records
        .instance_and_binding(instance_id, successor, now)
        .await?;
    match existing.filter(|existing| existing.predecessor_id.as_ref() == Some(&id)) {
        Some(existing) => Ok(Binding { id, ..existing }),
        None => Err(Error::Invalid(
            "The predecessor_binding_id is not that of a binding of this service instance \
             that has not expired. Create a binding without a predecessor."
                .into(),
        )),
    }
}
