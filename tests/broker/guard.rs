//! The broker's own stack cannot be deleted while there are instances.

use aws_lambda_events::cloudformation::CloudFormationCustomResourceRequest;
use aws_service_broker::{
    broker::{id::InstanceId, ports::PortErrorKind, stack::StackStatus},
    guard,
    settings::InvalidSetting,
};
use serde_json::{Value, json};

use crate::support::{Client, Fault};

/// CloudFormation's limit of an answer.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>
const LONGEST_ANSWER: usize = 4_096;

fn request(request_type: &str, physical_id: &str) -> CloudFormationCustomResourceRequest {
    let request = json!({
        "RequestType": request_type,
        "ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:broker-GuardFunction",
        "ResponseURL": "http://127.0.0.1/answer",
        "StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/broker/an-id",
        "RequestId": "a-request",
        "LogicalResourceId": "Guard",
        "PhysicalResourceId": physical_id,
        "ResourceType": "Custom::InstancesGuard",
        "ResourceProperties": {"ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:broker-GuardFunction"},
        "OldResourceProperties": {},
    });
    serde_json::from_value(request).expect("a request of CloudFormation")
}

/// What CloudFormation is answered.
async fn answer(client: &Client, request_type: &str) -> Value {
    let request = request(request_type, "guard");
    let (url, answer) = guard::answer(Ok(&client.broker()), request).await.expect("an answer");
    assert_eq!(url, "http://127.0.0.1/answer");
    let answer = serde_json::to_value(&answer).expect("JSON");
    assert!(answer.to_string().len() <= LONGEST_ANSWER);
    for (member, value) in [
        ("StackId", "arn:aws:cloudformation:us-east-1:000000000000:stack/broker/an-id"),
        ("RequestId", "a-request"),
        ("LogicalResourceId", "Guard"),
        ("PhysicalResourceId", "guard"),
    ] {
        assert_eq!(answer[member], value, "{member}");
    }
    answer
}

#[tokio::test]
async fn where_there_is_no_instance_the_stack_may_go() {
    let client = Client::new();
    assert_eq!(answer(&client, "Delete").await["Status"], "SUCCESS");

    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client.deprovision().await.expect(202);
    client.world.settle_stacks(StackStatus::DeleteComplete, None);
    client.last_operation().await.expect(200);
    assert_eq!(answer(&client, "Delete").await["Status"], "SUCCESS", "tombstones are no instances");
}

#[tokio::test]
async fn an_instance_in_whatever_state_keeps_the_stack_and_is_named() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    let states: [fn(&Client); 3] = [
        |_| {},
        |client| client.world.settle_stacks(StackStatus::RollbackComplete, Some("no")),
        |client| client.world.settle_stacks(StackStatus::DeleteFailed, Some("no")),
    ];
    for reach in states {
        reach(&client);
        let answer = answer(&client, "Delete").await;
        assert_eq!(answer["Status"], "FAILED");
        let (reason, stack) = (answer["Reason"].as_str().expect("a reason"), &client.world.stack_names()[0]);
        assert!(reason.contains("1 instance remains") && reason.contains(stack), "{reason}");
        assert!(reason.contains("Deprovision on the platforms") && reason.contains("without the resource Guard"));
    }
}

#[tokio::test]
async fn of_many_instances_some_are_named_and_the_others_counted() {
    let client = Client::with_instance().await;
    client.world.edit(|account| {
        let instance = account.instances.values().next().expect("an instance").clone();
        for number in 0..24 {
            let id = InstanceId::new(format!("instance-{number:02}")).expect("an id");
            let stack_name = format!("osb-sqs-{number:0>112}");
            account.instances.insert(
                id.clone(),
                aws_service_broker::broker::instance::Instance { id, stack_name, ..instance.clone() },
            );
        }
    });
    let answer = answer(&client, "Delete").await;
    let reason = answer["Reason"].as_str().expect("a reason");
    assert!(reason.starts_with("25 instances remain") && reason.contains(", and 15 more."), "{reason}");
}

#[tokio::test]
async fn what_cannot_be_seen_keeps_the_stack() {
    let client = Client::new();
    client.world.inject("records.page", Fault::Before(PortErrorKind::Denied));
    let answer = answer(&client, "Delete").await;
    assert_eq!(answer["Status"], "FAILED");
    let reason = answer["Reason"].as_str().expect("a reason");
    assert!(reason.starts_with("Whether instances remain cannot be seen"), "{reason}");
}

#[tokio::test]
async fn nothing_else_is_refused() {
    let client = Client::with_instance().await;
    for request_type in ["Create", "Update"] {
        assert_eq!(answer(&client, request_type).await["Status"], "SUCCESS");
    }
    assert_eq!(client.world.take_calls(), [""; 0]);
}

/// The stack is undone then, with what was made of the guard.
#[tokio::test]
async fn a_broker_that_could_not_start_is_refused_with_what_is_wrong() {
    let wrong = InvalidSetting::Wrong("LOCATIONS", "a list");
    let answer = async |request_type, physical_id| {
        let answered = guard::answer(Err(&wrong), request(request_type, physical_id)).await;
        serde_json::to_value(answered.expect("an answer").1).expect("JSON")
    };
    let created = answer("Create", "").await;
    assert_eq!(created["Status"], "FAILED");
    assert!(created["Reason"].as_str().is_some_and(|reason| reason.contains("LOCATIONS is not a list")), "{created}");
    let not_made = created["PhysicalResourceId"].as_str().expect("an id");
    assert_eq!(answer("Delete", not_made).await["Status"], "SUCCESS");

    assert_eq!(answer("Update", "guard").await["Status"], "FAILED");
    assert_eq!(answer("Delete", "guard").await["Status"], "FAILED", "nobody can say what remains");
}
