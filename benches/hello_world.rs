//! A minimal Lambda function in Rust, the baseline of `cold_start.py`.

use lambda_http::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(async |_request: lambda_http::Request| {
        Ok::<_, Error>("hello")
    }))
    .await
}
