use aws_service_broker::broker::{
    ports::PortErrorKind::Unavailable,
    stacks::StackStatus::{DeleteComplete, DeleteFailed, RollbackComplete},
};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Client, Fault, INSTANCE, service_id};

#[tokio::test]
async fn dep_05_resent_while_running_it_keeps_the_operation() {
    let client = Client::with_instance().await;
    let first = client.deprovision().await.expect(202);
    assert_eq!(first.body, client.deprovision().await.expect(202).body);
}

#[tokio::test]
async fn dep_06_what_does_not_exist_is_gone() {
    let client = Client::new();
    client.deprovision().await.expect(410);
    let client = Client::with_instance().await;
    client.deprovision().await.expect(202);
    client.world.settle_stacks(DeleteComplete, None);
    client.last_operation().await.expect(200);
    client.deprovision().await.expect(410);
}

#[tokio::test]
async fn dep_06_what_does_not_exist_is_gone_for_a_platform_that_does_not_poll() {
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
async fn dep_07_it_needs_a_platform_that_polls() {
    let client = Client::with_instance().await;
    let path = format!(
        "/v2/service_instances/{INSTANCE}?service_id={}&plan_id=y",
        service_id("sqs")
    );
    let answer = client.request("DELETE", &path, None).await.expect(422);
    assert_eq!(answer.body["error"], "AsyncRequired");
}

#[tokio::test]
async fn dep_09_it_halts_a_creation() {
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
async fn orp_05_it_cleans_up_after_a_failed_and_after_a_half_done_creation() {
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
async fn dep_02_leftover_bindings_go_with_the_instance() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client.bind("two", json!({})).await.expect(201);
    client.deprovision().await.expect(202);
    assert!(client.world.users().is_empty());
    assert!(client.world.bindings().is_empty());
}

#[tokio::test]
async fn orp_05_a_failed_deletion_can_be_repeated() {
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
async fn dep_01_the_stack_is_deleted() {
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
async fn dep_08_an_update_cannot_be_halted() {
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
async fn dep_10_11_the_deletion_is_polled_and_its_failure_says_that_the_instance_cannot_be_used() {
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
async fn dep_12_the_operation_is_a_short_text() {
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
async fn orp_01_after_a_4xx_nothing_was_made() {
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
async fn orp_02_03_after_a_5xx_or_a_failure_a_deletion_leaves_nothing() {
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
        client.world.inject("identities.create_user", fault);
        client.bind("one", json!({})).await.expect(503);
        client.world.let_time_pass(SignedDuration::from_secs(30));
        client.unbind("one").await.expect(200);
        assert!(client.world.users().is_empty());
    }
}

#[tokio::test]
async fn dep_02_09_a_binding_that_is_being_created_is_waited_for_and_then_goes() {
    let client = Client::with_instance().await;
    client
        .world
        .inject("identities.create_user", Fault::Before(Unavailable));
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
async fn dep_02_no_binding_is_forgotten_though_the_stack_is_gone() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client.world.settle_stacks(DeleteComplete, None);
    client
        .world
        .inject("identities.access_keys", Fault::Before(Unavailable));
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
async fn dep_11_what_cloudformation_does_not_delete_has_failed_with_its_reason() {
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
