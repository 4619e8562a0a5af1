//! Service bindings: one file for each request of OSBAPI, and the steps that requests share.

pub(super) mod bind;
pub(super) mod bindable;
pub(super) mod creation;
pub(super) mod credentials;
pub(super) mod fetch;
pub(super) mod grants;
pub(super) mod last_operation;
pub(super) mod means;
pub(super) mod outcome;
pub(super) mod policy;
pub(super) mod references;
pub(super) mod removal;
pub(super) mod requested;
pub(super) mod rotation;
pub(super) mod service_instance;
pub(super) mod stored_secrets;
pub(super) mod unbind;
pub(super) mod view;

pub use self::{
    bind::bind, fetch::fetch, last_operation::last_operation, service_instance::Endpoint,
    unbind::unbind, view::BindingView,
};
