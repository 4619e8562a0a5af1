//! The domain: the broker's behaviour for each OSBAPI request, independent of the transport and
//! AWS.
//!
//! Three rules make every operation safe to repeat and to interrupt:
//!
//! 1. *Record first.* The record is written before anything is created or changed in AWS, and
//!    removed last. Nothing ever exists without a record that names it.
//! 2. *Names and tokens follow from ids* ([`Naming`]): repeating a step repeats no effect.
//! 3. *Every request finishes what it finds*: a re-sent request, a poll or a DELETE resumes a
//!    half-done operation where it stopped.
//!
//! Rule 3 has an exception: only the same request, sent again, resumes the creation or update of a
//! stack; otherwise it fails. It must not happen after the platform was told of a failure, or
//! restore what somebody has deleted.

pub mod authentication;
pub mod bindings;
mod databases;
mod deadline;
mod error;
pub mod instances;
mod last_operation;
mod masking;
mod mutation;
mod naming;
mod observation;
mod overrides;
mod place;
pub mod ports;
pub mod records;
pub mod rules;
pub mod stacks;
mod tags;
pub mod upkeep;
mod waiting;

use std::sync::Arc;

use catalog::Catalog;

pub use self::{
    databases::Databases,
    deadline::Deadline,
    error::{Error, Result},
    last_operation::LastOperation,
    mutation::Mutation,
    naming::Naming,
    overrides::{OperatorOverrides, shown_catalog},
    place::Place,
    waiting::Waiting,
};
use self::{
    ports::{AwsPorts, AwsPortsFactory, Environment, Records, Stacks, Vault},
    records::{Instance, Location},
    rules::{BindingRules, Locations, OperatorTags, Quotas},
    stacks::ProgressCache,
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
    /// The operator's own tags for what the broker creates.
    pub operator_tags: OperatorTags,
    /// The operator's own values of parameters.
    pub overrides: OperatorOverrides,
    /// The store of instances and bindings.
    pub records: Arc<dyn Records>,
    /// The ports for stacks, identities and other resources, for each location.
    pub aws_ports: Arc<dyn AwsPortsFactory>,
    /// The network of the databases; `None` if the operator has given it none.
    pub databases: Option<Databases>,
    /// Encryption of secrets at rest.
    pub vault: Arc<dyn Vault>,
    /// The clock and the source of random ids.
    pub environment: Arc<dyn Environment>,
    /// Recent progress descriptions of running operations, for the next polls.
    pub progress_cache: ProgressCache,
}

impl Broker {
    /// The ports for a location.
    async fn ports_at(&self, location: Option<&Location>) -> AwsPorts {
        self.aws_ports.at(location).await
    }

    /// The port for the stacks at the instance's location.
    async fn stacks_of(&self, instance: &Instance) -> Arc<dyn Stacks> {
        self.ports_at(instance.location.as_ref()).await.stacks
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
