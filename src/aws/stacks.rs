//! [`Stacks`] with CloudFormation.

use std::{collections::BTreeMap, sync::OnceLock};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_cloudformation::{
    Client, Config,
    error::ProvideErrorMetadata,
    operation::{
        create_stack::CreateStackError, delete_stack::DeleteStackError,
        update_stack::UpdateStackError,
    },
    types,
};
use jiff::Timestamp;

use super::{ServiceRoles, error::Service, no_blind_retry::NoBlindRetry};
use crate::broker::{
    ports::{
        NewStack, Page, ParameterValue, PortResult, Stack, StackCreation, StackDeletion,
        StackSummary, StackUpdate, Stacks, UpdatedStack,
    },
    records::{INSTANCE_ID_TAG, Tag},
    stacks::{OperationEvents, StackEvent, StackStatus, Subject},
};

const SERVICE: Service = Service("CloudFormation");
/// The capability to create IAM resources. A template may have roles, such as a function's. The
/// deploy role's permissions limit what its stack can create.
const CAPABILITY: types::Capability = types::Capability::CapabilityIam;

/// CloudFormation, acting with the deploy role of the stack's service.
pub struct CloudFormation {
    config: SdkConfig,
    client: OnceLock<Client>,
    roles: ServiceRoles,
}

impl CloudFormation {
    /// Creates the adapter. It creates, updates and deletes a stack with the permissions of its
    /// service's deploy role.
    pub fn new(config: &SdkConfig, roles: ServiceRoles) -> Self {
        Self {
            config: config.clone(),
            client: OnceLock::new(),
            roles,
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }
}

#[async_trait]
impl Stacks for CloudFormation {
    async fn create(&self, stack: &NewStack<'_>) -> PortResult<StackCreation> {
        let created = self
            .client()
            .create_stack()
            .stack_name(stack.name)
            .template_body(stack.template_body)
            .stack_policy_body(stack.stack_policy)
            .set_parameters(Some(stack.parameters.iter().map(parameter).collect()))
            .set_tags(Some(stack.tags.iter().map(tag).collect()))
            .role_arn(self.roles.deploy_role_of(stack.name))
            .capabilities(CAPABILITY)
            .client_request_token(stack.token)
            .customize()
            .config_override(Config::builder().retry_classifier(NoBlindRetry))
            .send()
            .await;

        let Err(error) = created else {
            return Ok(StackCreation::Accepted);
        };

        match error.as_service_error() {
            Some(CreateStackError::TokenAlreadyExistsException(_)) => Ok(StackCreation::Accepted),
            Some(CreateStackError::AlreadyExistsException(_)) => Ok(StackCreation::Exists),
            Some(answer) if is_refusal(answer) => Ok(StackCreation::Rejected(reason(answer))),
            _ => Err(SERVICE.failed("CreateStack")(error)),
        }
    }

    async fn update(&self, update: &UpdatedStack<'_>) -> PortResult<StackUpdate> {
        let updated = self
            .client()
            .update_stack()
            .stack_name(update.stack)
            .set_template_body(update.template_body.map(str::to_owned))
            .set_stack_policy_body(update.stack_policy.map(str::to_owned))
            .set_use_previous_template(update.template_body.is_none().then_some(true))
            .set_parameters(Some(update.parameters.iter().map(parameter).collect()))
            .set_tags(Some(update.tags.iter().map(tag).collect()))
            .role_arn(self.roles.deploy_role_of(update.stack))
            .capabilities(CAPABILITY)
            .client_request_token(update.token)
            .customize()
            .config_override(Config::builder().retry_classifier(NoBlindRetry))
            .send()
            .await;

        let Err(error) = updated else {
            return Ok(StackUpdate::Accepted);
        };

        match error.as_service_error() {
            Some(UpdateStackError::TokenAlreadyExistsException(_)) => Ok(StackUpdate::Accepted),
            // CloudFormation has no error code for this.
            Some(answer) if reason(answer).contains("No updates are to be performed") => {
                Ok(StackUpdate::NoChange)
            }
            Some(answer) if is_refusal(answer) => Ok(StackUpdate::Rejected(reason(answer))),
            _ => Err(SERVICE.failed("UpdateStack")(error)),
        }
    }

    async fn set_policy(&self, stack: &str, policy: &str) -> PortResult<()> {
        let set = self.client().set_stack_policy().stack_name(stack);
        let set = set.stack_policy_body(policy).send().await;
        set.map(drop).map_err(SERVICE.failed("SetStackPolicy"))
    }

    async fn describe(&self, stack: &str) -> PortResult<Option<Stack>> {
        let described = match self
            .client()
            .describe_stacks()
            .stack_name(stack)
            .send()
            .await
        {
            Ok(described) => described,
            Err(error) if error.as_service_error().is_some_and(is_missing) => return Ok(None),
            Err(error) => return Err(SERVICE.failed("DescribeStacks")(error)),
        };

        let Some(stack) = described.stacks().first() else {
            return Ok(None);
        };

        let status = stack.stack_status().map_or(StackStatus::Unknown, |status| {
            StackStatus::parse(status.as_str())
        });
        // A deleted stack can be described by its id for 90 days.
        // https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
        if status == StackStatus::DeleteComplete {
            return Ok(None);
        }

        let id = stack.stack_id().ok_or_else(|| {
            SERVICE.unexpected("DescribeStacks", "a stack in the response has no id")
        })?;
        Ok(Some(Stack {
            id: id.to_owned(),
            status,
            parameters: parameters_of(stack),
            tags: tags_of(stack),
            outputs: outputs_of(stack),
        }))
    }

    async fn events(&self, stack: &str, token: &str) -> PortResult<Option<OperationEvents>> {
        let mut found = EventSearch::new(token);
        // A page has up to 1 MB. The newest event comes first.
        let mut pages = self
            .client()
            .describe_stack_events()
            .stack_name(stack)
            .into_paginator()
            .send();

        for _ in 0..MAX_EVENT_PAGES {
            let Some(page) = pages.next().await else {
                break;
            };
            let page = match page {
                Ok(page) => page,
                Err(error) if error.as_service_error().is_some_and(is_missing) => return Ok(None),
                Err(error) => return Err(SERVICE.failed("DescribeStackEvents")(error)),
            };

            if found.is_complete_with(page.stack_events()) || found.tells_of_the_stacks_end() {
                break;
            }
        }

        Ok((!found.tells_of_the_stacks_end()).then(|| found.into_events()))
    }

    async fn delete(&self, stack: &str, token: &str) -> PortResult<StackDeletion> {
        let deleted = self
            .client()
            .delete_stack()
            .stack_name(stack)
            .role_arn(self.roles.deploy_role_of(stack))
            .client_request_token(token)
            .send()
            .await;

        let Err(error) = deleted else {
            return Ok(StackDeletion::Accepted);
        };

        match error.as_service_error() {
            Some(DeleteStackError::TokenAlreadyExistsException(_)) => Ok(StackDeletion::Accepted),
            Some(answer) if is_refusal(answer) => Ok(StackDeletion::Rejected(reason(answer))),
            _ => Err(SERVICE.failed("DeleteStack")(error)),
        }
    }

    async fn page(&self, next: Option<String>) -> PortResult<Page<StackSummary>> {
        let page = self
            .client()
            .describe_stacks()
            .set_next_token(next)
            .send()
            .await;
        let page = page.map_err(SERVICE.failed("DescribeStacks"))?;
        Ok(Page {
            items: page.stacks().iter().filter_map(summary).collect(),
            next: page.next_token,
        })
    }
}

/// The maximum number of pages that are searched for an operation's events. Newer events of others
/// may fill some of them.
const MAX_EVENT_PAGES: usize = 10;

/// A search for the events of one operation, from the stack's newest event to older ones.
struct EventSearch<'a> {
    token: &'a str,
    own: Vec<StackEvent>,
    foreign: Vec<StackEvent>,
    has_own_of_stack: bool,
}

impl<'a> EventSearch<'a> {
    fn new(token: &'a str) -> Self {
        Self {
            token,
            own: Vec::new(),
            foreign: Vec::new(),
            has_own_of_stack: false,
        }
    }

    /// Adds the next older events. Returns true if even older ones cannot belong to the operation.
    /// Its own events are contiguous, except those of resources that were in progress when somebody
    /// else interrupted it.
    fn is_complete_with(&mut self, events: &[types::StackEvent]) -> bool {
        for sdk_event in events {
            let is_own = sdk_event.client_request_token() == Some(self.token);
            let Some(event) = event(sdk_event) else {
                continue;
            };
            let is_of_stack = event.subject == Subject::Stack;

            if is_own {
                self.has_own_of_stack |= is_of_stack;
                self.own.push(event);
            } else if is_of_stack && !self.has_own_of_stack {
                self.foreign.push(event);
            }
        }

        let oldest = events
            .last()
            .and_then(types::StackEvent::client_request_token);
        self.has_own_of_stack && oldest != Some(self.token)
    }

    /// True if the stack's newest event says that the stack is deleted. The events of a deleted
    /// stack can still be read by its id.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html>
    fn tells_of_the_stacks_end(&self) -> bool {
        let newest = self.foreign.first().or_else(|| {
            let mut own = self.own.iter();
            own.find(|event| event.subject == Subject::Stack)
        });
        newest.is_some_and(|event| event.stack_status() == StackStatus::DeleteComplete)
    }

    fn into_events(mut self) -> OperationEvents {
        if !self.has_own_of_stack {
            self.foreign.truncate(1);
        }
        self.own.reverse();
        self.foreign.reverse();
        OperationEvents {
            own: self.own,
            foreign: self.foreign,
        }
    }
}

fn value_of(parameter: &types::Parameter) -> String {
    parameter.parameter_value().unwrap_or_default().to_owned()
}

fn summary(stack: &types::Stack) -> Option<StackSummary> {
    let tag = stack
        .tags()
        .iter()
        .find(|tag| tag.key() == Some(INSTANCE_ID_TAG));
    Some(StackSummary {
        name: stack.stack_name()?.to_owned(),
        id: stack.stack_id()?.to_owned(),
        status: stack.stack_status()?.as_str().to_owned(),
        instance_id: tag.and_then(|tag| tag.value()).map(str::to_owned),
        created_at: stack
            .creation_time()
            .and_then(|time| Timestamp::from_second(time.secs()).ok()),
    })
}

/// True if CloudFormation rejects the request for good. The cause is then the user's request, and a
/// retry would fail, too. An account quota, a capability that the broker does not send and errors
/// that the operator has to repair are not final.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html#API_CreateStack_Errors>
fn is_refusal(error: &impl ProvideErrorMetadata) -> bool {
    error.code() == Some("ValidationError") && SERVICE.remedy(error).is_none()
}

fn reason(error: &impl ProvideErrorMetadata) -> String {
    error
        .message()
        .unwrap_or("CloudFormation gave no reason.")
        .to_owned()
}

/// True if the stack does not exist: "If the stack doesn't exist, a `ValidationError` is returned."
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html>
fn is_missing(error: &impl ProvideErrorMetadata) -> bool {
    error.code() == Some("ValidationError")
        && error
            .message()
            .is_some_and(|text| text.contains("does not exist"))
}

fn tag(tag: &Tag) -> types::Tag {
    types::Tag::builder()
        .key(&*tag.key)
        .value(&tag.value)
        .build()
}

fn parameter((name, value): (&String, &ParameterValue)) -> types::Parameter {
    let parameter = types::Parameter::builder().parameter_key(name);
    match value {
        ParameterValue::Given(value) => parameter.parameter_value(value),
        ParameterValue::Previous => parameter.use_previous_value(true),
    }
    .build()
}

/// Converts an event; `None` if AWS left out a field that the broker needs.
fn event(event: &types::StackEvent) -> Option<StackEvent> {
    let subject = if event.physical_resource_id() == event.stack_id() {
        Subject::Stack
    } else {
        Subject::Resource {
            logical_id: event.logical_resource_id()?.to_owned(),
            kind: event.resource_type().unwrap_or("no type").to_owned(),
        }
    };

    Some(StackEvent {
        subject,
        status: event.resource_status()?.as_str().to_owned(),
        reason: event
            .resource_status_reason()
            .filter(|reason| !reason.is_empty())
            .map(str::to_owned),
        at: Timestamp::from_second(event.timestamp()?.secs()).ok()?,
    })
}

fn parameters_of(stack: &types::Stack) -> BTreeMap<String, String> {
    let parameters = stack.parameters().iter();
    parameters
        .filter_map(|parameter| Some((parameter.parameter_key()?.to_owned(), value_of(parameter))))
        .collect()
}

fn tags_of(stack: &types::Stack) -> BTreeMap<String, String> {
    let tags = stack.tags().iter();
    tags.filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())))
        .collect()
}

fn outputs_of(stack: &types::Stack) -> BTreeMap<String, String> {
    let outputs = stack.outputs().iter();
    outputs
        .filter_map(|output| {
            Some((
                output.output_key()?.to_owned(),
                output.output_value()?.to_owned(),
            ))
        })
        .collect()
}
