use std::collections::BTreeMap;

use aws_service_broker::{
    aws::CloudFormation,
    broker::{
        ports::{CreateStack, NewStack, Stacks, Tag},
        stack::StackStatus,
    },
};

use crate::aws::{Calls, settings, unique};

const TEMPLATE: &str = "\
Parameters: {Delay: {Type: Number, Default: 0, MaxValue: 900}}
Resources: {Queue: {Type: 'AWS::SQS::Queue', Properties: {DelaySeconds: !Ref Delay}}}
Outputs: {QueueName: {Value: !GetAtt Queue.QueueName}}
";

async fn stacks() -> CloudFormation {
    CloudFormation::new(&Calls::default().config().await, settings().deploy_role_arn)
}

fn stack<'a>(name: &'a str, delay: &str) -> NewStack<'a> {
    NewStack {
        name,
        template_body: TEMPLATE,
        parameters: BTreeMap::from([("Delay".into(), delay.into())]),
        tags: vec![Tag::new("servicebroker:instance-id", "an instance")],
        token: "provision-1",
    }
}

#[tokio::test]
async fn a_stack_is_created_once_described_with_its_outputs_and_deleted() {
    let (stacks, name) = (stacks().await, format!("osb-sqs-{}", unique()));
    assert_eq!(stacks.describe(&name).await.expect("describe"), None);
    for _ in 0..2 {
        assert_eq!(stacks.create(&stack(&name, "5")).await.expect("create"), CreateStack::Accepted);
    }
    // The local AWS is done at once; on AWS this would be CREATE_IN_PROGRESS.
    let described = stacks.describe(&name).await.expect("describe").expect("a stack");
    assert_eq!(described.status, StackStatus::CreateComplete);
    assert!(described.outputs["QueueName"].starts_with(&name[..12]), "{described:?}");
    for _ in 0..2 {
        stacks.delete(&name, "deprovision-1").await.expect("delete");
    }
    assert_eq!(stacks.describe(&name).await.expect("describe"), None);
}

#[tokio::test]
async fn what_cloudformation_does_not_take_is_rejected_with_its_reason() {
    let (stacks, name) = (stacks().await, format!("osb-sqs-{}", unique()));
    let CreateStack::Rejected(reason) = stacks.create(&stack(&name, "901")).await.expect("create") else {
        panic!("CloudFormation took a parameter above its MaxValue")
    };
    assert!(reason.contains("Delay"), "{reason}");
    assert_eq!(stacks.describe(&name).await.expect("describe"), None);
}
