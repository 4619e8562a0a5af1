//! The stack exists, and the record does not: the table was restored, or somebody has deleted an
//! item.

use aws_service_broker::broker::{
    ports::PortErrorKind::Throttled,
    records::{INSTANCE_ID_TAG, ORGANIZATION_TAG, SPACE_TAG, Tag},
    stacks::StackStatus::DeleteFailed,
};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Act, Client, FakeStack, Fault, INSTANCE};

/// An instance whose record is lost.
async fn with_lost_record() -> Client {
    let client = Client::new();
    client
        .provision(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(202);
    client.finish().await;
    client.world.edit(|account| account.instances.clear());
    client
}

/// The state of the operation when no request of it can be under way any more.
async fn state_after_a_minute(client: &Client) -> (String, String) {
    client.world.let_time_pass(SignedDuration::from_mins(1));
    let answer = client.last_operation().await.expect(200);
    (
        answer.body["state"].as_str().expect("a state").to_owned(),
        answer.description().to_owned(),
    )
}

#[tokio::test]
async fn resent_request_adopts_stack_of_lost_record() {
    let client = with_lost_record().await;
    let before = client.world.stack();
    client
        .provision(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(202);
    assert_eq!(state_after_a_minute(&client).await.0, "succeeded");
    assert_eq!(client.world.stack(), before);
    client.bind("one", json!({})).await.expect(201);
}

/// A platform has an instance deleted whose creation has failed.
#[tokio::test]
async fn mismatched_parameters_are_refused_and_stack_is_kept() {
    let client = with_lost_record().await;
    let other = json!({"parameters": {"DelaySeconds": 8}});
    let refused = client.provision(other.clone()).await.expect(400);
    let description = refused.description();
    assert!(
        description.contains(
            "It has other values for `DelaySeconds`. A create request with this instance id"
        ),
        "{description}"
    );
    assert!(client.world.instance(INSTANCE).is_none());
    client.deprovision().await.expect(410);

    // AWS may be too busy to tell of the stack, and the platform cleans up.
    client
        .world
        .inject("stacks.describe", Fault::Before(Throttled));
    client.provision(other).await.expect(503);
    client.deprovision().await.expect(202);
    assert_left_alone(&client).await;

    client.world.let_time_pass(SignedDuration::from_mins(1));
    client
        .provision(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(202);
    assert_eq!(state_after_a_minute(&client).await.0, "succeeded");
    delete(&client).await;
}

/// The deletion ends, and the stack stays.
async fn assert_left_alone(client: &Client) {
    let (state, description) = state_after_a_minute(client).await;
    assert_eq!(state, "succeeded");
    assert!(
        description.contains("was not created by it, and is kept"),
        "{description}"
    );
    assert_eq!(client.world.stack_names().len(), 1);
}

#[tokio::test]
async fn mismatched_stack_in_creation_is_neither_adopted_nor_deleted() {
    let client = Client::new();
    client
        .provision(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(202);
    client.world.edit(|account| account.instances.clear());
    client
        .provision(json!({"parameters": {"DelaySeconds": 8}}))
        .await
        .expect(202);
    client.world.complete_stacks();
    let (state, description) = state_after_a_minute(&client).await;
    assert_eq!(state, "failed");
    assert!(
        description.contains("other values for `DelaySeconds`"),
        "{description}"
    );
    assert!(
        description.starts_with("Delete this failed instance; the stack is kept. The stack "),
        "{description}"
    );
    client.deprovision().await.expect(202);
    assert_left_alone(&client).await;
}

async fn delete(client: &Client) {
    client.deprovision().await.expect(202);
    client.world.complete_stacks();
    assert_eq!(state_after_a_minute(client).await.0, "succeeded");
    assert!(client.world.stack_names().is_empty());
}

#[tokio::test]
async fn untagged_stack_is_not_adopted() {
    let client = with_lost_record().await;
    client
        .world
        .edit(|account| account.stacks.values_mut().for_each(untag));
    let refused = client
        .provision(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(400);
    assert!(
        refused
            .description()
            .contains("Its tags do not identify it"),
        "{}",
        refused.description()
    );
    assert!(client.world.instance(INSTANCE).is_none());
    assert_eq!(client.world.stack_names().len(), 1);
}

fn untag(stack: &mut FakeStack) {
    stack.tags.clear();
}

/// A stack that somebody else has made, by itself in an account.
async fn stack_of_somebody_else() -> FakeStack {
    let other = Client::new();
    // Requests of their own, with ids of their own.
    other.world.set_turn(9);
    other.provision(json!({})).await.expect(202);
    other.finish().await;
    let mut stack = other.world.stack();
    untag(&mut stack);
    stack
}

#[tokio::test]
async fn deletion_keeps_foreign_stack_with_instance_name() {
    let stack = stack_of_somebody_else().await;
    for is_known in [false, true] {
        let client = Client::new();
        client.provision(json!({})).await.expect(202);
        if is_known {
            client.finish().await;
        }
        client.world.edit(|account| {
            account
                .stacks
                .values_mut()
                .for_each(|ours| *ours = stack.clone())
        });
        if is_known {
            let refused = client
                .update(json!({"parameters": {"DelaySeconds": 7}}))
                .await
                .expect(422);
            assert!(
                refused.description().contains("no longer exists"),
                "{}",
                refused.description()
            );
        }
        client.deprovision().await.expect(202);
        assert_eq!(state_after_a_minute(&client).await.0, "succeeded");
        assert_eq!(client.world.stack(), stack);
    }
}

#[tokio::test]
async fn repeated_deletion_keeps_foreign_replacement_stack() {
    let client = Client::with_instance().await;
    client.deprovision().await.expect(202);
    client.world.settle_stacks(DeleteFailed, Some("No."));
    assert_eq!(state_after_a_minute(&client).await.0, "failed");
    let stack = stack_of_somebody_else().await;
    client.world.edit(|account| {
        account
            .stacks
            .values_mut()
            .for_each(|ours| *ours = stack.clone())
    });
    client.deprovision().await.expect(202);
    assert_eq!(state_after_a_minute(&client).await.0, "succeeded");
    assert_eq!(client.world.stack(), stack);
}

#[tokio::test]
async fn deletion_removes_own_stack_without_its_tags() {
    for (is_known, fails_first) in [(false, false), (false, true), (true, false), (true, true)] {
        let client = Client::new();
        client.provision(json!({})).await.expect(202);
        if is_known {
            client.finish().await;
        }
        client
            .world
            .edit(|account| account.stacks.values_mut().for_each(untag));
        if fails_first {
            client.deprovision().await.expect(202);
            client.world.settle_stacks(DeleteFailed, Some("No."));
            assert_eq!(state_after_a_minute(&client).await.0, "failed");
        }
        delete(&client).await;
    }
}

/// Nobody may look for hours.
#[tokio::test]
async fn late_poll_of_deletion_keeps_unadopted_stack() {
    let client = with_lost_record().await;
    client
        .world
        .inject("stacks.describe", Fault::Before(Throttled));
    client
        .provision(json!({"parameters": {"DelaySeconds": 8}}))
        .await
        .expect(503);
    client.world.act(Act::Update);
    client
        .world
        .inject("records.bindings", Fault::Before(Throttled));
    client.deprovision().await.expect(202);
    client.world.complete_stacks();
    client.world.let_time_pass(SignedDuration::from_hours(2));
    assert_left_alone(&client).await;
}

/// A record of an earlier version does not know its stack's id, and that of a deletion not what was
/// before it.
#[tokio::test]
async fn deletion_fails_if_stack_ownership_is_unknown() {
    let client = Client::with_instance().await;
    client.deprovision().await.expect(202);
    client.world.settle_stacks(DeleteFailed, Some("No."));
    client.last_operation().await.expect(200);
    client.world.edit(|account| {
        account.stacks.values_mut().for_each(untag);
        account
            .instances
            .values_mut()
            .for_each(|instance| instance.stack_id = None);
    });
    client.deprovision().await.expect(202);
    let (state, description) = state_after_a_minute(&client).await;
    assert_eq!(state, "failed");
    let expected = format!(
        "Have the broker's operator set its tags ({INSTANCE_ID_TAG} to {INSTANCE}, \
         {ORGANIZATION_TAG} to an-organization, {SPACE_TAG} to a-space) or delete the stack."
    );
    assert!(description.contains(&expected), "{description}");
    assert_eq!(client.world.stack_names().len(), 1);

    // The operator does what the text says.
    let tags = [
        (INSTANCE_ID_TAG, INSTANCE),
        (ORGANIZATION_TAG, "an-organization"),
        (SPACE_TAG, "a-space"),
    ];
    let tags = tags.map(|(key, value)| Tag::new(key, value)).to_vec();
    client.world.edit(|account| {
        account
            .stacks
            .values_mut()
            .for_each(|stack| stack.tags = tags.clone())
    });
    delete(&client).await;
}

/// On Kubernetes, users choose ids.
#[tokio::test]
async fn other_space_cannot_adopt_or_delete_lost_stack() {
    for other in ["space_guid", "organization_guid"] {
        let request = json!({other: "another", "parameters": {"DelaySeconds": 7}});
        let client = with_lost_record().await;
        let refused = client.provision(request.clone()).await.expect(400);
        assert!(
            refused
                .description()
                .contains("Its tags do not identify it as this instance's"),
            "{refused:?}"
        );
        assert!(client.world.instance(INSTANCE).is_none());

        // While it is created.
        let client = Client::new();
        client
            .provision(json!({"parameters": {"DelaySeconds": 7}}))
            .await
            .expect(202);
        client.world.edit(|account| account.instances.clear());
        client.provision(request).await.expect(400);
        client.deprovision().await.expect(410);
        assert_eq!(client.world.stack_names().len(), 1);
    }
}

/// CloudFormation shows the first event of a stack a moment after the stack.
#[tokio::test]
async fn deletion_removes_stack_without_events() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.edit(|account| {
        account
            .stacks
            .values_mut()
            .for_each(FakeStack::forget_events)
    });
    delete(&client).await;
}

#[tokio::test]
async fn stack_of_another_instance_is_not_adopted() {
    let client = with_lost_record().await;
    client.world.edit(|account| {
        let tags = account
            .stacks
            .values_mut()
            .flat_map(|stack| &mut stack.tags);
        tags.filter(|tag| tag.key == INSTANCE_ID_TAG)
            .for_each(|tag| tag.value = "another".into());
    });
    let refused = client
        .provision(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(400);
    assert!(
        refused
            .description()
            .contains("Its tags do not identify it"),
        "{refused:?}"
    );
}
