//! The ports of every account and Region that holds instances.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    functions::Functions, resources::Resources, roles::Roles, secrets::Secrets, stacks::Stacks,
    users::Users,
};
use crate::broker::records::Location;

/// The accounts and Regions that hold instances.
#[async_trait]
pub trait AwsPortsFactory: Send + Sync {
    /// Returns the ports that reach a location. Without a location, they reach the broker's own
    /// account and Region.
    async fn at(&self, location: Option<&Location>) -> AwsPorts;
}

/// The ports for the AWS resources of instances and bindings in one account and Region.
#[derive(Clone)]
pub struct AwsPorts {
    /// CloudFormation stacks: one per instance.
    pub stacks: Arc<dyn Stacks>,
    /// IAM users: at most one per binding.
    pub users: Arc<dyn Users>,
    /// IAM roles that bindings create, or add a policy to.
    pub roles: Arc<dyn Roles>,
    /// Secrets of instances.
    pub secrets: Arc<dyn Secrets>,
    /// Functions that create credentials.
    pub functions: Arc<dyn Functions>,
    /// Resources that stacks have created.
    pub resources: Arc<dyn Resources>,
}
