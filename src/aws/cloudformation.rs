//! [`Stacks`] with CloudFormation.

use std::sync::OnceLock;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_cloudformation::{
    Client,
    error::ProvideErrorMetadata,
    operation::{create_stack::CreateStackError, describe_stacks::DescribeStacksError},
    types,
};

use super::error::Service;
use crate::broker::{
    ports::{CreateStack, NewStack, PortResult, Stack, Stacks, Tag},
    stack::StackStatus,
};

const SERVICE: Service = Service("CloudFormation");

/// CloudFormation, acting with the deploy role.
pub struct CloudFormation {
    config: SdkConfig,
    client: OnceLock<Client>,
    deploy_role_arn: String,
}

impl CloudFormation {
    /// CloudFormation of these settings; it creates, updates and deletes with the deploy role's permissions.
    pub fn new(config: &SdkConfig, deploy_role_arn: impl Into<String>) -> Self {
        Self { config: config.clone(), client: OnceLock::new(), deploy_role_arn: deploy_role_arn.into() }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }
}

#[async_trait]
impl Stacks for CloudFormation {
    async fn create(&self, stack: &NewStack<'_>) -> PortResult<CreateStack> {
        let parameters = stack
            .parameters
            .iter()
            .map(|(name, value)| types::Parameter::builder().parameter_key(name).parameter_value(value).build());
        let created = self
            .client()
            .create_stack()
            .stack_name(stack.name)
            .template_body(stack.template_body)
            .set_parameters(Some(parameters.collect()))
            .set_tags(Some(stack.tags.iter().map(tag).collect()))
            .role_arn(&self.deploy_role_arn)
            .client_request_token(stack.token)
            .send()
            .await;
        let Err(error) = created else { return Ok(CreateStack::Accepted) };
        match error.as_service_error() {
            Some(CreateStackError::AlreadyExistsException(_)) => Ok(CreateStack::Accepted),
            Some(answer) if answer.code() == Some("ValidationError") => {
                Ok(CreateStack::Rejected(answer.message().unwrap_or("it gives no reason").to_owned()))
            }
            _ => Err(SERVICE.failed("CreateStack")(error)),
        }
    }

    async fn describe(&self, name: &str) -> PortResult<Option<Stack>> {
        let described = match self.client().describe_stacks().stack_name(name).send().await {
            Ok(described) => described,
            Err(error) if error.as_service_error().is_some_and(is_missing) => return Ok(None),
            Err(error) => return Err(SERVICE.failed("DescribeStacks")(error)),
        };
        let Some(stack) = described.stacks().first() else { return Ok(None) };
        let outputs = stack.outputs().iter();
        Ok(Some(Stack {
            status: stack.stack_status().map_or(StackStatus::Unknown, |status| StackStatus::parse(status.as_str())),
            status_reason: stack.stack_status_reason().map(str::to_owned),
            outputs: outputs
                .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())))
                .collect(),
        }))
    }

    async fn delete(&self, name: &str, token: &str) -> PortResult<()> {
        self.client()
            .delete_stack()
            .stack_name(name)
            .role_arn(&self.deploy_role_arn)
            .client_request_token(token)
            .send()
            .await
            .map_err(SERVICE.failed("DeleteStack"))?;
        Ok(())
    }
}

/// "If the stack doesn't exist, a `ValidationError` is returned."
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html>
fn is_missing(error: &DescribeStacksError) -> bool {
    error.code() == Some("ValidationError") && error.message().is_some_and(|text| text.contains("does not exist"))
}

fn tag(tag: &Tag) -> types::Tag {
    types::Tag::builder().key(tag.key).value(&tag.value).build()
}
