//! Errors of ports, classified by how callers should react.

use crate::broker::error::Result;

/// A failed call of a port. The effect of the request in AWS is unknown unless the port says more.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{service} {action}: {detail}")]
pub struct PortError {
    /// The AWS service, named as AWS names it.
    pub service: &'static str,
    /// The API action that failed.
    pub action: &'static str,
    /// The kind of error, which determines how callers should react.
    pub kind: PortErrorKind,
    /// The cause, for the log. Holds no secret.
    pub detail: String,
}

impl PortError {
    /// True if the same call may succeed a little later.
    pub fn is_passing(&self) -> bool {
        matches!(
            self.kind,
            PortErrorKind::Throttled | PortErrorKind::Unavailable
        )
    }
}

/// The kind of a port's error, by how callers should react.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortErrorKind {
    /// AWS throttles the request. Callers should retry later.
    Throttled,
    /// The broker's role, or the deploy role, lacks a permission.
    Denied,
    /// No response in time, or a failure on AWS's side.
    Unavailable,
    /// Something that the broker needs is missing or disabled. The detail says what the operator
    /// has to repair.
    Misconfigured,
    /// The account has reached a quota. Users see the detail, which names the quota.
    Exhausted,
    /// The permissions are longer than IAM accepts for one identity. Neither raising a quota nor
    /// deleting anything helps.
    PolicyTooLong,
    /// Somebody has added something by hand that has to be removed first. Users see the detail,
    /// which says what.
    InUse,
    /// Stored data cannot be read.
    Corrupt,
    /// Any other error. The log has its cause.
    Unexpected,
}

/// The result of a call of a port.
pub type PortResult<T> = Result<T, PortError>;
