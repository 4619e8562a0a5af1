//! The port for CloudFormation stacks.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

use super::{error::PortResult, page::Page};
use crate::broker::{
    records::{INSTANCE_ID_TAG, InstanceId, Tag},
    stacks::{OperationEvents, StackStatus},
};

/// CloudFormation: one stack per instance.
#[async_trait]
pub trait Stacks: Send + Sync {
    /// Requests the creation of the stack.
    async fn create(&self, stack: &NewStack<'_>) -> PortResult<StackCreation>;

    /// Requests an update of the stack.
    async fn update(&self, update: &UpdatedStack<'_>) -> PortResult<StackUpdate>;

    /// Sets the stack policy, which limits all later updates.
    async fn set_policy(&self, stack: &str, policy: &str) -> PortResult<()>;

    /// Returns the current state of the stack with this name or id. Returns `None` if it does not
    /// exist, or no longer.
    async fn describe(&self, stack: &str) -> PortResult<Option<Stack>>;

    /// Returns the events of the operation that was requested with this token. Returns `None` if
    /// the stack does not exist, or no longer.
    async fn events(&self, stack: &str, token: &str) -> PortResult<Option<OperationEvents>>;

    /// Requests the deletion of the stack with this name or id. A missing stack counts as deleted.
    async fn delete(&self, stack: &str, token: &str) -> PortResult<StackDeletion>;

    /// Returns a page of all stacks of the account in the Region, whoever created them.
    async fn page(&self, next: Option<String>) -> PortResult<Page<StackSummary>>;
}

/// A stack in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackSummary {
    /// The name, unique in the account and Region.
    pub name: String,
    /// The stack's ARN.
    pub id: String,
    /// The status, named as CloudFormation names it.
    pub status: String,
    /// The instance's id from the tag that the broker sets. Absent if the stack has no such tag.
    pub instance_id: Option<String>,
    /// The time of the stack's creation, if AWS reports it.
    pub created_at: Option<Timestamp>,
}

/// A stack to create.
pub struct NewStack<'a> {
    /// The name: at most 128 letters, digits and hyphens.
    pub name: &'a str,
    /// The template: at most 51,200 bytes.
    pub template_body: &'a str,
    /// The stack policy, which limits later updates.
    pub stack_policy: &'a str,
    /// Values by parameter name. A parameter that is left out gets the template's default.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// The stack's tags. CloudFormation also passes them on to the stack's resources.
    pub tags: Vec<Tag>,
    /// The idempotency token: CloudFormation takes a repeated request with it as the same request.
    pub token: &'a str,
}

/// An update of a stack.
pub struct UpdatedStack<'a> {
    /// The stack's name or id.
    pub stack: &'a str,
    /// The new template: at most 51,200 bytes. Absent if the stack keeps its template.
    pub template_body: Option<&'a str>,
    /// The stack policy for later updates; absent if the policy does not change. The current policy
    /// still limits this update.
    pub stack_policy: Option<&'a str>,
    /// Values by parameter name. A parameter that is left out gets the template's default.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// The tags, which replace those of the stack.
    pub tags: Vec<Tag>,
    /// The token that distinguishes the events of this update from others.
    pub token: &'a str,
}

/// The value of a stack parameter. It has no `Debug` because it may be secret.
#[derive(Clone, PartialEq, Eq)]
pub enum ParameterValue {
    /// A new value.
    Given(String),
    /// The value that the stack already has.
    Previous,
}

/// The outcome of the request to create a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum StackCreation {
    /// CloudFormation is creating the stack.
    Accepted,
    /// A stack of this name exists. It may come from this same request, sent twice, or from
    /// somebody else.
    Exists,
    /// CloudFormation has rejected the request, for this reason. Nothing was created.
    Rejected(String),
}

/// The outcome of the request to update a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum StackUpdate {
    /// CloudFormation is updating the stack, or has already done so.
    Accepted,
    /// The stack already is as requested.
    NoChange,
    /// CloudFormation has rejected the request, for this reason. Nothing was changed.
    Rejected(String),
}

/// The outcome of the request to delete a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum StackDeletion {
    /// CloudFormation is deleting the stack, or has already done so.
    Accepted,
    /// CloudFormation has rejected the request, for this reason. Nothing was deleted.
    Rejected(String),
}

/// A stack as CloudFormation describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The ARN. It is never reused, unlike the name.
    pub id: String,
    /// The status that CloudFormation reports.
    pub status: StackStatus,
    /// The values of the template's parameters, by name. Values of `NoEcho` parameters are masked.
    pub parameters: BTreeMap<String, String>,
    /// The tags' values, by key.
    pub tags: BTreeMap<String, String>,
    /// The outputs' values, by name. Empty until the stack is complete.
    pub outputs: BTreeMap<String, String>,
}

impl Stack {
    /// True if the stack's tag names this instance.
    pub fn is_of(&self, instance: &InstanceId) -> bool {
        let expected = Tag::new(INSTANCE_ID_TAG, instance.as_str());
        self.tags.get(INSTANCE_ID_TAG) == Some(&expected.value)
    }
}
