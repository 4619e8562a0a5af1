//! The Lambda function: reads its settings, wires the adapters and serves the API.

use aws_service_broker::{aws, http::router, settings::Settings, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let settings = Settings::from_env()?;
    let config = aws::load_config().await;
    let (broker, authenticator) = (aws::broker(&settings, &config), aws::authenticator(&settings, &config));
    lambda_http::run(router(broker, authenticator, settings.missing_version)).await
}
