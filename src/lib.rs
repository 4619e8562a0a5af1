//! An Open Service Broker API 2.17 broker for AWS that runs as one Lambda function.
//!
//! Data flows one way. [`http`] turns a request into a call of the domain in [`broker`]. The domain
//! decides what to do, and does it through the ports in [`broker::ports`]. [`aws`] implements the
//! ports, and [`app`] wires them. The crate [`catalog`] says what can be provisioned; the build
//! script compiles [`offerings`] from `templates/` with it. `ARCHITECTURE.md` walks through a
//! request.
//!
//! The function is these lines, and a loop that answers Lambda:
//!
//! ```no_run
//! use aws_service_broker::{app, aws, http, settings::Settings};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = Settings::from_env()?;
//! let config = aws::load_config().await;
//!
//! let broker = app::broker(&settings, &config);
//! let authenticator = app::authenticator(&settings, &config);
//! let api = http::router(broker, authenticator, settings.missing_version);
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs)]
#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

// The generated code of the compiled-in offerings refers to it.
extern crate alloc;

pub mod app;
pub mod aws;
pub mod broker;
pub mod guard;
pub mod http;
pub mod offerings;
pub mod osb;
pub mod settings;
pub mod stack_events;
pub mod sweep;
pub mod telemetry;
