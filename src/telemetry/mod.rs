//! What the broker tells its operator: log lines, one JSON object each, for CloudWatch Logs, and
//! the metrics that CloudWatch reads from some of them. `LOGGING.md` lists the lines and their
//! fields.

pub mod facts;
pub mod lines;
mod metrics;

use std::env;

use tracing::{Level, Subscriber};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter, util::SubscriberInitExt};

pub use self::metrics::Metrics;
use self::metrics::WithMetrics;

/// The setting of the least severe level that is logged; `info` where it is not set.
const LEVEL: &str = "LOG_LEVEL";
/// The setting of the namespace that the metrics are in; there are none where it is not set.
const NAMESPACE: &str = "METRICS_NAMESPACE";
/// The setting that keeps the metrics few where it is `no`.
const DETAILED: &str = "DETAILED_METRICS";

/// Sends the process's log lines to standard output, where Lambda takes them up.
pub fn init() {
    let level = env::var(LEVEL)
        .unwrap_or_default()
        .parse()
        .unwrap_or(Level::INFO);
    let namespace = env::var(NAMESPACE)
        .ok()
        .filter(|namespace| !namespace.is_empty());
    let detailed = env::var(DETAILED).as_deref() != Ok("no");

    subscriber(
        level,
        namespace.map(|namespace| Metrics {
            namespace,
            detailed,
        }),
        std::io::stdout,
    )
    .init();
}

/// Writes the broker's log lines from this level on, and those of [`lines`] at every level: the
/// metrics and the audit are made of them. The SDK's own lines are limited to warnings: at finer
/// levels they quote requests and answers, which hold secrets.
pub fn subscriber<W>(
    level: Level,
    metrics: Option<Metrics>,
    writer: W,
) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let always = [lines::REQUEST, lines::AUDIT, lines::OPERATION]
        .map(|target| format!(",{target}=info"))
        .concat();
    let filter = EnvFilter::new(format!("warn,aws_service_broker={level}{always}"));
    let lines = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false);
    let lines = lines.map_event_format(|lines| WithMetrics { lines, metrics });
    lines.with_env_filter(filter).with_writer(writer).finish()
}
