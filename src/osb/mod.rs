//! The wire types of the Open Service Broker API 2.17, named as in the specification. They have no
//! logic.
//!
//! Unknown request fields are ignored, as the specification requires. A known field must have its
//! type, and a string must not be empty. The exception is `app_guid`: an empty one counts as
//! absent.

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

/// A JSON object whose keys the broker does not know.
pub type Object = serde_json::Map<String, serde_json::Value>;
