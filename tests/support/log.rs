//! What the broker logs.

use std::{
    io::{Result, Write},
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

use aws_service_broker::telemetry;
use serde_json::Value;
use tracing_subscriber::util::SubscriberInitExt;

/// What all tests of this program log, at the finest level. A subscriber for one test alone can
/// miss lines: whether a line is wanted at all is remembered for the whole program.
#[derive(Clone, Copy)]
pub struct Log;

static WATCHED: Once = Once::new();
static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn buffer() -> MutexGuard<'static, Vec<u8>> {
    LOGGED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        buffer().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Log {
    /// From now on what is logged can be read.
    pub fn watch() -> Self {
        let metrics = telemetry::Metrics {
            namespace: "broker".into(),
            detailed: true,
        };
        WATCHED.call_once(|| {
            telemetry::subscriber(tracing::Level::TRACE, Some(metrics), || Self).init()
        });
        Self
    }

    pub fn text(self) -> String {
        String::from_utf8(buffer().clone()).expect("UTF-8")
    }

    /// What has been logged since it was last taken.
    pub fn take(self) -> String {
        String::from_utf8(std::mem::take(&mut *buffer())).expect("UTF-8")
    }

    /// The lines for which this holds.
    pub fn lines(self, is_wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let text = self.text();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
        lines.filter(is_wanted).collect()
    }
}
