use aws_service_broker::{
    broker::{
        ports::PortErrorKind::{Denied, Unavailable},
        stacks::StackStatus::{
            RollbackComplete, UpdateInProgress, UpdateRollbackComplete, UpdateRollbackFailed,
        },
    },
    http::MissingVersion,
};
use catalog::Catalog;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Client, Fault, INSTANCE, World, catalog_of, ids_of, plan_id, service_id};

/// An offering with two plans, a secret, and a parameter that an existing instance cannot change.
fn template(version: &str, resources: &str) -> String {
    let added = if resources.contains("Added") {
        ", Added"
    } else {
        ""
    };
    format!(
        "\
Description: A database.
Metadata:
  AWS::ServiceBroker::Specification:
    Version: {version}
    Name: database
    PlanUpdateable: true
    UpdatableParameters: [Size, Password{added}]
    ServicePlans:
      small: {{Description: Small., ParameterDefaults: {{Size: 1}}}}
      large: {{Description: Large., ParameterDefaults: {{Size: 9}}}}
      encrypted: {{Description: Encrypted., ParameterValues: {{Encrypted: 'true'}}}}
      final: {{Description: Final., PlanUpdateable: false}}
      huge: {{Description: Huge., ParameterValues: {{Size: 100}}}}
Parameters:
  Password: {{Type: String, NoEcho: true, MinLength: 8, Default: 'generated'}}
  Size: {{Type: Number, Default: 5, MaxValue: 100}}
  Encrypted: {{Type: String, Default: 'false', AllowedValues: ['true', 'false']}}
{resources}
Outputs:
  Host: {{Value: host}}
"
    )
}

fn catalog(version: &str, resources: &str) -> Catalog {
    catalog_of(&template(version, resources))
}

const FIRST: &str = "Resources: {Database: {Type: 'AWS::RDS::DBInstance'}}";
const SECOND: &str =
    "  Added: {Type: String, Default: x}\nResources: {Database: {Type: 'AWS::RDS::DBCluster'}}";

/// The broker of this template, on a world where another version of it may have been at work.
fn broker(world: World, version: &str, resources: &str) -> Client {
    Client::with(
        world,
        catalog(version, resources),
        Default::default(),
        MissingVersion::default(),
    )
}

fn ids(plan: &str) -> Value {
    ids_of(&catalog("1.0.0", FIRST), plan)
}

fn with(plan: &str, members: Value) -> Value {
    let mut body = ids(plan);
    body.as_object_mut()
        .expect("an object")
        .extend(members.as_object().expect("an object").clone());
    body
}

/// Changes without a plan.
fn changes(members: Value) -> Value {
    let mut body = with("small", members);
    body.as_object_mut().expect("an object").remove("plan_id");
    body
}

/// A broker that offers a secret parameter, and a request that gives it.
pub fn with_secret() -> (Client, Value) {
    let members = with(
        "small",
        json!({"parameters": {"Password": "correct horse", "Size": 2}}),
    );
    (broker(World::new(), "1.0.0", FIRST), members)
}

/// An instance of the plan `small` with the secret.
async fn instance() -> Client {
    let (client, members) = with_secret();
    client.provision(members).await.expect(202);
    client.finish().await;
    client.world.take_calls();
    client
}

#[tokio::test]
async fn upd_01_service_and_plan_must_be_valid() {
    let client = Client::with_instance().await;
    for members in [
        json!({"service_id": null}),
        json!({"service_id": ""}),
        json!({"service_id": "unknown"}),
        json!({"service_id": service_id("s3")}),
        json!({"plan_id": "unknown"}),
        json!({"plan_id": plan_id("s3", "simple")}),
        json!({"parameters": 1}),
        json!({"context": "x"}),
        json!({"previous_values": "x"}),
        json!({"maintenance_info": {}}),
    ] {
        client.update(members).await.expect(400);
    }
    // What does not exist cannot be updated.
    Client::new().update(json!({})).await.expect(404);
}

#[tokio::test]
async fn upd_02_03_omitted_values_are_kept() {
    let client = instance().await;
    client
        .update(changes(json!({"parameters": {"Size": 3}})))
        .await
        .expect(202);
    client.finish().await;
    let stack = client.world.stack();
    assert_eq!(
        (
            stack.parameters["Size"].as_str(),
            stack.parameters["Password"].as_str()
        ),
        ("3", "correct horse")
    );
    let fetched = client.fetch_instance().await.expect(200).body;
    assert_eq!(
        (&fetched["plan_id"], &fetched["parameters"]),
        (&ids("small")["plan_id"], &json!({"Size": 3}))
    );

    client.update(with("large", json!({}))).await.expect(202);
    client.finish().await;
    let stack = client.world.stack();
    assert_eq!(
        (
            stack.parameters["Size"].as_str(),
            stack.parameters["Password"].as_str()
        ),
        ("3", "correct horse")
    );
    let fetched = client.fetch_instance().await.expect(200).body;
    assert_eq!(
        (&fetched["plan_id"], &fetched["parameters"]),
        (&ids("large")["plan_id"], &json!({"Size": 3}))
    );
}

#[tokio::test]
async fn upd_04_invalid_parameters_are_refused_without_values() {
    let client = instance().await;
    for (parameters, expected) in [
        (
            json!({"Size": 101}),
            "The parameter `Size` must be a whole number of at most 100.",
        ),
        (
            json!({"Size": "hunter2"}),
            "The parameter `Size` must be a whole number of at most 100.",
        ),
        (
            json!({"Password": "hunter2"}),
            "The parameter `Password` must have 8 to 4096 characters.",
        ),
        (
            json!({"Siez": 1}),
            "Unknown parameter `Siez`; did you mean `Size`? An update of this plan accepts: \
             `Password`, `Size`.",
        ),
        (json!({"Siez": null}), "Unknown parameter `Siez`;"),
    ] {
        let answer = client
            .update(changes(json!({"parameters": parameters})))
            .await
            .expect(400);
        assert!(
            answer.description().contains(expected),
            "{}",
            answer.description()
        );
        assert!(
            !answer.description().contains("hunter2"),
            "{}",
            answer.description()
        );
    }
}

#[tokio::test]
async fn upd_05_parameters_are_merged_and_null_resets() {
    let client = instance().await;
    client
        .update(changes(
            json!({"parameters": {"Password": "battery staple"}}),
        ))
        .await
        .expect(202);
    client.finish().await;
    let parameters = client.world.stack().parameters;
    assert_eq!(
        (parameters["Size"].as_str(), parameters["Password"].as_str()),
        ("2", "battery staple")
    );

    client
        .update(changes(
            json!({"parameters": {"Size": null, "Password": null}}),
        ))
        .await
        .expect(202);
    client.finish().await;
    let parameters = client.world.stack().parameters;
    // The plan's default for the one, the template's for the other.
    assert_eq!(
        (parameters["Size"].as_str(), parameters.get("Password")),
        ("1", None)
    );
    assert_eq!(
        client.fetch_instance().await.expect(200).body["parameters"],
        json!({})
    );
}

#[tokio::test]
async fn upd_06_synchronous_stack_change_is_refused() {
    let client = instance().await;
    let path = format!("/v2/service_instances/{INSTANCE}");
    let body = changes(json!({"parameters": {"Size": 3}}));
    for suffix in ["", "?accepts_incomplete=false"] {
        let answer = client
            .request("PATCH", &format!("{path}{suffix}"), Some(body.clone()))
            .await
            .expect(422);
        assert_eq!(answer.body["error"], "AsyncRequired");
    }
    // Once it runs, the same request needs one as well.
    client.update(body.clone()).await.expect(202);
    client.request("PATCH", &path, Some(body)).await.expect(422);
}

#[tokio::test]
async fn upd_07_other_plan_version_is_refused() {
    let client = instance().await;
    let answer = client
        .update(changes(json!({"maintenance_info": {"version": "0.9.0"}})))
        .await
        .expect(422);
    assert_eq!(answer.body["error"], "MaintenanceInfoConflict");
    // The version that the instance has is no change.
    client
        .update(changes(
            json!({"maintenance_info": {"version": "1.0.0", "description": "x"}}),
        ))
        .await
        .expect(200);
}

#[tokio::test]
async fn upd_08_and_gen_05_unsupported_change_is_not_repeatable() {
    let client = instance().await;
    for (members, expected) in [
        (
            changes(json!({"parameters": {"Encrypted": "true"}})),
            "An existing instance cannot change `Encrypted`.",
        ),
        (
            with("encrypted", json!({})),
            "An existing instance cannot change `Encrypted`.",
        ),
    ] {
        let answer = client.update(members).await.expect(422);
        assert!(
            answer.description().starts_with(expected),
            "{}",
            answer.description()
        );
        assert_eq!(
            (answer.body.get("error"), &answer.body["update_repeatable"]),
            (None, &json!(false))
        );
    }
    // Sent again with the value that it has, it is no change.
    client
        .update(changes(json!({"parameters": {"Encrypted": "false"}})))
        .await
        .expect(200);

    let last = broker(World::new(), "1.0.0", FIRST);
    last.provision(ids("final")).await.expect(202);
    last.finish().await;
    let answer = last.update(with("small", json!({}))).await.expect(422);
    assert!(
        answer
            .description()
            .contains("plan `final` cannot change its plan"),
        "{}",
        answer.description()
    );
    last.update(with("final", json!({"parameters": {"Size": 6}})))
        .await
        .expect(202);
}

#[tokio::test]
async fn upd_08_plan_change_drops_parameters_it_fixes() {
    let client = broker(World::new(), "1.0.0", FIRST);
    client
        .provision(with("small", json!({"parameters": {"Encrypted": "true"}})))
        .await
        .expect(202);
    client.finish().await;
    // A request that asks for what the plan decides is refused.
    let answer = client
        .update(with(
            "encrypted",
            json!({"parameters": {"Encrypted": "true"}}),
        ))
        .await
        .expect(400);
    assert!(
        answer
            .description()
            .contains("Unknown parameter `Encrypted`"),
        "{}",
        answer.description()
    );
    client.update(ids("encrypted")).await.expect(202);
    client.finish().await;
    assert_eq!(
        client.fetch_instance().await.expect(200).body["parameters"],
        json!({})
    );
}

#[tokio::test]
async fn upd_08_failed_instance_cannot_be_updated() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    client.world.settle_stacks(RollbackComplete, None);
    client.last_operation().await.expect(200);
    client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(422);

    let client = Client::with_instance().await;
    client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    client.world.settle_stacks(UpdateRollbackFailed, None);
    client.last_operation().await.expect(200);
    let answer = client
        .update(json!({"parameters": {"DelaySeconds": 4}}))
        .await
        .expect(422);
    assert!(
        answer.description().contains("UPDATE_ROLLBACK_FAILED"),
        "{}",
        answer.description()
    );
}

#[tokio::test]
async fn upd_09_unchanged_request_makes_no_stack_call() {
    let client = instance().await;
    for members in [
        changes(json!({})),
        ids("small"),
        changes(json!({"parameters": {}})),
        changes(json!({"parameters": {"Size": 2}})),
        changes(json!({"parameters": {"Password": "correct horse"}})),
        changes(json!({"parameters": {"Encrypted": null}})),
    ] {
        let answer = client.update(members).await.expect(200);
        assert_eq!(answer.body.get("operation"), None);
    }
    assert!(
        client
            .world
            .take_calls()
            .iter()
            .all(|call| !call.starts_with("stacks"))
    );
}

#[tokio::test]
async fn upd_09_update_without_stack_change_succeeds() {
    let client = instance().await;
    // The template's default, given by name.
    client
        .update(changes(json!({"parameters": {"Size": null}})))
        .await
        .expect(202);
    client.finish().await;
    client
        .update(changes(json!({"parameters": {"Size": 1}})))
        .await
        .expect(200);
    assert_eq!(
        client.fetch_instance().await.expect(200).body["parameters"],
        json!({"Size": 1})
    );
}

#[tokio::test]
async fn upd_10_resent_patch_keeps_the_operation() {
    let client = instance().await;
    let body = changes(json!({"parameters": {"Size": 3, "Password": "battery staple"}}));
    let first = client.update(body.clone()).await.expect(202);
    assert_eq!(
        client.update(body.clone()).await.expect(202).body,
        first.body
    );
    client.finish().await;
    client.update(body).await.expect(200);
}

#[tokio::test]
async fn upd_11_refused_update_keeps_the_instance() {
    let client = instance().await;
    let before = client.world.instance(INSTANCE).expect("the record");
    client.world.inject(
        "stacks.update",
        Fault::Rejected("Size is too large for this engine"),
    );
    let answer = client
        .update(changes(json!({"parameters": {"Size": 3}})))
        .await
        .expect(400);
    assert!(
        answer
            .description()
            .ends_with("Size is too large for this engine"),
        "{}",
        answer.description()
    );
    let after = client.world.instance(INSTANCE).expect("the record");
    assert_eq!(
        (after.attributes, after.update, after.operation),
        (before.attributes, None, before.operation)
    );
    client
        .update(changes(json!({"parameters": {"Size": 3}})))
        .await
        .expect(202);
}

#[tokio::test]
async fn upd_11_12_failed_update_keeps_instance_usable() {
    let client = Client::with_instance().await;
    client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    client
        .world
        .settle_stacks(UpdateRollbackComplete, Some("no"));
    assert_eq!(
        client.last_operation().await.expect(200).body["instance_usable"],
        true
    );
    assert_eq!(
        client.fetch_instance().await.expect(200).body["parameters"],
        json!({})
    );
    assert_eq!(
        client.world.instance(INSTANCE).expect("the record").update,
        None
    );
    client.bind("one", json!({})).await.expect(201);
    client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
}

#[tokio::test]
async fn upd_12_failed_rollback_prevents_bindings() {
    let client = Client::with_instance().await;
    client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    client.world.settle_stacks(UpdateRollbackFailed, Some("no"));
    assert_eq!(
        client.last_operation().await.expect(200).body["instance_usable"],
        false
    );
    client.bind("one", json!({})).await.expect(400);
    client.deprovision().await.expect(202);
}

#[tokio::test]
async fn upd_13_14_response_has_dashboard_and_operation() {
    let client = Client::new();
    let provisioned = client.provision(json!({})).await.expect(202);
    client.finish().await;
    let answer = client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    assert_eq!(
        answer.body["dashboard_url"],
        provisioned.body["dashboard_url"]
    );
    let operation = answer.body["operation"].as_str().expect("an operation");
    assert!(
        (1..100).contains(&operation.len()) && operation != provisioned.body["operation"],
        "{operation}"
    );
}

#[tokio::test]
async fn upd_15_previous_values_are_ignored() {
    let client = instance().await;
    let believed = json!({"service_id": "x", "plan_id": "y", "organization_id": "o", "maintenance_info": {"version": "7"}});
    client
        .update(changes(
            json!({"previous_values": believed, "parameters": {"Size": 3}}),
        ))
        .await
        .expect(202);
}

#[tokio::test]
async fn upd_16_and_cat_15_context_change_is_recorded_at_once() {
    let client = Client::with_instance().await;
    let body = json!({"service_id": service_id("sqs"), "context": {"platform": "cloudfoundry", "instance_name": "new"}});
    let path = format!("/v2/service_instances/{INSTANCE}");
    client
        .request("PATCH", &path, Some(body.clone()))
        .await
        .expect(200);
    let stored = client
        .world
        .instance(INSTANCE)
        .expect("the record")
        .attributes;
    assert_eq!(json!(stored.context.0), body["context"]);
    client.world.take_calls();
    client.request("PATCH", &path, Some(body)).await.expect(200);
    assert_eq!(client.world.take_calls(), ["records.instance"]);
}

#[tokio::test]
async fn upd_17_metadata_match_the_provision_response() {
    let client = Client::new();
    let provisioned = client.provision(json!({})).await.expect(202);
    client.finish().await;
    assert_eq!(
        client.update(json!({})).await.expect(200).body["metadata"],
        provisioned.body["metadata"]
    );
}

#[tokio::test]
async fn upd_18_other_operation_is_a_concurrency_error() {
    let client = Client::new();
    client.provision(json!({})).await.expect(202);
    for members in [
        json!({}),
        json!({"parameters": {"DelaySeconds": 3}}),
        json!({"context": {"a": 1}}),
    ] {
        assert_eq!(
            client.update(members).await.expect(422).body["error"],
            "ConcurrencyError"
        );
    }
    client.world.complete_stacks();
    // Nobody has polled: what is over is over all the same.
    client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    client
        .update(json!({"parameters": {"DelaySeconds": 4}}))
        .await
        .expect(422);
    client.finish().await;
    client.deprovision().await.expect(202);
    assert_eq!(
        client.update(json!({})).await.expect(422).body["error"],
        "ConcurrencyError"
    );
    client.finish().await;
    client.update(json!({})).await.expect(404);
}

#[tokio::test]
async fn upd_18_console_operation_is_a_concurrency_error() {
    let client = Client::with_instance().await;
    client.world.settle_stacks(UpdateInProgress, None);
    let answer = client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(422);
    assert_eq!(answer.body["error"], "ConcurrencyError");
    assert_eq!(
        client.fetch_instance().await.expect(200).body["parameters"],
        json!({})
    );
}

#[tokio::test]
async fn upd_19_and_fin_07_upgrade_applies_the_new_template() {
    let old = instance().await;
    let client = broker(old.world.clone(), "2.0.0", SECOND);
    let template = |client: &Client| client.world.stack().template_body;
    assert_eq!(
        client.fetch_instance().await.expect(200).body["maintenance_info"],
        json!({"version": "1.0.0"})
    );

    client
        .update(changes(json!({"parameters": {"Size": 3}})))
        .await
        .expect(202);
    client.finish().await;
    assert!(template(&client).contains("DBInstance"));
    let answer = client
        .update(changes(json!({"parameters": {"Added": "y"}})))
        .await
        .expect(422);
    assert!(
        answer
            .description()
            .contains("Added. Upgrade the instance first"),
        "{}",
        answer.description()
    );
    client
        .update(changes(json!({"maintenance_info": {"version": "1.0.0"}})))
        .await
        .expect(422);

    client
        .update(changes(json!({"maintenance_info": {"version": "2.0.0"}})))
        .await
        .expect(202);
    client.finish().await;
    assert!(template(&client).contains("DBCluster"));
    let parameters = client.world.stack().parameters;
    assert_eq!(
        (parameters["Size"].as_str(), parameters["Password"].as_str()),
        ("3", "correct horse")
    );
    assert_eq!(
        client.fetch_instance().await.expect(200).body["maintenance_info"],
        json!({"version": "2.0.0"})
    );
    client
        .update(changes(json!({"parameters": {"Added": "y"}})))
        .await
        .expect(202);
}

/// The policy of the catalog's template could forget a resource of an earlier one.
#[tokio::test]
async fn fin_07_stack_policy_changes_with_the_template() {
    let retained = |text: &str, name: &str| {
        let text = text.replace("Database:", &format!("{name}:"));
        text.replace("'}}", "', UpdateReplacePolicy: Retain}}")
    };
    let client = broker(World::new(), "1.0.0", &retained(FIRST, "First"));
    client.provision(ids("small")).await.expect(202);
    client.finish().await;
    let is_protected = |client: &Client, name: &str| {
        let policy = client.world.stack().policy.expect("a policy");
        policy.contains(&format!("LogicalResourceId/{name}"))
    };
    assert!(is_protected(&client, "First"));

    let client = broker(client.world.clone(), "2.0.0", &retained(SECOND, "Second"));
    for (change, protected) in [
        (json!({"parameters": {"Size": 3}}), "First"),
        (json!({"maintenance_info": {"version": "2.0.0"}}), "Second"),
    ] {
        client.update(changes(change)).await.expect(202);
        client.finish().await;
        assert!(is_protected(&client, protected), "{protected}");
    }
}

/// CloudFormation applies the policy of an update only to later ones.
#[tokio::test]
async fn fin_07_stack_without_a_policy_gets_it_before_its_next_update() {
    let client = instance().await;
    client.world.edit(|account| {
        for stack in account.stacks.values_mut() {
            stack.policy = None;
        }
        for instance in account.instances.values_mut() {
            instance.has_stack_policy = false;
        }
    });
    let body = changes(json!({"parameters": {"Size": 3}}));
    client.world.take_calls();
    client.update(body).await.expect(202);
    let calls = client.world.take_calls();
    let position = |name| calls.iter().position(|call| *call == name);
    assert!(
        position("stacks.set_policy") < position("stacks.update"),
        "{calls:?}"
    );
    assert!(position("stacks.set_policy").is_some());
    assert!(client.world.stack().policy.is_some());
    client.finish().await;

    let again = changes(json!({"parameters": {"Size": 4}}));
    client.update(again).await.expect(202);
    assert!(!client.world.take_calls().contains(&"stacks.set_policy"));
}

#[tokio::test]
async fn upd_19_plan_change_applies_the_new_template() {
    let old = instance().await;
    let client = broker(old.world.clone(), "2.0.0", SECOND);
    client.update(ids("large")).await.expect(202);
    client.finish().await;
    assert!(client.world.stack().template_body.contains("DBCluster"));
    assert_eq!(
        client.fetch_instance().await.expect(200).body["maintenance_info"],
        json!({"version": "2.0.0"})
    );
}

#[tokio::test]
async fn upd_10_resent_patch_resumes_interrupted_update() {
    for fault in [Fault::Before(Unavailable), Fault::After(Unavailable)] {
        let client = Client::with_instance().await;
        let body = json!({"parameters": {"DelaySeconds": 7}});
        client.world.inject("stacks.update", fault);
        client.update(body.clone()).await.expect(503);
        let operation = client
            .world
            .instance(INSTANCE)
            .expect("the record")
            .operation
            .id;
        assert_eq!(
            client.update(body).await.expect(202).body["operation"],
            operation
        );
        assert_eq!(client.world.stack().token, operation);
        client.world.let_time_pass(SignedDuration::from_secs(30));
        assert_eq!(
            client.last_operation().await.expect(200).body["state"],
            "in progress"
        );
        client.world.complete_stacks();
        assert_eq!(
            client.last_operation().await.expect(200).body["state"],
            "succeeded"
        );
        assert_eq!(client.world.stack().parameters["DelaySeconds"], "7");
        assert_eq!(
            client.fetch_instance().await.expect(200).body["parameters"],
            json!({"DelaySeconds": 7})
        );
    }
}

#[tokio::test]
async fn upd_11_interrupted_update_with_a_secret_fails() {
    let client = instance().await;
    client
        .world
        .inject("stacks.update", Fault::Before(Unavailable));
    let body = changes(json!({"parameters": {"Password": "battery staple"}}));
    client.update(body.clone()).await.expect(503);
    client.world.let_time_pass(SignedDuration::from_secs(30));
    let answer = client.last_operation().await.expect(200);
    assert_eq!(
        (&answer.body["state"], &answer.body["instance_usable"]),
        (&json!("failed"), &json!(true))
    );
    client.update(body).await.expect(202);
    assert_eq!(
        client.world.stack().parameters["Password"],
        "battery staple"
    );
}

#[tokio::test]
async fn upd_19_removed_parameter_stays_until_the_upgrade() {
    let newer = broker(World::new(), "2.0.0", SECOND);
    newer
        .provision(with(
            "small",
            json!({"parameters": {"Added": "y", "Size": 2}}),
        ))
        .await
        .expect(202);
    newer.finish().await;
    // Version 3 is version 1 again: without `Added`.
    let client = broker(newer.world.clone(), "3.0.0", FIRST);
    client
        .update(changes(json!({"parameters": {"Size": 3}})))
        .await
        .expect(202);
    client.finish().await;
    assert_eq!(client.world.stack().parameters["Added"], "y");
    client
        .update(changes(json!({"maintenance_info": {"version": "3.0.0"}})))
        .await
        .expect(202);
    client.finish().await;
    assert_eq!(client.world.stack().parameters.get("Added"), None);
    assert_eq!(
        client.fetch_instance().await.expect(200).body["parameters"],
        json!({"Size": 3})
    );
}

#[tokio::test]
async fn upd_11_and_gen_08_poll_fails_an_interrupted_update() {
    for kind in [Unavailable, Denied] {
        let client = Client::with_instance().await;
        client.world.inject("stacks.update", Fault::Before(kind));
        let answer = client
            .update(json!({"parameters": {"DelaySeconds": 7}}))
            .await;
        assert!(answer.status.is_server_error(), "{answer:?}");
        client.world.let_time_pass(SignedDuration::from_secs(30));
        let answer = client.last_operation().await.expect(200);
        assert_eq!(
            (&answer.body["state"], &answer.body["instance_usable"]),
            (&json!("failed"), &json!(true))
        );
        assert_eq!(
            client.fetch_instance().await.expect(200).body["parameters"],
            json!({})
        );
        assert_eq!(client.world.stack().parameters.get("DelaySeconds"), None);
        client.bind("one", json!({})).await.expect(201);
        client.deprovision().await.expect(202);
    }
    // Nobody polls: the deletion itself sees that nothing runs.
    let client = Client::with_instance().await;
    client.world.inject("stacks.update", Fault::Before(Denied));
    client
        .update(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(500);
    client.deprovision().await.expect(422);
    client.world.let_time_pass(SignedDuration::from_secs(30));
    client.deprovision().await.expect(202);
}

#[tokio::test]
async fn upd_10_resent_patch_supplies_the_lost_secret() {
    let client = instance().await;
    let body = changes(json!({"parameters": {"Password": "battery staple"}}));
    client
        .world
        .inject("stacks.update", Fault::Before(Unavailable));
    client.update(body.clone()).await.expect(503);
    client.update(body).await.expect(202);
    assert_eq!(
        client.world.stack().parameters["Password"],
        "battery staple"
    );
}

#[tokio::test]
async fn upd_18_other_context_makes_another_request() {
    let client = Client::with_instance().await;
    let with_context =
        |name: &str| json!({"parameters": {"DelaySeconds": 3}, "context": {"instance_name": name}});
    client.update(with_context("old")).await.expect(202);
    client.update(with_context("old")).await.expect(202);
    client.update(with_context("new")).await.expect(422);
}

#[tokio::test]
async fn upd_11_rejection_does_not_repeat_a_secret() {
    let client = instance().await;
    client.world.inject(
        "stacks.update",
        Fault::Rejected("Value 'battery staple' at 'parameters' is not good"),
    );
    let answer = client
        .update(changes(
            json!({"parameters": {"Password": "battery staple"}}),
        ))
        .await
        .expect(400);
    assert!(
        answer
            .description()
            .ends_with("Value '(secret)' at 'parameters' is not good"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn upd_12_repaired_instance_can_be_bound_and_updated() {
    let client = Client::with_instance().await;
    client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
    client.world.settle_stacks(UpdateRollbackFailed, Some("no"));
    client.last_operation().await.expect(200);
    let answer = client.bind("one", json!({})).await.expect(400);
    assert!(
        answer.description().contains("operator has to repair"),
        "{}",
        answer.description()
    );
    client.world.settle_stacks(UpdateRollbackComplete, None);
    client.bind("one", json!({})).await.expect(201);
    client
        .update(json!({"parameters": {"DelaySeconds": 3}}))
        .await
        .expect(202);
}

#[tokio::test]
async fn update_after_finished_deletion_is_not_found() {
    for parameters in [json!({}), json!({"DelaySeconds": 3})] {
        let client = Client::with_instance().await;
        client.deprovision().await.expect(202);
        // Nobody has looked since.
        client.world.complete_stacks();
        client
            .update(json!({"parameters": parameters, "context": {"platform": "other"}}))
            .await
            .expect(404);
        let instance = client.world.instance(INSTANCE).expect("the tombstone");
        assert!(
            instance.is_tombstone() && instance.expires_at.is_some() && instance.update.is_none()
        );
    }
}

#[tokio::test]
async fn upd_10_refused_resumed_update_stays_in_progress() {
    let client = Client::with_instance().await;
    let body = json!({"parameters": {"DelaySeconds": 7}});
    client
        .world
        .inject("stacks.update", Fault::Before(Unavailable));
    client.update(body.clone()).await.expect(503);
    client.world.inject("stacks.update", Fault::Rejected("No."));
    let resumed = client.update(body).await.expect(202);
    let instance = client.world.instance(INSTANCE).expect("the record");
    assert_eq!(resumed.body["operation"], instance.operation.id);
    assert!(instance.is_updating());
}

#[tokio::test]
async fn upd_10_update_refused_after_its_start_is_accepted() {
    let client = Client::with_instance().await;
    client
        .world
        .inject("stacks.update", Fault::RejectedAfter("It is being updated"));
    let accepted = client
        .update(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(202);
    assert_eq!(client.world.stack().token, accepted.body["operation"]);
}

#[tokio::test]
async fn upd_08_parameter_of_the_old_plan_can_be_reset() {
    let client = broker(World::new(), "1.0.0", FIRST);
    client.provision(ids("small")).await.expect(202);
    client.finish().await;
    client
        .update(with("huge", json!({"parameters": {"Size": null}})))
        .await
        .expect(202);
    assert_eq!(client.world.stack().parameters["Size"], "100");
}

#[tokio::test]
async fn upd_19_upgrade_needs_new_required_parameters() {
    let old = instance().await;
    let resources = SECOND.replacen(", Default: x", "", 1);
    let client = broker(old.world.clone(), "2.0.0", &resources);
    let upgrade = |parameters: Value| {
        changes(json!({"maintenance_info": {"version": "2.0.0"}, "parameters": parameters}))
    };
    let refused = client.update(upgrade(json!({}))).await.expect(400);
    assert!(refused.description().contains("`Added`"), "{refused:?}");
    client
        .update(upgrade(json!({"Added": "y"})))
        .await
        .expect(202);
}
