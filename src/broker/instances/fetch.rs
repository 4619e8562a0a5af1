//! `GET /v2/service_instances/:instance_id`

use super::engine;
use crate::broker::{
    Broker,
    error::{Error, Result},
    records::{Instance, InstanceId},
};

/// Returns the instance, once it is created and until it is deleted.
///
/// # Errors
///
/// - [`Error::NotFound`] if the instance does not exist, or is still being created.
/// - [`Error::Concurrency`] during an update, between the old attributes and the new ones.
/// - The error of a port.
pub async fn fetch(broker: &Broker, id: &InstanceId) -> Result<Instance> {
    let instance = engine::find_current_instance(broker, id).await?;
    if instance.is_updating() {
        return Err(Error::Concurrency);
    }
    if instance.exists() {
        Ok(instance)
    } else {
        Err(Error::instance_not_found())
    }
}
