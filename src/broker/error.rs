//! Errors of the broker's operations.
//!
//! `Display` is the text for the user, and says what to do. The [`PortError`] in [`Error::Port`]
//! says what happened, for the log. `crate::http` gives each error its HTTP status.

use catalog::NotOffered;

use crate::{
    broker::{
        masking,
        ports::{PortError, PortErrorKind},
        records::{InvalidId, Platform},
    },
    osb::Object,
};

/// The reason why the broker rejects a request or fails to complete it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The request can never succeed; nothing was changed.
    #[error("{0}")]
    Invalid(String),
    /// The instance can never be changed in this way; nothing was changed.
    #[error("{0}")]
    Unsupported(String),
    /// The instance cannot be changed in this way in its present state; nothing was changed.
    #[error("{0}")]
    UnfitState(String),
    /// The plan requires a platform that polls. Service Catalog looks for this text.
    #[error("This service plan requires client support for asynchronous service operations.")]
    AsyncRequired,
    /// Another operation on the instance or binding is running. Service Catalog looks for this
    /// text.
    #[error(
        "The Service Broker does not support concurrent requests that mutate the same resource."
    )]
    Concurrency,
    /// The platform's catalog is out of date.
    #[error("{}", outdated(offered.as_deref()))]
    MaintenanceInfoConflict {
        /// The version in the catalog. Absent if the plan has none.
        offered: Option<String>,
    },
    /// An instance or binding with this id exists, and conflicts with the request.
    #[error("{0}")]
    Conflict(String),
    /// The instance or binding does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The instance or binding to delete does not exist.
    #[error("The service instance or binding does not exist, or has already been deleted.")]
    Gone,
    /// The service's function for credentials has failed, or has returned an invalid response.
    #[error("The service's own function for bindings failed. {0}")]
    Function(String),
    /// The database does not answer, or is busy. The same request may succeed later.
    #[error(
        "The broker has no access to the database at the moment: {0}. Retry in a minute. If that \
         does not help, check that the database is running."
    )]
    DatabaseUnavailable(String),
    /// The database rejects the creation or the deletion of the binding's user.
    #[error("The database rejects the binding's user: {0}. Repair the database, then retry.")]
    Database(String),
    /// AWS does not delete a binding's user or role, because somebody has added something to it.
    #[error(
        "AWS does not delete the IAM identity {name}, because it has additions that are not the \
         broker's ({reason}). The broker has deleted its own part; the additions still work. Have \
         the broker's operator remove them, then retry the deletion."
    )]
    IdentityInUse {
        /// The name of the IAM user or role.
        name: String,
        /// AWS's reason for not deleting the identity.
        reason: String,
    },
    /// A secret that the instance keeps in AWS cannot be read.
    #[error(
        "The broker cannot read the secret that the output {output} of the instance's stack \
         names. Have the broker's operator restore it: the cause is in the log. If it is lost, \
         delete the instance with its data, then create a new one."
    )]
    LostSecret {
        /// The name of the stack's output that refers to the secret.
        output: String,
        /// The cause, for the log.
        detail: String,
    },
    /// The operator's value of this parameter is not one that the plan accepts.
    #[error(
        "The broker's operator has set a value of `{0}` that this plan does not accept. Ask the \
         operator to correct it."
    )]
    InvalidOverride(String),
    /// A call of a port has failed.
    #[error("{}", advice(.0))]
    Port(#[from] PortError),
    /// A record or the catalog is invalid.
    #[error("{CORRUPT}")]
    Corrupt(String),
}

fn outdated(offered: Option<&str>) -> String {
    match offered {
        Some(offered) => format!(
            "maintenance_info.version does not match the plan's current version, {offered}. Fetch \
             the catalog again."
        ),
        None => "The plan has no version, but the request has maintenance_info.version. Fetch the \
                 catalog again."
            .into(),
    }
}

/// The result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

const CORRUPT: &str = "The broker cannot read the data that it stored for this request. The \
                       broker's operator can find the cause in the log.";

fn advice(
    PortError {
        service,
        kind,
        detail,
        ..
    }: &PortError,
) -> String {
    match kind {
        PortErrorKind::Throttled => {
            format!("AWS {service} is throttling requests. Retry in a minute.")
        }
        PortErrorKind::Denied => format!(
            "AWS {service} denied the broker access. The broker's operator can find the missing \
             permission in the log."
        ),
        PortErrorKind::Unavailable => {
            format!("AWS {service} is not available at the moment. Retry the request.")
        }
        PortErrorKind::Misconfigured => format!(
            "A resource that the broker needs in AWS {service} is missing or disabled. The \
             broker's operator can find the repair in the log."
        ),
        PortErrorKind::Exhausted => format!(
            "The account has reached a quota of AWS {service} ({detail}). Delete resources that \
             are not needed, or have the broker's operator request a quota increase."
        ),
        PortErrorKind::PolicyTooLong => {
            "The permissions of this binding exceed the size that AWS IAM allows. Choose another \
             Scope. If the binding adds them to a role, choose a role with fewer inline policies."
                .into()
        }
        PortErrorKind::InUse => format!(
            "AWS {service} rejected the deletion, because somebody has added something \
             ({detail}). Have it removed, then retry the deletion."
        ),
        PortErrorKind::Corrupt => CORRUPT.into(),
        PortErrorKind::Unexpected => format!(
            "AWS {service} returned an unexpected response. Retry the request. If that does not \
             help, the broker's operator can find the cause in the log."
        ),
    }
}

impl Error {
    /// Details for the log, if they exceed the user's text. Contains no secret.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Port(error) => Some(error.to_string()),
            Self::Corrupt(detail) | Self::LostSecret { detail, .. } => Some(detail.clone()),
            _ => None,
        }
    }

    /// The text for the log: the details, or else the user's text.
    pub fn log_text(&self) -> String {
        self.detail().unwrap_or_else(|| self.to_string())
    }

    /// True if the same request may succeed a little later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Port(error) => error.is_passing(),
            Self::DatabaseUnavailable(_) => true,
            _ => false,
        }
    }

    /// Logs the error and returns the default value. A transient error is returned instead, because
    /// a retry may succeed.
    pub(super) fn unless_passing<T: Default>(self) -> Result<T> {
        if self.is_passing() {
            return Err(self);
        }
        tracing::warn!(
            reason = self.log_text(),
            "a step failed and a retry cannot help; continuing without it"
        );
        Ok(T::default())
    }

    /// Returns the error in the form that the platform understands. Kubernetes gets
    /// [`Error::Invalid`] where the same request can never succeed, so that it does not retry.
    #[must_use]
    pub(super) fn for_platform(self, platform: Platform) -> Self {
        match (platform, &self) {
            (
                Platform::Kubernetes,
                Self::Unsupported(_) | Self::UnfitState(_) | Self::MaintenanceInfoConflict { .. },
            ) => Self::Invalid(self.to_string()),
            _ => self,
        }
    }

    /// The error for a request that CloudFormation rejects. Its reason may quote values; those in
    /// `secrets` are masked.
    pub(super) fn rejected(reason: &str, secrets: &Object) -> Self {
        let reason = masking::without_secrets(reason, secrets);
        Self::Invalid(format!("AWS CloudFormation rejected the request: {reason}"))
    }

    /// The error for a `service_id` that is not the one of this instance or binding.
    pub fn of_another_service(what: &str) -> Self {
        Self::Invalid(format!(
            "service_id does not match the {what}. Send the service_id that it was created with."
        ))
    }

    pub(super) fn instance_not_found() -> Self {
        Self::NotFound("No service instance with this id exists.".into())
    }

    pub(super) fn binding_not_found() -> Self {
        Self::NotFound("No service binding with this id exists.".into())
    }
}

impl From<NotOffered> for Error {
    fn from(error: NotOffered) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<InvalidId> for Error {
    fn from(error: InvalidId) -> Self {
        Self::Invalid(error.to_string())
    }
}
