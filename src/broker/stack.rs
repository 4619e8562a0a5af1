//! CloudFormation's stack statuses and events, and the progress of operations that follows from
//! them.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::IntoDeserializer, de::value::Error};

use super::operation::OperationKind;

/// The status of a stack.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "the names are CloudFormation's")]
pub enum StackStatus {
    CreateComplete,
    CreateFailed,
    CreateInProgress,
    DeleteComplete,
    DeleteFailed,
    DeleteInProgress,
    ImportComplete,
    ImportInProgress,
    ImportRollbackComplete,
    ImportRollbackFailed,
    ImportRollbackInProgress,
    ReviewInProgress,
    RollbackComplete,
    RollbackFailed,
    RollbackInProgress,
    UpdateComplete,
    UpdateCompleteCleanupInProgress,
    UpdateFailed,
    UpdateInProgress,
    UpdateRollbackComplete,
    UpdateRollbackCompleteCleanupInProgress,
    UpdateRollbackFailed,
    UpdateRollbackInProgress,
    /// A status that this version of the broker does not know.
    #[serde(other)]
    Unknown,
}

/// An event of a stack or of one of its resources.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackEvent {
    /// The stack itself, or one of its resources.
    pub subject: Subject,
    /// The status, such as `CREATE_IN_PROGRESS`.
    pub status: String,
    /// CloudFormation's reason for the status, if it gives one.
    pub reason: Option<String>,
    /// The time of the event.
    pub at: Timestamp,
}

/// The subject of a stack event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The stack as a whole.
    Stack,
    /// One of the stack's resources.
    Resource {
        /// The resource's name in the template.
        logical_id: String,
        /// The resource's type, such as `AWS::SQS::Queue`.
        kind: String,
    },
}

/// The events of one operation, and later events that others have caused on its stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationEvents {
    /// The operation's own events, oldest first.
    pub own: Vec<StackEvent>,
    /// Events of the stack as a whole that followed the operation's own and that others have
    /// caused, oldest first. Others are, for example, somebody in the AWS console. If the operation
    /// has no events, only the newest such event.
    pub foreign: Vec<StackEvent>,
}

impl OperationEvents {
    /// Returns the status to which the operation has brought the stack, if it has begun.
    fn own_status(&self) -> Option<StackStatus> {
        self.own
            .iter()
            .rfind(|event| event.subject == Subject::Stack)
            .map(StackEvent::stack_status)
    }

    /// Returns the newest status of the stack, whoever caused it.
    pub fn current_status(&self) -> Option<StackStatus> {
        self.foreign
            .last()
            .map(StackEvent::stack_status)
            .or_else(|| self.own_status())
    }

    /// Returns somebody else's event that ended the operation, or is about to end it. Returns
    /// `None` if the operation ended by itself.
    ///
    /// An update that is cancelled in the console never ends by itself: the events of its rollback
    /// carry the token of the cancellation. The first status at rest after the operation's own
    /// events is its outcome. Later statuses belong to later actions.
    pub fn interruption(&self) -> Option<&StackEvent> {
        if !self.own_status()?.is_in_progress() {
            return None;
        }
        self.foreign
            .iter()
            .find(|event| event.stack_status().is_at_rest())
            .or(self.foreign.last())
    }
}

/// The progress of an operation, as far as CloudFormation reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// CloudFormation does not know the operation: the request was never sent, or is not visible
    /// yet.
    NotStarted,
    /// CloudFormation is working on the operation.
    Running,
    /// Ended with success.
    Succeeded,
    /// Ended with a failure.
    Failed,
}

/// The visible effect of an operation on its stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// The stack does not exist.
    NoStack,
    /// The stack exists, and this operation has not affected it.
    Untouched,
    /// The operation, or its interruption by somebody else, has brought the stack to this status.
    Reached(StackStatus),
}

impl Sight {
    /// Returns the effect that the events of an operation show. Absent events stand for a missing
    /// stack.
    pub fn of(events: Option<&OperationEvents>) -> Self {
        let Some(events) = events else {
            return Self::NoStack;
        };
        let interrupted = events.interruption().map(StackEvent::stack_status);
        interrupted
            .or_else(|| events.own_status())
            .map_or(Self::Untouched, Self::Reached)
    }
}

impl StackEvent {
    /// Returns the event's status as a stack's. It is meaningful only if the subject is the stack.
    pub fn stack_status(&self) -> StackStatus {
        StackStatus::parse(&self.status)
    }
}

/// Formats the status as CloudFormation's name for it.
impl fmt::Display for StackStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl StackStatus {
    /// Returns the status of this name, or [`StackStatus::Unknown`] for any other name.
    pub fn parse(name: &str) -> Self {
        let name: serde::de::value::StrDeserializer<'_, Error> = name.into_deserializer();
        Self::deserialize(name).unwrap_or(Self::Unknown)
    }

    /// True if CloudFormation is working on the stack.
    pub fn is_in_progress(self) -> bool {
        use StackStatus as S;
        matches!(
            self,
            S::CreateInProgress
                | S::DeleteInProgress
                | S::ImportInProgress
                | S::ImportRollbackInProgress
                | S::ReviewInProgress
                | S::RollbackInProgress
                | S::UpdateCompleteCleanupInProgress
                | S::UpdateInProgress
                | S::UpdateRollbackCompleteCleanupInProgress
                | S::UpdateRollbackInProgress
        )
    }

    /// True if CloudFormation is known not to be working on the stack.
    pub fn is_at_rest(self) -> bool {
        !self.is_in_progress() && self != Self::Unknown
    }

    /// True if a failed update has not left the stack half changed.
    pub fn is_usable_after_update(self) -> bool {
        use StackStatus as S;
        matches!(
            self,
            S::UpdateRollbackComplete
                | S::UpdateComplete
                | S::ImportComplete
                | S::ImportRollbackComplete
        )
    }

    /// True if the stack's creation or deletion has failed, so that only a deletion helps.
    pub fn can_only_be_deleted(self) -> bool {
        use StackStatus as S;
        matches!(
            self,
            S::CreateFailed | S::RollbackComplete | S::RollbackFailed | S::DeleteFailed
        )
    }

    /// True if CloudFormation accepts an update of a stack in this status.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html>
    pub fn can_be_updated(self) -> bool {
        use StackStatus as S;
        matches!(
            self,
            S::CreateComplete
                | S::UpdateComplete
                | S::UpdateRollbackComplete
                | S::UpdateFailed
                | S::ImportComplete
                | S::ImportRollbackComplete
        )
    }
}

/// Returns the progress of an operation of this kind, judged by its visible effect.
pub fn progress(kind: OperationKind, sight: Sight) -> Progress {
    match kind {
        OperationKind::Provision => provision_progress(sight),
        OperationKind::Update => update_progress(sight),
        OperationKind::Deprovision => deprovision_progress(sight),
        // Bindings have no stack, so nothing of theirs runs in CloudFormation.
        OperationKind::Bind | OperationKind::Unbind => Progress::Succeeded,
    }
}

fn provision_progress(sight: Sight) -> Progress {
    use StackStatus as S;
    match sight {
        Sight::NoStack | Sight::Untouched => Progress::NotStarted,
        // The operation waits for the end of a rollback: a stack cannot be deleted cleanly during
        // it.
        Sight::Reached(
            S::CreateInProgress | S::ReviewInProgress | S::RollbackInProgress | S::Unknown,
        ) => Progress::Running,
        Sight::Reached(
            S::CreateComplete
            | S::UpdateComplete
            | S::UpdateCompleteCleanupInProgress
            | S::UpdateFailed
            | S::UpdateInProgress
            | S::UpdateRollbackComplete
            | S::UpdateRollbackCompleteCleanupInProgress
            | S::UpdateRollbackFailed
            | S::UpdateRollbackInProgress
            | S::ImportComplete
            | S::ImportInProgress
            | S::ImportRollbackComplete
            | S::ImportRollbackFailed
            | S::ImportRollbackInProgress,
        ) => Progress::Succeeded,
        Sight::Reached(
            S::CreateFailed
            | S::RollbackComplete
            | S::RollbackFailed
            | S::DeleteComplete
            | S::DeleteFailed
            | S::DeleteInProgress,
        ) => Progress::Failed,
    }
}

fn update_progress(sight: Sight) -> Progress {
    use StackStatus as S;
    match sight {
        Sight::Untouched => Progress::NotStarted,
        // A stack accepts no other update before the end of its cleanup.
        Sight::Reached(
            S::UpdateInProgress
            | S::UpdateCompleteCleanupInProgress
            | S::UpdateRollbackInProgress
            | S::UpdateRollbackCompleteCleanupInProgress
            | S::CreateInProgress
            | S::ReviewInProgress
            | S::ImportInProgress
            | S::ImportRollbackInProgress
            | S::Unknown,
        ) => Progress::Running,
        Sight::Reached(S::UpdateComplete | S::CreateComplete | S::ImportComplete) => {
            Progress::Succeeded
        }
        Sight::NoStack
        | Sight::Reached(
            S::UpdateFailed
            | S::UpdateRollbackComplete
            | S::UpdateRollbackFailed
            | S::ImportRollbackComplete
            | S::ImportRollbackFailed
            | S::CreateFailed
            | S::RollbackComplete
            | S::RollbackFailed
            | S::RollbackInProgress
            | S::DeleteComplete
            | S::DeleteFailed
            | S::DeleteInProgress,
        ) => Progress::Failed,
    }
}

fn deprovision_progress(sight: Sight) -> Progress {
    use StackStatus as S;
    match sight {
        Sight::NoStack | Sight::Reached(S::DeleteComplete) => Progress::Succeeded,
        Sight::Reached(S::DeleteInProgress | S::Unknown) => Progress::Running,
        Sight::Reached(S::DeleteFailed) => Progress::Failed,
        Sight::Untouched
        | Sight::Reached(
            S::CreateComplete
            | S::CreateFailed
            | S::CreateInProgress
            | S::ReviewInProgress
            | S::RollbackComplete
            | S::RollbackFailed
            | S::RollbackInProgress
            | S::UpdateComplete
            | S::UpdateCompleteCleanupInProgress
            | S::UpdateFailed
            | S::UpdateInProgress
            | S::UpdateRollbackComplete
            | S::UpdateRollbackCompleteCleanupInProgress
            | S::UpdateRollbackFailed
            | S::UpdateRollbackInProgress
            | S::ImportComplete
            | S::ImportInProgress
            | S::ImportRollbackComplete
            | S::ImportRollbackFailed
            | S::ImportRollbackInProgress,
        ) => Progress::NotStarted,
    }
}
