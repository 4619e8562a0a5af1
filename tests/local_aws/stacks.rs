use std::collections::BTreeMap;

use aws_service_broker::{
    aws::CloudFormation,
    broker::{
        ports::{
            NewStack, ParameterValue, StackCreation, StackDeletion, StackUpdate, Stacks,
            UpdatedStack,
        },
        records::Tag,
    },
};

use crate::{
    aws::{Calls, service_roles},
    contract::{
        self,
        stacks::{ALLOW_ALL, SettlingStacks},
        unique,
    },
};

const TEMPLATE: &str = "\
Parameters: {Delay: {Type: Number, Default: 0, MaxValue: 900}}
Resources: {Queue: {Type: 'AWS::SQS::Queue', Properties: {DelaySeconds: !Ref Delay}}}
Outputs: {QueueName: {Value: !GetAtt Queue.QueueName}}
";

async fn stacks() -> CloudFormation {
    CloudFormation::new(&Calls::default().config().await, service_roles())
}

impl SettlingStacks for CloudFormation {
    async fn settle(&self, name: &str) {
        while self
            .describe(name)
            .await
            .expect("describe")
            .is_some_and(|stack| stack.status.is_in_progress())
        {}
    }
}

contract::stacks::tests!(stacks().await);

fn stack<'a>(name: &'a str, delay: &str) -> NewStack<'a> {
    NewStack {
        name,
        template_body: TEMPLATE,
        stack_policy: ALLOW_ALL,
        parameters: given(delay),
        tags: tags(),
        token: "provision-1",
    }
}

fn given(delay: &str) -> BTreeMap<String, ParameterValue> {
    BTreeMap::from([("Delay".into(), ParameterValue::Given(delay.into()))])
}

fn tags() -> Vec<Tag> {
    vec![Tag::new("servicebroker:instance-id", "an instance")]
}

#[tokio::test]
async fn stack_is_created_with_its_services_deploy_role() {
    let (stacks, name) = (stacks().await, format!("osb-sqs-{}", unique()));
    assert_eq!(
        stacks.create(&stack(&name, "5")).await.expect("create"),
        StackCreation::Accepted
    );

    let client = aws_sdk_cloudformation::Client::new(&Calls::default().config().await);
    let described = client
        .describe_stacks()
        .stack_name(&name)
        .send()
        .await
        .expect("describe");
    assert_eq!(
        described.stacks()[0].role_arn(),
        Some(service_roles().deploy_role("sqs").as_str())
    );

    assert_eq!(
        stacks.delete(&name, "deprovision-1").await.expect("delete"),
        StackDeletion::Accepted
    );
}

#[tokio::test]
async fn rejected_stack_creation_returns_the_reason() {
    let (stacks, name) = (stacks().await, format!("osb-sqs-{}", unique()));
    let StackCreation::Rejected(reason) =
        stacks.create(&stack(&name, "901")).await.expect("create")
    else {
        panic!("CloudFormation took a parameter above its MaxValue")
    };
    assert!(reason.contains("Delay"), "{reason}");
    assert_eq!(stacks.describe(&name).await.expect("describe"), None);
}

#[tokio::test]
async fn update_is_validated_against_the_new_template() {
    let (stacks, name) = (stacks().await, format!("osb-sqs-{}", unique()));
    assert_eq!(
        stacks.create(&stack(&name, "5")).await.expect("create"),
        StackCreation::Accepted
    );
    let update = |parameters, token| UpdatedStack {
        stack: &name,
        template_body: None,
        stack_policy: None,
        parameters,
        tags: tags(),
        token,
    };
    let StackUpdate::Rejected(reason) = stacks
        .update(&update(given("901"), "update-1"))
        .await
        .expect("update")
    else {
        panic!("CloudFormation took a parameter above its MaxValue")
    };
    assert!(reason.contains("Delay"), "{reason}");

    let template = TEMPLATE.replace("MaxValue: 900", "MaxValue: 901");
    let new_template = UpdatedStack {
        template_body: Some(&template),
        stack_policy: None,
        ..update(given("901"), "update-2")
    };
    // SQS has the last word.
    assert_eq!(
        stacks.update(&new_template).await.expect("update"),
        StackUpdate::Accepted
    );
    assert_eq!(
        stacks.delete(&name, "deprovision-1").await.expect("delete"),
        StackDeletion::Accepted
    );
}
