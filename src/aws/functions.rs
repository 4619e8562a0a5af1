//! [`Functions`] with Lambda.

use std::{sync::OnceLock, time::Duration};

use async_trait::async_trait;
use aws_config::{SdkConfig, timeout::TimeoutConfig};
use aws_sdk_lambda::{Client, Config, operation::invoke::InvokeError, primitives::Blob};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::error::Service;
use crate::broker::ports::{Functions, Invocation, PortResult};

const SERVICE: Service = Service("Lambda");
/// The timeout of one attempt. A function may need a cold start, and a connection to the service in
/// which it creates a user.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(12);
/// The timeout of a call with its retries: most of the 24 seconds that a request has.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// Client for the functions in the stacks of instances.
pub struct Lambda {
    config: SdkConfig,
    client: OnceLock<Client>,
}

impl Lambda {
    /// Creates the adapter with the SDK's settings.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            config: config.clone(),
            client: OnceLock::new(),
        }
    }
}

/// Lambda's error object for a function that failed. Runtimes add a stack trace, which is left out.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-retries.html>
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Failure {
    error_type: Option<String>,
    error_message: Option<String>,
}

#[async_trait]
impl Functions for Lambda {
    async fn invoke(&self, name: &str, payload: &SecretString) -> PortResult<Invocation> {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT);
        let client = self.client.get_or_init(|| Client::new(&self.config));

        let invoked = client
            .invoke()
            .function_name(name)
            .payload(Blob::new(payload.expose_secret()))
            .customize()
            .config_override(Config::builder().timeout_config(timeouts.build()))
            .send()
            .await;

        let invoked = match invoked {
            Ok(invoked) => invoked,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(InvokeError::is_resource_not_found_exception) =>
            {
                return Ok(Invocation::Missing);
            }
            Err(error) => return Err(SERVICE.failed("Invoke")(error)),
        };

        let answer = invoked.payload.map(Blob::into_inner).unwrap_or_default();
        if invoked.function_error.is_some() {
            return Ok(Invocation::Failed {
                message: message(&answer),
            });
        }

        match String::from_utf8(answer) {
            Ok(answer) => Ok(Invocation::Answered(answer.into())),
            Err(_) => Err(SERVICE.unexpected("Invoke", "the function's response is not UTF-8")),
        }
    }
}

fn message(answer: &[u8]) -> String {
    let failure: Failure = serde_json::from_slice(answer).unwrap_or_default();
    let words: Vec<_> = [failure.error_type, failure.error_message]
        .into_iter()
        .flatten()
        .collect();
    if words.is_empty() {
        "It gave no reason.".into()
    } else {
        words.join(": ")
    }
}
