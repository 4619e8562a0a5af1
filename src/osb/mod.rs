//! The wire types of the Open Service Broker API 2.17, named as the specification names them. No
//! logic.
//!
//! Unknown request fields are ignored, as the specification demands; a field that is there must
//! have its type, and a string must not be empty. An `app_guid` may be: it is an absent one then.

mod binding;
mod catalog;
mod error;
mod instance;
mod non_empty;

pub use binding::*;
pub use catalog::*;
pub use error::*;
pub use instance::*;
pub use non_empty::NonEmpty;

/// A JSON object of which the broker does not know the keys.
pub type Object = serde_json::Map<String, serde_json::Value>;
