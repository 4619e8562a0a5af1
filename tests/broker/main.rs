//! What the broker promises beyond the rules of OSBAPI, for which see `tests/conformance`: behind
//! its HTTP interface, on in-memory twins of its ports, which can fail at every call. Tests are
//! named after the promise that they check.

#[path = "../contract/mod.rs"]
mod contract;
#[path = "../support/mod.rs"]
mod support;

mod adoption;
mod authentication;
mod aws_trouble;
mod bind;
mod bind_function;
mod catalog;
mod console;
mod credentials;
mod databases;
mod deprovision;
mod environment;
mod events;
mod guard;
mod last_operation;
mod locations;
mod log;
mod million_records;
mod overrides;
mod own_stack;
mod parameters;
mod place;
mod provision;
mod records;
mod requests;
mod restrictions;
mod roles;
mod rules;
mod secret_parameters;
mod settings;
mod stack_events;
mod stack_status;
mod sweep;
mod tags;
mod templates;
mod twin;
mod unbind;
mod update;
