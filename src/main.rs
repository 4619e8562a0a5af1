//! The Lambda function. It reads its settings, wires the adapters, and then serves the API, sweeps
//! or guards.

#![deny(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::env;

use aws_service_broker::{
    app, aws, guard,
    http::{
        front_door::{self, Answer},
        router,
    },
    settings::Settings,
    stack_events, sweep, telemetry,
};
use lambda_http::{request::LambdaRequest, tower::ServiceExt};
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = Settings::from_env();
    let config = aws::load_config().await;

    // `infra/template.yaml` creates several functions from this program.
    let handler = env::var("_HANDLER").unwrap_or_default();
    if handler == guard::HANDLER {
        let broker = settings.map(|settings| app::broker(&settings, &config));
        return lambda_runtime::run(service_fn(|event| guard::handle(broker.as_ref(), event)))
            .await;
    }

    let settings = settings?;
    let broker = app::broker(&settings, &config);
    if handler == sweep::HANDLER {
        let may_remove = settings.sweep_removes;
        return lambda_runtime::run(service_fn(|event| {
            sweep::handle(&broker, may_remove, event)
        }))
        .await;
    }

    let authenticator = app::authenticator(&settings, &config);
    let api = router(broker.clone(), authenticator, settings.missing_version);
    lambda_runtime::run(service_fn(|event: LambdaEvent<LambdaRequest>| async {
        let request = front_door::request(event);
        if stack_events::is_event(&request) {
            return stack_events::handle(&broker, &request).await.map(|()| None);
        }
        Answer::of(api.clone().oneshot(request).await?)
            .await
            .map(Some)
    }))
    .await
}
