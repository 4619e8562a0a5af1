use aws_service_broker::broker::{
    ports::PortErrorKind::Unavailable,
    stacks::StackStatus::{DeleteComplete, DeleteFailed, RollbackComplete},
};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Client, Fault, INSTANCE, service_id};

#[tokio::test]
async fn dep_05_resent_delete_keeps_the_operation() {
    let client = Client::with_instance().await;
    let first = client.deprovision().await.expect(202);
    assert_eq!(first.body, client.deprovision().await.expect(202).body);
}

#[tokio::test]
async fn dep_06_missing_instance_is_gone() {
    let client = Client::new();
    client.deprovision().await.expect(410);
    let client = Client::with_instance().await;
    client.deprovision().await.expect(202);
    client.world.settle_stacks(DeleteComplete, None);
    client.last_operation().await.expect(200);
    client.deprovision().await.expect(410);
}

#[tokio::test]
async fn dep_06_synchronous_delete_of_missing_instance_is_gone() {
    let path = format!(
        "/v2/service_instances/{INSTANCE}?service_id={}&plan_id=y",
        service_id("sqs")
    );
    for accepts_incomplete in ["", "&accepts_incomplete=false"] {
        let path = format!("{path}{accepts_incomplete}");
        let client = Client::new();
        client.request("DELETE", &path, None).await.expect(410);

        let client = Client::with_instance().await;
        client.request("DELETE", &path, None).await.expect(422);
        client.deprovision().await.expect(202);
        client.request("DELETE", &path, None).await.expect(422);
        client.finish().await;
        client.request("DELETE", &path, None).await.expect(410);
    }
}

#[tokio::test]
async fn dep_07_synchronous_deletion_is_refused() {
    let client = Client::with_instance().await;
    let path = format!(
        "/v2/service_instances/{INSTANCE}?service_id={}&plan_id=y",
        service_id("sqs")
    );
    let answer = client.request("DELETE", &path, None).await.expect(422);
    assert_eq!(answer.body["error"], "AsyncRequired");
}

#[tokio::test]
async fn dep_09_deletion_halts_a_creation() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.deprovision().await.expect(202);
    client.world.settle_stacks(DeleteComplete, None);
    // The request that was halted may still be about to create the stack.
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    client.world.let_time_pass(SignedDuration::from_secs(30));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
    assert_eq!(client.world.stack_names().len(), 0);
}

#[tokio::test]
async fn orp_05_deletion_cleans_up_incomplete_creations() {
    let failed = Client::new();
    failed.provision(json!({})).await.expect(202);
    failed.world.settle_stacks(RollbackComplete, Some("no"));
    failed.last_operation().await.expect(200);
    let half_done = Client::new();
    half_done
        .world
        .inject("stacks.create", Fault::Before(Unavailable));
    half_done.provision(json!({})).await.expect(503);
    for client in [failed, half_done] {
        client.deprovision().await.expect(202);
        client.world.let_time_pass(SignedDuration::from_secs(30));
        client.world.settle_stacks(DeleteComplete, None);
        assert_eq!(
            client.last_operation().await.expect(200).body["state"],
            "succeeded"
        );
    }
}

#[tokio::test]
async fn dep_02_deletion_removes_leftover_bindings() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client.bind("two", json!({})).await.expect(201);
    client.deprovision().await.expect(202);
    assert!(client.world.users().is_empty());
    assert!(client.world.bindings().is_empty());
}

#[tokio::test]
async fn orp_05_failed_deletion_can_be_repeated() {
    let client = Client::with_instance().await;
    let first = client.deprovision().await.expect(202);
    client
        .world
        .settle_stacks(DeleteFailed, Some("The bucket is not empty."));
    let failed = client.last_operation().await.expect(200);
    assert_eq!(failed.body["state"], "failed");
    let expected = "The bucket is not empty. Remove the cause, then delete the instance again.";
    assert_eq!(failed.description(), expected);
    client.provision(json!({})).await.expect(409);
    let second = client.deprovision().await.expect(202);
    assert_ne!(first.body["operation"], second.body["operation"]);
    client.world.settle_stacks(DeleteComplete, None);
    // A creation could still be under way, which the failure has hidden.
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    client.world.let_time_pass(SignedDuration::from_secs(30));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
}

#[tokio::test]
async fn dep_01_deletion_removes_the_stack() {
    let client = Client::with_instance().await;
    client.deprovision().await.expect(202);
    client.world.complete_stacks();
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
    assert!(client.world.stack_names().is_empty());
}

#[tokio::test]
async fn dep_03_both_ids_are_required() {
    let client = Client::with_instance().await;
    for query in [
        "",
        "service_id=x",
        "plan_id=x",
        "service_id=&plan_id=x",
        "service_id=x&plan_id=",
    ] {
        let path = format!("/v2/service_instances/{INSTANCE}?accepts_incomplete=true&{query}");
        client.request("DELETE", &path, None).await.expect(400);
    }
    client.fetch_instance().await.expect(200);
}

#[tokio::test]
async fn dep_08_deletion_cannot_halt_an_update() {
    let client = Client::with_instance().await;
    client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    assert_eq!(
        client.deprovision().await.expect(422).body["error"],
        "ConcurrencyError"
    );
    client.world.complete_stacks();
    // Nobody has polled: what is over is over all the same.
    client.deprovision().await.expect(202);
}

#[tokio::test]
async fn dep_10_11_failed_deletion_reports_an_unusable_instance() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.deprovision().await.expect(202);
    assert_eq!(
        client.last_operation().await.expect(200).description(),
        "Deleting: 0 of at most 4 resources done."
    );
    client
        .world
        .settle_stacks(DeleteFailed, Some("The bucket is not empty."));
    let answer = client.last_operation().await.expect(200);
    assert_eq!(
        (&answer.body["state"], &answer.body["instance_usable"]),
        (&json!("failed"), &json!(false))
    );
    client.fetch_instance().await.expect(200);
    client.bind("one", json!({})).await.expect(400);
}

#[tokio::test]
async fn dep_12_operation_is_a_short_string() {
    let operation = Client::with_instance()
        .await
        .deprovision()
        .await
        .expect(202)
        .body["operation"]
        .clone();
    assert!(
        (1..100).contains(&operation.as_str().expect("a text").len()),
        "{operation}"
    );
}

#[tokio::test]
async fn orp_01_refused_requests_create_nothing() {
    let client = Client::new();
    client.world.inject("stacks.create", Fault::Rejected("no"));
    client.provision(json!({})).await.expect(400);
    client.deprovision().await.expect(410);
    assert!(client.world.stack_names().is_empty() && client.world.instance(INSTANCE).is_none());
    let client = Client::with_instance().await;
    client
        .bind("one", json!({"parameters": {"Scope": "x"}}))
        .await
        .expect(400);
    client.unbind("one").await.expect(410);
    assert!(client.world.users().is_empty());
}

#[tokio::test]
async fn orp_02_03_deletion_after_a_5xx_leaves_nothing() {
    for fault in [Fault::Before(Unavailable), Fault::After(Unavailable)] {
        let client = Client::new();
        client.world.inject("stacks.create", fault);
        client.provision(json!({})).await.expect(503);
        client.deprovision().await.expect(202);
        client.world.complete_stacks();
        client.world.let_time_pass(SignedDuration::from_secs(30));
        assert_eq!(
            client.last_operation().await.expect(200).body["state"],
            "succeeded"
        );
        assert!(client.world.stack_names().is_empty());

        let client = Client::with_instance().await;
        client.world.inject("users.create_user", fault);
        client.bind("one", json!({})).await.expect(503);
        client.world.let_time_pass(SignedDuration::from_secs(30));
        client.unbind("one").await.expect(200);
        assert!(client.world.users().is_empty());
    }
}

#[tokio::test]
async fn dep_02_09_deletion_waits_for_a_binding_in_creation() {
    let client = Client::with_instance().await;
    client
        .world
        .inject("users.create_user", Fault::Before(Unavailable));
    client.bind("one", json!({})).await.expect(503);
    // A request may still be about to make the user.
    client.deprovision().await.expect(202);
    assert_eq!(client.world.bindings().len(), 1);
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    client.world.let_time_pass(SignedDuration::from_secs(30));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    assert!(client.world.bindings().is_empty() && client.world.users().is_empty());
    client.world.complete_stacks();
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
}

#[tokio::test]
async fn dep_02_bindings_are_removed_without_a_stack() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client.world.settle_stacks(DeleteComplete, None);
    client
        .world
        .inject("users.access_keys", Fault::Before(Unavailable));
    client.deprovision().await.expect(202);
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    client.world.let_time_pass(SignedDuration::from_secs(30));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
    assert!(client.world.users().is_empty());
}

#[tokio::test]
async fn dep_11_rejected_stack_deletion_fails_with_its_reason() {
    let client = Client::with_instance().await;
    client.world.inject(
        "stacks.delete",
        Fault::Rejected("Stack cannot be deleted while TerminationProtection is on."),
    );
    client.deprovision().await.expect(202);
    let answer = client.last_operation().await.expect(200);
    assert_eq!(
        (&answer.body["state"], &answer.body["instance_usable"]),
        (&json!("failed"), &json!(true))
    );
    assert!(
        answer
            .description()
            .starts_with("Stack cannot be deleted while"),
        "{}",
        answer.description()
    );
    client.deprovision().await.expect(202);
    client.world.complete_stacks();
    client.world.let_time_pass(SignedDuration::from_secs(30));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
}
