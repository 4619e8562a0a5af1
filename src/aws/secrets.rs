//! [`Secrets`] with SSM, Secrets Manager and Cognito.

use std::sync::OnceLock;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_cognitoidentityprovider::operation::describe_user_pool_client::DescribeUserPoolClientError;
use aws_sdk_secretsmanager::{
    error::ProvideErrorMetadata, operation::get_secret_value::GetSecretValueError,
};
use aws_sdk_ssm::operation::get_parameter::GetParameterError;
use secrecy::SecretString;

use super::error::Service;
use crate::broker::ports::{PortResult, Secrets};

const SSM: Service = Service("SSM");
const SECRETS_MANAGER: Service = Service("Secrets Manager");
const COGNITO: Service = Service("Cognito");

/// Clients of the services in which the stacks of instances keep secrets.
pub struct StoredSecrets {
    config: SdkConfig,
    ssm: OnceLock<aws_sdk_ssm::Client>,
    secrets_manager: OnceLock<aws_sdk_secretsmanager::Client>,
    cognito: OnceLock<aws_sdk_cognitoidentityprovider::Client>,
}

impl StoredSecrets {
    /// Creates the adapter with the SDK's settings.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            config: config.clone(),
            ssm: OnceLock::new(),
            secrets_manager: OnceLock::new(),
            cognito: OnceLock::new(),
        }
    }
}

#[async_trait]
impl Secrets for StoredSecrets {
    async fn parameter(&self, name: &str) -> PortResult<Option<SecretString>> {
        let ssm = self
            .ssm
            .get_or_init(|| aws_sdk_ssm::Client::new(&self.config));

        let read = ssm
            .get_parameter()
            .name(name)
            .with_decryption(true)
            .send()
            .await;

        let parameter = match read {
            Ok(read) => read.parameter.and_then(|parameter| parameter.value),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetParameterError::is_parameter_not_found) =>
            {
                None
            }
            Err(error) => return Err(SSM.failed("GetParameter")(error)),
        };

        Ok(parameter.map(SecretString::from))
    }

    async fn secret(&self, arn: &str) -> PortResult<Option<SecretString>> {
        let secrets_manager = self
            .secrets_manager
            .get_or_init(|| aws_sdk_secretsmanager::Client::new(&self.config));

        let secret = match secrets_manager
            .get_secret_value()
            .secret_id(arn)
            .send()
            .await
        {
            Ok(read) => read.secret_string,
            Err(error) if error.as_service_error().is_some_and(is_deleted) => None,
            Err(error) => return Err(SECRETS_MANAGER.failed("GetSecretValue")(error)),
        };
        Ok(secret.map(SecretString::from))
    }

    async fn client_secret(
        &self,
        user_pool_id: &str,
        client_id: &str,
    ) -> PortResult<Option<SecretString>> {
        let cognito = self
            .cognito
            .get_or_init(|| aws_sdk_cognitoidentityprovider::Client::new(&self.config));

        let read = cognito
            .describe_user_pool_client()
            .user_pool_id(user_pool_id)
            .client_id(client_id)
            .send()
            .await;

        let client = match read {
            Ok(read) => read.user_pool_client,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DescribeUserPoolClientError::is_resource_not_found_exception) =>
            {
                None
            }
            Err(error) => return Err(COGNITO.failed("DescribeUserPoolClient")(error)),
        };

        Ok(client
            .and_then(|client| client.client_secret)
            .map(SecretString::from))
    }
}

/// True if the secret was deleted, or its deletion is scheduled: "You can't perform this operation
/// on the secret because it was marked for deletion."
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>
fn is_deleted(error: &GetSecretValueError) -> bool {
    let is_marked = error
        .message()
        .is_some_and(|text| text.contains("marked for deletion"));
    error.is_resource_not_found_exception() || (error.is_invalid_request_exception() && is_marked)
}
