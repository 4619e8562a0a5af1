//! What the operator restricts: plans, values of parameters, and what users may name.

use std::collections::BTreeMap;

use aws_service_broker::{
    broker::{Broker, rules::Quotas, stacks::StackStatus},
    offerings::OFFERINGS,
};
use catalog::{Catalog, Consents, EnabledPlans, ParameterLimits, Restrictions};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Client, INSTANCE, body_of, catalog, everything, plan_id, service_id};

fn restricted(restrictions: &Restrictions) -> Catalog {
    catalog().restricted(restrictions)
}

fn consents(entries: &[(&str, &str)]) -> Restrictions {
    let entries = entries.iter().map(|(setting, list)| {
        (
            (*setting).into(),
            list.split(',').map(str::to_owned).collect(),
        )
    });
    let consents = Consents {
        entries: entries.collect(),
        ..Consents::default()
    };
    Restrictions {
        consents,
        ..Restrictions::default()
    }
}

fn limits(text: &str) -> Restrictions {
    let limits = ParameterLimits::parse(text, OFFERINGS).expect("limits");
    Restrictions {
        limits,
        ..everything()
    }
}

/// The plans in the catalog, by their services.
fn plans(catalog: &Catalog) -> BTreeMap<String, Vec<String>> {
    let catalog = body_of(catalog);
    let name = |named: &Value| named["name"].as_str().expect("a name").to_owned();
    let services = catalog["services"].as_array().expect("services").iter();
    let plans = |service: &Value| {
        service["plans"]
            .as_array()
            .expect("plans")
            .iter()
            .map(name)
            .collect()
    };
    services
        .map(|service| (name(service), plans(service)))
        .collect()
}

fn create_schema(catalog: &Catalog, service: &str, plan: &str) -> Value {
    let catalog = body_of(catalog);
    let find = |list: &Value, name: &str| {
        let list = list.as_array().expect("a list");
        list.iter()
            .find(|named| named["name"] == name)
            .unwrap_or_else(|| panic!("{name}"))
            .clone()
    };
    let plan = find(&find(&catalog["services"], service)["plans"], plan);
    plan["schemas"]["service_instance"]["create"]["parameters"]["properties"].clone()
}

fn request(service: &str, plan: &str, parameters: Value) -> Value {
    json!({"service_id": service_id(service), "plan_id": plan_id(service, plan), "parameters": parameters})
}

/// The same account, whose broker has these restrictions from now on.
fn restrict(client: Client, restrictions: &Restrictions) -> Client {
    let broker = client.broker();
    client.with_broker(Broker {
        catalog: restricted(restrictions),
        ..broker
    })
}

#[test]
fn plan_without_operator_consent_is_not_offered() {
    let offered = plans(&restricted(&Restrictions::default()));
    assert_eq!(offered["route53"], ["hostedzone"]);
    assert_eq!(offered.get("ses"), None, "no plan of it is left");
    assert!(offered.contains_key("cognito") && offered["sns"].contains(&"subscription".to_owned()));
    let one_of_two = plans(&restricted(&consents(&[("RecordZones", "Z*")])));
    assert_eq!(one_of_two["route53"], ["hostedzone"]);
    let both = plans(&restricted(&consents(&[
        ("RecordZones", "Z*"),
        ("RecordNames", "*.example.com"),
    ])));
    assert_eq!(both["route53"], ["hostedzone", "recordset"]);
}

#[tokio::test]
async fn named_resources_must_match_the_operators_entries() {
    let zones = [
        ("RecordZones", "Z1,Z2"),
        (
            "RecordNames",
            "*.apps.example.com,_*.dev.example.com,\\052.dev.example.com",
        ),
    ];
    let record = |zone: &str, name: &str| {
        let parameters =
            json!({"HostedZoneId": zone, "RecordName": name, "RecordValues": "192.0.2.1"});
        request("route53", "recordset", parameters)
    };
    let zone = |vpc: &str| {
        request(
            "route53",
            "hostedzone",
            json!({"DomainName": "shop.internal", "VpcId": vpc}),
        )
    };
    let sender = |plan: &str, name: &str, value: &str| request("ses", plan, json!({name: value}));
    let pool = |identity: &str| {
        let arn = format!("arn:aws:ses:us-east-1:000000000000:identity/{identity}");
        let from = format!("a@{identity}");
        request(
            "cognito",
            "custom",
            json!({"EmailIdentityArn": arn, "EmailFrom": from}),
        )
    };
    let all_names = [("RecordZones", "Z1"), ("RecordNames", "*")];
    let topic = |name: &str| {
        let arn = format!("arn:aws:sns:us-east-1:000000000000:{name}");
        request(
            "ses",
            "identity",
            json!({"Domain": "apps.example.com", "EventTopicArn": arn}),
        )
    };
    let topics = [
        ("SenderIdentities", "apps.example.com"),
        (
            "EventTopics",
            "arn:aws:sns:us-east-1:000000000000:osb-sns-*",
        ),
    ];
    let queries = |name: &str| {
        let arn = format!("arn:aws:logs:us-east-1:000000000000:log-group:{name}");
        request(
            "route53",
            "hostedzone",
            json!({"DomainName": "example.com", "QueryLogGroupArn": arn}),
        )
    };
    let logs = [(
        "QueryLogGroups",
        "arn:aws:logs:us-east-1:000000000000:log-group:/queries/*",
    )];
    let senders = [(
        "SenderIdentities",
        "apps.example.com,*.teams.example.com,*@test.example.com",
    )];
    let vpcs = [("PrivateZoneVpcs", "vpc-0123456789abcdef0")];
    for (entries, request, refused) in [
        (&zones[..], record("Z1", "www.apps.example.com"), None),
        (&zones, record("Z2", "www.apps.example.com."), None),
        (
            &zones,
            record("Z1", "a.b.apps.example.com"),
            Some("`RecordName`"),
        ),
        (
            &all_names,
            record("Z1", "_acme-challenge.example.com"),
            None,
        ),
        (&all_names, record("Z1", "*.example.com"), None),
        (
            &zones,
            record("Z3", "www.apps.example.com"),
            Some("`HostedZoneId`"),
        ),
        (
            &zones,
            record("Z1", "apps.example.com"),
            Some("`RecordName`"),
        ),
        (&zones, record("Z1", "example.com"), Some("`RecordName`")),
        (
            &zones,
            record("Z1", "_acme-challenge.apps.example.com"),
            Some("`RecordName`"),
        ),
        (
            &zones,
            record("Z1", "*.apps.example.com"),
            Some("`RecordName`"),
        ),
        (
            &zones,
            record("Z1", "www.apps-example.com"),
            Some("`RecordName`"),
        ),
        (&zones, record("Z1", "_dmarc.dev.example.com"), None),
        (&zones, record("Z1", "*.dev.example.com"), None),
        (&vpcs, zone("vpc-0123456789abcdef0"), None),
        (&vpcs, zone(""), None),
        (&vpcs, zone("vpc-0123456789abcdef1"), Some("`VpcId`")),
        (
            &[],
            zone("vpc-0123456789abcdef0"),
            Some("add it to the setting PrivateZoneVpcs"),
        ),
        (
            &senders,
            sender("identity", "Domain", "apps.example.com"),
            None,
        ),
        (
            &senders,
            sender("identity", "Domain", "example.com"),
            Some("`Domain`"),
        ),
        (
            &senders,
            sender("identity", "Domain", "www.apps.example.com"),
            Some("`Domain`"),
        ),
        (
            &senders,
            sender("identity", "Domain", "shop.teams.example.com"),
            None,
        ),
        (
            &senders,
            sender("identity", "Domain", "mail.shop.teams.example.com"),
            Some("`Domain`"),
        ),
        (
            &senders,
            sender("address", "EmailAddress", "ceo@shop.teams.example.com"),
            Some("`EmailAddress`"),
        ),
        (
            &senders,
            sender("address", "EmailAddress", "CI@test.example.com"),
            None,
        ),
        (&topics, topic("osb-sns-1234"), None),
        (
            &topics,
            topic("alarms"),
            Some("add it to the setting EventTopics"),
        ),
        (&logs, queries("/queries/shop"), None),
        (
            &logs,
            queries("/aws/route53/shop"),
            Some("add it to the setting QueryLogGroups"),
        ),
        (
            &senders,
            sender("address", "EmailAddress", "ceo@example.com"),
            Some("add it to the setting SenderIdentities"),
        ),
        (&senders, pool("apps.example.com"), None),
        (&senders, pool("example.com"), Some("`EmailIdentityArn`")),
        // It exists, and may be another user's.
        (
            &senders,
            pool("shop.teams.example.com"),
            Some("`EmailIdentityArn`"),
        ),
        (
            &[("SenderIdentities", "*")],
            pool("shop.teams.example.com"),
            None,
        ),
        (&[], request("cognito", "custom", json!({})), None),
    ] {
        let client = restrict(Client::new(), &consents(entries));
        let answer = client.provision(request.clone()).await;
        match refused {
            None => assert_eq!(answer.status, 202, "{request}: {}", answer.description()),
            Some(reason) => {
                assert_eq!(answer.status, 400, "{request}");
                assert!(
                    answer.description().contains(reason),
                    "{request}: {}",
                    answer.description()
                );
                assert!(client.world.instance(INSTANCE).is_none());
            }
        }
    }
}

/// Users who share an entry are in each other's way: whoever may send from a domain sends as
/// everybody in it.
#[tokio::test]
async fn entry_applies_only_to_its_owners() {
    let settings = consents(&[(
        "SenderIdentities",
        "shop.example.com,blog.example.com,all.example.com",
    )]);
    let owners =
        r#"{"shop.example.com": ["shop-org"], "blog.example.com": ["blog-space", "other-org"]}"#;
    let consents = settings
        .consents
        .clone()
        .with_owners(owners, OFFERINGS)
        .expect("owners");
    let restrictions = Restrictions {
        consents,
        ..settings
    };
    for (domain, organization, space, status) in [
        ("shop.example.com", "shop-org", "any", 202),
        ("shop.example.com", "blog-org", "blog-space", 400),
        ("blog.example.com", "blog-org", "blog-space", 202),
        ("blog.example.com", "other-org", "any", 202),
        ("blog.example.com", "shop-org", "any", 400),
        ("all.example.com", "shop-org", "any", 202),
    ] {
        let client = restrict(Client::new(), &restrictions);
        let mut request = request("ses", "identity", json!({"Domain": domain}));
        request["organization_guid"] = organization.into();
        request["space_guid"] = space.into();
        let answer = client.provision(request).await;
        assert_eq!(
            answer.status,
            status,
            "{domain} for {organization}: {}",
            answer.description()
        );
    }
}

#[test]
fn invalid_entry_owners_are_refused() {
    let topic = "arn:aws:sns:us-east-1:222222222222:alarms";
    let consents = consents(&[
        ("SenderIdentities", "shop.example.com"),
        ("ForeignTopics", topic),
    ])
    .consents;
    for (text, reason) in [
        ("[]", "invalid type"),
        (
            r#"{"shop.example": ["one"]}"#,
            "`shop.example` is not an entry of a setting",
        ),
        (
            &format!(r#"{{"{topic}": ["one"]}}"#),
            "is in ForeignTopics, which only IAM checks",
        ),
        (
            r#"{"shop.example.com": []}"#,
            "`shop.example.com` needs the GUIDs",
        ),
        (
            r#"{"shop.example.com": [""]}"#,
            "`shop.example.com` needs the GUIDs",
        ),
        (
            r#"{"shop.example.com": ["one"], "shop.example.com": ["two"]}"#,
            "`shop.example.com` occurs twice",
        ),
    ] {
        let refused = consents
            .clone()
            .with_owners(text, OFFERINGS)
            .expect_err(text);
        assert!(refused.contains(reason), "{text}: {refused}");
    }
}

#[tokio::test]
async fn instance_survives_later_restrictions() {
    let client = Client::new();
    let mut request = request(
        "route53",
        "recordset",
        json!({"HostedZoneId": "Z1", "RecordName": "www.example.com", "RecordValues": "192.0.2.1"}),
    );
    client.provision(request.clone()).await.expect(202);
    client.finish().await;

    let client = restrict(client, &Restrictions::default());
    client.provision(request.clone()).await.expect(200);
    client.fetch_instance().await.expect(200);
    let ids =
        json!({"service_id": service_id("route53"), "plan_id": plan_id("route53", "recordset")});
    client.bind("one", ids).await.expect(201);
    let change = json!({"service_id": service_id("route53"), "parameters": {"TimeToLive": 60}});
    client.update(change).await.expect(202);
    client.finish().await;
    request["parameters"]["TimeToLive"] = json!(60);
    let refused = client.provision_as("another", request).await.expect(400);
    assert!(
        refused
            .description()
            .contains("does not allow the plan `recordset` of `route53`"),
        "{refused:?}"
    );
    client.deprovision().await.expect(202);
}

#[tokio::test]
async fn update_may_name_only_allowed_resources() {
    let client = restrict(
        Client::new(),
        &consents(&[("SenderIdentities", "apps.example.com")]),
    );
    client
        .provision(request("cognito", "custom", json!({})))
        .await
        .expect(202);
    client.finish().await;
    let change = |identity: &str| {
        let arn = format!("arn:aws:ses:us-east-1:000000000000:identity/{identity}");
        let parameters = json!({"EmailIdentityArn": arn, "EmailFrom": format!("a@{identity}")});
        json!({"service_id": service_id("cognito"), "parameters": parameters})
    };
    let refused = client.update(change("example.com")).await.expect(400);
    assert!(
        refused.description().contains("setting SenderIdentities"),
        "{refused:?}"
    );
    client.update(change("apps.example.com")).await.expect(202);
    client.finish().await;
    // Taken back: what is not changed may stay.
    let client = restrict(client, &Restrictions::default());
    let other =
        json!({"service_id": service_id("cognito"), "parameters": {"PasswordMinimumLength": 20}});
    client.update(other).await.expect(202);
}

#[tokio::test]
async fn operator_selects_offered_plans() {
    let enabled = EnabledPlans::parse("sqs/fifo, s3/production", OFFERINGS).expect("plans");
    let restrictions = Restrictions {
        plans: enabled,
        ..everything()
    };
    let offered = plans(&restricted(&restrictions));
    assert_eq!(
        (&offered["sqs"][..], &offered["s3"][..]),
        (&["fifo".to_owned()][..], &["production".to_owned()][..])
    );
    assert_eq!(
        offered.len(),
        plans(&catalog()).len(),
        "all plans of the other services"
    );

    let client = restrict(Client::with_instance().await, &restrictions);
    let refused = client.provision_as("another", json!({})).await.expect(400);
    assert!(
        refused
            .description()
            .contains("does not allow the plan `standard` of `sqs`"),
        "{refused:?}"
    );
    client
        .update(json!({"parameters": {"DelaySeconds": 5}}))
        .await
        .expect(202);

    for wrong in ["sqs", "sqs/none", "mainframe/fifo"] {
        let reason = EnabledPlans::parse(wrong, OFFERINGS).expect_err(wrong);
        assert!(
            reason.contains(wrong) && reason.contains("write service/plan"),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn change_to_disabled_plan_is_refused() {
    let client = Client::new();
    client
        .provision(request("kinesis", "default", json!({"ShardCount": 2})))
        .await
        .expect(202);
    client.finish().await;
    let enabled = EnabledPlans::parse("kinesis/default", OFFERINGS).expect("plans");
    let client = restrict(
        client,
        &Restrictions {
            plans: enabled,
            ..Restrictions::default()
        },
    );
    let change =
        json!({"service_id": service_id("kinesis"), "plan_id": plan_id("kinesis", "ondemand")});
    let refused = client.update(change).await.expect(400);
    assert!(
        refused
            .description()
            .contains("does not allow the plan `ondemand`"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn parameter_limits_are_published_and_enforced() {
    let restrictions = limits(
        r#"{"kinesis": {"ShardCount": {"MaxValue": 4}}, "kinesis/default": {"ShardLevelMetrics": {"Value": "false"}},
            "sqs/standard": {"VisibilityTimeout": {"MaxValue": 10}, "UseDeadLetterQueue": {"AllowedValues": ["true"]}}}"#,
    );
    let catalog = restricted(&restrictions);
    let shards = &create_schema(&catalog, "kinesis", "default")["ShardCount"];
    assert_eq!(
        (&shards["maximum"], &shards["type"]),
        (&json!(4), &json!("integer"))
    );
    let metrics = &create_schema(&catalog, "kinesis", "default")["ShardLevelMetrics"];
    assert_eq!(
        (&metrics["enum"], &metrics["default"]),
        (&json!([false]), &json!(false))
    );
    let queue = create_schema(&catalog, "sqs", "standard");
    assert_eq!(
        queue["VisibilityTimeout"]["default"], 10,
        "the template's default, 30, is beyond the limit"
    );
    assert_eq!(queue["UseDeadLetterQueue"]["enum"], json!([true]));

    let client = restrict(Client::new(), &restrictions);
    let refused = client
        .provision(request("kinesis", "default", json!({"ShardCount": 5})))
        .await
        .expect(400);
    assert!(
        refused
            .description()
            .contains("`ShardCount` must be a whole number from 1 to 4"),
        "{refused:?}"
    );
    let refused = client
        .provision(json!({"parameters": {"UseDeadLetterQueue": false}}))
        .await
        .expect(400);
    assert!(
        refused
            .description()
            .contains("`UseDeadLetterQueue` must be `true`"),
        "{refused:?}"
    );

    client.provision(json!({})).await.expect(202);
    client.finish().await;
    let stack = client
        .world
        .account()
        .stacks
        .into_values()
        .next()
        .expect("a stack");
    assert_eq!(
        stack.parameters["VisibilityTimeout"], "10",
        "what nobody chooses is within the limit"
    );
    let refused = client
        .update(json!({"parameters": {"VisibilityTimeout": 11}}))
        .await
        .expect(400);
    assert!(
        refused
            .description()
            .contains("`VisibilityTimeout` must be"),
        "{refused:?}"
    );
    client
        .update(json!({"parameters": {"VisibilityTimeout": 9}}))
        .await
        .expect(202);
}

/// Another default would reach existing instances with their next upgrade, and replace what it
/// cannot change.
#[tokio::test]
async fn unchangeable_default_beyond_limit_is_dropped() {
    let restrictions = limits(r#"{"sqs": {"UseDeadLetterQueue": {"Value": "false"}}}"#);
    let property =
        &create_schema(&restricted(&restrictions), "sqs", "standard")["UseDeadLetterQueue"];
    assert_eq!(
        (property.get("default"), &property["enum"]),
        (None, &json!([false]))
    );
    let client = restrict(Client::new(), &restrictions);
    let refused = client.provision(json!({})).await.expect(400);
    assert!(
        refused
            .description()
            .contains("`UseDeadLetterQueue` must be `false`"),
        "{refused:?}"
    );
    client
        .provision(json!({"parameters": {"UseDeadLetterQueue": false}}))
        .await
        .expect(202);
}

#[tokio::test]
async fn instance_beyond_a_later_limit_can_be_updated() {
    let client = Client::new();
    client
        .provision(request("kinesis", "default", json!({"ShardCount": 8})))
        .await
        .expect(202);
    client.finish().await;
    let client = restrict(
        client,
        &limits(r#"{"kinesis": {"ShardCount": {"MaxValue": 4}}}"#),
    );
    let change =
        |parameters| json!({"service_id": service_id("kinesis"), "parameters": parameters});
    client
        .update(change(json!({"ShardCount": 8, "RetentionPeriodHours": 48})))
        .await
        .expect(202);
    client.finish().await;
    client
        .update(change(json!({"ShardCount": 9})))
        .await
        .expect(400);
    client
        .update(change(json!({"ShardCount": 4})))
        .await
        .expect(202);
}

#[tokio::test]
async fn plan_change_must_respect_new_limits() {
    let restrictions = limits(r#"{"kinesis/ondemand": {"DeletionPolicy": {"Value": "Delete"}}}"#);
    let client = restrict(Client::new(), &restrictions);
    client
        .provision(request(
            "kinesis",
            "default",
            json!({"DeletionPolicy": "Retain"}),
        ))
        .await
        .expect(202);
    client.finish().await;
    let change =
        json!({"service_id": service_id("kinesis"), "plan_id": plan_id("kinesis", "ondemand")});
    let refused = client.update(change.clone()).await.expect(400);
    assert!(
        refused
            .description()
            .contains("`DeletionPolicy` must be `Delete`"),
        "{refused:?}"
    );
    let mut change = change;
    change["parameters"] = json!({"DeletionPolicy": "Delete"});
    client.update(change).await.expect(202);
}

#[test]
fn invalid_parameter_limits_are_refused() {
    for (text, reason) in [
        ("[]", "invalid type"),
        (
            r#"{"mainframe": {}}"#,
            "`mainframe` is neither a service nor a plan",
        ),
        (
            r#"{"sqs": {"ShardCount": {"MaxValue": 1}}}"#,
            "`sqs` has no parameter `ShardCount` that users can set",
        ),
        (
            r#"{"sqs/fifo": {"FifoQueue": {"Value": true}}}"#,
            "`sqs/fifo` has no parameter `FifoQueue`",
        ),
        (
            r#"{"kinesis": {"ShardCount": {"MaxValue": 0}}}"#,
            "`ShardCount`: it accepts no number between",
        ),
        (
            r#"{"kinesis": {"DeletionPolicy": {"MaxValue": 1}}}"#,
            "`DeletionPolicy`: it accepts no number",
        ),
        (
            r#"{"kinesis": {"DeletionPolicy": {"AllowedValues": ["FREE"]}}}"#,
            "`DeletionPolicy`: it does not accept these values",
        ),
        (
            r#"{"kinesis": {"ShardCount": {"Most": 1}}}"#,
            "unknown field `Most`",
        ),
        (
            r#"{"kinesis": {}, "kinesis": {}}"#,
            "`kinesis` occurs twice",
        ),
        (
            r#"{"kinesis": {"ShardCount": {"MaxValue": 1}, "ShardCount": {"MaxValue": 2}}}"#,
            "`ShardCount` occurs twice",
        ),
        (
            r#"{"kinesis": {"ShardCount": {}}}"#,
            "`ShardCount`: it must have MinValue, MaxValue, AllowedValues or Value",
        ),
        (
            r#"{"kinesis": {"ShardCount": {"MinValue": 5, "MaxValue": 4}}}"#,
            "`ShardCount`: it accepts no number between",
        ),
    ] {
        let refused = ParameterLimits::parse(text, OFFERINGS).expect_err(text);
        assert!(refused.contains(reason), "{text}: {refused}");
    }
}

/// Of some parameters, 0 means without an end.
#[tokio::test]
async fn minimum_limit_excludes_unlimited_zero() {
    let restrictions =
        limits(r#"{"eventbridge": {"ArchiveRetentionDays": {"MinValue": 1, "MaxValue": 30}}}"#);
    let property =
        &create_schema(&restricted(&restrictions), "eventbridge", "bus")["ArchiveRetentionDays"];
    assert_eq!(
        (&property["minimum"], &property["maximum"]),
        (&json!(1), &json!(30))
    );
    let client = restrict(Client::new(), &restrictions);
    for (days, status) in [(0, 400), (31, 400), (1, 202)] {
        let archive = json!({"Archive": true, "ArchiveRetentionDays": days});
        let answer = client
            .provision(request("eventbridge", "bus", archive))
            .await;
        assert_eq!(answer.status, status, "{days}: {}", answer.description());
    }
}

/// Otherwise a restored table would lose the data of whoever was created before a restriction.
#[tokio::test]
async fn lost_instance_is_adopted_despite_disabled_plan() {
    let client = Client::with_instance().await;
    client.world.edit(|account| account.instances.clear());
    let enabled = EnabledPlans::parse("sqs/fifo", OFFERINGS).expect("plans");
    let client = restrict(
        client,
        &Restrictions {
            plans: enabled,
            ..everything()
        },
    );
    client.provision_as("another", json!({})).await.expect(400);
    client
        .provision(json!({"parameters": {"DelaySeconds": 9}}))
        .await
        .expect(400);
    client.provision(json!({})).await.expect(202);
    client.world.let_time_pass(SignedDuration::from_mins(1));
    assert_eq!(
        client.last_operation().await.expect(200).body["state"],
        "succeeded"
    );
}

fn with_quotas(client: Client, quotas: Quotas) -> Client {
    let broker = client.broker();
    client.with_broker(Broker { quotas, ..broker })
}

#[tokio::test]
async fn organization_instance_quota_is_enforced() {
    let quotas = Quotas {
        instances_per_organization: Some(2),
        ..Quotas::default()
    };
    let client = with_quotas(Client::new(), quotas);
    client.provision(json!({})).await.expect(202);
    client.finish().await;
    client.provision_as("two", json!({})).await.expect(202);
    let refused = client.provision_as("three", json!({})).await.expect(400);
    assert!(
        refused
            .description()
            .contains("namespace has reached its quota of service instances, 2"),
        "{refused:?}"
    );
    client
        .provision_as("three", json!({"organization_guid": "another"}))
        .await
        .expect(202);

    // On Kubernetes the organization is the whole cluster: each namespace counts for itself.
    let namespace =
        |space: &str| json!({"context": {"platform": "kubernetes"}, "space_guid": space});
    for (id, space, status) in [
        ("n1", "shop", 202),
        ("n2", "shop", 202),
        ("n3", "shop", 400),
        ("n4", "blog", 202),
    ] {
        let answer = client.provision_as(id, namespace(space)).await;
        assert_eq!(answer.status, status, "{id}: {}", answer.description());
    }

    // Sent again, what exists is the answer; and what is deleted does not count.
    client.provision(json!({})).await.expect(200);
    client
        .provision(json!({"space_guid": "another"}))
        .await
        .expect(409);
    client.deprovision().await.expect(202);
    client
        .world
        .settle_stacks(StackStatus::DeleteComplete, None);
    client.last_operation().await.expect(200);
    client.provision_as("four", json!({})).await.expect(202);
}

#[tokio::test]
async fn instance_binding_quota_is_enforced() {
    let quotas = Quotas {
        bindings_per_instance: Some(1),
        ..Quotas::default()
    };
    let client = with_quotas(Client::with_instance().await, quotas);
    let bound = client.bind("one", json!({})).await.expect(201);
    let refused = client.bind("two", json!({})).await.expect(400);
    assert!(
        refused
            .description()
            .contains("quota of service bindings, 1"),
        "{refused:?}"
    );
    assert_eq!(
        client.bind("one", json!({})).await.expect(200).body,
        bound.body
    );

    let rotation = json!({"predecessor_binding_id": "one"});
    client.bind("two", rotation.clone()).await.expect(201);
    client.bind("three", rotation).await.expect(400);
    client.unbind("one").await.expect(200);
    client.unbind("two").await.expect(200);
    client.bind("four", json!({})).await.expect(201);
}
