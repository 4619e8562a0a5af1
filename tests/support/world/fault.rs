//! Faults of calls, and acts of people in the AWS console.

use super::*;

/// What goes wrong at a call of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call fails, and has had no effect.
    Before(PortErrorKind),
    /// The call fails, and has had its effect.
    After(PortErrorKind),
    /// CloudFormation does not take the request.
    Rejected(&'static str),
    /// CloudFormation has accepted the request of another process, and rejects this one: the same
    /// request was sent twice at one moment.
    RejectedAfter(&'static str),
    /// The port does not answer, and has had no effect.
    Hang,
    /// The port does not answer, and has had its effect.
    HangAfter,
    /// The broker's process ends before the call.
    Crash,
    /// The broker's process ends when the call has had its effect.
    CrashAfter,
    /// The broker's process ends, and the call has its effect when [`World::arrive`] says so: after
    /// so many seconds.
    Late(i64),
    /// The port panics.
    Panic,
    /// Somebody does something in the AWS console just before the call.
    Console(Act),
}

/// Something that somebody does to a stack in the AWS console, where CloudFormation lets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    CancelUpdate,
    ContinueRollback,
    /// To what it is.
    Update,
    Delete,
    /// Takes all of its tags away.
    Untag,
}
