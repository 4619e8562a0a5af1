//! The Lambda function that manages the users of databases.
//!
//! It runs in the network of the databases, where the broker has no access, and has no permissions in
//! AWS. The broker invokes it with all that it needs: see [`database_protocol`]. It logs the user, the
//! action and the outcome, and never a request.

#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::panic, clippy::unwrap_used)
)]

mod failure;
mod mysql;
mod postgresql;
mod roots;

use std::time::Duration;

use database_protocol::{Action, Answer, Engine, Request};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use roots::TrustedRoots;
use tracing_subscriber::EnvFilter;

/// The time for all statements of a request. The function's own timeout is some seconds longer, so
/// that the broker gets a reason.
const TIMEOUT: Duration = Duration::from_secs(9);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(EnvFilter::new("info"))
        .without_time()
        .with_target(false)
        .init();

    let roots = &TrustedRoots::from_env()?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Request>| async move {
        Ok::<_, Error>(handle(roots, &event.payload).await)
    }))
    .await
}

/// Performs the request's action. Every failure is an answer too.
async fn handle(roots: &TrustedRoots, request: &Request) -> Answer {
    let answer = match tokio::time::timeout(TIMEOUT, act(roots, request)).await {
        Ok(answer) => answer,
        Err(_) => Answer::Unreachable(format!(
            "it did not answer within {} seconds",
            TIMEOUT.as_secs()
        )),
    };
    log(request, &answer);
    answer
}

async fn act(roots: &TrustedRoots, request: &Request) -> Answer {
    let server = &request.server;
    let done = match server.engine {
        Engine::PostgreSql => postgresql::act(roots, server, &request.action).await,
        Engine::MySql => mysql::act(roots, server, &request.action).await,
    };
    done.unwrap_or_else(Answer::from)
}

fn log(request: &Request, answer: &Answer) {
    let (action, user) = match &request.action {
        Action::Create(user) => ("create", &user.name),
        Action::Drop { name } => ("drop", name),
    };
    let (host, user) = (&*request.server.host, user.as_str());
    match answer {
        Answer::Done | Answer::Locked => {
            tracing::info!(host, user, action, ?answer, "managed a user");
        }
        _ => tracing::warn!(host, user, action, ?answer, "could not manage a user"),
    }
}
