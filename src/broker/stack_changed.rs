//! What AWS tells of stacks, and what polls need not look for because it does.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use super::{Broker, Result, instance::Instance, operation::Operation};

/// How long what a poll has seen is told to the next ones, where AWS tells of the end: an event may
/// be lost.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// How many operations are remembered. More are forgotten all at once, and looked at again.
const MAX_LOOKS: usize = 1_000;

impl Broker {
    /// Sees how the instance of this stack stands, as a poll would: AWS has told that the stack has
    /// changed. Whatever it has told may be out of date, so that it is no more than a reason to
    /// look.
    ///
    /// # Errors
    ///
    /// That of a port. The same can be told again.
    pub async fn stack_changed(&self, stack_name: &str) -> Result<()> {
        let Some(id) = self.naming.instance(stack_name) else {
            return Ok(());
        };
        let instance = self.records.instance(&id, self.environment.now()).await?;
        let is_meant =
            |instance: &Instance| instance.stack_name == stack_name && instance.location.is_none();
        let Some(instance) = instance.filter(is_meant) else {
            return Ok(());
        };
        self.observe(&instance.attributes);
        let (instance, _) = self.advance(instance).await?;
        self.observe_running(&instance.operation);
        Ok(())
    }
}

/// What polls have last seen of operations that run, where AWS tells of their end besides. It is
/// lost with the process, and then seen again.
#[derive(Clone, Debug, Default)]
pub struct Looks(Option<Arc<Mutex<HashMap<String, Look>>>>);

#[derive(Clone, Debug)]
struct Look {
    at: Timestamp,
    description: String,
}

impl Looks {
    /// For a broker to which AWS tells how operations end. Without, every poll looks.
    pub fn beside_events() -> Self {
        Self(Some(Arc::default()))
    }

    /// What was seen of the operation a moment ago, for the user.
    pub(super) fn recent(&self, operation: &Operation, now: Timestamp) -> Option<String> {
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

    /// Keeps what was seen of an operation that runs.
    pub(super) fn keep(&self, operation: &Operation, description: &str, now: Timestamp) {
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
