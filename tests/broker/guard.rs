//! The broker's own stack cannot be deleted while there are instances.

use aws_service_broker::{
    broker::{Broker, ports::PortErrorKind, records::InstanceId, stacks::StackStatus},
    guard::{self, Request},
    settings::InvalidSetting,
};
use serde_json::{Value, json};

use crate::support::{Client, Fault};

/// CloudFormation's limit of an answer, and the members that it has, all of them strings.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>
const LONGEST_ANSWER: usize = 4_096;
const MEMBERS: [&str; 6] = [
    "LogicalResourceId",
    "PhysicalResourceId",
    "Reason",
    "RequestId",
    "StackId",
    "Status",
];

/// The identity of the request, as long as it can be: 128 characters of a stack's name.
const STACK_ID: &str = concat!(
    "arn:aws-us-gov:cloudformation:us-gov-east-1:000000000000:stack/",
    "broker-with-a-name-of-one-hundred-and-twenty-eight-characters-as-long-as-a-name-",
    "of-a-stack-can-be-where-somebody-wants-it-so----",
    "/00000000-0000-0000-0000-000000000000",
);

/// A request as CloudFormation sends it: only what exists already has an id.
fn request(request_type: &str, physical_id: &str) -> Request {
    let mut request = json!({
        "RequestType": request_type,
        "ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:broker-GuardFunction",
        "ResponseURL": "http://127.0.0.1/answer",
        "StackId": STACK_ID,
        "RequestId": "a-request",
        "LogicalResourceId": "Guard",
        "ResourceType": "Custom::InstancesGuard",
        "ResourceProperties": {"ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:broker-GuardFunction"},
    });
    if request_type != "Create" {
        request["PhysicalResourceId"] = physical_id.into();
    }
    if request_type == "Update" {
        request["OldResourceProperties"] = json!({});
    }
    serde_json::from_value(request).expect("a request of CloudFormation")
}

/// A request for an update from one prefix to another.
fn rename(before: &str, after: &str) -> Request {
    let request = json!({
        "RequestType": "Update",
        "ResponseURL": "http://127.0.0.1/answer",
        "StackId": STACK_ID,
        "RequestId": "a-request",
        "LogicalResourceId": "Guard",
        "PhysicalResourceId": "guard",
        "ResourceProperties": {"NamePrefix": after},
        "OldResourceProperties": {"NamePrefix": before},
    });
    serde_json::from_value(request).expect("a request of CloudFormation")
}

#[tokio::test]
async fn prefix_stays_while_there_are_instances() {
    let answer = async |client: &Client, request| {
        let (_, answer) = guard::answer(Ok(&client.broker()), request).await;
        let answer = serde_json::to_value(answer).expect("JSON");
        (answer["Status"].clone(), answer["Reason"].to_string())
    };
    let client = Client::new();
    assert_eq!(answer(&client, rename("osb", "new")).await.0, "SUCCESS");

    let client = Client::with_instance().await;
    assert_eq!(answer(&client, rename("osb", "osb")).await.0, "SUCCESS");
    let (status, reason) = answer(&client, rename("osb", "new")).await;
    assert_eq!(status, "FAILED");
    // CloudFormation undoes this with a request of its own.
    assert_eq!(answer(&client, rename("new", "osb")).await.0, "SUCCESS");
    assert!(
        reason.contains("1 instance remains") && reason.contains("the earlier NamePrefix"),
        "{reason}"
    );
}

/// What a broker, or what is wrong with its settings, answers CloudFormation, byte for byte.
/// CloudFormation takes an answer with a null, or with a member of another type, for a failure.
async fn answer_of(
    broker: Result<&Broker, &InvalidSetting>,
    request_type: &str,
    physical_id: &str,
) -> Value {
    let (url, answer) = guard::answer(broker, request(request_type, physical_id)).await;
    assert_eq!(url, "http://127.0.0.1/answer");

    let bytes = serde_json::to_vec(&answer).expect("JSON");
    assert!(bytes.len() <= LONGEST_ANSWER, "{} bytes", bytes.len());

    let answer: Value = serde_json::from_slice(&bytes).expect("JSON");
    let mut members: Vec<_> = answer.as_object().expect("an object").iter().collect();
    members.sort_by_key(|(name, _)| *name);
    assert_eq!(
        members
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>(),
        MEMBERS
    );
    for (name, value) in members {
        assert!(
            value.as_str().is_some_and(|text| !text.is_empty()),
            "{name} is {value}"
        );
        assert!(
            !value
                .as_str()
                .is_some_and(|text| text.contains(char::is_control)),
            "{name} is {value}"
        );
    }
    for (member, value) in [
        ("StackId", STACK_ID),
        ("RequestId", "a-request"),
        ("LogicalResourceId", "Guard"),
    ] {
        assert_eq!(answer[member], value, "{member}");
    }
    answer
}

async fn answer(client: &Client, request_type: &str) -> Value {
    let answer = answer_of(Ok(&client.broker()), request_type, "guard").await;
    assert_eq!(answer["PhysicalResourceId"], "guard");
    answer
}

#[tokio::test]
async fn stack_without_instances_can_be_deleted() {
    let client = Client::new();
    assert_eq!(answer(&client, "Delete").await["Status"], "SUCCESS");

    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client.deprovision().await.expect(202);
    client
        .world
        .settle_stacks(StackStatus::DeleteComplete, None);
    client.last_operation().await.expect(200);
    assert_eq!(
        answer(&client, "Delete").await["Status"],
        "SUCCESS",
        "tombstones are no instances"
    );
}

#[tokio::test]
async fn any_instance_blocks_stack_deletion_and_is_named() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    let states: [fn(&Client); 3] = [
        |_| {},
        |client| {
            client
                .world
                .settle_stacks(StackStatus::RollbackComplete, Some("no"))
        },
        |client| {
            client
                .world
                .settle_stacks(StackStatus::DeleteFailed, Some("no"))
        },
    ];
    for reach in states {
        reach(&client);
        let answer = answer(&client, "Delete").await;
        assert_eq!(answer["Status"], "FAILED");
        let (reason, stack) = (
            answer["Reason"].as_str().expect("a reason"),
            &client.world.stack_names()[0],
        );
        assert!(
            reason.contains("1 instance remains") && reason.contains(stack),
            "{reason}"
        );
        assert!(
            reason.contains("Delete the instances on the platforms"),
            "{reason}"
        );
        for way_out in [
            "--retain-resources Guard",
            "Services or StackRolesBoundary, delete the stack again",
        ] {
            assert!(reason.contains(way_out), "{reason}");
        }
    }
}

#[tokio::test]
async fn reason_names_ten_instances_and_counts_the_rest() {
    let client = Client::with_instance().await;
    client.world.edit(|account| {
        let instance = account
            .instances
            .values()
            .next()
            .expect("an instance")
            .clone();
        for number in 0..24 {
            let id = InstanceId::new(format!("instance-{number:02}")).expect("an id");
            let stack_name = format!("osb-sqs-{number:0>112}");
            account.instances.insert(
                id.clone(),
                aws_service_broker::broker::records::Instance {
                    id,
                    stack_name,
                    ..instance.clone()
                },
            );
        }
    });
    let answer = answer(&client, "Delete").await;
    let reason = answer["Reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("25 instances remain") && reason.contains(", and 15 more."),
        "{reason}"
    );
}

#[tokio::test]
async fn unreadable_records_block_stack_deletion() {
    let client = Client::new();
    client
        .world
        .inject("records.page", Fault::Before(PortErrorKind::Denied));
    let answer = answer(&client, "Delete").await;
    assert_eq!(answer["Status"], "FAILED");
    let reason = answer["Reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("The broker could not check whether instances remain"),
        "{reason}"
    );
}

#[tokio::test]
async fn guard_accepts_creations_and_updates() {
    let client = Client::with_instance().await;
    for request_type in ["Create", "Update"] {
        assert_eq!(answer(&client, request_type).await["Status"], "SUCCESS");
    }
    assert_eq!(client.world.take_calls(), [""; 0]);
}

/// The stack is undone then, with what was made of the guard.
#[tokio::test]
async fn guard_reports_invalid_settings() {
    let wrong = InvalidSetting::Wrong("LOCATIONS", "a list");
    let created = answer_of(Err(&wrong), "Create", "").await;
    assert_eq!(created["Status"], "FAILED");
    assert!(
        created["Reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("LOCATIONS must be a list")),
        "{created}"
    );
    let not_made = created["PhysicalResourceId"].as_str().expect("an id");
    assert_eq!(
        answer_of(Err(&wrong), "Delete", not_made).await["Status"],
        "SUCCESS"
    );

    assert_eq!(
        answer_of(Err(&wrong), "Update", "guard").await["Status"],
        "FAILED"
    );
    let deleted = answer_of(Err(&wrong), "Delete", "guard").await;
    assert_eq!(deleted["Status"], "FAILED", "nobody can say what remains");
}

/// AWS's own words go into a reason, whatever they are.
#[tokio::test]
async fn reasons_are_short_and_free_of_control_characters() {
    for text in
        ["\"", "\\", "\u{1b}", "\n", "ü", "🦀", "a"].map(|character| character.repeat(5_000))
    {
        let wrong = InvalidSetting::Wrong("LOCATIONS", Box::leak(text.into_boxed_str()));
        for request_type in ["Create", "Update", "Delete"] {
            let answer = answer_of(Err(&wrong), request_type, "guard").await;
            assert!(
                answer["Reason"]
                    .as_str()
                    .is_some_and(|reason| reason.contains("LOCATIONS")),
                "{answer}"
            );
        }
    }
}
