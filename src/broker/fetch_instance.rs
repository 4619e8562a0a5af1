//! `GET /v2/service_instances/:instance_id`

use super::{Broker, Error, Result, id::InstanceId, instance::Instance};

impl Broker {
    /// Returns the instance, once it is created and until it is deleted.
    ///
    /// # Errors
    ///
    /// - [`Error::NotFound`] if the instance does not exist, or is still being created.
    /// - [`Error::Concurrency`] during an update, between the old attributes and the new ones.
    /// - The error of a port.
    pub async fn fetch_instance(&self, id: &InstanceId) -> Result<Instance> {
        let instance = self.find_current_instance(id).await?;
        if instance.is_updating() {
            return Err(Error::Concurrency);
        }
        if instance.exists() {
            Ok(instance)
        } else {
            Err(Error::instance_not_found())
        }
    }
}
