//! The operator's quotas for the instances of an organization and the bindings of an instance.
//!
//! They bound what a user can cost, and are not exact: concurrent requests may exceed them by a
//! few.

use crate::broker::{
    error::{Error, Result},
    ports::Records,
    records::{Attributes, Instance},
};

/// The operator's quotas. Where one is absent, only AWS's own quotas apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// The most instances of an organization, or of a namespace on Kubernetes.
    pub instances_per_organization: Option<usize>,
    /// The most bindings of an instance. A rotation may exceed it by one while both bindings exist.
    pub bindings_per_instance: Option<usize>,
}

impl Quotas {
    /// Checks that the quota allows another instance with these attributes.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where it does not; the error of the port.
    pub async fn check_instances(
        &self,
        records: &dyn Records,
        attributes: &Attributes,
    ) -> Result<()> {
        let Some(quota) = self.instances_per_organization else {
            return Ok(());
        };

        let existing = records.count_instances(attributes.quota_owner()).await?;
        if existing < quota {
            return Ok(());
        }

        Err(Error::Invalid(format!(
            "The organization or namespace has reached its quota of service instances, {quota}. \
             Delete one, or ask the broker's operator for a higher quota."
        )))
    }

    /// Checks that the quota allows another binding of the instance.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where it does not; the error of the port.
    pub async fn check_bindings(
        &self,
        records: &dyn Records,
        instance: &Instance,
        is_rotation: bool,
    ) -> Result<()> {
        let Some(quota) = self.bindings_per_instance else {
            return Ok(());
        };

        let bindings = records.bindings(&instance.id).await?;
        let existing = bindings
            .iter()
            .filter(|binding| !binding.is_tombstone())
            .count();
        if existing < quota + usize::from(is_rotation) {
            return Ok(());
        }

        Err(Error::Invalid(format!(
            "The service instance has reached its quota of service bindings, {quota}. Delete one, \
             or ask the broker's operator for a higher quota."
        )))
    }
}
