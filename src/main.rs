//! The Lambda function: reads its settings, wires the adapters and serves the API.

use std::sync::Arc;

use aws_service_broker::{
    aws::{CloudFormation, DynamoDb, Iam, Kms, SecretsManager, System, load_config},
    broker::{Broker, authentication::Authenticator, id::Naming, ports::Place},
    catalog::Catalog,
    http::router,
    settings::Settings,
    telemetry,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let settings = Settings::from_env()?;
    let config = load_config().await;
    let broker = Broker {
        catalog: Catalog::compiled_in(&settings.account_id, &settings.broker_id),
        naming: Naming::new(&settings.name_prefix),
        place: Place {
            account_id: settings.account_id.clone(),
            region: settings.region.clone(),
            partition: settings.partition().to_owned(),
        },
        records: Arc::new(DynamoDb::new(&config, &settings.table_name)),
        stacks: Arc::new(CloudFormation::new(&config, &settings.deploy_role_arn)),
        identities: Arc::new(Iam::new(&config, settings.identity_path(), &settings.permissions_boundary_arn)),
        vault: Arc::new(Kms::new(&config, &settings.key_arn)),
        environment: Arc::new(System),
    };
    let secrets = SecretsManager::new(&config, &settings.credentials_secret_arn);
    lambda_http::run(router(broker, Authenticator::new(Arc::new(secrets), Arc::new(System)))).await
}
