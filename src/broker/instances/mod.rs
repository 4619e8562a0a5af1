//! Service instances: one file for each request of OSBAPI, and the steps that requests share.
//!
//! Every request, poll and event goes through the engine, which advances an instance's
//! operation as far as CloudFormation has come. The outcome of an operation is written in one
//! place.

pub(super) mod adoption;
pub(super) mod creation;
pub(super) mod deletion;
pub(super) mod deprovision;
pub(super) mod engine;
pub(super) mod fetch;
pub(super) mod last_operation;
pub(super) mod maintenance;
pub(super) mod operator_values;
mod outcome;
pub(super) mod parameters;
pub(super) mod provision;
pub(super) mod secret_digests;
mod sources;
pub(super) mod stack_changed;
pub(super) mod update;
pub(super) mod view;

pub use self::{
    deprovision::deprovision,
    fetch::{FetchedInstance, fetch},
    last_operation::last_operation,
    provision::provision,
    stack_changed::stack_changed,
    update::update,
    view::InstanceView,
};
