//! Every rule of OSBAPI 2.17, and what Cloud Foundry and Service Catalog on Kubernetes demand on
//! top: the broker behind its HTTP interface, on in-memory twins of its ports, in each state that
//! an instance or a binding can be in.
//!
//! A test is named after the rules that it checks: `prv_09_…`, `gen_12_13_…`, `cat_30_and_cf_06_…`.
//! `checklist.txt` lists the rules; each has a test, or says there why not.

#[path = "../support/mod.rs"]
mod support;

mod bind;
mod binding_last_operation;
mod catalog;
mod checklist;
mod deprovision;
mod every_request;
mod fetch_binding;
mod fetch_instance;
mod idempotency;
mod last_operation;
mod platforms;
mod provision;
mod rotate;
mod unbind;
mod update;
