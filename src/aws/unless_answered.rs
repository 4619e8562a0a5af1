//! Calls that are not sent again while it is unknown what became of them.

use aws_smithy_runtime_api::client::{
    interceptors::context::InterceptorContext,
    retries::classifiers::{ClassifyRetry, RetryAction},
};

/// A call whose outcome is unknown is not sent again. Where the SDK did, the answer would be that
/// to the second attempt, and the first could still take effect: an access key that nobody knows, a
/// stack that was said to be refused. Whoever takes up the record finds what there is.
#[derive(Debug)]
pub struct UnlessAnswered;

impl ClassifyRetry for UnlessAnswered {
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
        "unless answered"
    }
}
