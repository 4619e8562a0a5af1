//! `GET /v2/service_instances/:instance_id`

use super::{Broker, Error, Result, id::InstanceId, instance::Instance};

impl Broker {
    /// The instance, once it is created and until it is deleted.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], also while it is being created; or that of a port.
    pub async fn fetch_instance(&self, id: &InstanceId) -> Result<Instance> {
        let instance = self.find_instance(id).await?;
        if instance.is_usable() { Ok(instance) } else { Err(Error::instance_not_found()) }
    }
}
