//! The operator's rules for bindings.

use jiff::SignedDuration;
use wildmatch::WildMatch;

use super::workload_identity::WorkloadIdentity;

/// The operator's rules for bindings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindingRules {
    /// The lifetime of a binding's access key; absent if keys do not expire.
    pub lifetime: Option<SignedDuration>,
    /// The roles to which bindings may add their permissions.
    pub roles: RolePatterns,
    /// The roles of the broker's own stack, to which no binding may add permissions.
    pub own_roles: OwnRoles,
    /// The identity providers that are trusted for Kubernetes service accounts.
    pub workload_identity: WorkloadIdentity,
    /// True if credentials have the outputs' names from the template: `QueueURL` instead of
    /// `QUEUE_URL`.
    pub outputs_as_is: bool,
}

/// The operator's patterns for roles of the account that bindings may use.
///
/// A pattern matches the part of an ARN after `role/`: path and name. `*` matches any characters
/// and `?` one, as in IAM's policies. Without a pattern, no role is allowed.
///
/// ```
/// # use aws_service_broker::broker::rules::RolePatterns;
/// let patterns = RolePatterns::new("team/*, web-?");
/// assert!(patterns.allow("arn:aws:iam::123456789012:role/team/a/worker"));
/// assert!(patterns.allow("arn:aws:iam::123456789012:role/web-1"));
/// assert!(!patterns.allow("arn:aws:iam::123456789012:role/web-10"));
/// assert!(!RolePatterns::default().allow("arn:aws:iam::123456789012:role/web-1"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolePatterns(Vec<String>);

impl RolePatterns {
    /// Parses a list of patterns, separated by commas.
    pub fn new(patterns: &str) -> Self {
        let patterns = patterns
            .split(',')
            .map(str::trim)
            .filter(|pattern| !pattern.is_empty());
        Self(patterns.map(str::to_owned).collect())
    }

    /// True if no role is allowed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if the role with this ARN is allowed.
    pub fn allow(&self, role_arn: &str) -> bool {
        let Some((_, role)) = role_arn.split_once(":role/") else {
            return false;
        };
        self.0
            .iter()
            .any(|pattern| WildMatch::new(pattern).matches(role))
    }
}

/// The beginning of the path of all brokers' deploy roles, as in ARNs.
const SERVICE_ROLES: &str = ":role/service-broker/";

/// The roles of the broker's own stack, and those of services. CloudFormation gives the former
/// names with a common beginning, the latter have a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnRoles {
    broker_role_arn: Option<String>,
    /// Absent where the stack's name is so long that CloudFormation has cut the names of its roles.
    beginning: Option<String>,
}

impl OwnRoles {
    /// The roles of the stack to which the broker's role with this ARN belongs.
    ///
    /// ```
    /// # use aws_service_broker::broker::rules::OwnRoles;
    /// let roles = OwnRoles::beside("arn:aws:iam::123456789012:role/aws-service-broker-BrokerRole-1ABC");
    /// assert!(roles.contain("arn:aws:iam::123456789012:role/aws-service-broker-SweepRole-2DEF"));
    /// assert!(!roles.contain("arn:aws:iam::123456789012:role/aws-service"));
    /// ```
    pub fn beside(broker_role_arn: &str) -> Self {
        let beginning = broker_role_arn
            .rsplit_once("BrokerRole")
            .map(|(beginning, _)| beginning.to_owned());
        Self {
            broker_role_arn: Some(broker_role_arn.to_owned()),
            beginning: beginning.filter(|beginning| beginning.ends_with('-')),
        }
    }

    /// True if the role with this ARN is one of them.
    pub fn contain(&self, role_arn: &str) -> bool {
        role_arn.contains(SERVICE_ROLES)
            || self.broker_role_arn.as_deref() == Some(role_arn)
            || self
                .beginning
                .as_ref()
                .is_some_and(|beginning| role_arn.starts_with(beginning))
    }
}
