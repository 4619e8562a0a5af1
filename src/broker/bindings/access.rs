//! An application's means of acting in AWS.

use crate::broker::ports::AccessKey;

/// An application's means of acting in AWS.
#[derive(Clone, Debug)]
pub enum Access {
    /// An access key of the binding's user.
    Key(AccessKey),
    /// A role that the application has, or may assume.
    Role {
        /// The role's ARN.
        arn: String,
    },
}
