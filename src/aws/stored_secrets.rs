//! [`Secrets`] with SSM and Secrets Manager.

use std::sync::OnceLock;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_ssm::operation::get_parameter::GetParameterError;
use secrecy::SecretString;

use super::error::Service;
use crate::broker::ports::{PortError, PortErrorKind, PortResult, Secrets};

const SSM: Service = Service("SSM");
const SECRETS_MANAGER: Service = Service("Secrets Manager");

/// Where the stacks of instances keep secrets.
pub struct StoredSecrets {
    config: SdkConfig,
    ssm: OnceLock<aws_sdk_ssm::Client>,
    secrets_manager: OnceLock<aws_sdk_secretsmanager::Client>,
}

impl StoredSecrets {
    /// With these settings.
    pub fn new(config: &SdkConfig) -> Self {
        Self { config: config.clone(), ssm: OnceLock::new(), secrets_manager: OnceLock::new() }
    }
}

#[async_trait]
impl Secrets for StoredSecrets {
    async fn parameter(&self, name: &str) -> PortResult<SecretString> {
        let ssm = self.ssm.get_or_init(|| aws_sdk_ssm::Client::new(&self.config));
        let read = ssm.get_parameter().name(name).with_decryption(true).send().await;
        let parameter = match read {
            Ok(read) => read.parameter.and_then(|parameter| parameter.value),
            Err(error) if error.as_service_error().is_some_and(GetParameterError::is_parameter_not_found) => None,
            Err(error) => return Err(SSM.failed("GetParameter")(error)),
        };
        parameter.map(SecretString::from).ok_or_else(|| missing(SSM, "GetParameter", name))
    }

    async fn secret(&self, arn: &str) -> PortResult<SecretString> {
        let secrets_manager = self.secrets_manager.get_or_init(|| aws_sdk_secretsmanager::Client::new(&self.config));
        let secret = match secrets_manager.get_secret_value().secret_id(arn).send().await {
            Ok(read) => read.secret_string,
            Err(error)
                if error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
                None
            }
            Err(error) => return Err(SECRETS_MANAGER.failed("GetSecretValue")(error)),
        };
        secret.map(SecretString::from).ok_or_else(|| missing(SECRETS_MANAGER, "GetSecretValue", arn))
    }
}

/// Not what the broker needs, but what the instance does: somebody has deleted it.
fn missing(service: Service, action: &'static str, name: &str) -> PortError {
    let detail = format!("an output of the instance's stack refers to {name}, which does not exist, or is no text");
    PortError { service: service.0, action, kind: PortErrorKind::Misconfigured, detail }
}
