//! The names of stacks, users and roles that no record has named yet.

use std::collections::{BTreeMap, BTreeSet};

use super::pages::{Pages, SCAN_PAUSE};
use crate::broker::{
    Broker,
    bindings::grants::{self, IamResource, Kind},
    ports::{PortResult, ScannedRecord},
    records::Instance,
};

/// Names of stacks, each with the stack's id, and names of users and roles.
#[derive(Default)]
pub struct Names {
    pub stacks: BTreeMap<String, String>,
    pub users: BTreeSet<String>,
    pub roles: BTreeSet<String>,
}

/// Returns the names that no record has.
pub async fn unnamed(broker: &Broker, mut names: Names) -> PortResult<Names> {
    let mut pages = Pages::new(SCAN_PAUSE, async |next| broker.records.page(next).await);
    while let Some(records) = pages.next().await? {
        for record in records {
            names.forget_those_of(&record);
        }
    }
    Ok(names)
}

impl Names {
    /// Removes the names that the record holds.
    pub fn forget_those_of(&mut self, record: &ScannedRecord) {
        match record {
            ScannedRecord::Instance(instance)
                if !instance.is_tombstone() && is_listed(instance, &self.stacks) =>
            {
                self.stacks.remove(&instance.stack_name);
            }
            ScannedRecord::Binding(binding) => {
                for resource in grants::kinds(binding).filter_map(Kind::iam_resource) {
                    match resource {
                        IamResource::User(name) => drop(self.users.remove(name)),
                        IamResource::Role(name) => drop(self.roles.remove(name)),
                    }
                }
            }
            ScannedRecord::Instance(_) => {}
            // Names in an unreadable record must not count as lost.
            ScannedRecord::Unreadable(record) => {
                for name in &record.names {
                    self.stacks.remove(name);
                    self.users.remove(name);
                    self.roles.remove(name);
                }
            }
        }
    }
}

/// True if the instance's stack is in `stacks`, a map of stack names to stack ids.
pub fn is_listed(instance: &Instance, stacks: &BTreeMap<String, String>) -> bool {
    let listed = stacks.get(&instance.stack_name);
    listed.is_some_and(|id| instance.stack_id.as_ref().is_none_or(|known| known == id))
}
