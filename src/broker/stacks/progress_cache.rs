//! The cache of progress descriptions, which spares polls a look-up.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use crate::broker::records::Operation;

/// The time for which polls reuse an earlier poll's result, where AWS reports the end of
/// operations. Then a poll looks again, because an event may be lost.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// The most operations in the cache. If there are more, all are dropped and looked up again.
const MAX_LOOKS: usize = 1_000;

/// Latest poll results of running operations, cached only where AWS also reports the operations'
/// end. The cache is lost with the process, and then filled again.
#[derive(Clone, Debug, Default)]
pub struct ProgressCache(Option<Arc<Mutex<HashMap<String, Look>>>>);

#[derive(Clone, Debug)]
struct Look {
    at: Timestamp,
    description: String,
}

impl ProgressCache {
    /// Returns an empty cache, for a broker to which AWS reports the end of operations. The default
    /// caches nothing, so that every poll looks.
    pub fn beside_events() -> Self {
        Self(Some(Arc::default()))
    }

    /// Returns the operation's description for the user, if a recent poll has cached one.
    pub fn recent(&self, operation: &Operation, now: Timestamp) -> Option<String> {
        let looks = self
            .0
            .as_ref()?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let look = looks
            .get(&operation.id)
            .filter(|look| now.duration_since(look.at) < LOOK_AGAIN)?;
        Some(look.description.clone())
    }

    /// Caches the description of a running operation.
    pub fn keep(&self, operation: &Operation, description: &str, now: Timestamp) {
        let Some(looks) = &self.0 else { return };
        let mut looks = looks.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.len() >= MAX_LOOKS {
            looks.clear();
        }
        looks.insert(
            operation.id.clone(),
            Look {
                at: now,
                description: description.to_owned(),
            },
        );
    }
}
