//! The domain: the broker's behaviour for each OSBAPI request, independent of the transport and
//! AWS.
//!
//! Three rules make every operation safe to repeat and to interrupt:
//!
//! 1. *Record first.* The record is written before anything is created or changed in AWS, and
//!    removed last. Nothing ever exists without a record that names it.
//! 2. *Names and tokens follow from ids* ([`id::Naming`]): repeating a step repeats no effect.
//! 3. *Every request finishes what it finds*: a re-sent request, a poll or a DELETE resumes a
//!    half-done operation where it stopped.
//!
//! Rule 3 has an exception: only the same request, sent again, resumes the creation or update of a
//! stack; otherwise it fails. It must not happen after the platform was told of a failure, or
//! restore what somebody has deleted.

mod adoption;
pub mod authentication;
mod bind;
pub mod bind_function;
pub mod binding;
mod binding_last_operation;
mod binding_rules;
mod credentials;
mod deadline;
mod deprovision;
mod description;
pub mod error;
mod fetch_binding;
mod fetch_instance;
pub mod id;
pub mod identity;
pub mod instance;
mod instance_view;
mod last_operation;
mod location;
mod observation;
pub mod operation;
mod pages;
mod parameters;
mod place;
mod platform;
mod policy;
pub mod ports;
mod provision;
mod quotas;
mod remaining;
pub mod requester;
pub mod retained;
pub mod secret_parameters;
pub mod stack;
mod stack_changed;
mod stored_secrets;
pub mod sweep;
mod unbind;
mod update;
mod waiting;

use std::sync::Arc;

use catalog::Catalog;

pub use bind::{BindingView, Bound};
pub use binding_rules::{BindingRules, OwnRoles, RolePatterns, WorkloadIdentity};
pub use deadline::Deadline;
pub use error::{Error, Result};
pub use instance_view::InstanceView;
pub use last_operation::LastOperation;
pub use location::{Location, Locations};
pub use place::Place;
pub use provision::Provisioned;
pub use quotas::Quotas;
pub use stack_changed::Looks;
pub use waiting::Waiting;

use self::{
    id::Naming,
    instance::Instance,
    ports::{Environment, Records, Site, Sites, Stacks, Vault},
};

/// The broker: its catalog, its names, and the ports through which it acts.
#[derive(Clone)]
pub struct Broker {
    /// The catalog this broker serves.
    pub catalog: Catalog,
    /// Names of the stacks, users and roles that the broker creates.
    pub naming: Naming,
    /// The broker's own account and Region, which instances use unless their users choose another
    /// location.
    pub place: Place,
    /// The other locations that users can choose.
    pub locations: Locations,
    /// The operator's rules for bindings.
    pub rules: BindingRules,
    /// The operator's limits on instances and bindings.
    pub quotas: Quotas,
    /// The store of instances and bindings.
    pub records: Arc<dyn Records>,
    /// The ports for stacks, identities and other resources, for each location.
    pub sites: Arc<dyn Sites>,
    /// Encryption of secrets at rest.
    pub vault: Arc<dyn Vault>,
    /// The clock and the source of random ids.
    pub environment: Arc<dyn Environment>,
    /// Recent progress descriptions of running operations, for the next polls.
    pub looks: Looks,
}

impl Broker {
    /// The ports for a location.
    async fn site(&self, location: Option<&Location>) -> Site {
        self.sites.at(location).await
    }

    /// The port for the stacks at the instance's location.
    async fn stacks_of(&self, instance: &Instance) -> Arc<dyn Stacks> {
        self.site(instance.location.as_ref()).await.stacks
    }

    fn place_of(&self, location: Option<&Location>) -> Place {
        match location {
            None => self.place.clone(),
            Some(Location {
                account_id, region, ..
            }) => Place {
                account_id: account_id.clone(),
                region: region.clone(),
                ..self.place.clone()
            },
        }
    }
}
