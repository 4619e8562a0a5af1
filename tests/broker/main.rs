//! The broker behind its HTTP interface, on in-memory twins of its ports. Tests are named after the promise that they
//! check, with the rule of OSBAPI 2.17 where there is one.

#[path = "../support/mod.rs"]
mod support;

mod authentication;
mod bind;
mod catalog;
mod compiler;
mod deprovision;
mod events;
mod last_operation;
mod provision;
mod requests;
mod secret_parameters;
mod settings;
mod stack_status;
mod unbind;
