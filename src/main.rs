//! The Lambda function: reads its settings, wires the adapters and serves the API, or sweeps.

use std::env;

use aws_service_broker::{aws, http::router, settings::Settings, sweep, telemetry};
use lambda_http::lambda_runtime::{self, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let settings = Settings::from_env()?;
    let config = aws::load_config().await;
    let broker = aws::broker(&settings, &config);
    // infra/template.yaml makes two functions of this program.
    if env::var("_HANDLER").is_ok_and(|handler| handler == sweep::HANDLER) {
        return lambda_runtime::run(service_fn(|event| sweep::handle(&broker, event))).await;
    }
    let authenticator = aws::authenticator(&settings, &config);
    lambda_http::run(router(broker, authenticator, settings.missing_version)).await
}
