//! Conversion of SDK errors to [`PortError`].

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::broker::ports::{PortError, PortErrorKind};

/// Error codes with which AWS services throttle requests.
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
    // Two writes of one item at the same moment, at least one of them in a transaction.
    "TransactionConflictException",
];
/// Error codes with which AWS services report a missing permission.
const DENIED_CODES: [&str; 5] = [
    "AccessDenied",
    "AccessDeniedException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "ExpiredTokenException",
];

/// Error codes with which STS reports that the broker cannot assume a role.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html#API_AssumeRole_Errors>
const ROLE_REFUSALS: [&str; 4] = [
    "AccessDenied",
    "RegionDisabledException",
    "InvalidClientTokenId",
    "ValidationError",
];

/// Error codes with which IAM and Lambda report that a recent change is not visible yet, or still in
/// progress.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
const PASSING_CODES: [&str; 4] = [
    "NoSuchEntity",
    "ConcurrentModification",
    "EntityTemporarilyUnmodifiable",
    // Lambda prepares the network of a function that nobody has invoked for weeks:
    // https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
    "ResourceConflictException",
];

/// An AWS service by name. Converts the SDK's errors of that service to the domain's.
#[derive(Clone, Copy, Debug)]
pub struct Service(pub &'static str);

impl Service {
    /// Converts the error of a failed call. The text for the log consists of the error's code and
    /// message. It never quotes the raw response, which may hold a secret.
    pub fn failed<E>(
        self,
        action: &'static str,
    ) -> impl FnOnce(SdkError<E, HttpResponse>) -> PortError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        move |error| {
            let (kind, detail) = self.classify(&error);
            PortError {
                service: self.0,
                action,
                kind,
                detail,
            }
        }
    }

    /// Returns the kind of the error, and its detail for the log.
    fn classify<E>(self, error: &SdkError<E, HttpResponse>) -> (PortErrorKind, String)
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let is_failure = error
            .raw_response()
            .is_some_and(|response| response.status().is_server_error());

        match error.as_service_error() {
            // The service does not document such a response.
            Some(answer) if answer.code().is_none() && answer.message().is_none() => (
                if is_failure {
                    PortErrorKind::Unavailable
                } else {
                    PortErrorKind::Unexpected
                },
                chain(error),
            ),
            Some(answer) => self.classify_answer(answer, is_failure),
            // The SDK could not build a request from the broker's input.
            None if matches!(error, SdkError::ConstructionFailure(_)) => {
                (PortErrorKind::Unexpected, chain(error))
            }
            None => unanswered(error),
        }
    }

    /// Returns the kind and the detail of the service's own answer. `is_failure` is true for a 5xx.
    fn classify_answer(
        self,
        answer: &impl ProvideErrorMetadata,
        is_failure: bool,
    ) -> (PortErrorKind, String) {
        let (code, message) = (
            answer.code().unwrap_or("no code"),
            answer.message().unwrap_or("no message"),
        );

        match self.remedy(answer) {
            Some(remedy) => (
                PortErrorKind::Misconfigured,
                format!("{code}: {message} ({remedy})"),
            ),
            None if is_failure => (PortErrorKind::Unavailable, format!("{code}: {message}")),
            None => (self.kind_of(code, message), format!("{code}: {message}")),
        }
    }

    /// Returns the repair that the operator has to make; `None` if the cause is unknown. The
    /// settings in it are the function's environment variables.
    pub fn remedy(self, answer: &impl ProvideErrorMetadata) -> Option<&'static str> {
        match (self.0, answer.code()?) {
            ("DynamoDB", "ResourceNotFoundException") => {
                Some("the table in TABLE_NAME does not exist: restore it, or correct the setting")
            }
            // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
            ("DynamoDB", _) if says(answer, "KMS") => Some(
                "the table's key, KEY_ARN, must exist and be enabled, and the role must be \
                 allowed to decrypt with it",
            ),
            // https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
            ("KMS", "DisabledException") => Some("enable the key in KEY_ARN"),
            ("KMS", "KMSInvalidStateException") => {
                Some("cancel the deletion of the key in KEY_ARN and enable it")
            }
            ("KMS", "NotFoundException") => {
                Some("the key in KEY_ARN does not exist: correct the setting")
            }
            ("Secrets Manager", "ResourceNotFoundException") => {
                Some("the secret in CREDENTIALS_SECRET_ARN does not exist: correct the setting")
            }
            // https://repost.aws/knowledge-center/cloudformation-role-arn-error
            ("CloudFormation", "ValidationError")
                if says(answer, "is invalid or cannot be assumed") =>
            {
                Some(
                    "the deploy role of the service must exist in this account and Region: deploy \
                     services.yaml there with the service enabled",
                )
            }
            ("IAM", "NoSuchEntity") if says(answer, "is not attachable") => Some(
                "the boundary of the service must exist in this account and Region: deploy \
                     services.yaml there",
            ),
            _ => None,
        }
    }

    fn kind_of(self, code: &str, message: &str) -> PortErrorKind {
        match (self.0, code) {
            // The quota of stacks.
            // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
            ("CloudFormation", "LimitExceededException") => PortErrorKind::Exhausted,
            (_, code) if THROTTLING_CODES.contains(&code) => PortErrorKind::Throttled,
            (_, code) if DENIED_CODES.contains(&code) => PortErrorKind::Denied,
            (_, code) if PASSING_CODES.contains(&code) => PortErrorKind::Unavailable,
            (_, "LimitExceeded")
                if POLICY_SIZE_WORDS
                    .iter()
                    .any(|words| message.contains(words)) =>
            {
                PortErrorKind::PolicyTooLong
            }
            // https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html
            ("IAM", "DeleteConflict") => PortErrorKind::InUse,
            // IAM's quotas of users, roles and keys.
            // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
            (_, "LimitExceeded") => PortErrorKind::Exhausted,
            _ => PortErrorKind::Unexpected,
        }
    }

    /// Returns the error of a call that AWS completed only in part because of throttling.
    pub fn throttled(self, action: &'static str, detail: impl ToString) -> PortError {
        PortError {
            service: self.0,
            action,
            kind: PortErrorKind::Throttled,
            detail: detail.to_string(),
        }
    }

    /// Returns the error of a stored item that does not have the broker's format.
    pub fn unreadable(self, detail: impl ToString) -> PortError {
        PortError {
            service: self.0,
            action: "record",
            kind: PortErrorKind::Corrupt,
            detail: detail.to_string(),
        }
    }

    /// Returns the error of an answer that contradicts AWS's documentation.
    pub fn unexpected(self, action: &'static str, detail: impl ToString) -> PortError {
        PortError {
            service: self.0,
            action,
            kind: PortErrorKind::Unexpected,
            detail: detail.to_string(),
        }
    }
}

/// True if the error's message contains these words.
fn says(answer: &impl ProvideErrorMetadata, words: &str) -> bool {
    answer
        .message()
        .is_some_and(|message| message.contains(words))
}

/// Returns the kind and the detail of an error that is not an answer of the service. If STS
/// answered instead, the broker cannot assume the role of a location.
fn unanswered(error: &(dyn Error + 'static)) -> (PortErrorKind, String) {
    let detail = chain(error);
    let refused = causes(error)
        .find_map(|cause| cause.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>());

    match refused
        .and_then(SdkError::as_service_error)
        .and_then(ProvideErrorMetadata::code)
    {
        Some(code) if ROLE_REFUSALS.contains(&code) => {
            let remedy = "the role in LOCATIONS must exist, and trust the broker's role with the \
                          EXTERNAL_ID";
            (PortErrorKind::Misconfigured, format!("{detail} ({remedy})"))
        }
        _ => (PortErrorKind::Unavailable, detail),
    }
}

/// Parts of IAM's messages about a policy that is too long. Their error code is that of IAM's
/// quotas. Examples: "Maximum policy size of 2048 bytes exceeded for user …", "Cannot exceed quota
/// for PolicySize: 6144".
const POLICY_SIZE_WORDS: [&str; 2] = ["policy size", "PolicySize"];

/// Joins the texts of the error and its causes.
fn chain(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// Returns the error and its causes, outermost first.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
