//! What was last asked of an instance or a binding, and how it stands.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// No request runs longer than this: the function is stopped before (`Timeout` in
/// `infra/template.yaml`). An operation that is older and still in progress has nobody at work on
/// it. The sweep function may run for longer, but only deletes.
pub const LONGEST_REQUEST: SignedDuration = SignedDuration::from_secs(30);

/// An operation on an instance or a binding. The last one, with its outcome, is the lifecycle's
/// state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// What the platform polls with, and CloudFormation's `ClientRequestToken`: RFC 3986 unreserved
    /// characters.
    pub id: String,
    /// What was asked for.
    pub kind: OperationKind,
    /// How it stands.
    pub state: OperationState,
    /// Why it failed, or what a deletion has left alone, for the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the instance can be used, and updated, although an update or a deprovisioning of it
    /// has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_usable: Option<bool>,
    /// The time at which it was accepted, or last resumed.
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    pub started_at: Timestamp,
    /// The time at which it was accepted, if it was resumed since.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::second::optional"
    )]
    pub accepted_at: Option<Timestamp>,
    /// Whether another request than the one that began it has gone on with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_taken_up: bool,
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Create an instance.
    Provision,
    /// Change an instance.
    Update,
    /// Delete an instance.
    Deprovision,
    /// Create a binding.
    Bind,
    /// Delete a binding.
    Unbind,
}

impl OperationKind {
    /// The kinds after which nothing but a tombstone is left.
    const DELETIONS: [Self; 2] = [Self::Deprovision, Self::Unbind];

    /// OSBAPI's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Update => "update",
            Self::Deprovision => "deprovision",
            Self::Bind => "bind",
            Self::Unbind => "unbind",
        }
    }

    /// Whether an operation of this id is of this kind: what is left to know when the record is
    /// gone.
    pub fn is_of(self, operation_id: &str) -> bool {
        operation_id
            .split_once('-')
            .is_some_and(|(name, _)| name == self.name())
    }
}

/// How an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// Accepted, and not known to be over.
    InProgress,
    /// Over.
    Succeeded,
    /// Over.
    Failed,
}

impl Operation {
    /// An operation that begins now.
    pub fn begin(kind: OperationKind, id: Uuid, now: Timestamp) -> Self {
        Self {
            id: format!("{}-{id}", kind.name()),
            kind,
            state: OperationState::InProgress,
            reason: None,
            instance_usable: None,
            started_at: now,
            accepted_at: None,
            is_taken_up: false,
        }
    }

    /// The same operation, with which another request goes on.
    #[must_use]
    pub fn taken_up(self, now: Timestamp) -> Self {
        let accepted_at = Some(self.accepted_at.unwrap_or(self.started_at));
        Self {
            started_at: now,
            accepted_at,
            is_taken_up: true,
            ..self
        }
    }

    /// The time since it was accepted.
    pub fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.accepted_at.unwrap_or(self.started_at))
    }

    /// The same operation, over.
    #[must_use]
    pub fn succeeded(self) -> Self {
        Self {
            state: OperationState::Succeeded,
            ..self
        }
    }

    /// The same operation, over in vain.
    #[must_use]
    pub fn failed(self, reason: impl Into<String>) -> Self {
        Self {
            state: OperationState::Failed,
            reason: Some(reason.into()),
            ..self
        }
    }

    /// Whether it is of this kind and stands so.
    pub fn is(&self, kind: OperationKind, state: OperationState) -> bool {
        self.kind == kind && self.state == state
    }

    /// Whether it is not known to be over.
    pub fn in_progress(&self) -> bool {
        self.state == OperationState::InProgress
    }

    /// Whether a request may be at work on it right now.
    pub fn may_be_running(&self, now: Timestamp) -> bool {
        self.in_progress() && self.is_recent(now)
    }

    /// True if `asked` is a deletion that ended before this operation began: its id is that of a
    /// deletion, and this is none. An id of an instance or binding can be used again, and the
    /// platform may still poll what was before.
    pub fn has_followed_deletion(&self, asked: Option<&str>) -> bool {
        let is_deletion = asked.is_some_and(|asked| {
            OperationKind::DELETIONS
                .iter()
                .any(|kind| kind.is_of(asked))
        });
        is_deletion && !OperationKind::DELETIONS.contains(&self.kind)
    }

    /// Whether a request that has begun it, or taken it up, may not have ended yet.
    pub fn is_recent(&self, now: Timestamp) -> bool {
        now.duration_since(self.started_at) < LONGEST_REQUEST
    }
}
