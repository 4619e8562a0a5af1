//! OSBAPI's error responses. Only this file maps the domain's errors to HTTP statuses.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    broker::{Error, ports::PortErrorKind},
    osb::ErrorResponse,
};

/// A response with a status of 400 or above.
#[derive(Clone, Debug)]
pub struct ApiError {
    status: StatusCode,
    error: Option<&'static str>,
    description: String,
    update_repeatable: Option<bool>,
    detail: Option<String>,
}

/// The detail for the request's log line. The response carries it there as an extension.
#[derive(Clone, Debug)]
pub struct LogDetail(pub String);

impl ApiError {
    fn new(status: StatusCode, description: impl Into<String>) -> Self {
        Self {
            status,
            error: None,
            description: description.into(),
            update_repeatable: None,
            detail: None,
        }
    }

    /// 400: the request is malformed.
    pub fn bad_request(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, description)
    }

    /// 401: the request has no HTTP Basic credentials.
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "The credentials are missing. Send the broker's user name and password with HTTP Basic \
             authentication.",
        )
    }

    /// 401: the user name or the password is wrong.
    pub fn wrong_credentials() -> Self {
        let reason = "The user name or the password is wrong. The broker's operator can find both \
                      in AWS Secrets Manager.";
        Self::new(StatusCode::UNAUTHORIZED, reason)
    }

    /// 404: the path does not exist.
    pub fn not_found(description: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, description)
    }

    /// 405: the path exists, but does not support the method.
    pub fn method_not_allowed(description: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, description)
    }

    /// 412: the API version is missing or not supported.
    pub fn precondition_failed(description: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, description)
    }

    /// 500: a defect of the broker. The detail goes to the log.
    pub fn internal(detail: impl Into<String>) -> Self {
        let description = "Internal error. The broker's operator can find the cause in the log.";
        Self {
            detail: Some(detail.into()),
            ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, description)
        }
    }

    /// 504: AWS did not answer in time.
    pub fn timeout() -> Self {
        let description = "AWS did not respond in time. Retry the request: the broker resumes \
                           where it stopped.";
        Self::new(StatusCode::GATEWAY_TIMEOUT, description)
    }
}

/// Maps each error to the status that OSBAPI names for it (Service Broker Errors). Requests that
/// can never work get a 400 on purpose. Cloud Foundry treats a 422 with an unknown error code as a
/// broken response, and deletes the instance.
impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let (status, word) = match &error {
            Error::Invalid(_) => (StatusCode::BAD_REQUEST, None),
            Error::Unsupported(_) | Error::UnfitState(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, None)
            }
            Error::AsyncRequired => (StatusCode::UNPROCESSABLE_ENTITY, Some("AsyncRequired")),
            Error::Concurrency => (StatusCode::UNPROCESSABLE_ENTITY, Some("ConcurrencyError")),
            Error::MaintenanceInfoConflict { .. } => (
                StatusCode::UNPROCESSABLE_ENTITY,
                Some("MaintenanceInfoConflict"),
            ),
            Error::Conflict(_) => (StatusCode::CONFLICT, None),
            Error::NotFound(_) => (StatusCode::NOT_FOUND, None),
            Error::Gone => (StatusCode::GONE, None),
            Error::Port(port) => match port.kind {
                PortErrorKind::Throttled | PortErrorKind::Unavailable => {
                    (StatusCode::SERVICE_UNAVAILABLE, None)
                }
                PortErrorKind::Denied
                | PortErrorKind::Misconfigured
                | PortErrorKind::Exhausted
                | PortErrorKind::PolicyTooLong
                | PortErrorKind::InUse
                | PortErrorKind::Corrupt
                | PortErrorKind::Unexpected => (StatusCode::INTERNAL_SERVER_ERROR, None),
            },
            Error::DatabaseUnavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, None),
            Error::Function(_)
            | Error::Database(_)
            | Error::IdentityInUse { .. }
            | Error::InvalidOverride(_)
            | Error::LostSecret { .. }
            | Error::Corrupt(_) => (StatusCode::INTERNAL_SERVER_ERROR, None),
        };

        // Only updates can be unsupported.
        let update_repeatable = matches!(error, Error::Unsupported(_)).then_some(false);
        Self {
            status,
            error: word,
            description: error.to_string(),
            update_repeatable,
            detail: error.detail(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self {
            status,
            error,
            description,
            update_repeatable,
            detail,
        } = self;
        let detail = LogDetail(detail.unwrap_or_else(|| description.clone()));

        let mut response = (
            status,
            Json(ErrorResponse {
                error,
                description,
                update_repeatable,
            }),
        )
            .into_response();

        if status == StatusCode::UNAUTHORIZED {
            let challenge =
                HeaderValue::from_static("Basic realm=\"AWS service broker\", charset=\"UTF-8\"");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }

        response.extensions_mut().insert(detail);
        response
    }
}
