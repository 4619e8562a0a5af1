use std::collections::BTreeMap;

use aws_service_broker::{
    aws::CloudFormation,
    broker::{
        ports::{CreateStack, DeleteStack, NewStack, ParameterValue, StackUpdate, Stacks, Tag, UpdateStack},
        stack::{Sight, StackEvent, StackStatus, Subject},
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
    NewStack { name, template_body: TEMPLATE, parameters: given(delay), tags: tags(), token: "provision-1" }
}

fn given(delay: &str) -> BTreeMap<String, ParameterValue> {
    BTreeMap::from([("Delay".into(), ParameterValue::Given(delay.into()))])
}

fn tags() -> Vec<Tag> {
    vec![Tag::new("servicebroker:instance-id", "an instance")]
}

#[tokio::test]
async fn a_stack_is_created_once_described_with_its_outputs_and_deleted() {
    let (stacks, name) = (stacks().await, format!("osb-sqs-{}", unique()));
    assert_eq!(stacks.describe(&name).await.expect("describe"), None);
    assert_eq!(stacks.create(&stack(&name, "5")).await.expect("create"), CreateStack::Accepted);
    // The domain looks whose it is.
    assert_eq!(stacks.create(&stack(&name, "5")).await.expect("create"), CreateStack::Exists);
    // The local AWS is done at once; on AWS this would be CREATE_IN_PROGRESS.
    let described = stacks.describe(&name).await.expect("describe").expect("a stack");
    assert_eq!(described.status, StackStatus::CreateComplete);
    assert!(described.outputs["QueueName"].starts_with(&name[..12]), "{described:?}");
    for _ in 0..2 {
        assert_eq!(stacks.delete(&name, "deprovision-1").await.expect("delete"), DeleteStack::Accepted);
    }
    assert_eq!(stacks.describe(&name).await.expect("describe"), None);
    assert_eq!(stacks.events(&name, "provision-1").await.expect("events"), None, "its name is no longer its own");
}

#[tokio::test]
async fn a_stack_is_made_with_the_deploy_role() {
    let (stacks, name) = (stacks().await, format!("osb-sqs-{}", unique()));
    assert_eq!(stacks.create(&stack(&name, "5")).await.expect("create"), CreateStack::Accepted);

    let client = aws_sdk_cloudformation::Client::new(&Calls::default().config().await);
    let described = client.describe_stacks().stack_name(&name).send().await.expect("describe");
    assert_eq!(described.stacks()[0].role_arn(), Some(settings().deploy_role_arn.as_str()));

    assert_eq!(stacks.delete(&name, "deprovision-1").await.expect("delete"), DeleteStack::Accepted);
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

#[tokio::test]
async fn a_stack_is_updated_with_what_is_given_and_keeps_the_rest() {
    let (stacks, name) = (stacks().await, format!("osb-sqs-{}", unique()));
    assert_eq!(stacks.create(&stack(&name, "5")).await.expect("create"), CreateStack::Accepted);
    let described = stacks.describe(&name).await.expect("describe").expect("a stack");
    assert_eq!(described.parameters, BTreeMap::from([("Delay".to_owned(), "5".to_owned())]));
    let update = |parameters, token| StackUpdate { name: &name, template_body: None, parameters, tags: tags(), token };

    let same = update(BTreeMap::from([("Delay".into(), ParameterValue::Previous)]), "update-1");
    assert_eq!(stacks.update(&same).await.expect("update"), UpdateStack::NoChange);
    let changed = update(given("7"), "update-2");
    assert_eq!(stacks.update(&changed).await.expect("update"), UpdateStack::Accepted);
    let described = stacks.describe(&name).await.expect("describe").expect("a stack");
    assert_eq!(described.status, StackStatus::UpdateComplete);
    let UpdateStack::Rejected(reason) = stacks.update(&update(given("901"), "update-3")).await.expect("update") else {
        panic!("CloudFormation took a parameter above its MaxValue")
    };
    assert!(reason.contains("Delay"), "{reason}");

    let template = TEMPLATE.replace("MaxValue: 900", "MaxValue: 901");
    let new_template = StackUpdate { template_body: Some(&template), ..update(given("901"), "update-4") };
    // SQS has the last word.
    assert_eq!(stacks.update(&new_template).await.expect("update"), UpdateStack::Accepted);
    assert_eq!(stacks.delete(&name, "deprovision-1").await.expect("delete"), DeleteStack::Accepted);
}

#[tokio::test]
async fn the_events_of_a_request_are_told_by_its_token_with_the_oldest_first() {
    let (stacks, name) = (stacks().await, format!("osb-sqs-{}", unique()));
    assert_eq!(stacks.events(&name, "provision-1").await.expect("events"), None);
    assert_eq!(stacks.create(&stack(&name, "5")).await.expect("create"), CreateStack::Accepted);
    stacks.describe(&name).await.expect("describe").expect("a stack");
    let events = stacks.events(&name, "provision-1").await.expect("events").expect("a stack");
    let of_stack = |event: &&StackEvent| event.subject == Subject::Stack;
    let statuses: Vec<_> = events.own.iter().filter(of_stack).map(|event| event.status.as_str()).collect();
    assert_eq!(statuses, ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]);
    assert_eq!(Sight::of(Some(&events)), Sight::Reached(StackStatus::CreateComplete));
    let queue = Subject::Resource { logical_id: "Queue".into(), kind: "AWS::SQS::Queue".into() };
    assert!(events.own.iter().any(|event| event.subject == queue && event.status == "CREATE_COMPLETE"), "{events:?}");
    let none_yet = stacks.events(&name, "update-1").await.expect("events").expect("a stack");
    assert!(none_yet.own.is_empty());
    assert_eq!(none_yet.current_status(), Some(StackStatus::CreateComplete), "the newest one of somebody else");

    let parameters = given("7");
    let update = StackUpdate { name: &name, template_body: None, parameters, tags: tags(), token: "update-1" };
    assert_eq!(stacks.update(&update).await.expect("update"), UpdateStack::Accepted);
    stacks.describe(&name).await.expect("describe").expect("a stack");
    let updated = stacks.events(&name, "update-1").await.expect("events");
    assert_eq!(Sight::of(updated.as_ref()), Sight::Reached(StackStatus::UpdateComplete));

    // To the creation, the update is the act of somebody else.
    let events = stacks.events(&name, "provision-1").await.expect("events").expect("a stack");
    assert_eq!(events.current_status(), Some(StackStatus::UpdateComplete));
    assert_eq!(Sight::of(Some(&events)), Sight::Reached(StackStatus::CreateComplete));
    assert!(events.foreign.iter().all(|event| event.subject == Subject::Stack), "{events:?}");
    assert_eq!(stacks.delete(&name, "deprovision-1").await.expect("delete"), DeleteStack::Accepted);
}

#[tokio::test]
async fn a_list_of_stacks_says_what_is_the_brokers() {
    let (stacks, name) = (stacks().await, format!("osb-sqs-{}", unique()));
    assert_eq!(stacks.create(&stack(&name, "5")).await.expect("create"), CreateStack::Accepted);
    let mut next = None;
    let mut listed = Vec::new();
    loop {
        let page = stacks.page(next).await.expect("a page");
        listed.extend(page.items);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    let ours: Vec<_> = listed.iter().filter(|stack| stack.name == name).collect();
    assert_eq!(ours.len(), 1);
    assert_eq!((&*ours[0].status, ours[0].instance_id.as_deref()), ("CREATE_COMPLETE", Some("an instance")));
    assert!(ours[0].created_at.is_some());
    // The broker's own stack has no such tag.
    assert!(listed.iter().any(|stack| stack.instance_id.is_none()));
    assert_eq!(stacks.delete(&name, "deprovision-1").await.expect("delete"), DeleteStack::Accepted);
}
