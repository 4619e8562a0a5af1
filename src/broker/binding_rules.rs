//! What the operator has decided about bindings.

use jiff::SignedDuration;
use serde_json::{Value, json};
use wildmatch::WildMatch;

use super::identity::ServiceAccount;

/// What the operator has decided about bindings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindingRules {
    /// How long a binding's access key works; forever where nothing is said.
    pub lifetime: Option<SignedDuration>,
    /// The roles that a binding may add its permissions to.
    pub roles: RolePatterns,
    /// Roles of the broker's own stack, which no binding ever adds to.
    pub own_roles: OwnRoles,
    /// Who vouches for Kubernetes' service accounts.
    pub workload_identity: WorkloadIdentity,
    /// Whether outputs are the credentials' keys as the templates name them: `QueueURL`, and not
    /// `QUEUE_URL`.
    pub outputs_as_is: bool,
}

/// Which of the account's roles an operator has allowed: what follows `role/` in their ARNs, path
/// and name, where `*` stands for any characters and `?` for one, as in IAM's policies. No pattern
/// allows no role.
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
    /// Takes patterns with commas in between.
    pub fn new(patterns: &str) -> Self {
        let patterns = patterns
            .split(',')
            .map(str::trim)
            .filter(|pattern| !pattern.is_empty());
        Self(patterns.map(str::to_owned).collect())
    }

    /// Whether no role is allowed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the role of this ARN is allowed.
    pub fn allow(&self, role_arn: &str) -> bool {
        let Some((_, role)) = role_arn.split_once(":role/") else {
            return false;
        };
        self.0
            .iter()
            .any(|pattern| WildMatch::new(pattern).matches(role))
    }
}

/// The roles of the broker's own stack, whose names CloudFormation begins with the same text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnRoles {
    beginning: Option<String>,
}

impl OwnRoles {
    /// The roles of the stack that the deploy role of this ARN is of.
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
            beginning: beginning.filter(|beginning| beginning.ends_with('-')),
        }
    }

    /// True if the role of this ARN is one of them.
    pub fn contain(&self, role_arn: &str) -> bool {
        self.beginning
            .as_deref()
            .is_some_and(|beginning| role_arn.starts_with(beginning))
    }
}

/// Who vouches for the service accounts of a Kubernetes cluster. Each that is named is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadIdentity {
    /// ARN of the cluster's OIDC provider in IAM, for tokens of its own (IAM roles for service
    /// accounts).
    pub oidc_provider_arn: Option<String>,
    /// ARN of the EKS cluster, for EKS Pod Identity.
    pub eks_cluster_arn: Option<String>,
}

/// The audience of the tokens that EKS gives to pods.
/// <https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html>
const AUDIENCE: &str = "sts.amazonaws.com";

impl WorkloadIdentity {
    /// Whether anybody is trusted.
    pub fn is_configured(&self) -> bool {
        *self != Self::default()
    }

    /// Who may assume a role that is for this service account: it, and nobody else of its cluster.
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
