//! The identity providers for service accounts of a Kubernetes cluster.

use serde_json::{Value, json};

use crate::broker::records::ServiceAccount;

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
