//! What each operation costs in calls of AWS. The budget is the architecture's: see
//! ARCHITECTURE.md.

use aws_sdk_iam::types::Tag;
use aws_service_broker::{app, aws::SecretsManager, broker::ports::PlatformSecrets, http::router};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::{
    aws::{Calls, settings},
    contract::unique,
    support::{Client, plan_id, service_id},
};

/// A platform of a broker whose calls these are.
async fn client(calls: &Calls) -> Client {
    let (config, settings) = (calls.config().await, settings());
    let pair = SecretsManager::new(&config, &settings.credentials_secret_arn)
        .read()
        .await
        .expect("the secret")
        .remove(0);
    calls.take();
    let (broker, authenticator) = (
        app::broker(&settings, &config),
        app::authenticator(&settings, &config),
    );
    Client::of(
        router(broker, authenticator, settings.missing_version),
        &pair.username,
        pair.password.expose_secret(),
    )
}

#[tokio::test]
async fn bindings_of_a_database_make_the_budgeted_aws_calls() {
    let calls = Calls::default();
    let client = client(&calls).await;
    let instance = format!("/v2/service_instances/{}", unique());
    let binding = format!("{instance}/service_bindings/{}", unique());
    let mut request = json!({
        "service_id": service_id("rdspostgresql"),
        "plan_id": plan_id("rdspostgresql", "dev"),
        "organization_guid": "an-organization",
        "space_guid": "a-space",
    });
    let query = format!(
        "service_id={}&plan_id=any&accepts_incomplete=true",
        service_id("rdspostgresql")
    );
    let provision = format!("{instance}?accepts_incomplete=true");
    let provisioned = client.request("PUT", &provision, Some(request.clone()));
    provisioned.await.expect(202);
    let poll = format!("{instance}/last_operation");
    while client.request("GET", &poll, None).await.body["state"] == "in progress" {}
    calls.take();

    let members = request.as_object_mut().expect("a body");
    members.retain(|name, _| !name.ends_with("_guid"));
    let bound = client.request("PUT", &binding, Some(request));
    bound.await.expect(201);
    let expected = [
        "GetItem",
        "TransactWriteItems",
        "GetSecretValue",
        "Invoke",
        "Encrypt",
        "PutItem",
    ];
    assert_eq!(calls.take(), expected);

    let unbind = format!("{binding}?{query}");
    client.request("DELETE", &unbind, None).await.expect(200);
    let expected = [
        "UpdateItem",
        "GetItem",
        "GetSecretValue",
        "Invoke",
        "PutItem",
    ];
    assert_eq!(calls.take(), expected);

    let deprovision = format!("{instance}?{query}");
    client
        .request("DELETE", &deprovision, None)
        .await
        .expect(202);
}

#[tokio::test]
async fn every_operation_makes_the_budgeted_aws_calls() {
    let calls = Calls::default();
    let client = client(&calls).await;
    let config = calls.config().await;

    let instance = format!("/v2/service_instances/{}", unique());
    let binding = format!("{instance}/service_bindings/{}", unique());
    let ids = json!({"service_id": service_id("sqs"), "plan_id": plan_id("sqs", "standard")});
    let mut provision = ids.clone();
    provision["organization_guid"] = "an-organization".into();
    provision["space_guid"] = "a-space".into();
    let service = json!({"service_id": service_id("sqs")});
    let with = |name: &str, value| {
        let mut body = service.clone();
        body[name] = value;
        body
    };
    let update = with("parameters", json!({"DelaySeconds": 5}));
    let context = with("context", json!({"platform": "kubernetes"}));
    let back = with("parameters", json!({"DelaySeconds": null}));
    let delete = format!(
        "service_id={}&plan_id=any&accepts_incomplete=true",
        service_id("sqs")
    );
    let provision_path = format!("{instance}?accepts_incomplete=true");
    let poll = format!("{instance}/last_operation");
    let (unbind, deprovision) = (
        format!("{binding}?{delete}"),
        format!("{instance}?{delete}"),
    );

    let role = format!("application-{}", unique());
    let iam = aws_sdk_iam::Client::new(&config);
    let trust = json!({"Version": "2012-10-17", "Statement": []}).to_string();
    let consent = Tag::builder()
        .key("servicebroker:space-guid")
        .value("a-space")
        .build()
        .expect("a tag");
    let created = iam
        .create_role()
        .role_name(&role)
        .assume_role_policy_document(trust)
        .tags(consent);
    created.send().await.expect("a role");
    calls.take();
    let with_role = |name: &str, value: &str| {
        let mut body = ids.clone();
        body["parameters"] = json!({name: value});
        body
    };
    let (to_role, own_role) = (
        with_role("RoleName", &role),
        with_role("ServiceAccount", "shop/worker"),
    );
    let [to, own] = [(); 2].map(|()| format!("{instance}/service_bindings/{}", unique()));
    let [unbind_to, unbind_own] = [&to, &own].map(|path| format!("{path}?{delete}"));

    // The first request reads the current and the previous version of the secret, which are then
    // kept for minutes.
    client.request("GET", "/v2/catalog", None).await.expect(200);
    assert_eq!(calls.take(), ["GetSecretValue", "GetSecretValue"]);

    // The first request that needs the operator's overrides reads them. They are kept for a minute.
    let mut misspelt = provision.clone();
    misspelt["parameters"] = json!({"Delay": 1});
    client
        .request("PUT", &provision_path, Some(misspelt))
        .await
        .expect(400);
    assert_eq!(calls.take(), ["Query"]);

    let mut broken = Vec::new();
    for (method, path, body, status, budget) in [
        ("GET", "/v2/catalog", None, 200, &[][..]),
        (
            "PUT",
            &provision_path,
            Some(&provision),
            202,
            &["PutItem", "CreateStack"],
        ),
        // The local AWS is done at once. While a stack runs, a poll costs the first two calls.
        (
            "GET",
            &poll,
            None,
            200,
            &[
                "GetItem",
                "DescribeStackEvents",
                "DescribeStacks",
                "PutItem",
            ],
        ),
        ("GET", &poll, None, 200, &["GetItem"]),
        (
            "PATCH",
            &provision_path,
            Some(&update),
            202,
            &["GetItem", "PutItem", "DescribeStacks", "UpdateStack"],
        ),
        (
            "GET",
            &poll,
            None,
            200,
            &[
                "GetItem",
                "DescribeStackEvents",
                "DescribeStacks",
                "PutItem",
            ],
        ),
        ("PATCH", &provision_path, Some(&update), 200, &["GetItem"]),
        (
            "PATCH",
            &provision_path,
            Some(&context),
            200,
            &["GetItem", "PutItem"],
        ),
        (
            "PATCH",
            &provision_path,
            Some(&back),
            202,
            &["GetItem", "PutItem", "DescribeStacks", "UpdateStack"],
        ),
        (
            "GET",
            &poll,
            None,
            200,
            &[
                "GetItem",
                "DescribeStackEvents",
                "DescribeStacks",
                "PutItem",
            ],
        ),
        ("PUT", &provision_path, Some(&provision), 200, &["PutItem"]),
        ("GET", &instance, None, 200, &["GetItem"]),
        (
            "PUT",
            &binding,
            Some(&ids),
            201,
            &[
                "GetItem",
                "TransactWriteItems",
                "CreateUser",
                "PutUserPolicy",
                "CreateAccessKey",
                "Encrypt",
                "PutItem",
            ],
        ),
        (
            "PUT",
            &binding,
            Some(&ids),
            200,
            &["GetItem", "TransactWriteItems", "Decrypt"],
        ),
        ("GET", &binding, None, 200, &["BatchGetItem", "Decrypt"]),
        (
            "DELETE",
            &unbind,
            None,
            200,
            &[
                "UpdateItem",
                "ListAccessKeys",
                "DeleteAccessKey",
                "DeleteUserPolicy",
                "DeleteUser",
                "PutItem",
            ],
        ),
        (
            "PUT",
            &to,
            Some(&to_role),
            201,
            &[
                "GetItem",
                "GetRole",
                "TransactWriteItems",
                "PutRolePolicy",
                "PutItem",
            ],
        ),
        ("GET", &to, None, 200, &["BatchGetItem"]),
        (
            "DELETE",
            &unbind_to,
            None,
            200,
            &["UpdateItem", "DeleteRolePolicy", "PutItem"],
        ),
        (
            "PUT",
            &own,
            Some(&own_role),
            201,
            &[
                "GetItem",
                "TransactWriteItems",
                "CreateRole",
                "PutRolePolicy",
                "PutItem",
            ],
        ),
        ("GET", &own, None, 200, &["BatchGetItem"]),
        (
            "DELETE",
            &unbind_own,
            None,
            200,
            &["UpdateItem", "DeleteRolePolicy", "DeleteRole", "PutItem"],
        ),
        (
            "DELETE",
            &deprovision,
            None,
            202,
            &["UpdateItem", "Query", "DeleteStack"],
        ),
        (
            "GET",
            &poll,
            None,
            200,
            &["GetItem", "DescribeStackEvents", "Query", "PutItem"],
        ),
        ("GET", &poll, None, 200, &["GetItem"]),
    ] {
        client
            .request(method, path, body.cloned())
            .await
            .expect(status);
        let taken = calls.take();
        if taken != budget {
            broken.push(format!("{method} {path}: {taken:?} and not {budget:?}"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
