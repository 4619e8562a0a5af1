//! The port for functions of instances.

use async_trait::async_trait;
use secrecy::SecretString;

use super::error::PortResult;

/// Lambda: functions of instances that create credentials.
#[async_trait]
pub trait Functions: Send + Sync {
    /// Invokes the function of this name or ARN with a JSON text, and waits for its response.
    async fn invoke(&self, name: &str, payload: &SecretString) -> PortResult<Invocation>;
}

/// The outcome of a function's invocation.
#[derive(Clone, Debug)]
#[must_use]
pub enum Invocation {
    /// The function's response: a JSON text, which may be secret.
    Answered(SecretString),
    /// The function has failed.
    Failed {
        /// The function's error message, without its stack trace.
        message: String,
    },
    /// There is no such function.
    Missing,
}
