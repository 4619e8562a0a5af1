//! `GET /v2/service_instances/:instance_id/service_bindings/:binding_id`

use super::{
    BindingView, Broker, Error, Result,
    binding::Binding,
    id::{BindingId, InstanceId},
};
use crate::osb::Object;

impl Broker {
    /// Returns a binding and its requested parameters, once it is created and until its deletion
    /// begins.
    ///
    /// # Errors
    ///
    /// - [`Error::NotFound`] if the binding does not exist, or is still being created.
    /// - The error of a port.
    pub async fn fetch_binding(
        &self,
        instance_id: &InstanceId,
        id: &BindingId,
    ) -> Result<(BindingView, Object)> {
        let now = self.environment.now();
        let (instance, binding) = self
            .records
            .instance_and_binding(instance_id, id, now)
            .await?;
        let instance = instance.ok_or_else(Error::instance_not_found)?;
        self.observe(&instance.attributes);

        let binding = binding
            .filter(Binding::is_usable)
            .ok_or_else(Error::binding_not_found)?;
        let offered = self.catalog.find(
            &instance.attributes.service_id,
            &instance.attributes.plan_id,
        )?;

        Ok((
            self.binding_view(&offered, &instance, &binding).await?,
            binding.parameters.0,
        ))
    }
}
