//! CloudFormation's stack statuses and events, and what they say of an operation.

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
    /// One that CloudFormation has added since.
    #[serde(other)]
    Unknown,
}

/// Something that happened to a stack or to one of its resources.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackEvent {
    /// The stack itself, or the resource's name in the template.
    pub subject: Subject,
    /// Such as `CREATE_IN_PROGRESS`.
    pub status: String,
    /// CloudFormation's words for it.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What a stack event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The stack as a whole.
    Stack,
    /// One of its resources.
    Resource {
        /// In the template.
        logical_id: String,
        /// Such as `AWS::SQS::Queue`.
        kind: String,
    },
}

/// The events of one operation, and what others have done to its stack since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationEvents {
    /// The operation's own events, the oldest first.
    pub own: Vec<StackEvent>,
    /// Events of the stack as a whole that came after the operation's own and that others have
    /// caused: somebody in the AWS console, for example. The oldest first. Where the operation has
    /// no events, the newest such event alone.
    pub foreign: Vec<StackEvent>,
}

impl OperationEvents {
    /// The status to which the operation has brought the stack, if it has begun.
    fn own_status(&self) -> Option<StackStatus> {
        self.own
            .iter()
            .rfind(|event| event.subject == Subject::Stack)
            .map(StackEvent::stack_status)
    }

    /// The newest status of the stack, whoever caused it.
    pub fn current_status(&self) -> Option<StackStatus> {
        self.foreign
            .last()
            .map(StackEvent::stack_status)
            .or_else(|| self.own_status())
    }

    /// The event of somebody else that ended the operation, or is about to; none where the
    /// operation came to an end of its own.
    ///
    /// An update that is cancelled in the console never ends by itself: the events of its rollback
    /// carry the token of the cancellation. The first status at rest after the operation's own
    /// events says what became of it; later ones are of later acts.
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

/// How an operation stands, as far as CloudFormation tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// CloudFormation does not know of it: the request was never sent, or is not visible yet.
    NotStarted,
    /// CloudFormation is at work.
    Running,
    /// Over.
    Succeeded,
    /// Over.
    Failed,
}

/// What can be seen of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// There is no stack.
    NoStack,
    /// There is a stack, and nothing has happened to it because of this operation.
    Untouched,
    /// The operation has brought the stack to this status.
    Reached(StackStatus),
}

impl Sight {
    /// What the events of an operation show; none where there is no stack.
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
    /// The event's status, where its subject is the stack.
    pub fn stack_status(&self) -> StackStatus {
        StackStatus::parse(&self.status)
    }
}

/// CloudFormation's name of it.
impl fmt::Display for StackStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl StackStatus {
    /// The status of this name.
    pub fn parse(name: &str) -> Self {
        let name: serde::de::value::StrDeserializer<'_, Error> = name.into_deserializer();
        Self::deserialize(name).unwrap_or(Self::Unknown)
    }

    /// Whether CloudFormation is at work on it.
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

    /// True if CloudFormation has ended what it did with the stack.
    pub fn is_at_rest(self) -> bool {
        !self.is_in_progress() && self != Self::Unknown
    }

    /// True for a stack that an update which has failed did not leave half changed.
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

    /// True for a stack whose creation or deletion has failed: nothing but a deletion helps.
    pub fn can_only_be_deleted(self) -> bool {
        use StackStatus as S;
        matches!(
            self,
            S::CreateFailed | S::RollbackComplete | S::RollbackFailed | S::DeleteFailed
        )
    }

    /// Whether CloudFormation takes an update of a stack in this status.
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

/// What is seen of an operation of this kind says how it stands.
pub fn progress(kind: OperationKind, sight: Sight) -> Progress {
    match kind {
        OperationKind::Provision => provision_progress(sight),
        OperationKind::Update => update_progress(sight),
        OperationKind::Deprovision => deprovision_progress(sight),
        // Bindings have no stack: nothing of theirs is left to run.
        OperationKind::Bind | OperationKind::Unbind => Progress::Succeeded,
    }
}

fn provision_progress(sight: Sight) -> Progress {
    use StackStatus as S;
    match sight {
        Sight::NoStack | Sight::Untouched => Progress::NotStarted,
        // A rollback is waited for: a stack cannot be deleted cleanly in the middle of it.
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
        // A stack takes no other update before it has cleaned up.
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
