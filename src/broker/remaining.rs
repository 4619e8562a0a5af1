//! What would be lost with the broker.

use super::{Broker, Result, ports::ScannedRecord, sweep::all_pages};

impl Broker {
    /// The stacks of the instances that there are, and the keys of records of which nobody knows what they are of.
    ///
    /// # Errors
    ///
    /// That of a port.
    pub async fn remaining(&self) -> Result<Vec<String>> {
        let records = all_pages(async |next| self.records.page(next).await).await?;
        let names = records.into_iter().filter_map(|record| match record {
            ScannedRecord::Instance(instance) => (!instance.is_tombstone()).then_some(instance.stack_name),
            ScannedRecord::Binding(_) => None,
            ScannedRecord::Unreadable(record) => Some(format!("the record {}, which cannot be read", record.key)),
        });
        Ok(names.collect())
    }
}
