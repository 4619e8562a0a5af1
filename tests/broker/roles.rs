//! Bindings that act with a role in the place of an access key.

use aws_service_broker::broker::{
    ports::PortErrorKind::{Denied, Throttled},
    records::{ORGANIZATION_TAG, SPACE_TAG, Tag},
    rules::{BindingRules, OwnRoles, RolePatterns, WorkloadIdentity},
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Fault, World, catalog, plan_id, service_id};

const ISSUER: &str = "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE";
const CLUSTER: &str = "arn:aws:eks:us-east-1:000000000000:cluster/a-cluster";

fn rules() -> BindingRules {
    BindingRules {
        // For access keys only.
        lifetime: Some(SignedDuration::from_hours(24)),
        roles: RolePatterns::new("apps/*, osb/*"),
        workload_identity: WorkloadIdentity {
            oidc_provider_arn: Some(format!("arn:aws:iam::000000000000:oidc-provider/{ISSUER}")),
            eks_cluster_arn: None,
        },
        own_roles: OwnRoles::beside("arn:aws:iam::000000000000:role/apps/of-broker-BrokerRole-1"),
        outputs_as_is: false,
    }
}

async fn client(rules: BindingRules) -> Client {
    Client::with(World::new(), catalog(), rules, Default::default())
        .having_instance()
        .await
}

async fn bind(client: &Client, id: &str, parameters: Value) -> Answer {
    client.bind(id, json!({"parameters": parameters})).await
}

#[tokio::test]
async fn role_binding_adds_and_removes_only_its_policy() {
    let client = client(rules()).await;
    let arn = client.world.make_role("apps/worker");
    client.world.edit(|account| {
        let role = account.roles.get_mut("worker").expect("the role");
        role.policies.insert("its-own".into(), json!({}));
    });
    let before = client.world.roles();
    let bound = bind(
        &client,
        "one",
        json!({"RoleName": "worker", "Scope": "Send"}),
    )
    .await
    .expect(201);
    let credentials = &bound.body["credentials"];
    assert_eq!(
        (&credentials["AWS_ROLE_ARN"], &credentials["QUEUE_URL"]),
        (&json!(arn), &json!("the-QueueURL"))
    );
    assert_eq!(credentials.get("AWS_ACCESS_KEY_ID"), None);
    assert_eq!(bound.body.get("metadata"), None, "a role does not expire");
    let policies = client.world.roles()["worker"].policies.clone();
    let added = policies
        .iter()
        .find(|(name, _)| *name != "its-own")
        .expect("a policy")
        .1;
    assert_eq!(added["Statement"][0]["Action"][0], "sqs:SendMessage");
    assert!(
        !added.to_string().contains("Deny"),
        "a role must not be denied everything: {added}"
    );
    assert!(client.world.users().is_empty());

    // Two bindings of one role do not break each other.
    bind(&client, "two", json!({"RoleArn": arn}))
        .await
        .expect(201);
    assert_eq!(client.world.roles()["worker"].policies.len(), 3);
    client.unbind("one").await.expect(200);
    assert_eq!(client.world.roles()["worker"].policies.len(), 2);
    let fetched = client.fetch_binding("two").await.expect(200);
    assert_eq!(fetched.body["credentials"]["AWS_ROLE_ARN"], json!(arn));
    client.unbind("two").await.expect(200);
    assert_eq!(client.world.roles(), before);
}

#[tokio::test]
async fn only_allowed_roles_can_be_bound() {
    let client = client(rules()).await;
    let others = client.world.make_role("others/worker");
    client.world.make_role("osb/osb-of-the-broker");
    client.world.make_role("apps/of-broker-FunctionRole-2");
    let before = client.world.account();
    let elsewhere = "arn:aws:iam::111111111111:role/apps/worker";
    for (parameters, reason) in [
        (json!({"RoleName": "worker"}), "does not allow this role"),
        (json!({"RoleArn": others}), "does not allow this role"),
        (
            json!({"RoleName": "osb-of-the-broker"}),
            "does not allow this role",
        ),
        (
            json!({"RoleName": "of-broker-FunctionRole-2"}),
            "does not allow this role",
        ),
        (json!({"RoleName": "nobody"}), "The IAM role does not exist"),
        (
            json!({"RoleName": "worker", "RoleArn": others}),
            "Send only one of",
        ),
        (
            json!({"RoleName": "a b"}),
            "`RoleName` must be the name of an IAM role",
        ),
        (
            json!({"RoleArn": "worker"}),
            "`RoleArn` must be the ARN of an IAM role",
        ),
    ] {
        let refused = bind(&client, "one", parameters.clone()).await.expect(400);
        assert!(
            refused.description().contains(reason),
            "{parameters}: {}",
            refused.description()
        );
    }
    client.world.make_role("apps/worker");
    let refused = bind(&client, "one", json!({"RoleArn": elsewhere}))
        .await
        .expect(400);
    assert!(
        refused
            .description()
            .contains("The IAM role does not exist"),
        "{}",
        refused.description()
    );
    // AWS lets the broker see those alone that are allowed.
    client.world.inject("roles.find", Fault::Before(Denied));
    let refused = bind(&client, "one", json!({"RoleName": "hidden"}))
        .await
        .expect(400);
    assert!(
        refused.description().contains("does not allow"),
        "{}",
        refused.description()
    );
    assert_eq!(client.world.account().bindings, before.bindings);
}

#[tokio::test]
async fn role_tag_must_match_space_or_organization() {
    let client = client(rules()).await;
    client.world.make_role("apps/worker");
    let tagged = |key, value| {
        client.world.edit(|account| {
            account.roles.get_mut("worker").expect("the role").tags = vec![Tag::new(key, value)];
        });
    };
    for (key, value) in [
        (SPACE_TAG, "another-space"),
        (ORGANIZATION_TAG, "a-space"),
        ("space-guid", "a-space"),
    ] {
        tagged(key, value);
        let refused = bind(&client, "one", json!({"RoleName": "worker"}))
            .await
            .expect(400);
        assert!(
            refused
                .description()
                .contains("servicebroker:space-guid with the value a-space"),
            "{refused:?}"
        );
        assert_eq!(client.world.roles()["worker"].policies.len(), 0);
    }
    for (id, key, value) in [
        ("one", SPACE_TAG, "a-space"),
        ("two", ORGANIZATION_TAG, "an-organization"),
    ] {
        tagged(key, value);
        bind(&client, id, json!({"RoleName": "worker"}))
            .await
            .expect(201);
    }
}

#[tokio::test]
async fn resumed_binding_respects_withdrawn_role_tag() {
    let client = client(rules()).await;
    client.world.make_role("apps/worker");
    client
        .world
        .inject("roles.put_policy", Fault::Before(Throttled));
    bind(&client, "one", json!({"RoleName": "worker"}))
        .await
        .expect(503);
    client.world.edit(|account| {
        account
            .roles
            .get_mut("worker")
            .expect("the role")
            .tags
            .clear()
    });
    client.world.let_time_pass(SignedDuration::from_mins(1));
    let refused = bind(&client, "one", json!({"RoleName": "worker"}))
        .await
        .expect(400);
    assert!(
        refused.description().contains("servicebroker:space-guid"),
        "{refused:?}"
    );
    assert_eq!(client.world.roles()["worker"].policies.len(), 0);
    client.unbind("one").await.expect(200);

    // Nor does it leave what it has added.
    let owner = Tag::new(SPACE_TAG, "a-space");
    client
        .world
        .edit(|account| account.roles.get_mut("worker").expect("the role").tags = vec![owner]);
    client
        .world
        .inject("roles.put_policy", Fault::After(Throttled));
    bind(&client, "two", json!({"RoleName": "worker"}))
        .await
        .expect(503);
    assert_eq!(client.world.roles()["worker"].policies.len(), 1);
    client.world.edit(|account| {
        account
            .roles
            .get_mut("worker")
            .expect("the role")
            .tags
            .clear()
    });
    client.world.let_time_pass(SignedDuration::from_mins(1));
    bind(&client, "two", json!({"RoleName": "worker"}))
        .await
        .expect(400);
    assert_eq!(client.world.roles()["worker"].policies.len(), 0);
}

#[tokio::test]
async fn scope_with_denials_cannot_be_bound_to_a_role() {
    let client = Client::with(World::new(), catalog(), rules(), Default::default());
    let mut request =
        json!({"service_id": service_id("bedrock"), "plan_id": plan_id("bedrock", "guarded")});
    client.provision(request.clone()).await.expect(202);
    client.finish().await;
    client.world.make_role("apps/worker");
    request["parameters"] = json!({"RoleName": "worker"});
    let refused = client.bind("one", request).await.expect(400);
    assert!(
        refused
            .description()
            .contains("The scope Invoke of this plan denies actions"),
        "{refused:?}"
    );
    assert_eq!(client.world.roles()["worker"].policies.len(), 0);
}

#[tokio::test]
async fn resent_bind_succeeds_after_role_is_gone() {
    let client = client(rules()).await;
    client.world.make_role("apps/worker");
    let parameters = json!({"RoleName": "worker"});
    let bound = bind(&client, "one", parameters.clone()).await.expect(201);
    client.world.edit(|account| account.roles.clear());
    assert_eq!(
        bind(&client, "one", parameters.clone())
            .await
            .expect(200)
            .body,
        bound.body
    );
    bind(&client, "two", parameters.clone()).await.expect(400);
    bind(&client, "one", json!({"RoleName": "another"}))
        .await
        .expect(409);
    client.unbind("one").await.expect(200);
    bind(&client, "one", parameters).await.expect(422);
}

#[tokio::test]
async fn roles_are_refused_without_operator_settings() {
    let client = client(BindingRules::default()).await;
    client.world.make_role("apps/worker");
    for (parameters, reason) in [
        (
            json!({"RoleName": "worker"}),
            "does not allow roles in bindings",
        ),
        (
            json!({"ServiceAccount": "a/b"}),
            "has configured no Kubernetes cluster",
        ),
    ] {
        let refused = bind(&client, "one", parameters).await.expect(400);
        assert!(
            refused.description().contains(reason),
            "{}",
            refused.description()
        );
    }
    let bound = client.bind("one", json!({})).await.expect(201);
    assert_eq!(bound.body["credentials"].get("AWS_ROLE_ARN"), None);
}

#[tokio::test]
async fn service_account_gets_a_role_of_its_own() {
    let client = client(rules()).await;
    let bound = bind(&client, "one", json!({"ServiceAccount": "shop/worker"}))
        .await
        .expect(201);
    let (name, role) = client.world.roles().pop_first().expect("a role");
    assert_eq!(bound.body["credentials"]["AWS_ROLE_ARN"], json!(role.arn));
    assert_eq!(bound.body["credentials"].get("AWS_SECRET_ACCESS_KEY"), None);
    assert_eq!(bound.body.get("metadata"), None, "a role does not expire");
    assert_eq!(role.policies.len(), 1);
    let statements = role.trust_policy["Statement"]
        .as_array()
        .expect("statements");
    assert_eq!(statements.len(), 1);
    assert_eq!(
        statements[0]["Principal"]["Federated"],
        json!(rules().workload_identity.oidc_provider_arn)
    );
    assert_eq!(statements[0]["Action"], "sts:AssumeRoleWithWebIdentity");
    let expected = json!({"StringEquals": {
        format!("{ISSUER}:sub"): "system:serviceaccount:shop:worker",
        format!("{ISSUER}:aud"): "sts.amazonaws.com",
    }});
    assert_eq!(statements[0]["Condition"], expected);
    let tags: Vec<_> = role
        .tags
        .iter()
        .map(|tag| (&*tag.key, tag.value.as_str()))
        .collect();
    assert!(
        tags.contains(&("servicebroker:binding-id", "one")),
        "{tags:?}"
    );

    let again = bind(&client, "one", json!({"ServiceAccount": "shop/worker"}))
        .await
        .expect(200);
    assert_eq!(again.body, bound.body);
    client.unbind("one").await.expect(200);
    assert_eq!(client.world.roles().get(&name), None);
}

#[tokio::test]
async fn eks_pods_may_assume_the_role_by_pod_identity() {
    let workload_identity = WorkloadIdentity {
        eks_cluster_arn: Some(CLUSTER.into()),
        ..rules().workload_identity
    };
    let client = client(BindingRules {
        workload_identity,
        ..rules()
    })
    .await;
    bind(&client, "one", json!({"ServiceAccount": "shop/worker"}))
        .await
        .expect(201);
    let (_, role) = client.world.roles().pop_first().expect("a role");
    let statement = &role.trust_policy["Statement"][1];
    assert_eq!(
        statement["Principal"],
        json!({"Service": "pods.eks.amazonaws.com"})
    );
    assert_eq!(
        statement["Action"],
        json!(["sts:AssumeRole", "sts:TagSession"])
    );
    let expected = json!({"StringEquals": {
        "aws:RequestTag/eks-cluster-arn": CLUSTER,
        "aws:RequestTag/kubernetes-namespace": "shop",
        "aws:RequestTag/kubernetes-service-account": "worker",
    }});
    assert_eq!(statement["Condition"], expected);
}

#[tokio::test]
async fn service_account_must_be_in_the_platform_namespace() {
    let client = client(rules()).await;
    let in_shop = |account: &str| json!({"parameters": {"ServiceAccount": account}, "context": {"platform": "kubernetes", "namespace": "shop"}});
    client.bind("one", in_shop("worker")).await.expect(201);
    let (_, role) = client.world.roles().pop_first().expect("a role");
    assert!(
        role.trust_policy
            .to_string()
            .contains("system:serviceaccount:shop:worker")
    );
    client.bind("two", in_shop("shop/worker")).await.expect(201);
    let refused = client
        .bind("three", in_shop("bank/worker"))
        .await
        .expect(400);
    assert!(
        refused
            .description()
            .contains("must be in the binding's namespace, `shop`"),
        "{}",
        refused.description()
    );
    let refused = bind(&client, "three", json!({"ServiceAccount": "worker"}))
        .await
        .expect(400);
    assert!(
        refused.description().contains("namespace/name"),
        "{}",
        refused.description()
    );
}

#[tokio::test]
async fn rotated_binding_keeps_the_predecessors_role() {
    let client = client(rules()).await;
    client.world.make_role("apps/worker");
    bind(&client, "one", json!({"RoleName": "worker"}))
        .await
        .expect(201);
    client
        .bind("two", json!({"predecessor_binding_id": "one"}))
        .await
        .expect(201);
    assert_eq!(
        client.world.roles()["worker"].policies.len(),
        2,
        "both are valid for a while"
    );
    client.unbind("one").await.expect(200);
    assert_eq!(client.world.roles()["worker"].policies.len(), 1);
}

#[tokio::test]
async fn user_is_tagged_with_its_owner_and_scope() {
    let client = Client::with_instance().await;
    client
        .bind("one", json!({"bind_resource": {"app_guid": "an-app"}}))
        .await
        .expect(201);
    let (_, user) = client.world.users().pop_first().expect("a user");
    let tags: Vec<_> = user
        .tags
        .iter()
        .map(|tag| (tag.key.trim_start_matches("servicebroker:"), &*tag.value))
        .collect();
    assert_eq!(
        tags,
        [
            ("instance-id", crate::support::INSTANCE),
            ("service", "sqs"),
            ("plan", "standard"),
            ("organization-guid", "an-organization"),
            ("space-guid", "a-space"),
            ("binding-id", "one"),
            ("scope", "ReadWrite"),
            ("app-guid", "an-app"),
        ]
    );
}

#[tokio::test]
async fn binding_to_deleted_role_fails_and_can_be_deleted() {
    for polls in [false, true] {
        let client = client(rules()).await;
        client.world.make_role("apps/worker");
        client
            .world
            .inject("roles.put_policy", Fault::Before(Throttled));
        bind(&client, "one", json!({"RoleName": "worker"}))
            .await
            .expect(503);
        client
            .world
            .edit(|account| drop(account.roles.remove("worker")));

        client.world.let_time_pass(SignedDuration::from_secs(31));
        let description = if polls {
            let ended = client.binding_last_operation("one").await.expect(200);
            assert_eq!(ended.body["state"], "failed");
            ended.description().to_owned()
        } else {
            bind(&client, "one", json!({"RoleName": "worker"}))
                .await
                .expect(400)
                .description()
                .to_owned()
        };
        assert!(
            description.contains("The IAM role does not exist"),
            "{description}"
        );
        client.world.let_time_pass(SignedDuration::from_secs(31));
        client.unbind("one").await.expect(200);
        client.fetch_binding("one").await.expect(404);
    }
}

/// CloudFormation cuts the names of roles where that of the stack is long.
#[test]
fn truncated_broker_role_name_counts_as_own() {
    let cut = "arn:aws:iam::123456789012:role/a-broker-of-a-very-long-name-BrokerRo-1ABC";
    assert!(OwnRoles::beside(cut).contain(cut));
}

#[tokio::test]
async fn resent_request_completes_a_binding_to_a_role() {
    let client = client(rules()).await;
    let arn = client.world.make_role("apps/worker");
    client
        .world
        .inject("roles.put_policy", Fault::Before(Throttled));
    let parameters = json!({"RoleName": "worker"});
    bind(&client, "one", parameters.clone()).await.expect(503);
    client.world.let_time_pass(SignedDuration::from_mins(1));
    let bound = bind(&client, "one", parameters).await.expect(201);
    assert_eq!(bound.body["credentials"]["AWS_ROLE_ARN"], arn);
    assert_eq!(client.world.roles()["worker"].policies.len(), 1);
}
