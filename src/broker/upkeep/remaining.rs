//! Instances that would be lost with the broker.

use std::time::Duration;

use super::pages::Pages;
use crate::broker::{Broker, Naming, error::Result, ports::ScannedRecord};

/// The most instances that are named.
const MAX_NAMED: usize = 10;

/// The most instances that are counted. The caller has only a minute, and decides the same for
/// more.
const MAX_COUNTED: usize = 10_000;

/// Instances that remain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remaining {
    /// The number of instances and unreadable records.
    pub count: usize,
    /// True if the count stopped early, so that there may be more.
    pub or_more: bool,
    /// The first few: the stack names of instances, and the keys of unreadable records.
    pub named: Vec<String>,
}

/// Counts the remaining instances and the unreadable records, and names the first few. With a
/// prefix, counts only the instances whose names have another one.
///
/// # Errors
///
/// The error of a port.
pub async fn remaining(broker: &Broker, prefix: Option<&str>) -> Result<Remaining> {
    let prefix = prefix.map(Naming::new);
    let mut remaining = Remaining::default();

    // No pause: the broker is about to be deleted, so no other request needs the table's
    // capacity.
    let mut pages = Pages::new(Duration::ZERO, async |next| broker.records.page(next).await);
    while let Some(records) = pages.next().await? {
        records
            .into_iter()
            .filter_map(name)
            .filter(|name| prefix.as_ref().is_none_or(|prefix| !prefix.is_ours(name)))
            .for_each(|name| remaining.add(name));
        if remaining.count >= MAX_COUNTED {
            remaining.or_more = true;
            break;
        }
    }

    Ok(remaining)
}

impl Remaining {
    fn add(&mut self, name: String) {
        self.count += 1;
        if self.named.len() < MAX_NAMED {
            self.named.push(name);
        }
    }
}

/// Returns a name for the record's instance, or the key of an unreadable record. Returns `None` if
/// nothing would be lost.
fn name(record: ScannedRecord) -> Option<String> {
    match record {
        ScannedRecord::Instance(instance) => {
            (!instance.is_tombstone()).then_some(instance.stack_name)
        }
        ScannedRecord::Binding(_) => None,
        ScannedRecord::Unreadable(record) => Some(format!("the unreadable record {}", record.key)),
    }
}
