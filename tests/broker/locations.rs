//! Instances in other accounts and Regions: only where the operator allows it, and then with all
//! that belongs to them.

use std::collections::{BTreeMap, BTreeSet};

use aws_service_broker::broker::{
    Broker, ports::PortErrorKind, records::Location, rules::Locations, stacks::ProgressCache,
    upkeep,
};
use serde_json::{Value, json};

use crate::support::{Client, Fault, INSTANCE, World, plan};

const ROLE: &str = "service-broker-osb-eu-west-1";

fn location(account_id: &str, region: &str, role_name: &str) -> Location {
    Location {
        account_id: account_id.into(),
        region: region.into(),
        role_name: role_name.into(),
    }
}

fn ireland() -> Location {
    location("222222222222", "eu-west-1", ROLE)
}

fn in_ireland() -> Value {
    json!({"parameters": {"target_account_id": "222222222222", "region": "eu-west-1", "DelaySeconds": 5}})
}

/// A broker that may work in Ireland, too, and what is there.
fn two_places() -> (Client, World) {
    let client = Client::new().with_locations(&[ireland()]);
    let there = client.world.elsewhere(&ireland());
    (client, there)
}

async fn with_instance_in_ireland() -> (Client, World) {
    let (client, there) = two_places();
    client.provision(in_ireland()).await.expect(202);
    there.complete_stacks();
    client.last_operation().await.expect(200);
    (client, there)
}

#[tokio::test]
async fn location_parameters_need_allowed_locations() {
    let client = Client::new();
    for parameter in ["target_account_id", "target_role_name", "region"] {
        let answer = client
            .provision(json!({"parameters": {parameter: "any"}}))
            .await
            .expect(400);
        assert!(
            answer
                .description()
                .contains(&format!("Unknown parameter `{parameter}`")),
            "{}",
            answer.description()
        );
    }
    let schema = &plan("sqs", "standard")["schemas"]["service_instance"]["create"]["parameters"];
    assert_eq!(schema["properties"].get("region"), None);
}

#[tokio::test]
async fn misspelt_location_parameter_gets_a_suggestion() {
    let (client, _) = two_places();
    let refused = client
        .provision(json!({"parameters": {"regoin": "eu-west-1"}}))
        .await
        .expect(400);
    assert!(
        refused
            .description()
            .starts_with("Unknown parameter `regoin`; did you mean `region`?")
    );
    assert!(
        refused.description().contains("`target_account_id`"),
        "{}",
        refused.description()
    );
}

#[tokio::test]
async fn catalog_lists_allowed_locations() {
    let (client, _) = two_places();
    let catalog = client.request("GET", "/v2/catalog", None).await.expect(200);
    for offering in catalog.body["services"].as_array().expect("offerings") {
        for plan in offering["plans"].as_array().expect("plans") {
            let of = |request: &str| {
                plan["schemas"]["service_instance"][request]["parameters"]["properties"].clone()
            };
            let properties = of("create");
            assert_eq!(
                properties["region"]["enum"],
                json!(["eu-west-1", "us-east-1"]),
                "{}",
                plan["name"]
            );
            assert_eq!(properties["region"]["default"], "us-east-1");
            assert_eq!(
                properties["target_account_id"]["enum"],
                json!(["000000000000", "222222222222"])
            );
            assert_eq!(properties["target_role_name"]["enum"], json!([ROLE]));
            assert_eq!(of("update").get("region"), None);
        }
    }
}

#[tokio::test]
async fn stack_and_users_live_in_requested_location() {
    let (client, there) = with_instance_in_ireland().await;
    assert_eq!(there.stack().parameters["DelaySeconds"], "5");
    assert!(
        !there.stack().parameters.contains_key("region"),
        "it is no parameter of the stack"
    );

    let fetched = client.fetch_instance().await.expect(200).body;
    assert_eq!(
        fetched["parameters"],
        json!({"DelaySeconds": 5, "target_account_id": "222222222222", "region": "eu-west-1", "target_role_name": ROLE})
    );
    assert!(
        fetched["dashboard_url"]
            .as_str()
            .is_some_and(|url| url.contains("region=eu-west-1")),
        "{fetched}"
    );
    assert_eq!(
        fetched["metadata"]["labels"]["aws-account-id"],
        "222222222222"
    );

    let bound = client.bind("one", json!({})).await.expect(201).body;
    assert_eq!(bound["credentials"]["AWS_REGION"], "eu-west-1");
    assert_eq!(there.users().len(), 1);

    client
        .update(json!({"parameters": {"DelaySeconds": 6}}))
        .await
        .expect(202);
    there.complete_stacks();
    client.last_operation().await.expect(200);
    assert_eq!(there.stack().parameters["DelaySeconds"], "6");

    client.unbind("one").await.expect(200);
    assert!(there.users().is_empty());
    client.bind("two", json!({})).await.expect(201);
    client.deprovision().await.expect(202);
    there.complete_stacks();
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
    assert!(there.stack_names().is_empty() && there.users().is_empty());

    let here = client.world.account();
    assert!(
        here.stacks.is_empty() && here.users.is_empty(),
        "nothing was made in the broker's own account"
    );
}

/// Only the broker's own account tells of its stacks.
#[tokio::test]
async fn polls_inspect_remote_stacks_despite_stack_events() {
    let (client, there) = two_places();
    let broker = Broker {
        progress_cache: ProgressCache::beside_events(),
        ..client.broker()
    };
    let client = client.with_broker(broker);
    client.provision(in_ireland()).await.expect(202);
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "in progress"
    );
    there.complete_stacks();
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
}

#[tokio::test]
async fn instance_in_disallowed_location_can_be_deleted() {
    let (client, there) = with_instance_in_ireland().await;
    let client = client.with_locations(&[]);
    client.deprovision().await.expect(202);
    there.complete_stacks();
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
    assert!(there.stack_names().is_empty());
}

#[tokio::test]
async fn brokers_own_location_can_be_requested() {
    let (client, there) = two_places();
    let members =
        json!({"parameters": {"target_account_id": "000000000000", "region": "us-east-1"}});
    client.provision(members).await.expect(202);
    assert_eq!(
        (client.world.stack_names().len(), there.stack_names().len()),
        (1, 0)
    );
    client.finish().await;
    let again = json!({"parameters": {"region": "us-east-1"}});
    client.update(again).await.expect(200);
}

#[tokio::test]
async fn disallowed_location_is_refused_with_alternatives() {
    let (client, there) = two_places();
    for parameters in [
        json!({"region": "eu-west-1"}),
        json!({"target_account_id": "222222222222"}),
        json!({"target_account_id": "333333333333", "region": "eu-west-1"}),
        json!({"target_account_id": "222222222222", "region": "eu-west-1", "target_role_name": "admin"}),
        json!({"target_role_name": ROLE}),
    ] {
        let answer = client
            .provision(json!({"parameters": parameters}))
            .await
            .expect(400);
        let description = answer.description();
        assert!(
            description.contains(&format!(
                "Choose one of: `000000000000` in `us-east-1`, `222222222222` in `eu-west-1` with \
                 the role `{ROLE}`."
            )),
            "{description}"
        );
    }
    let answer = client
        .provision(json!({"parameters": {"region": 1}}))
        .await
        .expect(400);
    assert!(
        answer.description().contains("`region` must be a string"),
        "{}",
        answer.description()
    );
    assert!(client.world.instance(INSTANCE).is_none() && there.stack_names().is_empty());
}

#[tokio::test]
async fn ambiguous_location_needs_a_role_name() {
    let (one, other) = (
        ireland(),
        location(
            "222222222222",
            "eu-west-1",
            "service-broker-osb-eu-west-1-data",
        ),
    );
    let client = Client::new().with_locations(&[one, other.clone()]);
    let answer = client.provision(in_ireland()).await.expect(400);
    assert!(
        answer
            .description()
            .contains("Send the parameter `target_role_name`, too."),
        "{}",
        answer.description()
    );

    let mut members = in_ireland();
    members["parameters"]["target_role_name"] = other.role_name.clone().into();
    client.provision(members).await.expect(202);
    assert_eq!(client.world.elsewhere(&other).stack_names().len(), 1);
}

#[tokio::test]
async fn resent_request_must_name_the_same_location() {
    let (client, there) = two_places();
    client.provision(in_ireland()).await.expect(202);
    client.provision(in_ireland()).await.expect(202);
    client
        .provision(json!({"parameters": {"DelaySeconds": 5}}))
        .await
        .expect(409);
    there.complete_stacks();
    client.last_operation().await.expect(200);
    client.provision(in_ireland()).await.expect(200);
}

#[tokio::test]
async fn resent_request_works_after_location_is_disallowed() {
    let (client, there) = with_instance_in_ireland().await;
    let without = client.clone().with_locations(&[]);
    without.update(in_ireland()).await.expect(200);
    for locations in [
        vec![],
        vec![location(
            "333333333333",
            "eu-west-3",
            "service-broker-osb-eu-west-3",
        )],
    ] {
        let client = client.clone().with_locations(&locations);
        client.provision(in_ireland()).await.expect(200);
        client
            .provision_as("another-instance", in_ireland())
            .await
            .expect(400);
    }
    assert_eq!(there.stack_names().len(), 1);
}

#[tokio::test]
async fn update_cannot_move_the_instance() {
    let (client, there) = with_instance_in_ireland().await;
    let answer = client
        .update(json!({"parameters": {"region": "us-east-1"}}))
        .await
        .expect(422);
    assert!(
        answer.description().contains("cannot change `region`"),
        "{}",
        answer.description()
    );
    // Platforms that send all parameters send these along.
    client.update(in_ireland()).await.expect(200);

    client
        .update(json!({"parameters": {"DelaySeconds": 7, "region": "eu-west-1"}}))
        .await
        .expect(202);
    assert_eq!(there.stack().parameters["DelaySeconds"], "7");
}

#[tokio::test]
async fn instances_of_other_accounts_cannot_bind_roles() {
    let (client, _) = with_instance_in_ireland().await;
    let answer = client
        .bind("one", json!({"parameters": {"RoleName": "web"}}))
        .await
        .expect(400);
    assert!(
        answer
            .description()
            .contains("require an instance in the broker's own account"),
        "{}",
        answer.description()
    );
}

/// A stack without a record at each of the two places, and a user without one elsewhere.
async fn orphans_in_two_places() -> (Client, World) {
    let (client, there) = with_instance_in_ireland().await;
    client.bind("one", json!({})).await.expect(201);
    client.world.edit(|account| {
        account.instances.clear();
        account.bindings.clear();
    });
    client
        .provision_as("8a2c1d3e-0b4f-4c5d-9e6f-7a8b9c0d1e2f", json!({}))
        .await
        .expect(202);
    client.world.edit(|account| account.instances.clear());
    (client, there)
}

/// It lists stacks, users and roles, reads the records and lists again: six calls.
#[tokio::test(start_paused = true)]
async fn sweep_reports_failing_location_without_its_orphans() {
    for call in 0..6 {
        let (client, there) = orphans_in_two_places().await;
        there.script([(call, Fault::Before(PortErrorKind::Misconfigured))]);

        let findings = upkeep::sweep(&client.broker()).await.expect("a sweep");
        let [unreachable] = &findings.unreachable_locations[..] else {
            panic!("{call}: {findings:?}")
        };
        assert_eq!(unreachable.location, ireland());
        assert!(!unreachable.reason.is_empty());

        let orphans: Vec<_> = findings
            .stacks_without_record
            .iter()
            .map(|stack| stack.location.as_ref())
            .collect();
        assert_eq!(
            orphans,
            [None],
            "{call}: what is wrong there hides nothing here"
        );
        assert_eq!(findings.users_without_binding, [], "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn instances_of_failing_location_are_not_reported_lost() {
    for call in 0..6 {
        let (client, there) = with_instance_in_ireland().await;
        there.edit(|account| account.stacks.clear());
        there.script([(call, Fault::Before(PortErrorKind::Misconfigured))]);
        let findings = upkeep::sweep(&client.broker()).await.expect("a sweep");
        assert_eq!(
            (
                findings.instances_without_stack.len(),
                findings.unreachable_locations.len()
            ),
            (0, 1),
            "{call}"
        );
    }
    let (client, there) = with_instance_in_ireland().await;
    there.edit(|account| account.stacks.clear());
    assert_eq!(
        upkeep::sweep(&client.broker())
            .await
            .expect("a sweep")
            .instances_without_stack
            .len(),
        1
    );
}

/// Its instances are still there, and may be the only trace of it.
#[tokio::test(start_paused = true)]
async fn sweep_reports_failing_disallowed_location() {
    let (client, there) = with_instance_in_ireland().await;
    let client = client.with_locations(&[]);
    there.script([(0, Fault::Before(PortErrorKind::Misconfigured))]);
    let findings = upkeep::sweep(&client.broker()).await.expect("a sweep");
    let unreachable: Vec<_> = findings
        .unreachable_locations
        .into_iter()
        .map(|found| found.location)
        .collect();
    assert_eq!(unreachable, [ireland()]);
}

#[tokio::test(start_paused = true)]
async fn sweep_removes_orphans_in_other_locations() {
    let (client, there) = with_instance_in_ireland().await;
    client.bind("one", json!({})).await.expect(201);
    let findings = upkeep::sweep(&client.broker()).await.expect("a sweep");
    assert!(findings.stacks_without_record.is_empty() && findings.users_without_binding.is_empty());
    assert_eq!(
        (findings.looked_at.stacks, findings.looked_at.users),
        (1, 1)
    );

    client.world.edit(|account| {
        account.instances.clear();
        account.bindings.clear();
    });
    let findings = upkeep::sweep(&client.broker()).await.expect("a sweep");
    let (stack, user) = (
        &findings.stacks_without_record[0],
        &findings.users_without_binding[0],
    );
    assert_eq!(
        (&stack.location, &user.location),
        (&Some(ireland()), &Some(ireland()))
    );

    let removal =
        serde_json::from_value(json!({"stacks": [stack.item.name], "users": [user.item.name]}));
    upkeep::remove(&client.broker(), &findings, &removal.expect("a removal"))
        .await
        .expect("removed");
    there.complete_stacks();
    assert!(there.stack_names().is_empty() && there.users().is_empty());
}

#[tokio::test]
async fn location_is_restricted_to_its_organizations() {
    let allowed = Locations(BTreeMap::from([(
        ireland(),
        BTreeSet::from(["an-organization".to_owned()]),
    )]));
    let client = Client::new().with_organizations(allowed);
    let body = |organization: &str| {
        let mut body = in_ireland();
        body["organization_guid"] = json!(organization);
        body
    };
    let refused = client.provision(body("another")).await.expect(400);
    assert!(
        refused
            .description()
            .contains("does not allow this location"),
        "{refused:?}"
    );
    assert!(
        !refused.description().contains(&ireland().account_id),
        "{refused:?}"
    );
    client.provision(body("an-organization")).await.expect(202);
}
