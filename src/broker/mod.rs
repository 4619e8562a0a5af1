//! The domain: what the broker does for each request of OSBAPI, whatever the transport and whatever
//! AWS.
//!
//! Three rules make every operation safe to repeat and to interrupt:
//!
//! 1. *Record first.* The intent is written before anything is created or changed in AWS, and the
//!    record goes last, so that nothing ever exists which no record names.
//! 2. *Names and tokens follow from ids* ([`id::Naming`]): repeating a step repeats no effect.
//! 3. *Every request finishes what it finds*: a re-sent request, a poll or a DELETE takes up a
//!    half-done operation where it stopped. Only a creation or an update of a stack waits for the
//!    same request, or fails: it must not come after the platform was told of a failure, or bring
//!    back what somebody has deleted.

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
use crate::catalog::Catalog;

/// The broker: its catalog, its names, and the ports through which it acts.
#[derive(Clone)]
pub struct Broker {
    /// What it offers.
    pub catalog: Catalog,
    /// The names of what it makes.
    pub naming: Naming,
    /// Where it works, and where instances are whose users choose no other location.
    pub place: Place,
    /// What else they can choose.
    pub locations: Locations,
    /// What the operator has decided about bindings.
    pub rules: BindingRules,
    /// How much there may be at a time.
    pub quotas: Quotas,
    /// Its state.
    pub records: Arc<dyn Records>,
    /// What instances and bindings are made with.
    pub sites: Arc<dyn Sites>,
    /// For secrets at rest.
    pub vault: Arc<dyn Vault>,
    /// Time and chance.
    pub environment: Arc<dyn Environment>,
    /// What polls have seen.
    pub looks: Looks,
}

impl Broker {
    /// The ports that reach what is at a location.
    async fn site(&self, location: Option<&Location>) -> Site {
        self.sites.at(location).await
    }

    /// The stacks among which the instance's is.
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
