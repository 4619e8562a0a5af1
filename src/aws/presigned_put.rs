//! JSON texts that AWS expects at a presigned URL.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::{http::HttpConnector, orchestrator::HttpRequest};
use aws_smithy_types::body::SdkBody;
use lambda_http::Error;

use super::http_client::TLS;

/// The time limit of a PUT. If it fails, Lambda retries the invocation.
const LIMIT: Duration = Duration::from_secs(15);

/// Puts the JSON text at the URL. The URL is a secret.
///
/// # Errors
///
/// Fails if AWS rejects the text, or does not accept it in time.
pub async fn put_json(url: &str, text: Vec<u8>) -> Result<(), Error> {
    // The URL is signed for a request without a content type.
    let mut request = HttpRequest::new(SdkBody::from(text));
    request.set_method("PUT")?;
    request.set_uri(url)?;

    let connector = Connector::builder().tls_provider(TLS).build();
    let response = tokio::time::timeout(LIMIT, connector.call(request))
        .await
        .map_err(|_| "AWS did not accept the upload in time")??;

    if response.status().is_success() {
        return Ok(());
    }
    Err(format!("AWS rejected the upload: {}", response.status()).into())
}
