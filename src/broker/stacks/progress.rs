//! The progress of an operation, which follows from the events of its stack.

use super::{
    events::{OperationEvents, StackEvent},
    status::StackStatus,
};
use crate::broker::records::OperationKind;

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
