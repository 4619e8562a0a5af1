//! The adapters against a local AWS, with the table, key, roles and secret of the deployed stack.
//! `make test` starts it and sets the environment; the keys are those of its root user, whom no
//! policy limits.

#[path = "../contract/mod.rs"]
mod contract;
#[path = "../support/mod.rs"]
mod support;

mod aws;
mod budget;
mod database_users;
mod functions;
mod override_records;
mod platform_secrets;
mod progress;
mod races;
mod records;
mod resources;
mod roles;
mod secrets;
mod stacks;
mod users;
mod vault;
