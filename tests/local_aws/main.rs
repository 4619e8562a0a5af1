//! The adapters against a local AWS, with the table, key, roles and secret of the deployed stack.
//! `make test` starts it and sets the environment; the keys are those of its root user, whom no
//! policy limits.

#[path = "../contract/mod.rs"]
mod contract;
#[path = "../support/mod.rs"]
mod support;

mod aws;
mod budget;
mod cloudformation;
mod dynamodb;
mod iam;
mod kms;
mod lambda;
mod progress;
mod races;
mod roles;
mod secrets_manager;
mod stored_secrets;
