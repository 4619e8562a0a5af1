use aws_service_broker::broker::{
    ports::PortErrorKind::{Denied, Throttled, Unavailable},
    stacks::StackStatus::RollbackComplete,
};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Client, Fault, INSTANCE, plan_id};

#[tokio::test]
async fn stack_is_created_with_operation_as_token() {
    let client = Client::new();
    let answer = client.provision(json!({})).await.expect(202);
    assert!(client.world.instance(INSTANCE).is_some());
    assert_eq!(client.world.stack_names(), [format!("osb-sqs-{INSTANCE}")]);
    // CloudFormation takes a repeated request with the same token for the same request.
    assert_eq!(client.world.stack().token, answer.body["operation"]);
}

#[tokio::test]
async fn user_parameters_override_plan_parameters() {
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
async fn failed_creation_blocks_its_id() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.settle_stacks(RollbackComplete, Some("no"));
    client.last_operation().await.expect(200);
    client.provision(json!({})).await.expect(409);
}

#[tokio::test]
async fn rejected_stack_is_a_400_and_leaves_no_record() {
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
async fn resent_request_continues_after_cloudformation_error() {
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
async fn any_instance_id_yields_a_valid_stack_name() {
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
async fn unpolled_deletion_does_not_block_its_id() {
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

#[tokio::test]
async fn refused_creation_continues_if_resumed() {
    let client = Client::new();
    client.world.inject("stacks.create", Fault::Rejected("No."));
    let again = client.provision(json!({}));
    let (first, again) = client
        .interrupt(client.provision(json!({})), "stacks.describe", again)
        .await;
    assert_eq!(first.expect(202).body, again.expect(202).body);
    assert_eq!(client.world.stack_names().len(), 1);
}

#[tokio::test]
async fn refused_creation_during_a_deletion_is_busy() {
    let client = Client::new();
    client.world.inject("stacks.create", Fault::Rejected("No."));
    let (refused, deleted) = client
        .interrupt(
            client.provision(json!({})),
            "stacks.describe",
            client.deprovision(),
        )
        .await;
    deleted.expect(202);
    assert_eq!(refused.expect(422).body["error"], "ConcurrencyError");
}

#[tokio::test]
async fn rejected_resumed_creation_fails_with_the_reason() {
    let client = Client::new();
    client
        .world
        .inject("stacks.create", Fault::Before(Unavailable));
    client.provision(json!({})).await.expect(503);
    client
        .world
        .inject("stacks.create", Fault::Rejected("Not an ARN."));
    client.provision(json!({})).await.expect(202);

    let failed = client.last_operation().await.expect(200);
    assert_eq!(failed.body["state"], "failed");
    assert_eq!(
        failed.description(),
        "AWS CloudFormation rejected the request: Not an ARN. Delete the instance, then create it \
         again with other parameters."
    );
}

#[tokio::test]
async fn spellings_of_one_uuid_are_different_instances() {
    let client = Client::new();
    let forms = [
        INSTANCE.to_owned(),
        INSTANCE.to_uppercase(),
        INSTANCE.replace('-', ""),
    ];
    for id in &forms {
        client.provision_as(id, json!({})).await.expect(202);
    }
    assert_eq!(client.world.stack_names().len(), forms.len());
}
