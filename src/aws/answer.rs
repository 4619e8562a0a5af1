//! Answers that AWS expects at a presigned URL.

use std::{io::Cursor, time::Duration};

use http_body_util::Full;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use lambda_http::{Error, http::Request};

/// The time limit of an answer. If it fails, Lambda retries the invocation.
const LIMIT: Duration = Duration::from_secs(15);

/// Puts the JSON text at the URL. The URL is a secret.
///
/// # Errors
///
/// Fails if AWS rejects the text, or does not accept it in time.
pub async fn put_json(url: &str, text: Vec<u8>) -> Result<(), Error> {
    let https = HttpsConnectorBuilder::new()
        .with_native_roots()?
        .https_or_http()
        .enable_http1()
        .build();

    // The URL is signed for a request without a content type.
    let request = Request::put(url).body(Full::new(Cursor::new(text)))?;

    let answered = Client::builder(TokioExecutor::new())
        .build(https)
        .request(request);
    let response = tokio::time::timeout(LIMIT, answered)
        .await
        .map_err(|_| "AWS has not taken the answer in time")??;

    if response.status().is_success() {
        return Ok(());
    }
    Err(format!("AWS has not taken the answer: {}", response.status()).into())
}
