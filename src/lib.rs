//! An Open Service Broker API 2.17 broker for AWS that runs as one Lambda function.
//!
//! Data flows one way: [`http`] turns a request into a call of the domain in [`broker`], which
//! decides what is to be done and does it through the ports in [`broker::ports`]; [`aws`]
//! implements the ports. What can be provisioned is the [`catalog`], compiled from `templates/` by
//! the build script. `ARCHITECTURE.md` walks through a request.

#![warn(missing_docs)]

// The names by which the compiled-in catalog, which is generated code, refers to its types.
extern crate alloc;
extern crate self as aws_service_broker;

pub mod aws;
pub mod broker;
pub mod catalog;
pub mod guard;
pub mod http;
pub mod osb;
pub mod settings;
pub mod stack_events;
pub mod sweep;
pub mod telemetry;
