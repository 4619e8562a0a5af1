//! `GET /v2/service_instances/:instance_id/service_bindings/:binding_id`

use super::{
    service_instance::ServiceInstance,
    view::{self, BindingView},
};
use crate::{
    broker::{
        Broker,
        error::{Error, Result},
        observation,
        records::{Binding, BindingId, InstanceId},
    },
    osb::Object,
};

/// Returns a binding and its requested parameters, once it is created and until its deletion
/// begins.
///
/// # Errors
///
/// - [`Error::NotFound`] if the binding does not exist, or is still being created.
/// - The error of a port.
pub async fn fetch(
    broker: &Broker,
    instance_id: &InstanceId,
    id: &BindingId,
) -> Result<(BindingView, Object)> {
    let now = broker.environment.now();
    let (instance, binding) = broker
        .records
        .instance_and_binding(instance_id, id, now)
        .await?;
    let instance = instance.ok_or_else(Error::instance_not_found)?;
    observation::observe(broker, &instance.attributes);

    let binding = binding
        .filter(Binding::is_usable)
        .ok_or_else(Error::binding_not_found)?;
    let service = ServiceInstance::find(broker, &instance)?;

    Ok((
        view::of_binding(broker, &service, &binding).await?,
        binding.parameters.0,
    ))
}
