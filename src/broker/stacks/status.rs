//! CloudFormation's stack statuses.

use std::fmt;

use serde::{
    Deserialize, Serialize,
    de::{IntoDeserializer, value::Error},
};

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
