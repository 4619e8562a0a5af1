//! The composition root: the domain, wired to the AWS adapters as the settings say.

use std::sync::Arc;

use aws_config::SdkConfig;
use catalog::Catalog;

use crate::{
    aws::{AwsPortsByRole, DatabaseFunction, DynamoDb, Kms, Permissions, SecretsManager, System},
    broker::{
        Broker, Databases, Naming, OperatorOverrides, Place, authentication::Authenticator,
        stacks::ProgressCache,
    },
    offerings::OFFERINGS,
    settings::Settings,
};

/// Creates the broker from its settings, with AWS adapters for all of its ports.
pub fn broker(settings: &Settings, config: &SdkConfig) -> Broker {
    let place = place(settings);
    let catalog = Catalog::new(OFFERINGS.into(), &settings.account_id, &settings.broker_id)
        .only(&settings.enabled_services)
        .restricted(&settings.restrictions);

    let table = Arc::new(DynamoDb::new(config, &settings.table_name));
    Broker {
        catalog: catalog.asking_for(settings.locations.schema(&place)),
        naming: Naming::new(&settings.name_prefix),
        place,
        locations: settings.locations.clone(),
        rules: settings.binding_rules.clone(),
        quotas: settings.quotas,
        operator_tags: settings.operator_tags.clone(),
        overrides: OperatorOverrides::new(table.clone(), settings.precedence),
        records: table,
        aws_ports: Arc::new(AwsPortsByRole::new(config, permissions(settings))),
        databases: databases(settings, config),
        vault: Arc::new(Kms::new(config, &settings.key_arn)),
        environment: Arc::new(System),
        progress_cache: if settings.stack_events {
            ProgressCache::beside_events()
        } else {
            ProgressCache::default()
        },
    }
}

/// Returns the network of the databases, if the operator has given one.
fn databases(settings: &Settings, config: &SdkConfig) -> Option<Databases> {
    let network = settings.database_network.as_ref()?;
    Some(Databases {
        users: Arc::new(DatabaseFunction::new(config, &network.function_name)),
        subnet_ids: network.subnet_ids.clone(),
        security_group_id: network.security_group_id.clone(),
    })
}

/// Creates the authenticator, which accepts the user name and password in the platforms' secret.
pub fn authenticator(settings: &Settings, config: &SdkConfig) -> Authenticator {
    let secrets = SecretsManager::new(config, &settings.credentials_secret_arn);
    Authenticator::new(Arc::new(secrets), Arc::new(System))
}

/// Returns the broker's own account and Region.
fn place(settings: &Settings) -> Place {
    Place {
        account_id: settings.account_id.clone(),
        region: settings.region.clone(),
        partition: settings.partition().to_owned(),
    }
}

/// Returns the identities of the adapters in the broker's own account.
fn permissions(settings: &Settings) -> Permissions {
    Permissions {
        place: place(settings),
        name_prefix: settings.name_prefix.clone(),
        identity_path: settings.identity_path(),
        external_id: settings.external_id.clone(),
    }
}
