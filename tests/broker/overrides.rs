//! The operator's own values of parameters.

use aws_service_broker::broker::{
    Broker, OperatorOverrides, ports::PortErrorKind::Unavailable, stacks::StackStatus,
};
use catalog::{
    Level, LimitText, OperatorValue, Override, Overrides, Owner, PLAN, ParameterLimit, Precedence,
    Scope, Setting, Source,
};
use jiff::SignedDuration;
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};

use crate::support::{
    Client, Fault, INSTANCE, body_of, catalog, catalog_of, config, ids_of, plan_id, service_id,
};

const ORGANIZATION: &str = "an-organization";
const SPACE: &str = "a-space";

fn scope(organization: Option<&str>, space: Option<&str>, service: Option<&str>) -> Scope {
    Scope {
        organization: organization.map(str::to_owned),
        space: space.map(str::to_owned),
        service: service.map(str::to_owned),
    }
}

fn set(scope: Scope, parameter: &str, value: &str) -> Override {
    Override {
        scope,
        parameter: parameter.to_owned(),
        setting: Setting::Value(value.to_owned()),
    }
}

fn for_everybody(parameter: &str, value: &str) -> Override {
    set(Scope::default(), parameter, value)
}

/// A broker of which the operator has set these.
fn with(overrides: &[Override], precedence: Precedence) -> Client {
    let client = Client::new();
    set_overrides(&client, overrides);
    with_precedence(client, precedence)
}

fn set_overrides(client: &Client, overrides: &[Override]) {
    client
        .world
        .edit(|account| account.overrides = overrides.to_vec());
}

fn with_precedence(client: Client, precedence: Precedence) -> Client {
    let world = std::sync::Arc::new(client.world.clone());
    let broker = Broker {
        overrides: OperatorOverrides::new(world, precedence),
        ..client.broker()
    };
    client.with_broker(broker)
}

fn stack_value(client: &Client, parameter: &str) -> Option<String> {
    client.world.stack().parameters.get(parameter).cloned()
}

fn value_of(it: &Override) -> String {
    match &it.setting {
        Setting::Value(value) => value.clone(),
        Setting::Limit(limit) => panic!("{limit}"),
    }
}

/// Longer than a process uses what it has read.
const LATER: SignedDuration = SignedDuration::from_secs(61);

/// The levels as the archived broker's code orders them: cluster, then namespace, then service, each
/// "all" first.
const MODEL: [(bool, bool, bool); 8] = [
    (false, false, false),
    (false, false, true),
    (false, true, false),
    (false, true, true),
    (true, false, false),
    (true, false, true),
    (true, true, false),
    (true, true, true),
];

/// One part of a scope: absent, the instance's, or another's.
fn part(mine: &'static str) -> impl Strategy<Value = Option<String>> {
    select(vec![None, Some(mine), Some("another")]).prop_map(|part| part.map(str::to_owned))
}

fn any_override() -> impl Strategy<Value = Override> {
    let parts = (part(ORGANIZATION), part(SPACE), part("sqs"));
    let parameter = select(vec!["DelaySeconds", "VisibilityTimeout", "FifoQueue"]);
    (parts, parameter, 0..9u8).prop_map(|((organization, space, service), parameter, value)| {
        Override {
            scope: Scope {
                organization,
                space,
                service,
            },
            parameter: parameter.to_owned(),
            setting: Setting::Value(value.to_string()),
        }
    })
}

#[test]
fn every_level_wins_over_those_before_it() {
    proptest!(config(300, 19), |(
        overrides in proptest::collection::vec(any_override(), 0..24),
        of_user in proptest::option::of(0..9u8),
        operator_first in any::<bool>(),
    )| {
        let overrides: Vec<_> = Overrides::new(overrides).iter().cloned().collect();
        let precedence = if operator_first { Precedence::Operator } else { Precedence::User };
        let owner = Owner { organization: vec![ORGANIZATION], space: vec![SPACE] };
        let catalog = catalog();
        let (service, plan) = (service_id("sqs"), plan_id("sqs", "standard"));
        let offered = catalog.find(&service, &plan).expect("a plan");

        let user = of_user.map(|value| ("DelaySeconds".to_owned(), json!(value)));
        let values = Overrides::new(overrides.clone()).values("sqs", &owner);
        let resolved = offered.resolve(&values, precedence, user.iter().map(|(k, v)| (k, v)));

        // The model: each level in turn, the last one that has a value counts.
        let mine = |part: &Option<String>, mine: &str| part.as_deref() == Some(mine);
        let of_level = |(organization, space, service): (bool, bool, bool)| {
            overrides.iter().rfind(|it| {
                it.parameter == "DelaySeconds"
                    && (if organization { mine(&it.scope.organization, ORGANIZATION) } else { it.scope.organization.is_none() })
                    && (if space { mine(&it.scope.space, SPACE) } else { it.scope.space.is_none() })
                    && (if service { mine(&it.scope.service, "sqs") } else { it.scope.service.is_none() })
            })
        };
        let of_operator = MODEL.into_iter().rev().find_map(of_level).map(value_of);
        let of_user = of_user.map(|value| value.to_string());
        let expected = if operator_first { of_operator.or(of_user) } else { of_user.or(of_operator) };
        prop_assert_eq!(&resolved["DelaySeconds"].value, &expected.unwrap_or("0".into()));

        // The plan fixes it, whatever the operator says.
        prop_assert_eq!(&resolved["FifoQueue"].value, "false");
        prop_assert_eq!(resolved["FifoQueue"].source, Source::Plan);
    });
}

#[test]
fn ids_match_with_and_without_hyphens_and_by_every_name() {
    let guid = "0b6e2c1a-8d47-4b6a-9e0f-1c2d3e4f5a6b";
    let overrides = Overrides::new([set(
        scope(Some("0b6e2c1a8d474b6a9e0f1c2d3e4f5a6b"), Some("shop"), None),
        "A",
        "1",
    )]);
    let values = |organization, space| {
        let owner = Owner {
            organization: vec![organization],
            space,
        };
        overrides.values("sqs", &owner).remove("A")
    };
    let expected = OperatorValue {
        value: "1".into(),
        level: Level::OrganizationAndSpace,
    };
    assert_eq!(values(guid, vec!["a-uid", "shop"]), Some(expected));
    assert_eq!(values(guid, vec!["sh-op"]), None);
    assert_eq!(values("another", vec!["shop"]), None);
}

#[tokio::test]
async fn override_fills_in_what_the_user_leaves_out() {
    let client = with(
        &[
            for_everybody("DelaySeconds", "7"),
            for_everybody("VisibilityTimeout", "50"),
        ],
        Precedence::User,
    );
    client
        .provision(json!({"parameters": {"VisibilityTimeout": 40}}))
        .await
        .expect(202);
    assert_eq!(stack_value(&client, "DelaySeconds").as_deref(), Some("7"));
    assert_eq!(
        stack_value(&client, "VisibilityTimeout").as_deref(),
        Some("40")
    );
    client.finish().await;

    let record = client.world.instance(INSTANCE).expect("the record");
    let known: Vec<_> = record.attributes.overrides.into_iter().collect();
    let expected = OperatorValue {
        value: "7".into(),
        level: Level::Everybody,
    };
    assert_eq!(known, [("DelaySeconds".to_owned(), expected)]);
    let fetched = client.fetch_instance().await.expect(200);
    assert_eq!(
        fetched.body["parameters"],
        json!({"VisibilityTimeout": 40, "DelaySeconds": 7})
    );
}

#[tokio::test]
async fn prescribed_value_cannot_be_chosen_by_users() {
    let client = with(&[for_everybody("DelaySeconds", "7")], Precedence::Operator);
    let refused = client
        .provision(json!({"parameters": {"DelaySeconds": 8}}))
        .await
        .expect(400);
    assert_eq!(
        refused.description(),
        "The broker's operator decides `DelaySeconds`. Leave it out."
    );
    assert!(client.world.instance(INSTANCE).is_none());

    // A platform may send what it has read before.
    client
        .provision(json!({"parameters": {"DelaySeconds": 7}}))
        .await
        .expect(202);
    client.finish().await;
    client
        .update(json!({"parameters": {"DelaySeconds": 8}}))
        .await
        .expect(400);
    assert_eq!(stack_value(&client, "DelaySeconds").as_deref(), Some("7"));
}

#[tokio::test]
async fn override_for_a_namespace_applies_by_its_name() {
    let client = with(
        &[set(
            scope(Some("a-cluster"), Some("shop"), Some("sqs")),
            "DelaySeconds",
            "7",
        )],
        Precedence::User,
    );
    let in_namespace = |name: &str| json!({"context": {"platform": "kubernetes", "clusterid": "a-cluster", "namespace": name}});
    client.provision(in_namespace("shop")).await.expect(202);
    assert_eq!(stack_value(&client, "DelaySeconds").as_deref(), Some("7"));
    client
        .provision_as("two", in_namespace("blog"))
        .await
        .expect(202);
    let stacks = client.world.account().stacks;
    assert!(
        stacks
            .values()
            .any(|stack| !stack.parameters.contains_key("DelaySeconds"))
    );
}

#[tokio::test]
async fn changed_override_is_applied_by_the_next_update() {
    let client = with(&[for_everybody("DelaySeconds", "7")], Precedence::User);
    client.provision(json!({})).await.expect(202);
    client.finish().await;
    client.update(json!({})).await.expect(200);

    set_overrides(&client, &[for_everybody("DelaySeconds", "9")]);
    client.world.let_time_pass(LATER);
    client.update(json!({})).await.expect(202);
    client.finish().await;
    assert_eq!(stack_value(&client, "DelaySeconds").as_deref(), Some("9"));
    client.update(json!({})).await.expect(200);

    // The user's other parameters stay, and a removed override is one, too.
    set_overrides(&client, &[]);
    client.world.let_time_pass(LATER);
    client
        .update(json!({"parameters": {"VisibilityTimeout": 40}}))
        .await
        .expect(202);
    client.finish().await;
    assert_eq!(stack_value(&client, "DelaySeconds"), None);
    assert_eq!(
        stack_value(&client, "VisibilityTimeout").as_deref(),
        Some("40")
    );
}

#[tokio::test]
async fn failed_update_keeps_the_override_that_the_stack_has() {
    let client = with(&[for_everybody("DelaySeconds", "7")], Precedence::User);
    client.provision(json!({})).await.expect(202);
    client.finish().await;
    set_overrides(&client, &[for_everybody("DelaySeconds", "9")]);
    client.world.let_time_pass(LATER);
    client.update(json!({})).await.expect(202);
    client
        .world
        .settle_stacks(StackStatus::UpdateRollbackComplete, Some("no"));
    client.last_operation().await.expect(200);
    let record = client.world.instance(INSTANCE).expect("the record");
    assert_eq!(record.attributes.overrides["DelaySeconds"].value, "7");
    client.update(json!({})).await.expect(202);
}

#[tokio::test]
async fn platform_that_does_not_wait_is_not_refused_because_of_a_changed_override() {
    let client = with(&[], Precedence::User);
    client.provision(json!({})).await.expect(202);
    client.finish().await;
    set_overrides(&client, &[for_everybody("DelaySeconds", "9")]);
    client.world.let_time_pass(LATER);
    let path = format!("/v2/service_instances/{INSTANCE}");
    let rename = json!({"service_id": service_id("sqs"), "context": {"instance_name": "new"}});
    client
        .request("PATCH", &path, Some(rename))
        .await
        .expect(200);
    client.update(json!({})).await.expect(202);
    assert_eq!(stack_value(&client, "DelaySeconds").as_deref(), Some("9"));
}

#[tokio::test]
async fn override_that_an_instance_cannot_change_is_kept_and_logged() {
    let client = with(
        &[for_everybody("UseDeadLetterQueue", "false")],
        Precedence::User,
    );
    client.provision(json!({})).await.expect(202);
    client.finish().await;
    set_overrides(&client, &[for_everybody("UseDeadLetterQueue", "true")]);
    client.world.let_time_pass(LATER);
    client.update(json!({})).await.expect(200);
    client
        .update(json!({"parameters": {"VisibilityTimeout": 40}}))
        .await
        .expect(202);
    client.finish().await;
    assert_eq!(
        stack_value(&client, "UseDeadLetterQueue").as_deref(),
        Some("false")
    );
}

#[tokio::test]
async fn plan_that_does_not_accept_an_override_is_refused_until_it_is_corrected() {
    let client = with(&[for_everybody("DelaySeconds", "long")], Precedence::User);
    let refused = client.provision(json!({})).await.expect(500);
    assert!(
        refused
            .description()
            .contains("a value of `DelaySeconds` that this plan does not accept"),
        "{refused:?}"
    );
    assert!(client.world.instance(INSTANCE).is_none());
    set_overrides(&client, &[for_everybody("DelaySeconds", "5")]);
    client.world.let_time_pass(LATER);
    client.provision(json!({})).await.expect(202);
}

#[tokio::test]
async fn overrides_are_read_once_a_minute() {
    let client = with(&[], Precedence::User);
    client.provision(json!({})).await.expect(202);
    client.world.take_calls();
    client.provision_as("two", json!({})).await.expect(202);
    assert!(!client.world.take_calls().contains(&"override_records.all"));
    client.world.let_time_pass(LATER);
    client.provision_as("three", json!({})).await.expect(202);
    assert!(client.world.take_calls().contains(&"override_records.all"));
}

#[tokio::test]
async fn nothing_is_created_while_overrides_cannot_be_read() {
    let client = with(&[for_everybody("DelaySeconds", "7")], Precedence::User);
    client
        .world
        .inject("override_records.all", Fault::Before(Unavailable));
    client.provision(json!({})).await.expect(503);
    assert!(client.world.stack_names().is_empty());
    client.provision(json!({})).await.expect(202);
}

async fn parameters_in_catalog(client: &Client) -> Vec<String> {
    let answer = client.request("GET", "/v2/catalog", None).await.expect(200);
    let services = answer.body["services"]
        .as_array()
        .expect("services")
        .clone();
    let sqs = services
        .into_iter()
        .find(|service| service["name"] == "sqs");
    let sqs = sqs.expect("sqs");
    let schema = &sqs["plans"][0]["schemas"]["service_instance"]["create"]["parameters"];
    let names = schema["properties"].as_object().expect("properties").keys();
    names.cloned().collect()
}

#[tokio::test]
async fn prescribed_value_for_everybody_is_not_in_the_catalog() {
    let overrides = [
        set(scope(None, None, Some("sqs")), "DelaySeconds", "7"),
        set(scope(None, Some(SPACE), None), "VisibilityTimeout", "40"),
        set(
            scope(None, None, Some("sns")),
            "MessageRetentionPeriod",
            "60",
        ),
    ];
    let client = with(&overrides, Precedence::Operator);
    let shown = parameters_in_catalog(&client).await;
    assert!(!shown.contains(&"DelaySeconds".to_owned()), "{shown:?}");
    // A request for the catalog names no space.
    assert!(shown.contains(&"VisibilityTimeout".to_owned()));
    assert!(shown.contains(&"MessageRetentionPeriod".to_owned()));

    set_overrides(&client, &[]);
    client.world.let_time_pass(LATER);
    assert!(
        parameters_in_catalog(&client)
            .await
            .contains(&"DelaySeconds".to_owned())
    );

    let client = with(&overrides, Precedence::User);
    assert!(
        parameters_in_catalog(&client)
            .await
            .contains(&"DelaySeconds".to_owned())
    );
}

const IN_A_VPC: &str = "
Description: A cluster.
Metadata:
  AWS::ServiceBroker::Specification:
    Name: cluster
    OperatorParameters: [VpcId, Zone]
    UpdatableParameters: [Size]
    ServicePlans:
      small: {Description: In a VPC.}
      test: {Description: In a VPC of its own., ParameterValues: {VpcId: none}}
Parameters:
  VpcId: {Type: String, AllowedPattern: '(vpc-[0-9a-f]+|none)'}
  Zone: {Type: String, Default: any}
  Size: {Type: Number, Default: 1}
Resources:
  Cluster: {Type: 'AWS::SQS::Queue'}
";

/// The plans in the catalog.
async fn shown_plans(client: &Client) -> Vec<String> {
    let answer = client.request("GET", "/v2/catalog", None).await.expect(200);
    let services = answer.body["services"]
        .as_array()
        .expect("services")
        .clone();
    let plans = services
        .iter()
        .flat_map(|service| service["plans"].as_array().expect("plans"));
    plans
        .map(|plan| plan["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[tokio::test]
async fn plan_without_its_operator_values_is_not_offered() {
    let catalog = catalog_of(IN_A_VPC);
    let (small, body) = (ids_of(&catalog, "small"), body_of(&catalog));
    let schema = &body["services"][0]["plans"][0]["schemas"]["service_instance"]["create"];
    let names: Vec<_> = schema["parameters"]["properties"]
        .as_object()
        .expect("properties")
        .keys()
        .collect();
    assert_eq!(names, ["Size"], "users cannot set the others");

    let client = Client::with_catalog(catalog);
    assert_eq!(shown_plans(&client).await, ["test"]);
    let refused = client.provision(small.clone()).await.expect(400);
    assert!(
        refused
            .description()
            .contains("needs a value of `VpcId` that only the broker's operator can set"),
        "{refused:?}"
    );
    let mut chosen = small.clone();
    chosen["parameters"] = json!({"VpcId": "vpc-1"});
    client.provision(chosen).await.expect(400);

    // A value for one space is enough to show the plan to all.
    let for_a_space = set(scope(None, Some("with-a-vpc"), None), "VpcId", "vpc-1");
    set_overrides(&client, &[for_a_space]);
    client.world.let_time_pass(LATER);
    assert_eq!(shown_plans(&client).await, ["small", "test"]);
    client.provision(small.clone()).await.expect(400);
    let mut there = small;
    there["space_guid"] = json!("with-a-vpc");
    client.provision(there).await.expect(202);
    assert_eq!(stack_value(&client, "VpcId").as_deref(), Some("vpc-1"));
    client.finish().await;
    let shown = client.fetch_instance().await.expect(200).body["parameters"].clone();
    assert_eq!(shown, json!({}), "it is the operator's: {shown}");
}

#[test]
fn overrides_without_effect_are_found() {
    let catalog = catalog();
    for (wrong, reason) in [
        (
            set(scope(None, None, Some("mainframe")), "A", "1"),
            "no service `mainframe`",
        ),
        (
            for_everybody("Delay", "1"),
            "no plan leaves a parameter `Delay` open",
        ),
        (
            set(scope(None, None, Some("sqs")), "FifoQueue", "true"),
            "no plan leaves",
        ),
        (
            set(scope(None, None, Some("sqs")), "DelaySeconds", "901"),
            "does not accept this value",
        ),
    ] {
        let problem = wrong.problem(&catalog).expect(&wrong.parameter);
        assert!(problem.contains(reason), "{problem}");
    }
    let right = set(
        scope(Some("an-organization"), None, None),
        "DelaySeconds",
        "900",
    );
    assert_eq!(right.problem(&catalog), None);

    let secret = IN_A_VPC.replace(
        "Zone: {Type: String, Default: any}",
        "Zone: {Type: String, Default: any, NoEcho: true}",
    );
    let secret = catalog_of(&secret.replace("[VpcId, Zone]", "[VpcId]"));
    let problem = for_everybody("Zone", "x")
        .problem(&secret)
        .expect("a problem");
    assert!(problem.contains("`Zone` is secret (NoEcho)"), "{problem}");
}

fn limited(scope: Scope, parameter: &str, limit: ParameterLimit) -> Override {
    Override {
        scope,
        parameter: parameter.to_owned(),
        setting: Setting::Limit(LimitText(limit)),
    }
}

fn at_most(number: u8) -> ParameterLimit {
    ParameterLimit {
        max_value: Some(number.into()),
        ..ParameterLimit::default()
    }
}

fn only(values: &[&str]) -> ParameterLimit {
    ParameterLimit {
        allowed_values: Some(values.iter().map(|value| json!(value)).collect()),
        ..ParameterLimit::default()
    }
}

#[tokio::test]
async fn limit_of_a_later_level_replaces_an_earlier_one() {
    let overrides = [
        limited(Scope::default(), "DelaySeconds", at_most(5)),
        limited(
            scope(None, Some("generous"), None),
            "DelaySeconds",
            at_most(60),
        ),
    ];
    let client = with(&overrides, Precedence::User);
    let delayed = |seconds: u32| json!({"parameters": {"DelaySeconds": seconds}});
    let refused = client.provision(delayed(6)).await.expect(400);
    assert!(
        refused.description().contains("`DelaySeconds`") && refused.description().contains('5')
    );
    client.provision(delayed(5)).await.expect(202);
    client.finish().await;
    client.update(delayed(6)).await.expect(400);

    let mut there = delayed(60);
    there["space_guid"] = json!("generous");
    client.provision_as("two", there).await.expect(202);
}

#[tokio::test]
async fn existing_instance_keeps_a_value_beyond_a_later_limit() {
    let client = with(&[], Precedence::User);
    client
        .provision(json!({"parameters": {"DelaySeconds": 60}}))
        .await
        .expect(202);
    client.finish().await;
    set_overrides(
        &client,
        &[limited(Scope::default(), "DelaySeconds", at_most(5))],
    );
    client.world.let_time_pass(LATER);
    client
        .update(json!({"parameters": {"VisibilityTimeout": 40}}))
        .await
        .expect(202);
}

#[tokio::test]
async fn value_of_the_operator_is_subject_to_no_limit() {
    let overrides = [
        limited(Scope::default(), "DelaySeconds", at_most(5)),
        for_everybody("DelaySeconds", "60"),
    ];
    let client = with(&overrides, Precedence::Operator);
    client.provision(json!({})).await.expect(202);
    assert_eq!(stack_value(&client, "DelaySeconds").as_deref(), Some("60"));
}

#[tokio::test]
async fn plan_can_be_limited_to_some_spaces() {
    let overrides = [
        limited(scope(None, None, Some("sqs")), PLAN, only(&["standard"])),
        limited(
            scope(None, Some("in-order"), Some("sqs")),
            PLAN,
            only(&["standard", "fifo"]),
        ),
    ];
    let client = with(&overrides, Precedence::User);
    let mut fifo = json!({"plan_id": plan_id("sqs", "fifo")});
    let refused = client.provision(fifo.clone()).await.expect(400);
    assert!(
        refused
            .description()
            .contains("does not allow the plan `fifo` in this space"),
        "{refused:?}"
    );
    fifo["space_guid"] = json!("in-order");
    client.provision(fifo).await.expect(202);
}

#[tokio::test]
async fn catalog_shows_limits_for_everybody() {
    let overrides = [
        limited(Scope::default(), "DelaySeconds", at_most(5)),
        limited(Scope::default(), "VisibilityTimeout", at_most(20)),
        limited(
            scope(None, Some(SPACE), None),
            "MaxReceiveCount",
            at_most(20),
        ),
        limited(scope(None, None, Some("sqs")), PLAN, only(&["standard"])),
    ];
    let client = with(&overrides, Precedence::Operator);
    let answer = client.request("GET", "/v2/catalog", None).await.expect(200);
    let services = answer.body["services"].as_array().expect("services");
    let sqs = services.iter().find(|service| service["name"] == "sqs");
    let plans = sqs.expect("sqs")["plans"].as_array().expect("plans");
    assert_eq!(plans.len(), 1);

    let schema = &plans[0]["schemas"]["service_instance"]["create"]["parameters"];
    assert_eq!(schema["properties"]["DelaySeconds"]["maximum"], 5);
    assert_eq!(schema["properties"]["DelaySeconds"]["default"], 0);
    assert_ne!(schema["properties"]["MaxReceiveCount"]["maximum"], 20);
    // The default, 30, is beyond the limit: users have to choose.
    assert_eq!(schema["properties"]["VisibilityTimeout"]["maximum"], 20);
    assert_eq!(schema["required"], json!(["VisibilityTimeout"]));
    let refused = client.provision(json!({})).await.expect(400);
    assert!(
        refused.description().contains("`VisibilityTimeout`"),
        "{refused:?}"
    );
}

#[test]
fn limits_without_effect_are_found() {
    let catalog = catalog();
    let of_sqs = || scope(None, None, Some("sqs"));
    for (wrong, reason) in [
        (
            limited(of_sqs(), "Delay", at_most(5)),
            "no plan leaves a parameter `Delay` to users",
        ),
        (
            limited(of_sqs(), "FifoQueue", only(&["true"])),
            "no plan leaves",
        ),
        (
            limited(of_sqs(), "DelaySeconds", ParameterLimit::default()),
            "it must have",
        ),
        (
            limited(of_sqs(), PLAN, only(&["small"])),
            "there is no plan",
        ),
    ] {
        let problem = wrong.problem(&catalog).expect(&wrong.parameter);
        assert!(problem.contains(reason), "{problem}");
    }
    assert_eq!(
        limited(of_sqs(), PLAN, only(&["fifo"])).problem(&catalog),
        None
    );
}

/// The same service in another version: `Old` has gone, `Kept` has other values, and `Zone` is new.
const FIRST: &str = "
Description: A cluster.
Metadata:
  AWS::ServiceBroker::Specification:
    Version: 1.0.0
    Name: cluster
    UpdatableParameters: [Size, Kept, Old]
    ServicePlans: {only: {Description: The only one.}}
Parameters:
  Size: {Type: Number, Default: 1}
  Old: {Type: String, Default: a}
  Kept: {Type: String, Default: a, AllowedValues: [a, b]}
Resources:
  Cluster: {Type: 'AWS::SQS::Queue'}
";

fn second() -> String {
    FIRST
        .replace("1.0.0", "2.0.0")
        .replace(
            "  Old: {Type: String, Default: a}\n",
            "  Zone: {Type: String}\n",
        )
        .replace("[a, b]", "[a, c]")
        .replace("Kept, Old]", "Kept]\n    OperatorParameters: [Zone]")
}

/// An instance of the first version, of a broker that now has the second one.
async fn of_first_version(overrides: &[Override], precedence: Precedence) -> (Client, Value) {
    let (first, second) = (catalog_of(FIRST), catalog_of(&second()));
    let ids = ids_of(&first, "only");
    let client = Client::with_catalog(first);
    set_overrides(&client, overrides);
    client.provision(ids.clone()).await.expect(202);
    client.finish().await;
    let client = Client::with(
        client.world.clone(),
        second,
        Default::default(),
        Default::default(),
    );
    let service = json!({"service_id": ids["service_id"]});
    (with_precedence(client, precedence), service)
}

fn with_member(body: &Value, name: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[name] = value;
    body
}

#[tokio::test]
async fn instance_of_an_earlier_version_keeps_all_of_its_overrides() {
    let overrides = [for_everybody("Old", "b"), for_everybody("Kept", "b")];
    let (client, service) = of_first_version(&overrides, Precedence::User).await;
    let before = client.world.stack().parameters;
    // The operator has corrected what the second version does not accept.
    set_overrides(&client, &[for_everybody("Kept", "c")]);

    let rename = json!({"platform": "cloudfoundry", "instance_name": "new"});
    client
        .update(with_member(&service, "context", rename))
        .await
        .expect(202);
    client.finish().await;
    assert_eq!(client.world.stack().parameters, before);

    client
        .update(with_member(&service, "parameters", json!({"Size": 2})))
        .await
        .expect(202);
    client.finish().await;
    assert_eq!(stack_value(&client, "Old").as_deref(), Some("b"));

    // An upgrade needs the value that only the operator can set.
    let upgrade = with_member(&service, "maintenance_info", json!({"version": "2.0.0"}));
    client.update(upgrade.clone()).await.expect(400);
    set_overrides(
        &client,
        &[for_everybody("Kept", "c"), for_everybody("Zone", "z")],
    );
    client.world.let_time_pass(LATER);
    client.update(upgrade).await.expect(202);
    client.finish().await;
    let after = client.world.stack().parameters;
    assert_eq!((&*after["Kept"], &*after["Zone"]), ("c", "z"));
}

#[tokio::test]
async fn user_replaces_a_default_of_the_operator() {
    let overrides = [for_everybody("Kept", "b"), for_everybody("Old", "b")];
    let (client, service) = of_first_version(&overrides, Precedence::User).await;
    client
        .update(with_member(&service, "parameters", json!({"Kept": "a"})))
        .await
        .expect(202);
    client.finish().await;
    assert_eq!(stack_value(&client, "Kept").as_deref(), Some("a"));

    // What an instance cannot change is no exception.
    let client = with(
        &[for_everybody("UseDeadLetterQueue", "false")],
        Precedence::User,
    );
    client.provision(json!({})).await.expect(202);
    client.finish().await;
    client
        .update(json!({"parameters": {"UseDeadLetterQueue": true}}))
        .await
        .expect(422);
}

#[tokio::test]
async fn resent_provision_is_known_after_its_override_has_gone() {
    let template = FIRST.replace("Old: {Type: String, Default: a}", "Old: {Type: String}");
    let catalog = catalog_of(&template);
    let ids = ids_of(&catalog, "only");
    let client = Client::with_catalog(catalog);
    set_overrides(&client, &[for_everybody("Old", "b")]);
    client.provision(ids.clone()).await.expect(202);
    set_overrides(&client, &[]);
    client.world.let_time_pass(LATER);
    client.provision(ids.clone()).await.expect(202);
    client.provision_as("two", ids).await.expect(400);
}

#[tokio::test]
async fn resent_update_is_known_after_an_override_has_changed() {
    let client = with(&[], Precedence::Operator);
    client.provision(json!({})).await.expect(202);
    client.finish().await;
    let update = json!({"parameters": {"DelaySeconds": 3}});
    let first = client.update(update.clone()).await.expect(202);
    set_overrides(&client, &[for_everybody("VisibilityTimeout", "40")]);
    client.world.let_time_pass(LATER);
    let again = client.update(update).await.expect(202);
    assert_eq!(first.body["operation"], again.body["operation"]);
}

#[tokio::test]
async fn what_was_read_can_be_sent_back() {
    for precedence in [Precedence::User, Precedence::Operator] {
        let client = with(&[for_everybody("DelaySeconds", "7")], precedence);
        client.provision(json!({})).await.expect(202);
        client.finish().await;
        let read = client.fetch_instance().await.expect(200).body["parameters"].clone();
        set_overrides(&client, &[for_everybody("DelaySeconds", "9")]);
        client.world.let_time_pass(LATER);
        client
            .update(json!({ "parameters": read }))
            .await
            .expect(202);
        client.finish().await;
        // It did not become the user's.
        assert_eq!(stack_value(&client, "DelaySeconds").as_deref(), Some("9"));
    }
}

#[tokio::test]
async fn limit_that_the_plan_does_not_fit_prevents_creations() {
    let nothing = limited(Scope::default(), "Kept", only(&["z"]));
    let catalog = catalog_of(FIRST);
    let ids = ids_of(&catalog, "only");
    let client = Client::with_catalog(catalog);
    set_overrides(&client, &[nothing]);
    let mut chosen = ids;
    chosen["parameters"] = json!({"Kept": "b"});
    let refused = client.provision(chosen).await.expect(400);
    assert!(
        refused.description().contains("does not fit the plan"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn catalog_shows_no_limit_that_some_do_not_have() {
    let overrides = [
        limited(Scope::default(), "DelaySeconds", at_most(5)),
        limited(
            scope(None, Some("generous"), None),
            "DelaySeconds",
            at_most(60),
        ),
        limited(scope(None, None, Some("sqs")), PLAN, only(&["standard"])),
        limited(
            scope(Some("in-order"), None, Some("sqs")),
            PLAN,
            only(&["fifo"]),
        ),
    ];
    let client = with(&overrides, Precedence::Operator);
    let answer = client.request("GET", "/v2/catalog", None).await.expect(200);
    let services = answer.body["services"].as_array().expect("services");
    let sqs = services.iter().find(|service| service["name"] == "sqs");
    let plans = sqs.expect("sqs")["plans"].as_array().expect("plans");
    assert_eq!(plans.len(), 2);
    let schema = &plans[0]["schemas"]["service_instance"]["create"]["parameters"];
    assert_eq!(schema["properties"]["DelaySeconds"]["maximum"], 900);
}

#[test]
fn scopes_have_one_spelling() {
    let hyphenated = "0b6e2c1a-8d47-4b6a-9e0f-1c2d3e4f5a6b";
    for id in [
        hyphenated,
        "0b6e2c1a8d474b6a9e0f1c2d3e4f5a6b",
        "0B6E2C1A-8D47-4B6A-9E0F-1C2D3E4F5A6B",
    ] {
        let normalized = scope(Some(id), Some("shop"), None).normalized();
        assert_eq!(normalized, Ok(scope(Some(hyphenated), Some("shop"), None)));
    }
    for wrong in ["", " ", "a#b"] {
        let refused = scope(None, Some(wrong), None)
            .normalized()
            .expect_err(wrong);
        assert!(refused.contains("the space must not be empty"), "{refused}");
    }
}
