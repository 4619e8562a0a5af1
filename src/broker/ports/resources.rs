//! The port for resources that stacks have created.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Serialize;

use super::{error::PortResult, page::Page};

/// Resource Groups Tagging: resources that the stacks of instances have created.
#[async_trait]
pub trait Resources: Send + Sync {
    /// Returns a page of all resources with an instance's tag, of any broker. AWS adds and removes
    /// resources with some delay.
    async fn page(&self, next: Option<String>) -> PortResult<Page<StackResource>>;

    /// Returns the tags of the resource with this ARN; none if it has none or does not exist. AWS
    /// reports new tags with some delay.
    async fn tags(&self, arn: &str) -> PortResult<BTreeMap<String, String>>;
}

/// A resource that a stack has created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackResource {
    /// The resource's ARN.
    pub arn: String,
    /// The name of the resource's stack, which may no longer exist.
    pub stack_name: String,
    /// The instance's id, in the form of a tag's value.
    pub instance_id: String,
}
