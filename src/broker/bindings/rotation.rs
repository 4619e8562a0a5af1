//! The predecessor of a rotated binding.

use crate::{
    broker::{
        Broker,
        error::{Error, Result},
        records::{Binding, BindingId, InstanceId, Json},
    },
    osb::NonEmpty,
};

/// The binding to rotate, with what its successor inherits.
pub struct Predecessor {
    /// The binding's id.
    pub id: BindingId,
    /// The application's GUID, if there is one.
    pub app_guid: Option<NonEmpty>,
    /// The user's parameters.
    pub parameters: Json,
}

/// Returns the binding to rotate.
///
/// A repeated request may come after the predecessor was deleted. It then inherits from the
/// binding that the first request created.
pub async fn predecessor(
    broker: &Broker,
    instance_id: &InstanceId,
    predecessor: &str,
    successor: &BindingId,
) -> Result<Predecessor> {
    let (id, now) = (BindingId::new(predecessor)?, broker.environment.now());
    let (_, binding) = broker
        .records
        .instance_and_binding(instance_id, &id, now)
        .await?;
    if let Some(binding) = binding.filter(|binding| binding.is_valid(now)) {
        return Ok(inherited(id, binding));
    }

    let (_, existing) = broker
        .records
        .instance_and_binding(instance_id, successor, now)
        .await?;
    match existing.filter(|existing| existing.predecessor_id.as_ref() == Some(&id)) {
        Some(existing) => Ok(inherited(id, existing)),
        None => Err(Error::Invalid(
            "predecessor_binding_id must name an unexpired binding of this service instance. \
             Otherwise create a binding without a predecessor_binding_id."
                .into(),
        )),
    }
}

fn inherited(id: BindingId, from: Binding) -> Predecessor {
    Predecessor {
        id,
        app_guid: from.app_guid,
        parameters: from.parameters,
    }
}
