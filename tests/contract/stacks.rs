//! [`Stacks`]

use std::collections::BTreeMap;

use aws_service_broker::broker::{
    ports::{
        NewStack, ParameterValue, StackCreation, StackDeletion, StackUpdate, Stacks, UpdatedStack,
    },
    records::Tag,
    stacks::{Sight, StackEvent, StackStatus, Subject},
};

use super::{all, unique};

/// A stack policy that refuses nothing.
pub const ALLOW_ALL: &str =
    r#"{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}]}"#;

macro_rules! tests {
    ($new:expr) => {
        crate::contract::promises! { stacks, $new;
            stack_is_created_once_and_deleted
            stack_is_known_by_its_id_after_name_reuse
            incomplete_stack_has_no_outputs
            stack_description_masks_secret_parameters
            stack_update_sets_parameters_and_tags
            unchanged_update_returns_no_change
            update_of_missing_stack_or_parameter_is_rejected
            updating_stack_cannot_be_deleted
            events_of_a_token_come_oldest_first
            stack_listing_reports_instance_tags
        }
    };
}
pub(crate) use tests;

/// Stacks, and a way to wait for them.
pub trait SettlingStacks: Stacks {
    /// Lets CloudFormation come to the end of what it does to this stack.
    async fn settle(&self, name: &str);
}

const QUEUE: &str = "\
Parameters:
  Delay: {Type: Number, Default: 0}
  Password: {Type: String, NoEcho: true, Default: ''}
Resources:
  Queue: {Type: 'AWS::SQS::Queue', Properties: {DelaySeconds: !Ref Delay}}
Outputs: {QueueName: {Value: !GetAtt Queue.QueueName}}
";
/// The same with something that takes seconds, and then fails, as nobody sends the signal.
fn slow() -> String {
    let signal = [
        "  Handle: {Type: 'AWS::CloudFormation::WaitConditionHandle'}",
        "  Signal: {Type: 'AWS::CloudFormation::WaitCondition', Properties: {Handle: !Ref Handle, \
         Timeout: '3'}}",
        "Outputs:",
    ];
    QUEUE.replace("Outputs:", &signal.join("\n"))
}

fn new_name() -> String {
    format!("osb-sqs-{}", unique())
}

fn delay(value: &str) -> BTreeMap<String, ParameterValue> {
    BTreeMap::from([("Delay".into(), ParameterValue::Given(value.into()))])
}

fn tags() -> Vec<Tag> {
    vec![Tag::new("servicebroker:instance-id", "an instance")]
}

fn queue(name: &str) -> NewStack<'_> {
    NewStack {
        name,
        template_body: QUEUE,
        stack_policy: ALLOW_ALL,
        parameters: delay("5"),
        tags: tags(),
        token: "provision-1",
    }
}

/// An update that leaves everything as it is.
fn update<'a>(name: &'a str, token: &'a str) -> UpdatedStack<'a> {
    let parameters = ["Delay", "Password"]
        .map(|parameter| (parameter.into(), ParameterValue::Previous))
        .into();
    UpdatedStack {
        stack: name,
        template_body: None,
        stack_policy: None,
        parameters,
        tags: tags(),
        token,
    }
}

async fn created(stacks: &impl SettlingStacks) -> String {
    let name = new_name();
    assert_eq!(
        stacks.create(&queue(&name)).await.expect("create"),
        StackCreation::Accepted
    );
    stacks.settle(&name).await;
    name
}

async fn delete(stacks: &impl SettlingStacks, name: &str) {
    assert_eq!(
        stacks.delete(name, "deprovision-1").await.expect("delete"),
        StackDeletion::Accepted
    );
    stacks.settle(name).await;
    assert_eq!(stacks.describe(name).await.expect("describe"), None);
}

pub async fn stack_is_created_once_and_deleted(stacks: &impl SettlingStacks) {
    let name = new_name();
    assert_eq!(stacks.describe(&name).await.expect("describe"), None);

    assert_eq!(
        stacks.create(&queue(&name)).await.expect("create"),
        StackCreation::Accepted
    );
    stacks.settle(&name).await;

    let described = stacks
        .describe(&name)
        .await
        .expect("describe")
        .expect("a stack");
    assert_eq!(described.status, StackStatus::CreateComplete);
    assert_eq!(described.outputs.keys().collect::<Vec<_>>(), ["QueueName"]);

    // The domain looks whose it is.
    let other = NewStack {
        token: "provision-2",
        ..queue(&name)
    };
    assert_eq!(
        stacks.create(&other).await.expect("create"),
        StackCreation::Exists
    );

    delete(stacks, &name).await;
    assert_eq!(
        stacks.delete(&name, "deprovision-2").await.expect("delete"),
        StackDeletion::Accepted
    );

    assert_eq!(
        stacks.events(&name, "provision-1").await.expect("events"),
        None,
        "its name is no longer its own"
    );
}

pub async fn stack_is_known_by_its_id_after_name_reuse(stacks: &impl SettlingStacks) {
    let name = created(stacks).await;
    let id = stacks
        .describe(&name)
        .await
        .expect("describe")
        .expect("a stack")
        .id;

    assert_eq!(
        stacks
            .describe(&id)
            .await
            .expect("describe")
            .map(|stack| stack.status),
        Some(StackStatus::CreateComplete)
    );
    let events = stacks.events(&id, "provision-1").await.expect("events");
    assert_eq!(
        Sight::of(events.as_ref()),
        Sight::Reached(StackStatus::CreateComplete)
    );

    let changed = UpdatedStack {
        parameters: delay("7"),
        ..update(&id, "update-1")
    };
    assert_eq!(
        stacks.update(&changed).await.expect("update"),
        StackUpdate::Accepted
    );
    stacks.settle(&name).await;

    assert_eq!(
        stacks.delete(&id, "deprovision-1").await.expect("delete"),
        StackDeletion::Accepted
    );
    stacks.settle(&name).await;

    let again = NewStack {
        token: "provision-2",
        ..queue(&name)
    };
    assert_eq!(
        stacks.create(&again).await.expect("create"),
        StackCreation::Accepted
    );
    stacks.settle(&name).await;

    assert_eq!(stacks.describe(&id).await.expect("describe"), None);
    assert_eq!(
        stacks.events(&id, "deprovision-1").await.expect("events"),
        None
    );
    assert_eq!(
        stacks.delete(&id, "deprovision-2").await.expect("delete"),
        StackDeletion::Accepted
    );
    stacks.settle(&name).await;

    let other = stacks
        .describe(&name)
        .await
        .expect("describe")
        .expect("the other stack");
    assert_eq!(other.status, StackStatus::CreateComplete);
    assert_ne!(other.id, id);
    delete(stacks, &name).await;
}

pub async fn incomplete_stack_has_no_outputs(stacks: &impl SettlingStacks) {
    let name = new_name();
    let template_body = slow();
    let slow = NewStack {
        template_body: &template_body,
        stack_policy: ALLOW_ALL,
        ..queue(&name)
    };
    assert_eq!(
        stacks.create(&slow).await.expect("create"),
        StackCreation::Accepted
    );

    let described = stacks
        .describe(&name)
        .await
        .expect("describe")
        .expect("a stack");
    assert_eq!(
        (described.status, described.outputs),
        (StackStatus::CreateInProgress, BTreeMap::new())
    );

    stacks.settle(&name).await;
    delete(stacks, &name).await;
}

pub async fn stack_description_masks_secret_parameters(stacks: &impl SettlingStacks) {
    let name = new_name();
    let mut parameters = delay("5");
    parameters.insert(
        "Password".into(),
        ParameterValue::Given("correct horse".into()),
    );
    let with_secret = NewStack {
        parameters,
        ..queue(&name)
    };
    assert_eq!(
        stacks.create(&with_secret).await.expect("create"),
        StackCreation::Accepted
    );
    stacks.settle(&name).await;

    let described = stacks
        .describe(&name)
        .await
        .expect("describe")
        .expect("a stack");
    assert_eq!(
        described.tags,
        BTreeMap::from([("servicebroker:instance-id".into(), "an instance".into())])
    );
    let shown = [("Delay", "5"), ("Password", "****")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(described.parameters, shown.into());
    delete(stacks, &name).await;
}

pub async fn stack_update_sets_parameters_and_tags(stacks: &impl SettlingStacks) {
    let name = created(stacks).await;
    let changed = UpdatedStack {
        parameters: delay("7"),
        ..update(&name, "update-1")
    };
    assert_eq!(
        stacks.update(&changed).await.expect("update"),
        StackUpdate::Accepted
    );
    stacks.settle(&name).await;

    let described = stacks
        .describe(&name)
        .await
        .expect("describe")
        .expect("a stack");
    assert_eq!(
        (described.status, &*described.parameters["Delay"]),
        (StackStatus::UpdateComplete, "7")
    );
    assert_eq!(described.outputs.len(), 1);

    // What is left out gets the template's default.
    let left_out = UpdatedStack {
        parameters: BTreeMap::new(),
        ..update(&name, "update-2")
    };
    assert_eq!(
        stacks.update(&left_out).await.expect("update"),
        StackUpdate::Accepted
    );
    stacks.settle(&name).await;

    let described = stacks
        .describe(&name)
        .await
        .expect("describe")
        .expect("a stack");
    assert_eq!(described.parameters["Delay"], "0");

    let retagged = UpdatedStack {
        tags: vec![Tag::new("servicebroker:plan", "other")],
        ..update(&name, "update-3")
    };
    assert_eq!(
        stacks.update(&retagged).await.expect("update"),
        StackUpdate::Accepted
    );
    stacks.settle(&name).await;

    let described = stacks
        .describe(&name)
        .await
        .expect("describe")
        .expect("a stack");
    assert_eq!(
        described.tags,
        BTreeMap::from([("servicebroker:plan".into(), "other".into())])
    );
    delete(stacks, &name).await;
}

pub async fn unchanged_update_returns_no_change(stacks: &impl SettlingStacks) {
    let name = created(stacks).await;
    let same = update(&name, "update-1");
    assert_eq!(
        stacks.update(&same).await.expect("update"),
        StackUpdate::NoChange
    );

    let same_template = UpdatedStack {
        template_body: Some(QUEUE),
        stack_policy: None,
        ..update(&name, "update-2")
    };
    assert_eq!(
        stacks.update(&same_template).await.expect("update"),
        StackUpdate::NoChange
    );

    let given_again = UpdatedStack {
        parameters: delay("5"),
        ..update(&name, "update-3")
    };
    assert_eq!(
        stacks.update(&given_again).await.expect("update"),
        StackUpdate::NoChange
    );
    delete(stacks, &name).await;
}

pub async fn update_of_missing_stack_or_parameter_is_rejected(stacks: &impl SettlingStacks) {
    let missing = new_name();
    let StackUpdate::Rejected(reason) = stacks
        .update(&update(&missing, "update-1"))
        .await
        .expect("update")
    else {
        panic!("there is no such stack")
    };
    assert!(reason.contains("does not exist"), "{reason}");

    let name = created(stacks).await;
    let parameters = BTreeMap::from([("Dealy".into(), ParameterValue::Given("5".into()))]);
    let unknown = UpdatedStack {
        parameters,
        ..update(&name, "update-1")
    };

    let StackUpdate::Rejected(reason) = stacks.update(&unknown).await.expect("update") else {
        panic!("there is no such parameter")
    };
    assert!(
        reason.contains("Dealy") && reason.contains("do not exist in the template"),
        "{reason}"
    );
    delete(stacks, &name).await;
}

pub async fn updating_stack_cannot_be_deleted(stacks: &impl SettlingStacks) {
    let name = created(stacks).await;
    let template_body = slow();
    let slow = UpdatedStack {
        template_body: Some(&template_body),
        stack_policy: None,
        ..update(&name, "update-1")
    };
    assert_eq!(
        stacks.update(&slow).await.expect("update"),
        StackUpdate::Accepted
    );

    let described = stacks
        .describe(&name)
        .await
        .expect("describe")
        .expect("a stack");
    assert_eq!(described.status, StackStatus::UpdateInProgress);

    let StackDeletion::Rejected(reason) =
        stacks.delete(&name, "deprovision-1").await.expect("delete")
    else {
        panic!("it is being updated")
    };
    assert!(reason.contains("UPDATE_IN_PROGRESS"), "{reason}");

    assert_eq!(
        stacks.update(&slow).await.expect("again"),
        StackUpdate::Accepted,
        "it is the same request"
    );

    let other = UpdatedStack {
        parameters: delay("7"),
        ..update(&name, "update-2")
    };
    let StackUpdate::Rejected(_) = stacks.update(&other).await.expect("update") else {
        panic!("it is being updated")
    };

    stacks.settle(&name).await;
    delete(stacks, &name).await;
}

pub async fn events_of_a_token_come_oldest_first(stacks: &impl SettlingStacks) {
    let name = new_name();
    assert_eq!(
        stacks.events(&name, "provision-1").await.expect("events"),
        None
    );

    assert_eq!(
        stacks.create(&queue(&name)).await.expect("create"),
        StackCreation::Accepted
    );
    stacks.settle(&name).await;

    let events = stacks
        .events(&name, "provision-1")
        .await
        .expect("events")
        .expect("a stack");
    let of_stack = |event: &&StackEvent| event.subject == Subject::Stack;
    let statuses: Vec<_> = events
        .own
        .iter()
        .filter(of_stack)
        .map(|event| event.status.as_str())
        .collect();
    assert_eq!(statuses, ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]);
    assert_eq!(
        Sight::of(Some(&events)),
        Sight::Reached(StackStatus::CreateComplete)
    );

    let none_yet = stacks
        .events(&name, "update-1")
        .await
        .expect("events")
        .expect("a stack");
    assert!(none_yet.own.is_empty());
    assert_eq!(
        none_yet.current_status(),
        Some(StackStatus::CreateComplete),
        "the newest one of somebody else"
    );

    let changed = UpdatedStack {
        parameters: delay("7"),
        ..update(&name, "update-1")
    };
    assert_eq!(
        stacks.update(&changed).await.expect("update"),
        StackUpdate::Accepted
    );
    stacks.settle(&name).await;

    let updated = stacks.events(&name, "update-1").await.expect("events");
    assert_eq!(
        Sight::of(updated.as_ref()),
        Sight::Reached(StackStatus::UpdateComplete)
    );

    // To the creation, the update is the act of somebody else.
    let events = stacks
        .events(&name, "provision-1")
        .await
        .expect("events")
        .expect("a stack");
    assert_eq!(events.current_status(), Some(StackStatus::UpdateComplete));
    assert_eq!(
        Sight::of(Some(&events)),
        Sight::Reached(StackStatus::CreateComplete)
    );
    assert!(
        events
            .foreign
            .iter()
            .all(|event| event.subject == Subject::Stack),
        "{events:?}"
    );
    delete(stacks, &name).await;
}

pub async fn stack_listing_reports_instance_tags(stacks: &impl SettlingStacks) {
    let (name, foreign) = (created(stacks).await, new_name());
    let without_tags = NewStack {
        tags: Vec::new(),
        ..queue(&foreign)
    };
    assert_eq!(
        stacks.create(&without_tags).await.expect("create"),
        StackCreation::Accepted
    );
    stacks.settle(&foreign).await;

    let listed = all(async |next| stacks.page(next).await).await;
    let [ours, foreigns] = [&name, &foreign].map(|name| {
        let mut found = listed.iter().filter(|stack| stack.name == *name);
        let first = found.next().expect("a stack");
        assert_eq!(found.next(), None);
        first
    });

    assert_eq!(
        (&*ours.status, ours.instance_id.as_deref()),
        ("CREATE_COMPLETE", Some("an instance"))
    );
    assert!(ours.created_at.is_some());
    assert_eq!(foreigns.instance_id, None);

    delete(stacks, &name).await;
    delete(stacks, &foreign).await;
}
