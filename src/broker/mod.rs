//! The domain: what the broker does for each request of OSBAPI, whatever the transport and whatever AWS.
//!
//! Three rules make every operation safe to repeat and to interrupt:
//!
//! 1. *Record first.* The intent is written before anything is created or changed in AWS, and the record goes last, so
//!    that nothing ever exists which no record names.
//! 2. *Names and tokens follow from ids* ([`id::Naming`]): repeating a step repeats no effect.
//! 3. *Every request finishes what it finds*: a re-sent request, a poll or a DELETE takes up a half-done operation
//!    where it stopped. Only an update waits for the same request, or fails: it must not come after the platform was
//!    told of a failure.

pub mod authentication;
mod bind;
pub mod binding;
mod binding_last_operation;
mod credentials;
mod deprovision;
mod description;
pub mod error;
mod fetch_binding;
mod fetch_instance;
pub mod id;
mod identity;
pub mod instance;
mod instance_view;
mod last_operation;
pub mod operation;
mod parameters;
mod patience;
mod place;
mod policy;
pub mod ports;
mod provision;
pub mod secret_parameters;
pub mod stack;
pub mod sweep;
mod unbind;
mod update;

use std::sync::Arc;

use jiff::SignedDuration;

pub use bind::{BindingView, Bound};
pub use error::{Error, Result};
pub use instance_view::InstanceView;
pub use last_operation::LastOperation;
pub use place::Place;
pub use provision::Provisioned;

use self::{
    id::Naming,
    ports::{Environment, Identities, Records, Stacks, Vault},
};
use crate::catalog::Catalog;

/// The broker: its catalog, its names, and the ports through which it acts.
#[derive(Clone)]
pub struct Broker {
    /// What it offers.
    pub catalog: Catalog,
    /// The names of what it makes.
    pub naming: Naming,
    /// Where it works.
    pub place: Place,
    /// How long a binding's identity works; forever where nothing is said.
    pub binding_lifetime: Option<SignedDuration>,
    /// Its state.
    pub records: Arc<dyn Records>,
    /// One an instance.
    pub stacks: Arc<dyn Stacks>,
    /// One a binding.
    pub identities: Arc<dyn Identities>,
    /// For secrets at rest.
    pub vault: Arc<dyn Vault>,
    /// Time and chance.
    pub environment: Arc<dyn Environment>,
}
