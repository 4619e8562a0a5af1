//! `GET /v2/service_instances/:instance_id/service_bindings/:binding_id`

use super::{
    Broker, Error, Result,
    id::{BindingId, InstanceId},
};
use crate::osb::Object;

/// A binding as it is fetched.
pub struct FetchedBinding {
    /// Secret.
    pub credentials: Object,
    /// As requested.
    pub parameters: Object,
}

impl Broker {
    /// The binding, once it is created and until it is being deleted.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], also while it is being created; or that of a port.
    pub async fn fetch_binding(&self, instance_id: &InstanceId, id: &BindingId) -> Result<FetchedBinding> {
        let now = self.environment.now();
        let (instance, binding) = self.records.instance_and_binding(instance_id, id, now).await?;
        let instance = instance.ok_or_else(Error::instance_not_found)?;
        let binding = binding.filter(super::binding::Binding::is_usable).ok_or_else(Error::binding_not_found)?;
        let offered = self.catalog.find(&instance.service_id, &instance.plan_id)?;
        let access_key = self.open_access_key(&binding).await?;
        Ok(FetchedBinding {
            credentials: self.credentials(&offered, &instance, access_key.as_ref()),
            parameters: binding.parameters.0,
        })
    }
}
