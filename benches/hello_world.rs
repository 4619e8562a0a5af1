//! The least that a Lambda function in Rust can be: what `cold_start.py` measures the broker
//! against.

use lambda_http::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(async |_request: lambda_http::Request| {
        Ok::<_, Error>("hello")
    }))
    .await
}
