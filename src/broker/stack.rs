//! CloudFormation's stack statuses, and what each says of an operation.

use serde::{Deserialize, de::IntoDeserializer, de::value::Error};

use super::operation::OperationKind;

/// The status of a stack.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
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

/// How an operation stands, as far as the stack's status tells.
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

impl StackStatus {
    /// The status of this name.
    pub fn parse(name: &str) -> Self {
        let name: serde::de::value::StrDeserializer<'_, Error> = name.into_deserializer();
        Self::deserialize(name).unwrap_or(Self::Unknown)
    }
}

/// What the status of a stack, or that there is none, says of an operation of this kind.
pub fn progress(kind: OperationKind, status: Option<StackStatus>) -> Progress {
    match kind {
        OperationKind::Provision => provision_progress(status),
        OperationKind::Deprovision => deprovision_progress(status),
        // Bindings have no stack: nothing of theirs is left to run.
        OperationKind::Bind | OperationKind::Unbind => Progress::Succeeded,
    }
}

fn provision_progress(status: Option<StackStatus>) -> Progress {
    use StackStatus as S;
    match status {
        None => Progress::NotStarted,
        // A rollback is waited for: a stack cannot be deleted cleanly in the middle of it.
        Some(S::CreateInProgress | S::ReviewInProgress | S::RollbackInProgress | S::Unknown) => Progress::Running,
        Some(S::CreateComplete) => Progress::Succeeded,
        // The stack was complete, and somebody has changed it since.
        Some(
            S::UpdateComplete
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
        Some(
            S::CreateFailed
            | S::RollbackComplete
            | S::RollbackFailed
            | S::DeleteComplete
            | S::DeleteFailed
            | S::DeleteInProgress,
        ) => Progress::Failed,
    }
}

fn deprovision_progress(status: Option<StackStatus>) -> Progress {
    use StackStatus as S;
    match status {
        None | Some(S::DeleteComplete) => Progress::Succeeded,
        Some(S::DeleteInProgress | S::Unknown) => Progress::Running,
        Some(S::DeleteFailed) => Progress::Failed,
        Some(
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
