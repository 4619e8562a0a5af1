use aws_service_broker::{
    broker::{
        ports::{
            PortErrorKind::{Denied, Unavailable},
            StackResource, UnreadableRecord,
        },
        records::{Instance, InstanceId},
        rules::{BindingRules, WorkloadIdentity},
        upkeep::{self, CostClass, Removal},
    },
    sweep::{self, SweepRequest},
};
use lambda_http::lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};

use crate::support::{Client, FakeStack, Fault, INSTANCE, World, catalog, user_of};

/// Invokes the function with this payload.
async fn sweep(client: &Client, payload: Value) -> Value {
    let request: SweepRequest = serde_json::from_value(payload).expect("a request");
    let response = sweep::handle(
        &client.broker(),
        true,
        LambdaEvent::new(request, Context::default()),
    )
    .await;
    serde_json::to_value(response.expect("a response")).expect("JSON")
}

fn nothing(stacks: usize, users: usize, records: usize) -> Value {
    json!({
        "stacks_without_record": [],
        "stacks_without_tag": [],
        "users_without_binding": [],
        "roles_without_binding": [],
        "instances_without_stack": [],
        "retained_resources": [],
        "unreadable_records": [],
        "looked_at": {"stacks": stacks, "users": users, "roles": 0, "resources": 0, "records": records},
    })
}

/// One instance in use, one that is being created, one that failed and one that is deleted.
async fn some_instances() -> Client {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    client.bind("two", json!({})).await.expect(201);
    client.unbind("two").await.expect(200);
    for id in ["creating", "failed", "deleted"] {
        client.provision_as(id, json!({})).await.expect(202);
    }
    client
}

#[tokio::test(start_paused = true)]
async fn sweep_without_orphans_finds_nothing() {
    let client = some_instances().await;
    assert_eq!(sweep(&client, json!({})).await, nothing(4, 1, 6));
    client.deprovision().await.expect(202);
    assert_eq!(sweep(&client, json!({})).await, nothing(4, 0, 6));
    client.finish().await;
    assert_eq!(sweep(&client, json!({})).await, nothing(3, 0, 6));
}

#[tokio::test(start_paused = true)]
async fn sweep_reports_orphans_and_changes_nothing() {
    let client = some_instances().await;
    let (stack, user) = lose_the_records(&client);
    let before = client.world.account();
    client.world.take_calls();
    let found = sweep(&client, json!({})).await;
    let names = |kind: &str| {
        found[kind]
            .as_array()
            .expect("findings")
            .iter()
            .map(|one| one["name"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("stacks_without_record"), [stack]);
    assert_eq!(names("users_without_binding"), [user]);
    assert_eq!(found["stacks_without_record"][0]["instance_id"], INSTANCE);
    assert_eq!(found["instances_without_stack"], json!([]));
    assert_eq!(client.world.account(), before);
    let calls = client.world.take_calls();
    assert!(
        calls.iter().all(|call| call.ends_with(".page")
            || ["records.instance", "stacks.describe"].contains(call)),
        "{calls:?}"
    );
}

/// Somebody deletes the items of an instance by hand. The names of its stack and its user.
fn lose_the_records(client: &Client) -> (String, String) {
    let stack = client
        .world
        .instance(INSTANCE)
        .expect("the record")
        .stack_name;
    let user = client
        .world
        .bindings()
        .pop()
        .and_then(|binding| user_of(&binding).map(|user| user.user_name.clone()))
        .expect("a user");
    client.world.edit(|account| {
        account.instances.retain(|id, _| id.as_str() != INSTANCE);
        account.bindings.clear();
    });
    (stack, user)
}

#[tokio::test(start_paused = true)]
async fn sweep_reports_instances_without_stack() {
    let client = some_instances().await;
    client.world.edit(|account| account.stacks.clear());
    let found = sweep(&client, json!({})).await;
    let instance = &found["instances_without_stack"][0];
    assert_eq!(instance["instance_id"], INSTANCE);
    assert_eq!(instance["last_operation"]["kind"], "provision");
    // Platforms still poll the others.
    assert_eq!(
        found["instances_without_stack"]
            .as_array()
            .expect("findings")
            .len(),
        1
    );
    client
        .world
        .let_time_pass(jiff::SignedDuration::from_hours(24));
    let found = sweep(&client, json!({})).await;
    assert_eq!(
        found["instances_without_stack"]
            .as_array()
            .expect("findings")
            .len(),
        4
    );
}

#[tokio::test(start_paused = true)]
async fn sweep_ignores_foreign_stacks_and_users() {
    let client = some_instances().await;
    client.world.edit(|account| {
        let ours = account.stacks.values().next().expect("a stack").clone();
        account.stacks.insert("another-sqs".into(), ours.clone());
        account.stacks.insert("osbtwo-sqs".into(), ours.clone());
        let mut untagged = ours;
        untagged.tags.clear();
        account
            .stacks
            .insert("osb-of-somebody-else".into(), untagged);
        let user = account.users.values().next().expect("a user").clone();
        account.users.insert("somebody".into(), user);
    });
    assert_eq!(sweep(&client, json!({})).await, nothing(4, 1, 6));
}

#[tokio::test(start_paused = true)]
async fn untagged_orphan_stack_is_reported_but_never_removed() {
    let client = some_instances().await;
    let untag = |stack: &mut FakeStack| stack.tags.clear();
    client
        .world
        .edit(|account| account.stacks.values_mut().for_each(untag));
    assert_eq!(
        sweep(&client, json!({})).await,
        nothing(4, 1, 6),
        "records name them"
    );

    let (stack, _) = lose_the_records(&client);
    let removal = json!({"remove": {"stacks": [stack]}});
    let found = sweep(&client, removal).await;
    assert_eq!(
        (
            &found["stacks_without_record"],
            &found["stacks_without_tag"][0]["name"]
        ),
        (&json!([]), &json!(stack))
    );
    assert_eq!(
        found["removed"][&stack],
        "nothing was done: it is not among the findings"
    );
    assert!(client.world.stack_names().contains(&stack));
}

#[tokio::test(start_paused = true)]
async fn foreign_stack_with_instance_name_is_reported() {
    let client = some_instances().await;
    let stack = client
        .world
        .instance(INSTANCE)
        .expect("the record")
        .stack_name;
    client.world.edit(|account| {
        let ours = account.stacks.get_mut(&stack).expect("the stack");
        ours.id += "-another";
        ours.tags.clear();
    });
    let found = sweep(&client, json!({})).await;
    assert_eq!(found["stacks_without_tag"][0]["name"], stack);
    assert_eq!(found["instances_without_stack"][0]["instance_id"], INSTANCE);
    let removed =
        sweep(&client, json!({"remove": {"instances": [INSTANCE]}})).await["removed"].clone();
    assert_eq!(removed[INSTANCE], "The instance has been deleted.");
    assert!(client.world.stack_names().contains(&stack));
}

#[tokio::test(start_paused = true)]
async fn unreadable_record_is_reported_and_protects_its_names() {
    let client = some_instances().await;
    let (stack, user) = lose_the_records(&client);
    let record = UnreadableRecord {
        key: "INSTANCE#x META".into(),
        reason: "because".into(),
        names: vec![stack, user],
    };
    client.world.edit(|account| account.unreadable.push(record));
    let found = sweep(&client, json!({})).await;
    assert_eq!(
        (
            &found["stacks_without_record"],
            &found["users_without_binding"]
        ),
        (&json!([]), &json!([]))
    );
    assert_eq!(found["unreadable_records"][0]["key"], "INSTANCE#x META");
}

#[tokio::test(start_paused = true)]
async fn sweep_removes_only_requested_findings() {
    let client = some_instances().await;
    let (stack, user) = lose_the_records(&client);
    let used = client
        .world
        .stack_names()
        .into_iter()
        .find(|name| *name != stack)
        .expect("another stack");
    let removal = json!({"remove": {"stacks": [stack, used], "users": [user, "osb-nobody"], "instances": ["creating"]}});
    let removed = sweep(&client, removal).await["removed"].clone();
    assert_eq!(removed[&stack], "is being deleted");
    assert_eq!(removed[&user], "deleted");
    for kept in [&used, "osb-nobody", "creating"] {
        assert_eq!(
            removed[kept],
            "nothing was done: it is not among the findings"
        );
    }
    client.world.complete_stacks();
    assert!(
        client.world.stack_names().contains(&used) && !client.world.stack_names().contains(&stack)
    );
    assert!(client.world.users().is_empty());
    assert_eq!(sweep(&client, json!({})).await, nothing(3, 0, 3));
}

#[tokio::test(start_paused = true)]
async fn sweep_removes_only_orphaned_roles() {
    let workload_identity = WorkloadIdentity {
        eks_cluster_arn: Some("a-cluster".into()),
        ..Default::default()
    };
    let rules = BindingRules {
        workload_identity,
        ..BindingRules::default()
    };
    let client = Client::with(World::new(), catalog(), rules, Default::default())
        .having_instance()
        .await;
    client.world.make_role("an-application");
    for id in ["one", "two"] {
        client
            .bind(
                id,
                json!({"parameters": {"ServiceAccount": "a-namespace/an-account"}}),
            )
            .await
            .expect(201);
    }
    assert_eq!(
        sweep(&client, json!({})).await["roles_without_binding"],
        json!([])
    );
    client
        .world
        .edit(|account| account.bindings.retain(|(_, id), _| id.as_str() == "two"));
    let found = sweep(&client, json!({})).await;
    let lost = found["roles_without_binding"][0]["name"]
        .as_str()
        .expect("a role")
        .to_owned();
    assert_eq!(found["looked_at"]["roles"], 2);
    let used = client
        .world
        .roles()
        .into_keys()
        .find(|name| name.starts_with("osb-") && *name != lost)
        .expect("a role");
    let removal = json!({"remove": {"roles": [lost, used, "an-application"]}});
    let removed = sweep(&client, removal).await["removed"].clone();
    assert_eq!(removed[&lost], "deleted");
    for kept in [&used, "an-application"] {
        assert_eq!(
            removed[kept],
            "nothing was done: it is not among the findings"
        );
    }
    assert!(
        client
            .world
            .roles()
            .into_keys()
            .eq(["an-application".to_owned(), used])
    );
}

#[tokio::test(start_paused = true)]
async fn sweep_deprovisions_instance_without_stack() {
    let client = some_instances().await;
    let stack = client
        .world
        .instance(INSTANCE)
        .expect("the record")
        .stack_name;
    client
        .world
        .edit(|account| drop(account.stacks.remove(&stack)));
    let removed =
        sweep(&client, json!({"remove": {"instances": [INSTANCE]}})).await["removed"].clone();
    assert_eq!(removed[INSTANCE], "The instance has been deleted.");
    assert!(client.world.users().is_empty() && client.world.bindings().is_empty());
    client.deprovision().await.expect(410);
    assert_eq!(sweep(&client, json!({})).await, nothing(3, 0, 6));
}

#[tokio::test(start_paused = true)]
async fn sweep_failure_is_returned_to_the_operator() {
    let client = some_instances().await;
    client.world.inject("records.page", Fault::Before(Denied));
    let event = LambdaEvent::new(SweepRequest::default(), Context::default());
    let error = sweep::handle(&client.broker(), true, event)
        .await
        .expect_err("denied")
        .to_string();
    assert_eq!(error, "twin records.page: injected");
}

#[test]
fn malformed_sweep_request_is_refused() {
    for wrong in [
        json!({"removed": {}}),
        json!({"remove": ["a-stack"]}),
        json!({"remove": {"stack": ["a"]}}),
    ] {
        assert!(
            serde_json::from_value::<SweepRequest>(wrong.clone()).is_err(),
            "{wrong}"
        );
    }
    assert_eq!(
        serde_json::from_value::<SweepRequest>(json!({})).expect("nothing to remove"),
        SweepRequest::default()
    );
}

#[tokio::test(start_paused = true)]
async fn instance_with_untagged_stack_is_not_removed() {
    let client = some_instances().await;
    client.world.edit(|account| {
        account
            .stacks
            .values_mut()
            .for_each(|stack| stack.tags.clear())
    });
    let removed =
        sweep(&client, json!({"remove": {"instances": [INSTANCE]}})).await["removed"].clone();
    assert_eq!(
        removed[INSTANCE],
        "nothing was done: it is not among the findings"
    );
    assert_eq!(client.world.stack_names().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn finding_with_restored_record_is_not_removed() {
    let client = some_instances().await;
    let account = client.world.account();
    let (stack, user) = lose_the_records(&client);
    let findings = upkeep::sweep(&client.broker()).await.expect("a sweep");
    assert_eq!(
        (
            findings.stacks_without_record.len(),
            findings.users_without_binding.len()
        ),
        (1, 1)
    );
    client
        .world
        .edit(|now| (now.instances, now.bindings) = (account.instances, account.bindings));
    let removal = Removal {
        stacks: [stack.clone()].into(),
        users: [user.clone()].into(),
        ..Removal::default()
    };
    let removed = upkeep::remove(&client.broker(), &findings, &removal)
        .await
        .expect("a removal");
    assert!(
        [stack, user]
            .iter()
            .all(|name| removed[name].starts_with("nothing was done")),
        "{removed:?}"
    );
    assert_eq!(sweep(&client, json!({})).await, nothing(4, 1, 6));
}

#[tokio::test(start_paused = true)]
async fn sweep_removes_instance_that_never_had_a_stack() {
    let client = some_instances().await;
    client.world.edit(|account| account.stacks.clear());
    client
        .world
        .let_time_pass(jiff::SignedDuration::from_hours(24));
    let removal = json!({"remove": {"instances": ["creating"]}});
    let removed = sweep(&client, removal.clone()).await["removed"].clone();
    assert!(
        removed["creating"]
            .as_str()
            .is_some_and(|outcome| outcome.starts_with("Deleting")),
        "{removed}"
    );
    client
        .world
        .let_time_pass(jiff::SignedDuration::from_secs(30));
    assert_eq!(
        sweep(&client, removal).await["removed"]["creating"],
        "The instance has been deleted."
    );
}

/// Elsewhere the role that it assumes would let it.
#[tokio::test]
async fn removal_needs_the_operators_permission() {
    let client = Client::with_instance().await;
    client.world.edit(|account| account.instances.clear());
    let stack = client.world.stack_names().remove(0);
    let request =
        serde_json::from_value(json!({"remove": {"stacks": [stack]}})).expect("a request");
    let event = LambdaEvent::new(request, Context::default());
    let error = sweep::handle(&client.broker(), false, event)
        .await
        .expect_err("it may only look")
        .to_string();
    assert!(error.contains("SweepRemoves"), "{error}");
    assert_eq!(client.world.stack_names().len(), 1);

    let event = LambdaEvent::new(SweepRequest::default(), Context::default());
    sweep::handle(&client.broker(), false, event)
        .await
        .expect("it may look");
}

#[tokio::test(start_paused = true)]
async fn partly_failed_removal_reports_every_outcome() {
    let client = Client::with_instance().await;
    for id in ["one", "two", "three"] {
        client.bind(id, json!({})).await.expect(201);
    }
    let stack = client.world.stack_names().remove(0);
    let users: Vec<_> = client.world.users().into_keys().collect();
    client.world.edit(|account| {
        account.instances.clear();
        account.bindings.clear();
    });

    // Users are removed in the order of their names.
    client.world.inject("stacks.delete", Fault::Before(Denied));
    client
        .world
        .inject("users.access_keys", Fault::Before(Denied));
    let removal =
        json!({"remove": {"stacks": [stack], "users": users, "instances": ["", "nobody"]}});
    let removed = sweep(&client, removal.clone()).await["removed"].clone();
    assert_eq!(removed[&stack], "failed: twin stacks.delete: injected");
    assert_eq!(
        removed[&users[0]],
        "failed: twin users.access_keys: injected"
    );
    assert_eq!(
        (&removed[&users[1]], &removed[&users[2]]),
        (&json!("deleted"), &json!("deleted"))
    );
    for unknown in ["", "nobody"] {
        assert_eq!(
            removed[unknown],
            "nothing was done: it is not among the findings"
        );
    }
    assert_eq!(
        client.world.users().into_keys().collect::<Vec<_>>(),
        users[..1]
    );

    let removed = sweep(&client, removal).await["removed"].clone();
    assert_eq!(
        (&removed[&stack], &removed[&users[0]]),
        (&json!("is being deleted"), &json!("deleted"))
    );
    assert!(client.world.users().is_empty());
}

#[tokio::test(start_paused = true)]
async fn failed_instance_removal_hides_no_other_outcome() {
    let client = some_instances().await;
    client.world.edit(|account| account.stacks.clear());
    client
        .world
        .let_time_pass(jiff::SignedDuration::from_hours(24));
    client
        .world
        .inject("records.begin_deprovision", Fault::Before(Denied));
    let removed = sweep(
        &client,
        json!({"remove": {"instances": [INSTANCE, "failed"]}}),
    )
    .await["removed"]
        .clone();
    let failed = |outcome: &Value| {
        outcome
            .as_str()
            .is_some_and(|outcome| outcome.starts_with("failed: "))
    };
    assert_eq!(
        (failed(&removed[INSTANCE]), failed(&removed["failed"])),
        (true, false),
        "{removed}"
    );
}

#[tokio::test(start_paused = true)]
async fn user_and_role_of_one_name_report_both_outcomes() {
    let client = Client::with_instance().await;
    client.bind("one", json!({})).await.expect(201);
    let (_, user) = lose_the_records(&client);
    let removal = json!({"remove": {"users": [user], "roles": [user]}});
    let removed = sweep(&client, removal).await["removed"].clone();
    assert_eq!(
        removed[&user],
        "deleted; nothing was done: it is not among the findings"
    );
}

/// Records are looked at page by page: what a page has to be asked of AWS is asked before the next
/// page.
#[tokio::test(start_paused = true)]
async fn records_are_processed_page_by_page() {
    let client = Client::with_instance().await;
    client.world.edit(|account| {
        account.stacks.clear();
        let instance = account
            .instances
            .values()
            .next()
            .expect("an instance")
            .clone();
        for number in 0..8 {
            let id = InstanceId::new(format!("instance-{number}")).expect("an id");
            account.instances.insert(
                id.clone(),
                Instance {
                    id,
                    ..instance.clone()
                },
            );
        }
    });
    client.world.take_calls();
    assert_eq!(
        upkeep::sweep(&client.broker())
            .await
            .expect("a sweep")
            .instances_without_stack
            .len(),
        9
    );
    let calls = client.world.take_calls();
    let order: Vec<_> = calls
        .into_iter()
        .filter(|call| ["records.page", "stacks.describe"].contains(call))
        .collect();
    let one_page = [
        "records.page",
        "stacks.describe",
        "stacks.describe",
        "stacks.describe",
    ];
    assert_eq!(order, one_page.repeat(3));
}

#[tokio::test]
async fn retained_resources_are_reported_with_their_cost() {
    let client = Client::with_instance().await;
    let stack = client
        .world
        .account()
        .stacks
        .into_keys()
        .next()
        .expect("a stack");
    let gone = "osb-kinesis-5f2a1c3e-8d47-4b6a-9e0f-1c2d3e4f5a6b";
    let resource = |arn: &str, stack_name: &str| StackResource {
        arn: arn.into(),
        stack_name: stack_name.into(),
        instance_id: "an instance".into(),
    };
    let (stream, queue) = (
        "arn:aws:kinesis:us-east-1:0:stream/a",
        "arn:aws:sqs:us-east-1:0:a",
    );
    client.world.edit(|account| {
        account.resources = vec![
            resource("arn:aws:sqs:us-east-1:0:in-use", &stack),
            resource(stream, gone),
            resource(queue, gone),
            resource("arn:aws:cloudformation:us-east-1:0:stack/gone/1", gone),
            resource(
                "arn:aws:kinesis:us-east-1:0:stream/another-brokers",
                &gone.replace("osb", "other"),
            ),
        ];
    });
    let findings = upkeep::sweep(&client.broker()).await.expect("findings");
    let found: Vec<_> = findings
        .retained_resources
        .iter()
        .map(|found| &found.item)
        .collect();
    let told: Vec<_> = found
        .iter()
        .map(|found| (&*found.resource.arn, found.cost))
        .collect();
    assert_eq!(
        told,
        [(stream, CostClass::Hourly), (queue, CostClass::Usage)]
    );
    assert_eq!(findings.looked_at.resources, 3);
}

/// Between the two looks, somebody deletes the one and puts the other into a stack again.
#[tokio::test]
async fn resources_that_are_not_left_at_the_second_look_are_not_reported() {
    let client = Client::with_instance().await;
    let stack = client.world.stack_names().remove(0);
    let resource = |arn: &str, stack_name: &str| StackResource {
        arn: arn.into(),
        stack_name: stack_name.into(),
        instance_id: "an instance".into(),
    };
    let gone = "osb-sqs-5f2a1c3e-8d47-4b6a-9e0f-1c2d3e4f5a6b";
    client.world.edit(|account| {
        account.resources = vec![resource("arn:aws:sqs:us-east-1:0:deleted", gone)];
    });
    client.world.yield_at_calls(true);
    let (broker, world) = (client.broker(), client.world.clone());
    let change = async {
        while !world.calls_and_faults().0.contains(&"records.page") {
            tokio::task::yield_now().await;
        }
        world.edit(|account| {
            account.resources = vec![resource("arn:aws:sqs:us-east-1:0:in-use", &stack)]
        });
    };
    let (findings, ()) = tokio::join!(upkeep::sweep(&broker), change);
    let findings = findings.expect("findings");
    assert!(findings.retained_resources.is_empty(), "{findings:?}");
}

#[tokio::test(start_paused = true)]
async fn removal_skips_a_deletion_that_has_a_stack() {
    let client = Client::with_instance().await;
    client.deprovision().await.expect(202);
    let removed = sweep(&client, json!({"remove": {"instances": [INSTANCE]}})).await;
    assert_eq!(
        removed["removed"][INSTANCE],
        "nothing was done: it is not among the findings"
    );
}

#[tokio::test(start_paused = true)]
async fn removal_skips_an_instance_in_creation() {
    let client = Client::new();
    client
        .world
        .inject("stacks.create", Fault::Before(Unavailable));
    client.provision(json!({})).await.expect(503);
    let before = client.world.account();
    let removed = sweep(&client, json!({"remove": {"instances": [INSTANCE]}})).await;
    assert_eq!(
        removed["removed"][INSTANCE],
        "nothing was done: it is not among the findings"
    );
    assert_eq!(client.world.account(), before);
}

#[tokio::test(start_paused = true)]
async fn at_most_a_thousand_unreadable_records_are_reported() {
    let client = Client::new();
    let record = |number| UnreadableRecord {
        key: format!("INSTANCE#{number} META"),
        reason: "because".into(),
        names: Vec::new(),
    };
    client
        .world
        .edit(|account| account.unreadable = (0..1_001).map(record).collect());
    let findings = upkeep::sweep(&client.broker()).await.expect("findings");
    assert_eq!(
        (
            findings.unreadable_records.len(),
            findings.looked_at.records
        ),
        (1_000, 1_001)
    );
}
