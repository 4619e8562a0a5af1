//! AWS adapters for the ports of [`crate::broker::ports`]. A port's adapter is the file of the same
//! name; users and roles share [`Iam`].

mod aws_ports;
mod database_users;
mod environment;
mod error;
mod functions;
mod http_client;
mod iam;
mod no_blind_retry;
mod override_records;
mod platform_secrets;
mod presigned_put;
mod records;
mod resources;
mod secrets;
mod service_roles;
mod stacks;
mod vault;

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};

pub use aws_ports::{AwsPortsByRole, Permissions};
pub use database_users::DatabaseFunction;
pub use environment::System;
pub use functions::Lambda;
pub use iam::Iam;
pub use platform_secrets::SecretsManager;
pub use presigned_put::put_json;
pub use records::DynamoDb;
pub use resources::Tagging;
pub use secrets::StoredSecrets;
pub use service_roles::ServiceRoles;
pub use stacks::CloudFormation;
pub use vault::Kms;

use self::http_client::LazyHttpClient;

/// The timeout of one attempt of a call. DynamoDB answers in milliseconds, IAM and CloudFormation
/// in seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// The timeout of a call with its retries: half of the time that a request has.
const CALL_TIMEOUT: Duration = Duration::from_secs(12);
/// The maximum number of attempts of a call. Their waits of up to 1, 2, 4 and 4 seconds fit into
/// `CALL_TIMEOUT`. The caller then sees AWS's last answer, not a timeout.
const MAX_ATTEMPTS: u32 = 5;
/// The longest wait between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(4);

/// Loads the SDK's settings: credentials, Region and endpoint from the environment. All clients
/// share one HTTP client.
pub async fn load_config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(LazyHttpClient::new())
        // Not the adaptive mode: it makes calls wait in the client for longer than a request may
        // take. It also limits the rate of one process, and Lambda runs as many processes as there
        // are concurrent requests.
        // https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(MAX_ATTEMPTS)
                .with_max_backoff(MAX_BACKOFF),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(CALL_TIMEOUT)
                .build(),
        )
        .load()
        .await
}
