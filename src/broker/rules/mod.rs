//! Rules of the operator: the locations, quotas and identities that users may have, and the tags of
//! what the broker creates.

mod bindings;
mod locations;
mod operator_tags;
mod quotas;
mod workload_identity;

pub use self::{
    bindings::{BindingRules, OwnRoles, RolePatterns},
    locations::Locations,
    operator_tags::{MAX_TAGS, OperatorTags},
    quotas::Quotas,
    workload_identity::WorkloadIdentity,
};
