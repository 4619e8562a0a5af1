use aws_service_broker::broker::{
    ports::PortErrorKind::{Denied, Throttled, Unavailable},
    stacks::StackStatus::RollbackComplete,
};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Client, Fault, INSTANCE, plan_id};

#[tokio::test]
async fn one_stack_is_created_with_the_operation_as_its_token() {
    let client = Client::new();
    let answer = client.provision(json!({})).await.expect(202);
    assert!(client.world.instance(INSTANCE).is_some());
    assert_eq!(client.world.stack_names(), [format!("osb-sqs-{INSTANCE}")]);
    // CloudFormation takes a repeated request with the same token for the same request.
    assert_eq!(client.world.stack().token, answer.body["operation"]);
}

#[tokio::test]
async fn the_stack_gets_the_parameters_of_the_plan_and_those_of_the_user_over_them() {
    let fifo = plan_id("sqs", "fifo");
    let client = Client::new();
    client
        .provision(json!({"plan_id": fifo, "parameters": {"DelaySeconds": 5}}))
        .await
        .expect(202);
    let parameters = client.world.stack().parameters;
    assert_eq!(parameters["DelaySeconds"], "5");
    assert_eq!(parameters["FifoQueue"], "true");
    assert_eq!(parameters["UseDeadLetterQueue"], "false");

    let client = Client::new();
    client
        .provision(json!({"plan_id": fifo, "parameters": {"UseDeadLetterQueue": "true"}}))
        .await
        .expect(202);
    assert_eq!(
        client.world.stack().parameters["UseDeadLetterQueue"],
        "true"
    );
}

#[tokio::test]
async fn the_stack_is_tagged_with_what_it_belongs_to() {
    let client = Client::new();
    client
        .provision(json!({"space_guid": "space <1>"}))
        .await
        .expect(202);
    let tags = client.world.stack().tags;
    let tag = |key| {
        tags.iter()
            .find(|tag| tag.key == key)
            .map(|tag| tag.value.as_str())
    };
    assert_eq!(tag("servicebroker:instance-id"), Some(INSTANCE));
    assert_eq!(tag("servicebroker:plan"), Some("standard"));
    // AWS refuses some characters in tags; an id may have any.
    assert_eq!(tag("servicebroker:space-guid"), Some("space _1_"));
}

#[tokio::test]
async fn after_a_failure_the_same_id_conflicts_until_it_is_deleted() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.settle_stacks(RollbackComplete, Some("no"));
    client.last_operation().await.expect(200);
    client.provision(json!({})).await.expect(409);
}

#[tokio::test]
async fn what_cloudformation_rejects_is_the_users_error_and_leaves_nothing() {
    let client = Client::new();
    client.world.inject(
        "stacks.create",
        Fault::Rejected("Parameter KmsKeyArn is not an ARN"),
    );
    let answer = client.provision(json!({})).await.expect(400);
    assert!(
        answer
            .description()
            .ends_with("Parameter KmsKeyArn is not an ARN"),
        "{}",
        answer.description()
    );
    assert_eq!(client.world.instance(INSTANCE), None);
    client.provision(json!({})).await.expect(202);
}

#[tokio::test]
async fn a_failure_of_cloudformation_keeps_the_record_and_the_next_request_goes_on() {
    for kind in [Throttled, Unavailable, Denied] {
        for fault in [Fault::Before(kind), Fault::After(kind)] {
            let client = Client::new();
            client.world.inject("stacks.create", fault);
            let failed = client.provision(json!({})).await;
            assert!(failed.status.is_server_error(), "{failed:?}");
            let operation = client
                .world
                .instance(INSTANCE)
                .expect("the record")
                .operation
                .id;
            let answer = client.provision(json!({})).await.expect(202);
            assert_eq!(answer.body["operation"], operation);
            assert_eq!(client.world.stack_names().len(), 1);
        }
    }
}

#[tokio::test]
async fn ids_of_any_characters_get_stack_names_that_aws_takes() {
    let client = Client::new();
    client
        .provision_as("a%2Fb%20%C3%BC", json!({}))
        .await
        .expect(202);
    client
        .provision_as("A%2Fb%20%C3%BC", json!({}))
        .await
        .expect(202);
    let names = client.world.stack_names();
    assert_eq!(names.len(), 2, "{names:?}");
    for name in names {
        assert!(
            name.len() <= 128 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
            "{name}"
        );
    }
    assert!(client.world.instance("a/b ü").is_some());
}

#[tokio::test]
async fn a_deletion_that_nobody_polls_does_not_keep_the_id() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.deprovision().await.expect(202);
    // The platform was told that there is nothing to delete, before both requests came through.
    client.provision(json!({})).await.expect(422);
    client.world.let_time_pass(SignedDuration::from_secs(31));
    client.world.complete_stacks();
    client.provision(json!({})).await.expect(422);
    client.world.let_time_pass(SignedDuration::from_secs(31));
    client.provision(json!({})).await.expect(202);
}
