//! `GET /v2/service_instances/:instance_id`

use super::{Broker, Error, Result, id::InstanceId, instance::Instance};

impl Broker {
    /// The instance, once it is created and until it is deleted.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], also while it is being created; [`Error::Concurrency`] while it is
    /// being updated, when it is neither what it was nor what it is going to be; or that of a port.
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
