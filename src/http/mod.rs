//! OSBAPI over HTTP: one file per endpoint, and one per cross-cutting concern.
//!
//! `front_door.rs` first restores a request's path. The request then passes these layers:
//!
//! 1. the log
//! 2. the echo of its identity
//! 3. the panic handler
//! 4. the time limit
//! 5. the authentication
//! 6. the checks of the URL and of the API version
//!
//! Only then does it reach an endpoint. A 401 therefore reveals nothing, and every response is
//! logged.

mod api_version;
mod auth;
mod bind;
mod body;
mod catalog;
mod deprovision;
mod error;
mod fetch_binding;
mod fetch_instance;
pub mod front_door;
mod last_operation;
mod mutation;
mod originating_identity;
mod panic;
mod path;
mod provision;
mod query;
mod request_identity;
mod request_log;
mod time_limit;
mod unbind;
mod update;

use std::sync::Arc;

use axum::{
    Router,
    http::{Method, Uri},
    middleware::{from_fn, from_fn_with_state},
    routing::{get, put},
};
use tower::{Layer, util::MapRequestLayer};
use tower_http::catch_panic::CatchPanicLayer;

pub use self::api_version::MissingVersion;
use self::{catalog::RenderedCatalog, error::ApiError};
use crate::broker::{Broker, authentication::Authenticator};

/// The state that the endpoints share.
#[derive(Clone)]
struct App {
    broker: Arc<Broker>,
    authenticator: Arc<Authenticator>,
    rendered_catalog: Arc<RenderedCatalog>,
}

/// Creates the router of the broker's HTTP interface.
pub fn router(
    broker: Broker,
    authenticator: Authenticator,
    missing_version: MissingVersion,
) -> Router {
    let app = App {
        broker: Arc::new(broker),
        authenticator: Arc::new(authenticator),
        rendered_catalog: Arc::default(),
    };

    let routes = Router::new()
        .route("/v2/catalog", get(catalog::catalog))
        .route(
            "/v2/service_instances/{instance_id}",
            put(provision::provision)
                .patch(update::update)
                .get(fetch_instance::fetch_instance)
                .delete(deprovision::deprovision),
        )
        .route(
            "/v2/service_instances/{instance_id}/last_operation",
            get(last_operation::of_instance),
        )
        .route(
            "/v2/service_instances/{instance_id}/service_bindings/{binding_id}",
            put(bind::bind)
                .get(fetch_binding::fetch_binding)
                .delete(unbind::unbind),
        )
        .route(
            "/v2/service_instances/{instance_id}/service_bindings/{binding_id}/last_operation",
            get(last_operation::of_binding),
        )
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(missing_version, api_version::check))
        .layer(from_fn(front_door::refuse_malformed_url))
        .layer(from_fn_with_state(app.clone(), auth::check))
        .layer(from_fn(time_limit::limit))
        .layer(CatchPanicLayer::custom(panic::response))
        .layer(from_fn(request_identity::echo))
        .layer(from_fn(request_log::log))
        .with_state(app);

    // A layer on the routes would run after routing, too late to change the path.
    Router::new().fallback_service(MapRequestLayer::new(front_door::restore_path).layer(routes))
}

async fn no_such_path(uri: Uri) -> ApiError {
    let path = uri.path();
    let hint = if path.starts_with("/v2/") {
        "Check the path. Ids of instances and bindings must not contain a slash."
    } else {
        "Send requests to paths that begin with /v2/."
    };
    ApiError::not_found(format!("No such path: {path}. {hint}"))
}

async fn no_such_method(method: Method, uri: Uri) -> ApiError {
    ApiError::method_not_allowed(format!("{method} is not supported at {}.", uri.path()))
}
