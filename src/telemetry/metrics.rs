//! Metrics from log lines. A line declares which of its fields are metrics, and CloudWatch reads
//! them there. They cost no call and no time.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::{
    collections::BTreeSet,
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::Serialize;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent,
        format::{FormatFields, Writer},
    },
    registry::LookupSpan,
};

use super::lines;

/// Fields that are metrics, and the fields that are their dimensions. AWS charges for every
/// combination of dimension values as a metric of its own, so ids are never dimensions.
struct Declared {
    target: &'static str,
    metrics: &'static [(&'static str, &'static str)],
    dimensions: &'static [&'static [&'static str]],
}

const DECLARED: [Declared; 4] = [
    Declared {
        target: lines::REQUEST,
        metrics: &[("duration_ms", "Milliseconds"), ("aws_calls", "Count")],
        dimensions: &[&["outcome"], &["operation", "outcome"]],
    },
    Declared {
        target: lines::REQUEST,
        metrics: &[("duration_ms", "Milliseconds")],
        dimensions: &[&["service", "plan", "outcome"]],
    },
    Declared {
        target: lines::REQUEST,
        metrics: &[("cold_start", "Count"), ("in_flight_seconds", "Seconds")],
        dimensions: &[&[]],
    },
    Declared {
        target: lines::OPERATION,
        metrics: &[("operation_seconds", "Seconds")],
        dimensions: &[&["outcome"], &["service", "plan", "operation", "outcome"]],
    },
];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    /// Milliseconds since 1970.
    timestamp: u64,
    cloud_watch_metrics: Vec<MetricDirective<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricDirective<'a> {
    namespace: &'a str,
    dimensions: Vec<&'static [&'static str]>,
    metrics: Vec<MetricDefinition>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricDefinition {
    name: &'static str,
    unit: &'static str,
}

/// The metrics that the operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// The CloudWatch namespace, which separates them from the metrics of others.
    pub namespace: String,
    /// True if there are metrics for each operation, service and plan.
    pub detailed: bool,
}

/// Formats lines as `L` does, each a JSON object, and declares which of their fields are metrics.
pub struct WithMetrics<L> {
    pub lines: L,
    /// The declared metrics; `None` if the operator wants none.
    pub metrics: Option<Metrics>,
}

impl<L> WithMetrics<L> {
    fn metadata(&self, event: &Event<'_>) -> Option<String> {
        let metrics = self.metrics.as_ref()?;
        let target = event.metadata().target();
        let mut declared = DECLARED
            .iter()
            .filter(|declared| declared.target == target)
            .peekable();
        declared.peek()?;

        let mut present = Present::default();
        event.record(&mut present);
        let cloud_watch_metrics: Vec<_> = declared
            .filter_map(|declared| declared.directive(metrics, &present))
            .collect();

        let elapsed = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let timestamp = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);

        serde_json::to_string(&Metadata {
            timestamp,
            cloud_watch_metrics,
        })
        .ok()
    }
}

impl Declared {
    /// Returns the directive for the metrics that the line has; `None` if it has none.
    fn directive<'a>(&self, wanted: &'a Metrics, present: &Present) -> Option<MetricDirective<'a>> {
        let namespace = wanted.namespace.as_str();

        let metrics = self.metrics.iter().filter(|(name, _)| present.has(name));
        let metrics: Vec<_> = metrics
            .map(|&(name, unit)| MetricDefinition { name, unit })
            .collect();

        let dimensions = self
            .dimensions
            .iter()
            .filter(|set| set.iter().all(|name| present.has(name)));
        let dimensions: Vec<_> = dimensions
            .filter(|set| wanted.detailed || set.len() < 2)
            .copied()
            .collect();

        let has_both = !metrics.is_empty() && !dimensions.is_empty();
        has_both.then_some(MetricDirective {
            namespace,
            dimensions,
            metrics,
        })
    }
}

/// The names of an event's fields that have a value.
#[derive(Default)]
struct Present(BTreeSet<&'static str>);

impl Present {
    fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

impl Visit for Present {
    fn record_debug(&mut self, field: &Field, _: &dyn fmt::Debug) {
        self.0.insert(field.name());
    }
}

impl<S, N, L> FormatEvent<S, N> for WithMetrics<L>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
    L: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(metadata) = self.metadata(event) else {
            return self.lines.format_event(context, writer, event);
        };

        let mut line = String::new();
        self.lines
            .format_event(context, Writer::new(&mut line), event)?;
        let Some(fields) = line.trim_end().strip_suffix('}') else {
            return writer.write_str(&line);
        };

        writeln!(writer, "{fields},\"_aws\":{metadata}}}")
    }
}
