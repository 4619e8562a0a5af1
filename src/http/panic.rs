//! The response to a panic. A panic is a defect, but the platform still gets a response that it can
//! read.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use super::error::ApiError;

#[cfg(not(panic = "unwind"))]
compile_error!(
    "a panic must unwind, or the platform gets no response: set panic = \"unwind\" in the profile"
);

pub fn response(cause: Box<dyn Any + Send>) -> Response {
    let text = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or(cause.downcast_ref::<&str>().copied());
    ApiError::internal(format!("panic: {}", text.unwrap_or("no message"))).into_response()
}
