//! Log lines: one JSON object each, for CloudWatch Logs.

use tracing_subscriber::EnvFilter;

/// The setting of the least severe level that is logged; `info` where it is not set.
const LEVEL: &str = "LOG_LEVEL";

/// Sends the process's log lines to standard output, where Lambda takes them up. The SDK's own lines are limited to
/// warnings: at finer levels they quote requests and answers, which hold secrets.
pub fn init() {
    let level = std::env::var(LEVEL).unwrap_or_default().parse().unwrap_or(tracing::Level::INFO);
    let filter = EnvFilter::new(format!("warn,aws_service_broker={level}"));
    tracing_subscriber::fmt().json().flatten_event(true).with_current_span(false).with_env_filter(filter).init();
}
