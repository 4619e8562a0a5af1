//! The means that a binding gives its application.

use database_protocol::UserName;
use secrecy::SecretString;

use crate::broker::ports::AccessKey;

/// The means that a binding gives its application: of acting in AWS, and in the instance's database.
#[derive(Clone, Debug, Default)]
pub struct Means {
    /// The means of acting in AWS, if the binding has an identity.
    pub access: Option<Access>,
    /// The login of the binding's user in the instance's database, if there is one.
    pub login: Option<Login>,
}

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

/// A login of a database.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user's name.
    pub user_name: UserName,
    /// The user's password; absent if it proves with IAM who it is.
    pub password: Option<SecretString>,
}

impl Means {
    /// Returns the means of acting in AWS alone.
    pub fn of_access(access: Option<Access>) -> Self {
        Self {
            access,
            login: None,
        }
    }

    /// Returns these means, completed by others.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            access: self.access.or(others.access),
            login: self.login.or(others.login),
        }
    }
}
