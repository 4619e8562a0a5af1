//! CloudFormation's stack events.

use jiff::Timestamp;

use super::status::StackStatus;

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
    pub fn own_status(&self) -> Option<StackStatus> {
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

impl StackEvent {
    /// Returns the event's status as a stack's. It is meaningful only if the subject is the stack.
    pub fn stack_status(&self) -> StackStatus {
        StackStatus::parse(&self.status)
    }
}
