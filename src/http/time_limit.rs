//! Every answer comes before API Gateway gives up, which it does after 30 seconds.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>

use std::time::Duration;

use axum::{extract::Request, middleware::Next, response::Response};

use super::error::ApiError;
use crate::broker::Deadline;

/// Below the function's timeout of 29 seconds, so that the broker's own answer is sent and logged.
/// Stopping a request in the middle is safe: the next one goes on from its record.
const LIMIT: Duration = Duration::from_secs(24);

/// Gives the request its deadline, which the endpoints find in its extensions, and answers where
/// they do not keep it.
pub async fn limit(mut request: Request, next: Next) -> Result<Response, ApiError> {
    request.extensions_mut().insert(Deadline::after(LIMIT));
    tokio::time::timeout(LIMIT, next.run(request))
        .await
        .map_err(|_| ApiError::timeout())
}
