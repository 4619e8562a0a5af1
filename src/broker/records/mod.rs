//! Records of instances and bindings: the state that the broker keeps, and what follows from it
//! without asking anybody.

mod binding;
mod grant;
mod id;
mod instance;
pub(super) mod json;
mod location;
mod operation;
mod platform;
mod requester;
mod sealed;
mod secret_parameters;
mod tag;

pub use self::{
    binding::{BINDING_TOMBSTONE_LIFETIME, Binding, Lifetime},
    grant::{
        DatabaseGrant, FunctionGrant, Grant, RoleGrant, RolePolicyGrant, SealedAccessKey,
        ServiceAccount, UserGrant,
    },
    id::{BindingId, InstanceId, InvalidId, digest},
    instance::{Attributes, INSTANCE_TOMBSTONE_LIFETIME, Instance, Owner, latest_reusable_expiry},
    json::{Json, are_same},
    location::{ACCOUNT, Location, REGION, ROLE},
    operation::{LONGEST_REQUEST, Operation, OperationKind, OperationState},
    platform::Platform,
    requester::{Refused, Requester},
    sealed::{Purpose, Sealed},
    secret_parameters::SecretParameters,
    tag::{INSTANCE_ID_TAG, ORGANIZATION_TAG, PLAN_TAG, SPACE_TAG, Tag, tag_value},
};
