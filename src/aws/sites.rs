//! [`Sites`] with the AWS SDK. The broker's own account and Region use the function's credentials.
//! Every other location uses those of the role that the operator has set for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use aws_config::{SdkConfig, sts::AssumeRoleProvider};
use aws_sdk_dynamodb::config::{Region, SharedCredentialsProvider};

use super::{CloudFormation, Iam, Lambda, StoredSecrets, Tagging};
use crate::{
    broker::{
        Location,
        ports::{Site, Sites},
    },
    settings::Settings,
};

/// The session name of assumed roles, as the other account's CloudTrail shows it.
const SESSION_NAME: &str = "aws-service-broker";

/// SDK clients by location. They are created on first use and kept. The credentials of a location's
/// role are kept until they expire.
pub struct AwsSites {
    config: SdkConfig,
    home: Site,
    others: Mutex<HashMap<Location, Site>>,
    partition: String,
    identity_path: String,
    external_id: Option<String>,
}

impl AwsSites {
    /// Creates the adapter. The clients of other locations follow on first use.
    pub fn new(settings: &Settings, config: &SdkConfig) -> Self {
        let identity_path = settings.identity_path();
        let boundary = &settings.permissions_boundary_arn;
        Self {
            home: site(config, &identity_path, boundary, &settings.deploy_role_arn),
            config: config.clone(),
            others: Mutex::default(),
            partition: settings.partition().to_owned(),
            identity_path,
            external_id: settings.external_id.clone(),
        }
    }

    async fn other(&self, location: &Location) -> Site {
        let Location {
            account_id,
            region,
            role_name,
        } = location;
        let iam = format!("arn:{}:iam::{account_id}", self.partition);

        // STS is called in the broker's own Region: the location's Region may be disabled in the
        // broker's account. The credentials are valid in all Regions.
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html
        let role = AssumeRoleProvider::builder(format!("{iam}:role/{role_name}"))
            .session_name(SESSION_NAME)
            .configure(&self.config);
        let role = match &self.external_id {
            Some(id) => role.external_id(id),
            None => role,
        };
        let credentials = SharedCredentialsProvider::new(role.build().await);

        let config = self
            .config
            .to_builder()
            .region(Region::new(region.clone()))
            .credentials_provider(credentials);

        // `infra/target-account.yaml` names both after the role.
        let boundary = format!("{iam}:policy/{role_name}-boundary");
        site(
            &config.build(),
            &self.identity_path,
            &boundary,
            &format!("{iam}:role/{role_name}-deploy"),
        )
    }
}

#[async_trait]
impl Sites for AwsSites {
    async fn at(&self, location: Option<&Location>) -> Site {
        let Some(location) = location else {
            return self.home.clone();
        };

        let known = self
            .others
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(location)
            .cloned();

        match known {
            Some(site) => site,
            None => {
                let site = self.other(location).await;
                let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
                others.entry(location.clone()).or_insert(site).clone()
            }
        }
    }
}

fn site(
    config: &SdkConfig,
    identity_path: &str,
    boundary_arn: &str,
    deploy_role_arn: &str,
) -> Site {
    let iam = Arc::new(Iam::new(config, identity_path, boundary_arn));
    Site {
        stacks: Arc::new(CloudFormation::new(config, deploy_role_arn)),
        identities: iam.clone(),
        roles: iam,
        secrets: Arc::new(StoredSecrets::new(config)),
        functions: Arc::new(Lambda::new(config)),
        resources: Arc::new(Tagging::new(config)),
    }
}
