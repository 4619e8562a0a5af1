//! The HTTP client that all SDK clients share.

use std::sync::LazyLock;

use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};

use crate::telemetry::facts;

/// Made at the first call of AWS: to load the system's root certificates takes longer than all else
/// that a cold start does, and a request that is refused needs none.
#[derive(Debug)]
pub struct LazyHttpClient(LazyLock<SharedHttpClient>);

impl LazyHttpClient {
    pub fn new() -> Self {
        Self(LazyLock::new(|| {
            Builder::new()
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .build_https()
        }))
    }
}

impl HttpClient for LazyHttpClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        parts: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Counted(self.0.http_connector(settings, parts)))
    }
}

/// Counts what is sent, for the request's log line.
#[derive(Debug)]
struct Counted(SharedHttpConnector);

impl HttpConnector for Counted {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        facts::note(|facts| facts.aws_calls += 1);
        self.0.call(request)
    }
}
