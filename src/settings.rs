//! The function's environment variables, set by `infra/template.yaml`.

use std::env;

/// What the operator has set. Every variable is required.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `AWS_REGION`, which Lambda sets.
    pub region: String,
    /// `ACCOUNT_ID`: the AWS account, twelve digits. Service and plan ids follow from it.
    pub account_id: String,
    /// `BROKER_ID`: tells this broker from others in the account. Service and plan ids follow from it.
    pub broker_id: String,
    /// `NAME_PREFIX`: with what the names of stacks and users begin.
    pub name_prefix: String,
    /// `TABLE_NAME`: the DynamoDB table.
    pub table_name: String,
    /// `KEY_ARN`: the KMS key for secrets at rest.
    pub key_arn: String,
    /// `CREDENTIALS_SECRET_ARN`: the secret with the user name and password of the platforms.
    pub credentials_secret_arn: String,
    /// `DEPLOY_ROLE_ARN`: the role that CloudFormation assumes.
    pub deploy_role_arn: String,
    /// `PERMISSIONS_BOUNDARY_ARN`: the limit of every binding's identity.
    pub permissions_boundary_arn: String,
}

/// A setting is missing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {0} is not set, or empty: infra/template.yaml sets it")]
pub struct MissingSetting(&'static str);

impl Settings {
    /// Reads the process's environment.
    ///
    /// # Errors
    ///
    /// The first variable that is not set.
    pub fn from_env() -> Result<Self, MissingSetting> {
        Self::read(|name| env::var(name).ok())
    }

    /// Reads what `variable` returns for each name.
    ///
    /// # Errors
    ///
    /// The first variable that is not set.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, MissingSetting> {
        let required =
            |name: &'static str| variable(name).filter(|value| !value.is_empty()).ok_or(MissingSetting(name));
        Ok(Self {
            region: required("AWS_REGION")?,
            account_id: required("ACCOUNT_ID")?,
            broker_id: required("BROKER_ID")?,
            name_prefix: required("NAME_PREFIX")?,
            table_name: required("TABLE_NAME")?,
            key_arn: required("KEY_ARN")?,
            credentials_secret_arn: required("CREDENTIALS_SECRET_ARN")?,
            deploy_role_arn: required("DEPLOY_ROLE_ARN")?,
            permissions_boundary_arn: required("PERMISSIONS_BOUNDARY_ARN")?,
        })
    }

    /// `aws`, `aws-cn`, …: the second part of every ARN.
    pub fn partition(&self) -> &str {
        self.deploy_role_arn.split(':').nth(1).unwrap_or_default()
    }

    /// The IAM path of the bindings' users.
    pub fn identity_path(&self) -> String {
        format!("/{}/", self.name_prefix)
    }
}
