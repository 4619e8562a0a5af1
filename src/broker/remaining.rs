//! Instances that would be lost with the broker.

use std::time::Duration;

use super::{Broker, Result, pages::Pages, ports::ScannedRecord};

/// The most instances that are named.
const MAX_NAMED: usize = 10;
/// The most that are counted: whoever asks has a minute, and the answer is the same for more.
const MAX_COUNTED: usize = 10_000;

/// Instances that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remaining {
    /// Number of instances and of unreadable records.
    pub count: usize,
    /// Whether the count stopped early, so that there may be more.
    pub or_more: bool,
    /// The first few of them: stack names of instances, and keys of unreadable records.
    pub named: Vec<String>,
}

impl Broker {
    /// Counts the instances that there are, and the records that cannot be read, and names the
    /// first few.
    ///
    /// # Errors
    ///
    /// That of a port.
    pub async fn remaining(&self) -> Result<Remaining> {
        let mut remaining = Remaining::default();
        // The broker is about to go: no request needs what the table can do.
        let mut pages = Pages::new(Duration::ZERO, async |next| self.records.page(next).await);
        while let Some(records) = pages.next().await? {
            records
                .into_iter()
                .filter_map(name)
                .for_each(|name| remaining.add(name));
            if remaining.count >= MAX_COUNTED {
                remaining.or_more = true;
                break;
            }
        }
        Ok(remaining)
    }
}

impl Remaining {
    fn add(&mut self, name: String) {
        self.count += 1;
        if self.named.len() < MAX_NAMED {
            self.named.push(name);
        }
    }
}

/// A name for what the record is of, if that would be lost.
fn name(record: ScannedRecord) -> Option<String> {
    match record {
        ScannedRecord::Instance(instance) => {
            (!instance.is_tombstone()).then_some(instance.stack_name)
        }
        ScannedRecord::Binding(_) => None,
        ScannedRecord::Unreadable(record) => {
            Some(format!("the record {}, which cannot be read", record.key))
        }
    }
}
