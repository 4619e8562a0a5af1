//! Telemetry for the operator: log lines for CloudWatch Logs, one JSON object each, and the metrics
//! that CloudWatch reads from some of them. `LOGGING.md` lists the lines and their fields.

pub mod facts;
pub mod lines;
mod metrics;

use std::env;

use tracing::{Level, Subscriber};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter, util::SubscriberInitExt};

pub use self::metrics::Metrics;
use self::metrics::WithMetrics;

/// The setting for the least severe level that is logged. Default: `info`.
const LEVEL: &str = "LOG_LEVEL";
/// The setting for the namespace of the metrics. Without it there are no metrics.
const NAMESPACE: &str = "METRICS_NAMESPACE";
/// The setting that reduces the metrics to a few if it is `no`.
const DETAILED: &str = "DETAILED_METRICS";

/// Sends the process's log lines to standard output, where Lambda collects them.
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

/// Returns a subscriber that writes the broker's log lines from this level on. It writes those of
/// [`lines`] at every level, because metrics and audits depend on them. The SDK's own lines are
/// limited to warnings: at finer levels they quote requests and answers, which hold secrets.
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
