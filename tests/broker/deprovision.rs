use aws_service_broker::broker::{
    ports::PortErrorKind::{InUse, Unavailable},
    records::{OperationKind, OperationState},
    stacks::StackStatus::{DeleteComplete, DeleteFailed, RollbackFailed},
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Act, Answer, Client, Fault, INSTANCE, plan_id, service_id};

#[tokio::test]
async fn next_request_resumes_interrupted_deletion() {
    for call in [
        "records.bindings",
        "users.access_keys",
        "records.update_binding",
        "stacks.delete",
    ] {
        for fault in [Fault::Before(Unavailable), Fault::After(Unavailable)] {
            let client = Client::with_instance().await;
            client.bind("a-binding", json!({})).await.expect(201);
            client.world.inject(call, fault);
            client.deprovision().await.expect(202);
            let operation = client
                .world
                .instance(INSTANCE)
                .expect("the record")
                .operation
                .id;
            assert_eq!(
                client.deprovision().await.expect(202).body["operation"],
                operation
            );
            assert!(client.world.users().is_empty() && client.world.bindings().is_empty());
        }
    }
}

/// AWS does not delete a bucket that holds objects: somebody has to be able to delete them.
#[tokio::test]
async fn instance_with_failed_deletion_can_be_bound() {
    let client = Client::with_instance().await;
    client.deprovision().await.expect(202);
    client.world.settle_stacks(
        DeleteFailed,
        Some("The bucket you tried to delete is not empty"),
    );
    let failed = client.last_operation().await.expect(200).body;
    assert_eq!(
        (&failed["state"], &failed["instance_usable"]),
        (&json!("failed"), &json!(true))
    );

    client.world.let_time_pass(SignedDuration::from_hours(1));
    client.bind("purge", json!({})).await.expect(201);
    assert_eq!(client.world.users().len(), 1);
    client.deprovision().await.expect(202);
    client.world.complete_stacks();
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
    assert!(
        client.world.users().is_empty(),
        "the binding goes with the instance"
    );
}

#[tokio::test]
async fn failed_creation_stays_unbindable_after_failed_deletion() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.settle_stacks(RollbackFailed, Some("no"));
    client.last_operation().await.expect(200);
    client.deprovision().await.expect(202);
    client.world.settle_stacks(DeleteFailed, Some("no"));
    client.last_operation().await.expect(200);
    assert!(
        client
            .bind("one", json!({}))
            .await
            .expect(400)
            .description()
            .contains("Delete it again")
    );
}

#[tokio::test(start_paused = true)]
async fn hanging_deletion_is_accepted_within_24_seconds() {
    for call in [
        "records.bindings",
        "users.access_keys",
        "users.delete_user",
        "stacks.delete",
    ] {
        let client = Client::with_instance().await;
        client.bind("a-binding", json!({})).await.expect(201);
        client.world.inject(call, Fault::Hang);
        let begun = tokio::time::Instant::now();
        client.deprovision().await.expect(202);
        assert!(
            begun.elapsed() < std::time::Duration::from_secs(24),
            "{call}: {:?}",
            begun.elapsed()
        );

        client.world.let_time_pass(SignedDuration::from_secs(31));
        assert_eq!(
            client.last_operation().await.expect(200).body["state"],
            "in progress"
        );
        client.world.complete_stacks();
        assert_eq!(
            client.last_operation().await.expect(200).body["state"],
            "succeeded"
        );
        assert!(client.world.users().is_empty() && client.world.stack_names().is_empty());
    }
}

/// IAM does not delete a user that somebody has put into a group, or given a password.
#[tokio::test]
async fn undeletable_users_lose_their_keys_and_fail_the_deletion() {
    let client = Client::with_instance().await;
    for id in ["one", "two"] {
        client.bind(id, json!({})).await.expect(201);
    }
    let expected = "because it has additions that are not the broker's (injected).";
    client
        .world
        .inject("users.delete_user", Fault::Before(InUse));
    let refused = client.unbind("one").await.expect(500);
    assert!(
        refused.description().contains(expected),
        "{}",
        refused.description()
    );

    client
        .world
        .inject("users.delete_user", Fault::Before(InUse));
    client.deprovision().await.expect(202);
    let failed = client.last_operation().await.expect(200);
    assert_eq!(
        (&failed.body["state"], &failed.body["instance_usable"]),
        (&json!("failed"), &json!(true))
    );
    assert!(
        failed.description().contains(expected),
        "{}",
        failed.description()
    );
    assert!(
        failed
            .description()
            .ends_with("operator remove them, then retry the deletion.")
    );
    let users: Vec<_> = client.world.users().into_values().collect();
    assert!(
        users
            .iter()
            .all(|user| user.access_keys.is_empty() && user.policy.is_null()),
        "{users:?}"
    );
    assert_eq!(
        (
            users.len(),
            client.world.bindings().len(),
            client.world.stack_names().len()
        ),
        (2, 2, 1)
    );

    client.deprovision().await.expect(202);
    client.finish().await;
    assert!(client.world.users().is_empty() && client.world.bindings().is_empty());
    client.world.let_time_pass(SignedDuration::from_secs(31));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
}

#[tokio::test]
async fn deletion_failure_quotes_aws_then_advises() {
    let client = Client::with_instance().await;
    client.world.inject(
        "stacks.delete",
        Fault::Rejected("Stack cannot be deleted while TerminationProtection is enabled"),
    );
    client.deprovision().await.expect(202);
    let expected = "Stack cannot be deleted while TerminationProtection is enabled. Remove the \
                    cause, then delete the instance again.";
    assert_eq!(
        client.last_operation().await.expect(200).description(),
        expected
    );
}

#[tokio::test]
async fn deletion_naming_another_service_is_refused() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    let before = client.world.account();
    let instance = format!("/v2/service_instances/{INSTANCE}");
    for path in [instance.clone(), format!("{instance}/service_bindings/one")] {
        for other in [service_id("s3"), "unknown".into()] {
            let query = format!("service_id={other}&plan_id=any&accepts_incomplete=true");
            let answer = client
                .request("DELETE", &format!("{path}?{query}"), None)
                .await
                .expect(400);
            assert!(
                answer
                    .description()
                    .contains("service_id does not match the service"),
                "{answer:?}"
            );
        }
    }
    let after = client.world.account();
    assert_eq!(
        (after.instances, after.bindings),
        (before.instances, before.bindings)
    );
}

/// Its creation was never seen to be over, so that the deletion looks for the stack.
#[tokio::test]
async fn rejected_deletion_of_looked_up_stack_fails() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.complete_stacks();
    client
        .world
        .inject("stacks.delete", Fault::Rejected("It is protected"));
    client.deprovision().await.expect(202);
    let ended = client.world.instance(INSTANCE).expect("the record");
    assert!(
        ended
            .operation
            .is(OperationKind::Deprovision, OperationState::Failed)
    );
    assert!(ended.stack_id.is_some());
}

/// Sends a request for a user of Kubernetes.
async fn send_for(client: &Client, user: &str, method: &str, body: Value) -> Answer {
    let ids = client.ids();
    let path = format!("/v2/service_instances/{INSTANCE}?accepts_incomplete=true&{ids}");
    client.request_for(user, method, &path, &body).await
}

fn provision_in(space: &str) -> Value {
    json!({
        "service_id": service_id("sqs"), "plan_id": plan_id("sqs", "standard"), "organization_guid": "o", "space_guid": space,
    })
}

#[tokio::test]
async fn orphan_mitigation_keeps_instances_of_others() {
    let client = Client::new();
    send_for(&client, "alice", "PUT", provision_in("shop"))
        .await
        .expect(202);
    client.finish().await;
    send_for(&client, "mallory", "PUT", provision_in("elsewhere"))
        .await
        .expect(409);
    // The answer got lost on its way.
    send_for(&client, "mallory", "DELETE", json!({}))
        .await
        .expect(410);
    client.fetch_instance().await.expect(200);

    // A colleague in the same space may delete it, whatever was refused.
    let mut other = provision_in("shop");
    other["parameters"] = json!({"DelaySeconds": 5});
    let refused = || client.world.account().refused;
    let before = refused();
    send_for(&client, "bob", "PUT", other).await.expect(409);
    assert_eq!(refused(), before);

    // However many were refused since, nobody of them reaches it.
    for user in 0..20 {
        send_for(
            &client,
            &format!("user-{user}"),
            "PUT",
            provision_in("elsewhere"),
        )
        .await
        .expect(409);
    }
    send_for(&client, "mallory", "DELETE", json!({}))
        .await
        .expect(410);

    // Who may change the instance may delete it, whatever was refused to whom.
    send_for(&client, "alice", "PUT", provision_in("elsewhere"))
        .await
        .expect(409);
    send_for(&client, "mallory", "PUT", provision_in("elsewhere"))
        .await
        .expect(409);
    // So may who has changed it, in spite of a later refusal.
    let changed = json!({"service_id": service_id("sqs"), "parameters": {"DelaySeconds": 5}});
    send_for(&client, "carol", "PATCH", changed)
        .await
        .expect(202);
    client.finish().await;
    send_for(&client, "carol", "PUT", provision_in("elsewhere"))
        .await
        .expect(409);
    send_for(&client, "carol", "DELETE", json!({}))
        .await
        .expect(202);
}

#[tokio::test]
async fn creator_of_an_instance_may_delete_it_after_a_refusal() {
    let client = Client::new();
    send_for(&client, "alice", "PUT", provision_in("here"))
        .await
        .expect(202);
    client.finish().await;
    send_for(&client, "alice", "PUT", provision_in("elsewhere"))
        .await
        .expect(409);
    send_for(&client, "alice", "DELETE", json!({}))
        .await
        .expect(202);
}

/// Applications keep names that follow from the id, such as that of a repository or of a bus.
#[tokio::test]
async fn deleted_instance_id_stays_with_its_space() {
    let client = Client::with_instance().await;
    client.deprovision().await.expect(202);
    client.world.settle_stacks(DeleteComplete, None);
    client.last_operation().await.expect(200);
    client
        .world
        .let_time_pass(SignedDuration::from_hours(5 * 365 * 24));

    for other in ["space_guid", "organization_guid"] {
        let refused = client
            .provision(json!({other: "another"}))
            .await
            .expect(409);
        assert!(
            refused
                .description()
                .contains("in another space or organization"),
            "{refused:?}"
        );
    }
    assert!(client.world.account().stacks.is_empty());
    client.deprovision().await.expect(410);

    // A creation that is refused does not give the id up either.
    client.world.inject("stacks.create", Fault::Rejected("No."));
    client.provision(json!({})).await.expect(400);
    client
        .provision(json!({"space_guid": "another"}))
        .await
        .expect(409);
    client.last_operation().await.expect(200);
    client.provision(json!({})).await.expect(202);
}

/// An earlier version of the broker did not write down who had created it, and not every platform
/// tells.
#[tokio::test]
async fn orphan_mitigation_keeps_instance_of_unknown_user() {
    let client = Client::with_instance().await;
    send_for(&client, "mallory", "PUT", provision_in("elsewhere"))
        .await
        .expect(409);
    send_for(&client, "mallory", "DELETE", json!({}))
        .await
        .expect(410);
    send_for(&client, "alice", "DELETE", json!({}))
        .await
        .expect(202);
}

#[tokio::test]
async fn refused_user_may_delete_after_a_day_or_a_change() {
    for delay in [None, Some(5), Some(0)] {
        let client = Client::new();
        send_for(&client, "alice", "PUT", provision_in("shop"))
            .await
            .expect(202);
        client.finish().await;
        send_for(&client, "bob", "PUT", provision_in("elsewhere"))
            .await
            .expect(409);
        match delay {
            None => client.world.let_time_pass(SignedDuration::from_hours(24)),
            Some(delay) => {
                let change =
                    json!({"service_id": service_id("sqs"), "parameters": {"DelaySeconds": delay}});
                let changed = send_for(&client, "bob", "PATCH", change).await;
                assert_eq!(changed.status, if delay == 0 { 200 } else { 202 });
                client.finish().await;
                // Somebody else's change since does not keep them out again.
                let other =
                    json!({"service_id": service_id("sqs"), "parameters": {"DelaySeconds": 9}});
                send_for(&client, "alice", "PATCH", other).await.expect(202);
                client.finish().await;
            }
        }
        send_for(&client, "bob", "DELETE", json!({}))
            .await
            .expect(202);
    }
}

/// An instance whose deletion CloudFormation has not begun.
async fn with_ignored_deletion() -> Client {
    let client = Client::with_instance().await;
    ignore_deletion(&client);
    client.deprovision().await.expect(202);
    client
}

fn ignore_deletion(client: &Client) {
    client
        .world
        .inject("stacks.delete", Fault::Before(Unavailable));
}

#[tokio::test]
async fn ignored_deletion_fails_after_an_hour() {
    let client = with_ignored_deletion().await;
    client.world.let_time_pass(SignedDuration::from_hours(1));
    ignore_deletion(&client);
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );

    client.world.let_time_pass(SignedDuration::from_secs(1));
    let failed = client.last_operation().await.expect(200);
    assert_eq!(failed.body["state"], "failed");
    assert_eq!(
        failed.description(),
        "CloudFormation did not start to delete the stack. Delete the instance again."
    );
    client.deprovision().await.expect(202);
    client.finish().await;
    assert!(client.world.stack_names().is_empty());
}

#[tokio::test]
async fn deletion_gives_a_resting_stack_ten_minutes() {
    let client = with_ignored_deletion().await;
    client.world.let_time_pass(SignedDuration::from_mins(51));
    client.world.act(Act::Update);
    client.world.complete_stacks();
    client.world.let_time_pass(SignedDuration::from_mins(10));
    ignore_deletion(&client);
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );

    client.world.let_time_pass(SignedDuration::from_secs(1));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "failed"
    );
}

#[tokio::test]
async fn second_deletion_removes_a_late_stack() {
    let client = Client::with_instance().await;
    let mut late = client.world.stack();
    late.id += "-again";
    client.deprovision().await.expect(202);
    client.world.settle_stacks(DeleteFailed, Some("No."));
    client.last_operation().await.expect(200);

    client.deprovision().await.expect(202);
    client.world.complete_stacks();
    client.world.edit(|account| {
        let name = format!("osb-sqs-{INSTANCE}");
        account.stacks.insert(name, late);
    });
    client.world.let_time_pass(SignedDuration::from_secs(31));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    client.finish().await;
    assert!(client.world.stack_names().is_empty());
    let instance = client.world.instance(INSTANCE).expect("the record");
    assert!(instance.is_tombstone());
}

#[tokio::test]
async fn first_deletion_expects_no_second_stack() {
    let client = Client::with_instance().await;
    client.deprovision().await.expect(202);
    client.world.complete_stacks();
    client.world.take_calls();
    client.last_operation().await.expect(200);
    assert_eq!(
        client.world.take_calls(),
        [
            "records.instance",
            "stacks.events",
            "records.bindings",
            "records.update_instance"
        ]
    );
}
