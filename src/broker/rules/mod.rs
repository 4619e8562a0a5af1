//! Rules of the operator: the locations, quotas and identities that users may have.

mod bindings;
mod locations;
mod quotas;
mod workload_identity;

pub use self::{
    bindings::{BindingRules, OwnRoles, RolePatterns},
    locations::Locations,
    quotas::Quotas,
    workload_identity::WorkloadIdentity,
};
