use aws_service_broker::broker::records::INSTANCE_TOMBSTONE_LIFETIME;
use aws_service_broker::broker::stacks::StackStatus::{
    CreateComplete, DeleteComplete, DeleteFailed, RollbackComplete, RollbackInProgress,
    UpdateComplete, UpdateCompleteCleanupInProgress, UpdateRollbackComplete, UpdateRollbackFailed,
    UpdateRollbackInProgress,
};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Answer, Client, INSTANCE, catalog_of, ids_of};

const QUEUE: &str = "AWS::SQS::Queue";

/// What the platform polls with the operation that an answer gave it.
async fn poll(client: &Client, accepted: &Answer) -> Answer {
    let operation = accepted.body["operation"].as_str().expect("an operation");
    let path = format!(
        "/v2/service_instances/{INSTANCE}/last_operation?operation={operation}&service_id=s&plan_id=p"
    );
    client.request("GET", &path, None).await
}

#[tokio::test]
async fn loi_01_poll_follows_the_stack_then_the_record() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    client.world.settle_stacks(CreateComplete, None);
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
    client.world.edit(|account| account.stacks.clear());
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
}

#[tokio::test]
async fn loi_02_empty_hint_is_refused_unknown_one_ignored() {
    let client = Client::with_instance().await;
    let path = format!("/v2/service_instances/{INSTANCE}/last_operation");
    client
        .request("GET", &format!("{path}?operation="), None)
        .await
        .expect(400);
    let answer = client
        .request(
            "GET",
            &format!("{path}?operation=a%20word&service_id=x&plan_id=y"),
            None,
        )
        .await;
    assert_eq!(answer.expect(200).body["state"], "succeeded");
}

#[tokio::test]
async fn loi_04_only_deletions_are_reported_gone() {
    let client = Client::with_instance().await;
    let changed = client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    client.finish().await;
    let deleted = client.deprovision().await.expect(202);
    client.world.complete_stacks();
    poll(&client, &deleted).await.expect(200);
    client.world.let_time_pass(INSTANCE_TOMBSTONE_LIFETIME);
    poll(&client, &deleted).await.expect(410);
    poll(&client, &changed).await.expect(404);
    client.last_operation().await.expect(404);
}

#[tokio::test]
async fn loi_05_creation_progress_is_described() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    let description = |answer: Answer| answer.expect(200).description().to_owned();
    assert_eq!(
        description(client.last_operation().await),
        "Creating: 0 of at most 4 resources done. This usually takes less than 3 minutes."
    );
    client
        .world
        .resource_event("DeadLetterQueue", QUEUE, "CREATE_IN_PROGRESS", None);
    client.world.let_time_pass(SignedDuration::from_secs(3));
    client.world.resource_event(
        "DeadLetterQueue",
        QUEUE,
        "CREATE_IN_PROGRESS",
        Some("Resource creation Initiated"),
    );
    client.world.let_time_pass(SignedDuration::from_secs(9));
    assert_eq!(
        description(client.last_operation().await),
        "Creating: 0 of at most 4 resources done; DeadLetterQueue (AWS::SQS::Queue) has taken 12 \
         seconds so far. This usually takes less than 3 minutes."
    );
    client
        .world
        .resource_event("DeadLetterQueue", QUEUE, "CREATE_COMPLETE", None);
    client
        .world
        .resource_event("Queue", QUEUE, "CREATE_IN_PROGRESS", None);
    client.world.let_time_pass(SignedDuration::from_secs(181));
    assert_eq!(
        description(client.last_operation().await),
        "Creating: 1 of at most 4 resources done; Queue (AWS::SQS::Queue) has taken 3 minutes so \
         far. This usually takes less than 3 minutes."
    );
    client.world.settle_stacks(CreateComplete, None);
    assert_eq!(
        description(client.last_operation().await),
        "The instance has been created."
    );
}

#[tokio::test]
async fn loi_05_failed_creation_names_its_root_cause() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client
        .world
        .resource_event("DeadLetterQueue", QUEUE, "CREATE_IN_PROGRESS", None);
    // Events of one moment come in any order.
    client.world.resource_event(
        "DeadLetterQueue",
        QUEUE,
        "CREATE_FAILED",
        Some("Resource creation cancelled"),
    );
    client.world.resource_event(
        "Queue",
        QUEUE,
        "CREATE_FAILED",
        Some(
            "Resource handler returned message: \"The queue limit is reached. (Service: Sqs, \
             Status Code: 400, Request ID: 1-2)\" (RequestToken: 9f, HandlerErrorCode: \
             ServiceLimitExceeded)",
        ),
    );
    client.world.resource_event(
        "QueuePolicy",
        "AWS::SQS::QueuePolicy",
        "CREATE_FAILED",
        Some("There is no queue."),
    );
    let reason = "The following resource(s) failed to create: [Queue, DeadLetterQueue]. Rollback \
                  requested by user.";
    client.world.settle_stacks(RollbackInProgress, Some(reason));
    let cause =
        "CloudFormation could not create Queue (AWS::SQS::Queue): The queue limit is reached.";
    let answer = client.last_operation().await.expect(200);
    assert_eq!(answer.body["state"], "in progress");
    assert_eq!(
        answer.description(),
        format!("The creation failed and is being rolled back. {cause}")
    );
    client.world.settle_stacks(RollbackComplete, None);
    for _ in 0..2 {
        let answer = client.last_operation().await.expect(200);
        assert_eq!(answer.body["state"], "failed");
        assert_eq!(
            answer.description(),
            format!("{cause} Delete the instance, then create it again with other parameters.")
        );
        client.world.edit(|account| account.stacks.clear());
    }
}

#[tokio::test]
async fn loi_05_failure_without_cause_quotes_the_stack() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client
        .world
        .settle_stacks(RollbackComplete, Some("The deploy role cannot be assumed."));
    let answer = client.last_operation().await.expect(200);
    assert!(
        answer
            .description()
            .starts_with("The deploy role cannot be assumed. "),
        "{}",
        answer.description()
    );
}

#[tokio::test]
async fn loi_05_progress_counts_from_the_last_start() {
    let client = Client::with_instance().await;
    client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    for status in ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"] {
        client.world.resource_event("Queue", QUEUE, status, None);
        client.world.let_time_pass(SignedDuration::from_secs(40));
    }
    client
        .world
        .resource_event("Queue", QUEUE, "UPDATE_IN_PROGRESS", None);
    client.world.let_time_pass(SignedDuration::from_secs(1));
    let description = client.last_operation().await.description().to_owned();
    assert!(
        description.ends_with("has taken 1 second so far."),
        "{description}"
    );
}

#[tokio::test]
async fn loi_05_update_and_deletion_progress_is_described() {
    let client = Client::with_instance().await;
    client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    client
        .world
        .resource_event("Queue", QUEUE, "UPDATE_IN_PROGRESS", None);
    client.world.let_time_pass(SignedDuration::from_secs(1));
    assert_eq!(
        client.last_operation().await.description(),
        "Updating: 0 resources done; Queue (AWS::SQS::Queue) has taken 1 second so far."
    );
    client
        .world
        .resource_event("Queue", QUEUE, "UPDATE_COMPLETE", None);
    client
        .world
        .settle_stacks(UpdateCompleteCleanupInProgress, None);
    let answer = client.last_operation().await.expect(200);
    assert_eq!(answer.body["state"], "in progress");
    assert_eq!(
        answer.description(),
        "Updating: all changes are complete; the replaced resources are being deleted."
    );
    client.world.settle_stacks(UpdateComplete, None);
    assert_eq!(
        client.last_operation().await.description(),
        "The instance has been updated."
    );

    client.deprovision().await.expect(202);
    client.world.resource_event(
        "QueuePolicy",
        "AWS::SQS::QueuePolicy",
        "DELETE_COMPLETE",
        None,
    );
    client
        .world
        .resource_event("Queue", QUEUE, "DELETE_IN_PROGRESS", None);
    assert_eq!(
        client.last_operation().await.description(),
        "Deleting: 1 of at most 4 resources done; Queue (AWS::SQS::Queue) has taken 0 seconds so \
         far."
    );
    client.world.complete_stacks();
    assert_eq!(
        client.last_operation().await.description(),
        "The instance has been deleted."
    );
}

#[tokio::test]
async fn loi_06_failed_update_reports_usability() {
    for (status, usable, advice) in [
        (
            UpdateRollbackComplete,
            true,
            "The instance is as it was before the update.",
        ),
        (
            UpdateRollbackFailed,
            false,
            "The rollback of the update failed, too. The broker's operator has to repair the stack.",
        ),
    ] {
        let client = Client::with_instance().await;
        client
            .update(json!({"parameters": {"DelaySeconds": 3}}))
            .await
            .expect(202);
        client
            .world
            .resource_event("Queue", QUEUE, "UPDATE_FAILED", Some("Not now."));
        client.world.settle_stacks(
            UpdateRollbackInProgress,
            Some("The following resource(s) failed to update"),
        );
        let answer = client.last_operation().await.expect(200);
        assert!(
            answer
                .description()
                .starts_with("The update failed and is being rolled back. "),
            "{answer:?}"
        );
        assert_eq!(answer.body.get("instance_usable"), None);
        client.world.settle_stacks(status, None);
        let answer = client.last_operation().await.expect(200);
        assert_eq!(answer.body["state"], "failed");
        assert_eq!(
            (
                &answer.body["instance_usable"],
                &answer.body["update_repeatable"]
            ),
            (&json!(usable), &json!(usable))
        );
        assert_eq!(
            answer.description(),
            format!("CloudFormation could not update Queue (AWS::SQS::Queue): Not now. {advice}")
        );
    }
}

#[tokio::test]
async fn loi_06_failed_deletion_but_not_creation_reports_usability() {
    for (client, usable) in [
        (Client::with_instance().await, true),
        (with_failed_creation().await, false),
    ] {
        client.deprovision().await.expect(202);
        client.world.settle_stacks(DeleteFailed, None);
        let answer = client.last_operation().await.expect(200);
        let expected = (Some(&json!(usable)), None);
        assert_eq!(
            (
                answer.body.get("instance_usable"),
                answer.body.get("update_repeatable")
            ),
            expected
        );
    }

    let answer = with_failed_creation()
        .await
        .last_operation()
        .await
        .expect(200);
    assert_eq!(
        (
            answer.body.get("instance_usable"),
            answer.body.get("update_repeatable")
        ),
        (None, None)
    );
}

async fn with_failed_creation() -> Client {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.settle_stacks(RollbackComplete, None);
    client.last_operation().await.expect(200);
    client
}

#[tokio::test]
async fn loi_07_10_poll_reports_the_requested_operation() {
    let client = Client::new();
    let created = client.provision(json!({})).await.expect(202);
    let deleted = client.deprovision().await.expect(202);
    let of_creation = poll(&client, &created).await.expect(200);
    assert_eq!(of_creation.body["state"], "failed");
    assert_eq!(of_creation.description(), "Cancelled by a later deletion.");
    assert_eq!(
        poll(&client, &deleted).await.expect(200).body["state"],
        "in progress"
    );
    // Without an operation the question is about the last one.
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );

    let client = Client::new();
    let created = client.provision(json!({})).await.expect(202);
    client.world.complete_stacks();
    poll(&client, &created).await.expect(200);
    let updated = client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    assert_eq!(
        poll(&client, &created).await.expect(200).body["state"],
        "succeeded"
    );
    assert_eq!(
        poll(&client, &updated).await.expect(200).body["state"],
        "in progress"
    );
}

#[tokio::test]
async fn loi_08_retry_after_begins_later_if_creations_are_long() {
    for (seconds, expected) in [(1_200, "30"), (30_000, "60")] {
        let catalog = catalog_of(&format!(
            "{{Description: A cluster, Metadata: {{'AWS::ServiceBroker::Specification': {{
                Name: cluster, LongestCreation: {seconds},
                ServicePlans: {{only: {{Description: The only one}}}}}}}},
              Resources: {{Queue: {{Type: 'AWS::SQS::Queue'}}}}}}"
        ));
        let ids = ids_of(&catalog, "only");
        let client = Client::with_catalog(catalog);
        client.provision(ids).await.expect(202);
        let polled = client.last_operation().await.expect(200);
        assert_eq!(polled.headers["retry-after"], expected);
    }
}

#[tokio::test]
async fn loi_08_retry_after_grows_and_is_in_seconds() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    for (after, expected) in [(0, "5"), (40, "10"), (3_600, "60")] {
        client.world.let_time_pass(SignedDuration::from_secs(after));
        assert_eq!(
            client.last_operation().await.expect(200).headers["retry-after"],
            expected
        );
    }
    client.world.complete_stacks();
    assert_eq!(
        client
            .last_operation()
            .await
            .expect(200)
            .headers
            .get("retry-after"),
        None
    );
}

#[tokio::test]
async fn loi_09_finished_deletion_is_known_until_expiry() {
    let client = Client::with_instance().await;
    client.deprovision().await.expect(202);
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    client.world.settle_stacks(DeleteComplete, None);
    for _ in 0..2 {
        assert_eq!(
            client.last_operation().await.expect(200).body["state"],
            "succeeded"
        );
    }
    client.world.let_time_pass(INSTANCE_TOMBSTONE_LIFETIME);
    client.last_operation().await.expect(404);
}

#[tokio::test]
async fn loi_11_created_instance_can_be_fetched() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.complete_stacks();
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
    client.fetch_instance().await.expect(200);
}

#[tokio::test]
async fn loi_03_unknown_instance_is_not_found() {
    Client::new().last_operation().await.expect(404);
}
