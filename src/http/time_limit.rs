//! The time limit of a request. The broker responds before API Gateway gives up after 30 seconds.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>

use std::time::Duration;

use axum::{extract::Request, middleware::Next, response::Response};

use super::error::ApiError;
use crate::broker::Deadline;

/// The time limit, below the function's timeout of 29 seconds: the broker can still send and log
/// its own response. Stopping a request halfway is safe, because the next one resumes from its
/// record.
const LIMIT: Duration = Duration::from_secs(24);

/// Sets the request's deadline, which the endpoints find in its extensions. Responds with a 504 if
/// they miss it.
pub async fn limit(mut request: Request, next: Next) -> Result<Response, ApiError> {
    request.extensions_mut().insert(Deadline::after(LIMIT));
    tokio::time::timeout(LIMIT, next.run(request))
        .await
        .map_err(|_| ApiError::timeout())
}
