//! The deploy role and the permissions boundary of each service, as `infra/services.yaml` names
//! them.

use crate::broker::{Naming, Place};

/// The names of the deploy roles and permissions boundaries in an account and Region.
///
/// They follow from the service, so the broker neither looks them up nor is told.
///
/// ```
/// # use aws_service_broker::{aws::ServiceRoles, broker::Place};
/// let place = Place {
///     account_id: "123456789012".into(),
///     region: "eu-west-1".into(),
///     partition: "aws".into(),
/// };
/// let roles = ServiceRoles::new("osb", place, "");
/// assert_eq!(
///     roles.deploy_role("sqs"),
///     "arn:aws:iam::123456789012:role/service-broker/osb/osb.sqs.eu-west-1",
/// );
/// ```
#[derive(Clone, Debug)]
pub struct ServiceRoles {
    prefix: String,
    place: Place,
    suffix: String,
}

impl ServiceRoles {
    /// Creates the names in this account and Region. `suffix` distinguishes several sets of roles
    /// there.
    pub fn new(prefix: impl Into<String>, place: Place, suffix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            place,
            suffix: suffix.into(),
        }
    }

    /// Returns the ARN of the role with which CloudFormation makes stacks of the service.
    pub fn deploy_role(&self, service: &str) -> String {
        self.arn("role", service)
    }

    /// Returns the ARN of the role with which CloudFormation makes the stack. It follows from the
    /// stack's name or ARN, which contains the service.
    pub fn deploy_role_of(&self, stack: &str) -> String {
        let name = stack.split('/').nth(1).unwrap_or(stack);
        let naming = Naming::new(&self.prefix);
        // No service has an empty name. CloudFormation then refuses the role, which does not exist.
        self.deploy_role(naming.service(name).unwrap_or_default())
    }

    /// Returns the ARN of the permissions boundary of the service's bindings.
    pub fn boundary(&self, service: &str) -> String {
        self.arn("policy", service)
    }

    fn arn(&self, kind: &str, service: &str) -> String {
        let Self {
            prefix,
            place:
                Place {
                    account_id,
                    region,
                    partition,
                },
            suffix,
        } = self;

        let service = service.replace('.', "-");
        format!(
            "arn:{partition}:iam::{account_id}:{kind}/service-broker/{prefix}/{prefix}.{service}.{region}{suffix}"
        )
    }
}
