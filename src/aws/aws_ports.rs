//! [`AwsPortsFactory`] with the AWS SDK. The broker's own account and Region use the function's credentials.
//! Every other location uses those of the role that the operator has set for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use aws_config::{SdkConfig, sts::AssumeRoleProvider};
use aws_sdk_dynamodb::config::{Region, SharedCredentialsProvider};

use super::{CloudFormation, Iam, Lambda, ServiceRoles, StoredSecrets, Tagging};
use crate::broker::{
    Place,
    ports::{AwsPorts, AwsPortsFactory},
    records::Location,
};

/// The session name of assumed roles, as the other account's CloudTrail shows it.
const SESSION_NAME: &str = "aws-service-broker";

/// SDK clients by location. They are created on first use and kept. The credentials of a location's
/// role are kept until they expire.
pub struct AwsPortsByRole {
    config: SdkConfig,
    home: AwsPorts,
    others: Mutex<HashMap<Location, AwsPorts>>,
    permissions: Permissions,
}

/// The means by which the adapters act, and to which they limit what they create.
#[derive(Clone, Debug)]
pub struct Permissions {
    /// The broker's own account and Region.
    pub place: Place,
    /// The prefix of all names.
    pub name_prefix: String,
    /// The path of users and roles of bindings, in every account.
    pub identity_path: String,
    /// The external id with which roles in other accounts are assumed.
    pub external_id: Option<String>,
}

impl AwsPortsByRole {
    /// Creates the adapter. The clients of other locations follow on first use.
    pub fn new(config: &SdkConfig, permissions: Permissions) -> Self {
        Self {
            home: ports(
                config,
                &permissions.identity_path,
                ServiceRoles::new(&permissions.name_prefix, permissions.place.clone(), ""),
            ),
            config: config.clone(),
            others: Mutex::default(),
            permissions,
        }
    }

    async fn other(&self, location: &Location) -> AwsPorts {
        let Location {
            account_id,
            region,
            role_name,
        } = location;
        let Permissions {
            place, name_prefix, ..
        } = &self.permissions;
        let role_arn = format!("arn:{}:iam::{account_id}:role/{role_name}", place.partition);

        // STS is called in the broker's own Region: the location's Region may be disabled in the
        // broker's account. The credentials are valid in all Regions.
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html
        let role = AssumeRoleProvider::builder(role_arn)
            .session_name(SESSION_NAME)
            .configure(&self.config);
        let role = match &self.permissions.external_id {
            Some(id) => role.external_id(id),
            None => role,
        };
        let credentials = SharedCredentialsProvider::new(role.build().await);

        let config = self
            .config
            .to_builder()
            .region(Region::new(region.clone()))
            .credentials_provider(credentials);

        let place = Place {
            account_id: account_id.clone(),
            region: region.clone(),
            partition: place.partition.clone(),
        };
        // As `infra/target-account.yaml` names the role.
        let suffix = role_name
            .strip_prefix(&format!("service-broker-{name_prefix}-{region}"))
            .unwrap_or_default();
        ports(
            &config.build(),
            &self.permissions.identity_path,
            ServiceRoles::new(name_prefix, place, suffix),
        )
    }
}

#[async_trait]
impl AwsPortsFactory for AwsPortsByRole {
    async fn at(&self, location: Option<&Location>) -> AwsPorts {
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
            Some(ports) => ports,
            None => {
                let ports = self.other(location).await;
                let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
                others.entry(location.clone()).or_insert(ports).clone()
            }
        }
    }
}

fn ports(config: &SdkConfig, identity_path: &str, service_roles: ServiceRoles) -> AwsPorts {
    let iam = Arc::new(Iam::new(config, identity_path, service_roles.clone()));
    AwsPorts {
        stacks: Arc::new(CloudFormation::new(config, service_roles)),
        users: iam.clone(),
        roles: iam,
        secrets: Arc::new(StoredSecrets::new(config)),
        functions: Arc::new(Lambda::new(config)),
        resources: Arc::new(Tagging::new(config)),
    }
}
