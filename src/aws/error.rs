//! SDK errors → [`PortError`].

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::broker::ports::{PortError, PortErrorKind};

/// Codes by which AWS services say that there are too many requests.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>
const THROTTLING_CODES: [&str; 11] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "LimitExceededException",
    "SlowDown",
    // Two writes of one item at the same moment, one of them in a transaction.
    "TransactionConflictException",
];
/// Codes by which AWS services say that a permission is missing.
const DENIED_CODES: [&str; 5] = [
    "AccessDenied",
    "AccessDeniedException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "ExpiredTokenException",
];

/// Turns the SDK's errors of one service into the domain's.
#[derive(Clone, Copy, Debug)]
pub struct Service(pub &'static str);

impl Service {
    /// A call failed. The text for the log is made of the error's code and message, and never of the raw response,
    /// which may hold a secret.
    pub fn failed<E>(self, action: &'static str) -> impl FnOnce(SdkError<E, HttpResponse>) -> PortError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        move |error| {
            let is_failure = error.raw_response().is_some_and(|response| response.status().is_server_error());
            let (kind, detail) = match error.as_service_error() {
                Some(answer) => {
                    let code = answer.code().unwrap_or("no code");
                    (
                        if is_failure { PortErrorKind::Unavailable } else { kind_of(code) },
                        format!("{code}: {}", answer.message().unwrap_or("no message")),
                    )
                }
                None => (PortErrorKind::Unavailable, chain(&error)),
            };
            PortError { service: self.0, action, kind, detail }
        }
    }

    /// A call's answer is not what the documentation promises.
    pub fn unexpected(self, action: &'static str, detail: impl ToString) -> PortError {
        PortError { service: self.0, action, kind: PortErrorKind::Unexpected, detail: detail.to_string() }
    }
}

fn kind_of(code: &str) -> PortErrorKind {
    match code {
        code if THROTTLING_CODES.contains(&code) => PortErrorKind::Throttled,
        code if DENIED_CODES.contains(&code) => PortErrorKind::Denied,
        _ => PortErrorKind::Unexpected,
    }
}

/// The error and its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
