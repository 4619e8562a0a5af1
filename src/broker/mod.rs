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
pub mod bind_function;
pub mod binding;
mod binding_last_operation;
mod binding_rules;
mod credentials;
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
mod observation;
pub mod operation;
mod parameters;
mod patience;
mod place;
mod policy;
pub mod ports;
mod provision;
pub mod secret_parameters;
pub mod stack;
mod stored_secrets;
pub mod sweep;
mod unbind;
mod update;

use std::sync::Arc;

pub use bind::{BindingView, Bound};
pub use binding_rules::{BindingRules, RolePatterns, WorkloadIdentity};
pub use error::{Error, Result};
pub use instance_view::InstanceView;
pub use last_operation::LastOperation;
pub use place::Place;
pub use provision::Provisioned;

use self::{
    id::Naming,
    ports::{Environment, Functions, Identities, Records, Roles, Secrets, Stacks, Vault},
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
    /// What the operator has decided about bindings.
    pub rules: BindingRules,
    /// Its state.
    pub records: Arc<dyn Records>,
    /// One an instance.
    pub stacks: Arc<dyn Stacks>,
    /// Users: one a binding.
    pub identities: Arc<dyn Identities>,
    /// Those that bindings make, or add to.
    pub roles: Arc<dyn Roles>,
    /// Those of instances.
    pub secrets: Arc<dyn Secrets>,
    /// Those that make credentials.
    pub functions: Arc<dyn Functions>,
    /// For secrets at rest.
    pub vault: Arc<dyn Vault>,
    /// Time and chance.
    pub environment: Arc<dyn Environment>,
}
