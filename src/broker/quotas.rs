//! The operator's quotas: how much one organization or instance may have at a time.
//!
//! They bound what a user can cost, and are not exact: requests that come at the same moment may
//! exceed them by a few.

use super::{
    Broker, Error, Result,
    instance::{Attributes, Instance},
};

/// The operator's quotas. None: AWS's own are the only ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Instances of an organization, on Kubernetes of a namespace.
    pub instances_per_organization: Option<usize>,
    /// Bindings of an instance. A rotation may exceed it by one, for the time that both bindings
    /// exist.
    pub bindings_per_instance: Option<usize>,
}

impl Broker {
    /// Checks that there may be another instance with these attributes.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where it may not; that of a port.
    pub(super) async fn check_instance_quota(&self, attributes: &Attributes) -> Result<()> {
        let Some(quota) = self.quotas.instances_per_organization else {
            return Ok(());
        };
        if self
            .records
            .count_instances(attributes.quota_owner())
            .await?
            < quota
        {
            return Ok(());
        }
        Err(Error::Invalid(format!(
            "The organization or namespace has the {quota} service instances that the broker's \
             operator allows. Delete one, or ask the operator for more."
        )))
    }

    /// Checks that the instance may have another binding.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where it may not; that of a port.
    pub(super) async fn check_binding_quota(
        &self,
        instance: &Instance,
        is_rotation: bool,
    ) -> Result<()> {
        let Some(quota) = self.quotas.bindings_per_instance else {
            return Ok(());
        };
        let bindings = self.records.bindings(&instance.id).await?;
        let existing = bindings
            .iter()
            .filter(|binding| !binding.is_tombstone())
            .count();
        if existing < quota + usize::from(is_rotation) {
            return Ok(());
        }
        Err(Error::Invalid(format!(
            "The service instance has the {quota} service bindings that the broker's operator \
             allows. Delete one, or ask the operator for more."
        )))
    }
}
