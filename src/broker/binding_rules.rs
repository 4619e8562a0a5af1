//! The operator's rules for bindings.

use jiff::SignedDuration;
use serde_json::{Value, json};
use wildmatch::WildMatch;

use super::identity::ServiceAccount;

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
/// # use aws_service_broker::broker::RolePatterns;
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

/// The roles of the broker's own stack. CloudFormation gives their names a common prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnRoles {
    deploy_role_arn: Option<String>,
    /// Absent where the stack's name is so long that CloudFormation has cut the names of its roles.
    beginning: Option<String>,
}

impl OwnRoles {
    /// The roles of the stack to which the deploy role with this ARN belongs.
    ///
    /// ```
    /// # use aws_service_broker::broker::OwnRoles;
    /// let roles = OwnRoles::beside("arn:aws:iam::123456789012:role/aws-service-broker-DeployRole-1ABC");
    /// assert!(roles.contain("arn:aws:iam::123456789012:role/aws-service-broker-FunctionRole-2DEF"));
    /// assert!(!roles.contain("arn:aws:iam::123456789012:role/aws-service"));
    /// ```
    pub fn beside(deploy_role_arn: &str) -> Self {
        let beginning = deploy_role_arn
            .rsplit_once("DeployRole")
            .map(|(beginning, _)| beginning.to_owned());
        Self {
            deploy_role_arn: Some(deploy_role_arn.to_owned()),
            beginning: beginning.filter(|beginning| beginning.ends_with('-')),
        }
    }

    /// True if the role with this ARN is one of them.
    pub fn contain(&self, role_arn: &str) -> bool {
        let begins_alike = |beginning: &String| role_arn.starts_with(beginning);
        self.deploy_role_arn.as_deref() == Some(role_arn)
            || self.beginning.as_ref().is_some_and(begins_alike)
    }
}

/// The identity providers for service accounts of a Kubernetes cluster. Roles of bindings trust
/// each of them that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadIdentity {
    /// The ARN of the cluster's OIDC provider in IAM, for IAM roles for service accounts. Their
    /// tokens come from the cluster.
    pub oidc_provider_arn: Option<String>,
    /// The ARN of the EKS cluster, for EKS Pod Identity.
    pub eks_cluster_arn: Option<String>,
}

/// The audience of the tokens that EKS gives to pods.
/// <https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html>
const AUDIENCE: &str = "sts.amazonaws.com";

impl WorkloadIdentity {
    /// True if an identity provider is set.
    pub fn is_configured(&self) -> bool {
        *self != Self::default()
    }

    /// Returns the trust policy of a role for this service account. Nothing else in the cluster may
    /// assume the role.
    pub fn trust_policy(&self, account: &ServiceAccount) -> String {
        let oidc = self
            .oidc_provider_arn
            .as_deref()
            .map(|arn| trust_token(arn, account));
        let pod = self
            .eks_cluster_arn
            .as_deref()
            .map(|arn| trust_pod(arn, account));
        let statements: Vec<_> = oidc.into_iter().chain(pod).collect();
        json!({"Version": "2012-10-17", "Statement": statements}).to_string()
    }
}

/// The trust policy's statement for tokens of the cluster's OIDC provider.
/// <https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html>
fn trust_token(provider_arn: &str, account: &ServiceAccount) -> Value {
    let issuer = provider_arn
        .split_once(":oidc-provider/")
        .map_or(provider_arn, |(_, issuer)| issuer);
    let (namespace, name) = (&account.namespace, &account.name);
    json!({
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {
            format!("{issuer}:sub"): format!("system:serviceaccount:{namespace}:{name}"),
            format!("{issuer}:aud"): AUDIENCE,
        }},
    })
}

/// The trust policy's statement for EKS Pod Identity.
/// <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html>, with the tags of
/// <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html>
fn trust_pod(cluster_arn: &str, account: &ServiceAccount) -> Value {
    json!({
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"StringEquals": {
            "aws:RequestTag/eks-cluster-arn": cluster_arn,
            "aws:RequestTag/kubernetes-namespace": account.namespace,
            "aws:RequestTag/kubernetes-service-account": account.name,
        }},
    })
}
