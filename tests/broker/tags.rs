//! Tags of stacks, and of the users of bindings.

use std::collections::BTreeMap;

use aws_service_broker::broker::{
    Broker,
    records::Tag,
    rules::{MAX_TAGS, OperatorTags},
    stacks::StackStatus::UpdateRollbackComplete,
};
use serde_json::{Value, json};

use crate::support::{Client, INSTANCE, service_id};

fn cloud_foundry(instance_name: &str) -> Value {
    json!({
        "platform": "cloudfoundry",
        "organization_name": "Müller & Söhne",
        "space_name": "shop",
        "instance_name": instance_name,
    })
}

fn by_key(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter()
        .map(|tag| (tag.key.to_string(), tag.value.clone()))
        .collect()
}

fn stack_tags(client: &Client) -> BTreeMap<String, String> {
    by_key(&client.world.stack().tags)
}
#[tokio::test]
async fn stack_is_tagged_with_instance_plan_and_space() {
    let client = Client::new();
    client
        .provision(json!({"space_guid": "space <1>"}))
        .await
        .expect(202);
    let tags = stack_tags(&client);
    assert_eq!(tags["servicebroker:instance-id"], INSTANCE);
    assert_eq!(tags["servicebroker:plan"], "standard");
    // AWS refuses some characters in tags; an id may have any.
    assert_eq!(tags["servicebroker:space-guid"], "space _1_");
}

#[tokio::test]
async fn stack_has_the_names_that_the_platform_tells() {
    let client = Client::new();
    let context = cloud_foundry("orders");
    client
        .provision(json!({ "context": context }))
        .await
        .expect(202);
    let tags = stack_tags(&client);
    assert_eq!(
        tags["servicebroker:organization-name"], "M_ller _ S_hne",
        "AWS refuses some characters in tags"
    );
    assert_eq!(tags["servicebroker:space-name"], "shop");
    assert_eq!(tags["servicebroker:instance-name"], "orders");

    let client = Client::new();
    let context = json!({"platform": "kubernetes", "clusterid": "a-cluster", "namespace": "shop"});
    client
        .provision(json!({ "context": context }))
        .await
        .expect(202);
    let tags = stack_tags(&client);
    assert_eq!(tags["servicebroker:cluster-id"], "a-cluster");
    assert_eq!(tags["servicebroker:namespace"], "shop");
}

#[tokio::test]
async fn names_of_no_use_become_no_tags() {
    let client = Client::new();
    let context =
        json!({"instance_name": "", "space_name": 5, "organization_name": "o".repeat(300)});
    client
        .provision(json!({ "context": context }))
        .await
        .expect(202);
    let tags = stack_tags(&client);
    assert!(!tags.contains_key("servicebroker:instance-name"));
    assert!(!tags.contains_key("servicebroker:space-name"));
    assert_eq!(tags["servicebroker:organization-name"].len(), 256);
}

#[tokio::test]
async fn new_name_updates_the_tags_and_nothing_else() {
    let client = Client::new();
    let parameters = json!({"DelaySeconds": 7});
    client
        .provision(json!({"parameters": parameters, "context": cloud_foundry("old")}))
        .await
        .expect(202);
    client.finish().await;
    let before = client.world.stack();

    let rename = json!({ "context": cloud_foundry("new") });
    client.update(rename.clone()).await.expect(202);
    client.finish().await;

    let after = client.world.stack();
    assert_eq!(after.parameters, before.parameters);
    assert_eq!(after.template_body, before.template_body);
    assert_eq!(by_key(&after.tags)["servicebroker:instance-name"], "new");
    client.update(rename).await.expect(200);

    let annotated = json!({"context": {"platform": "cloudfoundry", "organization_name": "Müller & Söhne",
        "space_name": "shop", "instance_name": "new", "instance_annotations": {"a": "b"}}});
    client.update(annotated).await.expect(200);
}

#[tokio::test]
async fn failed_rename_leaves_the_old_name() {
    let client = Client::new();
    client
        .provision(json!({ "context": cloud_foundry("old") }))
        .await
        .expect(202);
    client.finish().await;
    client
        .update(json!({ "context": cloud_foundry("new") }))
        .await
        .expect(202);
    client
        .world
        .settle_stacks(UpdateRollbackComplete, Some("no permission to tag"));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "failed"
    );
    let context = client.world.instance(INSTANCE).expect("the record");
    assert_eq!(context.attributes.context.0["instance_name"], "old");
}

#[tokio::test]
async fn platform_that_does_not_wait_can_rename_and_the_next_update_sets_the_tag() {
    let client = Client::new();
    client
        .provision(json!({ "context": cloud_foundry("old") }))
        .await
        .expect(202);
    client.finish().await;

    let rename = json!({"service_id": service_id("sqs"), "context": cloud_foundry("new")});
    let path = format!("/v2/service_instances/{INSTANCE}");
    client
        .request("PATCH", &path, Some(rename))
        .await
        .expect(200);
    assert_eq!(stack_tags(&client)["servicebroker:instance-name"], "old");

    client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    assert_eq!(stack_tags(&client)["servicebroker:instance-name"], "new");
}

fn with_operator_tags(client: Client, list: &str) -> Client {
    let broker = client.broker();
    let operator_tags = OperatorTags::parse(list).expect("tags");
    client.with_broker(Broker {
        operator_tags,
        ..broker
    })
}

#[tokio::test]
async fn operator_tags_stand_on_stacks_and_on_identities_of_bindings() {
    let client = with_operator_tags(Client::new(), "cost-center=47 11, Env = a=b");
    let context = cloud_foundry("orders");
    client
        .provision(json!({ "context": context }))
        .await
        .expect(202);
    client.finish().await;
    client.bind("one", json!({})).await.expect(201);

    let (_, user) = client.world.users().pop_first().expect("a user");
    let user_tags = by_key(&user.tags);
    for tags in [&stack_tags(&client), &user_tags] {
        assert_eq!(tags["cost-center"], "47 11");
        assert_eq!(tags["Env"], "a=b");
    }
    // Nothing would update them.
    assert!(!user_tags.contains_key("servicebroker:instance-name"));
}

#[tokio::test]
async fn changed_operator_tags_reach_a_stack_with_its_next_update() {
    let client = Client::with_instance().await;
    let client = with_operator_tags(client, "team=blue");
    client.update(json!({})).await.expect(200);
    assert!(!stack_tags(&client).contains_key("team"));
    client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    assert_eq!(stack_tags(&client)["team"], "blue");
}

/// The maximum of tags of a resource.
/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
const MAX_OF_AWS: usize = 50;

/// Tags that a template may set itself, besides those of its stack.
const OF_TEMPLATES: usize = 10;

#[tokio::test]
async fn stacks_never_have_more_tags_than_aws_allows() {
    let list: Vec<_> = (0..MAX_TAGS).map(|n| format!("key{n}=value")).collect();
    let client = with_operator_tags(Client::new(), &list.join(","));
    let context = json!({"organization_name": "o", "space_name": "s", "instance_name": "i",
        "clusterid": "c", "namespace": "n"});
    client
        .provision(json!({ "context": context }))
        .await
        .expect(202);
    let tags = stack_tags(&client);
    assert_eq!(tags["key29"], "value");
    assert!(tags.len() + OF_TEMPLATES <= MAX_OF_AWS, "{}", tags.len());
}

#[test]
fn unusable_operator_tags_are_refused_with_the_reason() {
    let too_many: Vec<_> = (0..=MAX_TAGS).map(|n| format!("key{n}=value")).collect();
    for (list, reason) in [
        ("team", "write key=value"),
        ("team=", "the value of the tag `team`"),
        ("=blue", "the key of the tag ``"),
        ("team=blü", "characters that every service"),
        (&format!("{}=x", "k".repeat(129)), "1 to 128"),
        (&format!("k={}", "x".repeat(257)), "1 to 256"),
        ("AWS:team=blue", "begins with aws:"),
        ("servicebroker:space-guid=x", "begins with servicebroker:"),
        ("team=blue,Team=red", "occurs twice"),
        (&too_many.join(","), "31 tags are too many"),
    ] {
        let refused = OperatorTags::parse(list).expect_err(list);
        assert!(refused.contains(reason), "{list}: {refused}");
    }
    assert_eq!(OperatorTags::parse("").expect("none").iter().count(), 0);
}
