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

/// The one TLS implementation of the function.
pub const TLS: Provider = Provider::Rustls(CryptoMode::AwsLc);

/// An HTTP client that is created at the first call to AWS. Loading the system's root certificates
/// takes longer than all other steps of a cold start. A rejected request does not need them.
#[derive(Debug)]
pub struct LazyHttpClient(LazyLock<SharedHttpClient>);

impl LazyHttpClient {
    pub fn new() -> Self {
        Self(LazyLock::new(|| {
            Builder::new().tls_provider(TLS).build_https()
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

/// Counts the requests to AWS, for the log line of the platform's request.
#[derive(Debug)]
struct Counted(SharedHttpConnector);

impl HttpConnector for Counted {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        facts::note(|facts| facts.aws_calls += 1);
        self.0.call(request)
    }
}
