//! A retry classifier for calls that must not be sent twice.

use aws_smithy_runtime_api::client::{
    interceptors::context::InterceptorContext,
    retries::classifiers::{ClassifyRetry, RetryAction},
};

/// Forbids the retry of a call whose outcome is unknown. After a retry, the broker would see the
/// second answer only, and the first call could still take effect. Examples are an access key that
/// nobody knows, or a stack that was reported as rejected. The request that resumes the record
/// finds what exists.
#[derive(Debug)]
pub struct NoBlindRetry;

impl ClassifyRetry for NoBlindRetry {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let has_failed = context
            .output_or_error()
            .is_some_and(|outcome| outcome.is_err());
        let is_refused = context
            .response()
            .is_some_and(|response| response.status().is_client_error());
        if has_failed && !is_refused {
            RetryAction::RetryForbidden
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "no blind retry"
    }
}
