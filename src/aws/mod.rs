//! AWS adapters for the ports of [`crate::broker::ports`]: one file per service.

mod answer;
mod cloudformation;
mod dynamodb;
mod error;
mod http_client;
mod iam;
mod kms;
mod lambda;
mod resources;
mod secrets_manager;
mod sites;
mod stored_secrets;
mod unless_answered;

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use catalog::Catalog;
use jiff::{Timestamp, Unit};
use uuid::Uuid;

pub use answer::put_json;
pub use cloudformation::CloudFormation;
pub use dynamodb::DynamoDb;
pub use iam::Iam;
pub use kms::Kms;
pub use lambda::Lambda;
pub use resources::Tagging;
pub use secrets_manager::SecretsManager;
pub use sites::AwsSites;
pub use stored_secrets::StoredSecrets;

use self::http_client::LazyHttpClient;
use crate::{
    broker::{Broker, Looks, Place, authentication::Authenticator, id::Naming, ports::Environment},
    offerings::OFFERINGS,
    settings::Settings,
};

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

/// Creates the broker from its settings, with AWS adapters for all of its ports.
pub fn broker(settings: &Settings, config: &SdkConfig) -> Broker {
    let place = Place {
        account_id: settings.account_id.clone(),
        region: settings.region.clone(),
        partition: settings.partition().to_owned(),
    };

    let catalog = Catalog::new(OFFERINGS.into(), &settings.account_id, &settings.broker_id)
        .only(&settings.enabled_services)
        .restricted(&settings.restrictions);

    Broker {
        catalog: catalog.asking_for(settings.locations.schema(&place)),
        naming: Naming::new(&settings.name_prefix),
        place,
        locations: settings.locations.clone(),
        rules: settings.binding_rules.clone(),
        quotas: settings.quotas,
        records: Arc::new(DynamoDb::new(config, &settings.table_name)),
        sites: Arc::new(AwsSites::new(settings, config)),
        vault: Arc::new(Kms::new(config, &settings.key_arn)),
        environment: Arc::new(System),
        looks: if settings.stack_events {
            Looks::beside_events()
        } else {
            Looks::default()
        },
    }
}

/// Creates the authenticator, which accepts the user name and password in the platforms' secret.
pub fn authenticator(settings: &Settings, config: &SdkConfig) -> Authenticator {
    let secrets = SecretsManager::new(config, &settings.credentials_secret_arn);
    Authenticator::new(Arc::new(secrets), Arc::new(System))
}

/// The system's clock and randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Environment for System {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        now.round(Unit::Second).unwrap_or(now)
    }

    fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }
}
