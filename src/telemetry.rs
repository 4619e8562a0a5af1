//! Log lines: one JSON object each, for CloudWatch Logs.

use tracing::{Level, Subscriber};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter, util::SubscriberInitExt};

/// The setting of the least severe level that is logged; `info` where it is not set.
const LEVEL: &str = "LOG_LEVEL";

/// Sends the process's log lines to standard output, where Lambda takes them up.
pub fn init() {
    let level = std::env::var(LEVEL).unwrap_or_default().parse().unwrap_or(Level::INFO);
    subscriber(level, std::io::stdout).init();
}

/// Writes the broker's log lines from this level on. The SDK's own lines are limited to warnings: at finer levels they
/// quote requests and answers, which hold secrets.
pub fn subscriber<W>(level: Level, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter = EnvFilter::new(format!("warn,aws_service_broker={level}"));
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(false);
    lines.with_env_filter(filter).with_writer(writer).finish()
}
