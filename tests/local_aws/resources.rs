use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_service_broker::{
    aws::{CloudFormation, Tagging},
    broker::{
        ports::{NewStack, Page, PortResult, Resources, StackCreation, StackResource, Stacks},
        records::Tag,
    },
};

use crate::{
    aws::{Calls, service_roles},
    contract::{
        self,
        resources::CreatingResources,
        stacks::{ALLOW_ALL, SettlingStacks},
        unique,
    },
};

const TEMPLATE: &str = "\
Resources: {Queue: {Type: 'AWS::SQS::Queue'}}
Outputs: {QueueArn: {Value: !GetAtt Queue.Arn}}
";

/// The adapter, and the one that creates stacks with resources.
struct Creating {
    resources: Tagging,
    stacks: CloudFormation,
}

impl Creating {
    async fn new() -> Self {
        let config = Calls::default().config().await;
        Self {
            resources: Tagging::new(&config),
            stacks: CloudFormation::new(&config, service_roles()),
        }
    }
}

#[async_trait]
impl Resources for Creating {
    async fn page(&self, next: Option<String>) -> PortResult<Page<StackResource>> {
        self.resources.page(next).await
    }

    async fn tags(&self, arn: &str) -> PortResult<BTreeMap<String, String>> {
        self.resources.tags(arn).await
    }
}

impl CreatingResources for Creating {
    async fn create(&self) -> StackResource {
        let instance_id = unique();
        let stack_name = format!("osb-sqs-{instance_id}");
        let stack = NewStack {
            name: &stack_name,
            template_body: TEMPLATE,
            stack_policy: ALLOW_ALL,
            parameters: BTreeMap::new(),
            tags: vec![Tag::new("servicebroker:instance-id", &instance_id)],
            token: "provision-1",
        };
        let created = self.stacks.create(&stack).await.expect("create");
        assert_eq!(created, StackCreation::Accepted);
        self.stacks.settle(&stack_name).await;

        let stack = self.stacks.describe(&stack_name).await.expect("describe");
        let outputs = stack.expect("a stack").outputs;
        StackResource {
            arn: outputs["QueueArn"].clone(),
            stack_name,
            instance_id,
        }
    }
}

contract::resources::tests!(Creating::new().await);
