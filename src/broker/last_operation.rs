//! The status of an operation, as a poll returns it.

use jiff::{SignedDuration, Timestamp};

use crate::broker::{
    Broker,
    records::{Operation, OperationKind, OperationState},
    stacks::{OperationEvents, description},
};

/// The shortest time until a platform's next poll; [`LONGEST_RETRY`] is the longest.
///
/// In between, it is a quarter of the time that the operation has taken so far, and at least a
/// fortieth of the longest expected creation. A queue takes seconds; a cluster that takes twenty
/// minutes needs no poll every few seconds.
const SHORTEST_RETRY: SignedDuration = SignedDuration::from_secs(5);

const LONGEST_RETRY: SignedDuration = SignedDuration::from_secs(60);

/// The status of the last operation on an instance or a binding.
#[derive(Clone, Debug, PartialEq)]
pub struct LastOperation {
    /// The operation's kind.
    pub kind: OperationKind,
    /// The operation's state.
    pub state: OperationState,
    /// The progress or the failure reason, for the user.
    pub description: String,
    /// True if the instance can be used and updated after its update or deletion has failed. Absent
    /// for other operations.
    pub instance_usable: Option<bool>,
    /// The time until the next poll; absent once the operation has ended.
    pub retry_after: Option<SignedDuration>,
}

impl LastOperation {
    /// A running operation whose progress AWS does not report at the moment.
    pub(super) fn unseen(operation: &Operation) -> Self {
        Self {
            kind: operation.kind,
            state: operation.state,
            description:
                "In progress. AWS does not report the status at the moment; details will follow."
                    .into(),
            instance_usable: None,
            retry_after: Some(LONGEST_RETRY),
        }
    }

    /// The status of an operation. `longest_creation` is what the template expects; zero for a
    /// binding.
    pub(super) fn new(
        operation: &Operation,
        description: String,
        longest_creation: SignedDuration,
        now: Timestamp,
    ) -> Self {
        let elapsed = now.duration_since(operation.started_at);
        let retry_after = (elapsed / 4)
            .max(longest_creation / 40)
            .clamp(SHORTEST_RETRY, LONGEST_RETRY);

        Self {
            kind: operation.kind,
            state: operation.state,
            description,
            instance_usable: operation.instance_usable,
            retry_after: operation.in_progress().then_some(retry_after),
        }
    }
}

/// Returns the status of the operation before the last one. If it was still in progress, a
/// deletion halted it: no other operation does.
pub(super) fn superseded(_broker: &Broker, operation: Operation, now: Timestamp) -> LastOperation {
    let operation = if operation.in_progress() {
        operation.failed("Cancelled by a later deletion.")
    } else {
        operation
    };
    let description = match operation.kind {
        OperationKind::Bind | OperationKind::Unbind => description::of_binding(&operation),
        _ => description::of_instance(&operation, &OperationEvents::default(), None, now),
    };
    LastOperation::new(&operation, description, SignedDuration::ZERO, now)
}
