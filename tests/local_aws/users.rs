use aws_sdk_iam::Client;
use aws_service_broker::{
    aws::Iam,
    broker::{
        ports::{IdentitySummary, NewUser, Page, UserCreation, Users},
        records::Tag,
    },
};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_types::body::SdkBody;
use axum::http;

use crate::{
    aws::{Calls, service_roles, settings},
    contract::{self, unique, users::POLICY},
};

/// The adapter with the settings of the deployed stack.
pub async fn iam() -> Iam {
    let settings = settings();
    Iam::new(
        &Calls::default().config().await,
        settings.identity_path(),
        service_roles(),
    )
}

contract::users::tests!(iam().await);

fn user(name: &str) -> NewUser {
    NewUser {
        name: name.into(),
        service: "sqs".into(),
        tags: vec![Tag::new("servicebroker:binding-id", "a binding")],
    }
}

#[tokio::test]
async fn user_has_path_boundary_policy_and_tags() {
    let (config, name) = (Calls::default().config().await, format!("osb-{}", unique()));
    let (client, users) = (Client::new(&config), iam().await);
    assert_eq!(
        users.create_user(&user(&name)).await.expect("create"),
        UserCreation::Created
    );
    let created = client
        .get_user()
        .user_name(&name)
        .send()
        .await
        .expect("a user")
        .user
        .expect("a user");
    assert_eq!(created.path(), "/osb/");
    let boundary = created
        .permissions_boundary()
        .and_then(|boundary| boundary.permissions_boundary_arn());
    assert_eq!(boundary, Some(&*service_roles().boundary("sqs")));
    assert_eq!(
        (created.tags()[0].key(), created.tags()[0].value()),
        ("servicebroker:binding-id", "a binding")
    );

    users.put_policy(&name, POLICY).await.expect("a policy");
    let policies = client
        .list_user_policies()
        .user_name(&name)
        .send()
        .await
        .expect("policies")
        .policy_names;
    assert_eq!(policies.len(), 1);
    users.delete_policy(&name).await.expect("delete");
    users.delete_user(&name).await.expect("delete");
    let gone = client
        .get_user()
        .user_name(&name)
        .send()
        .await
        .expect_err("no user");
    assert!(gone.into_service_error().is_no_such_entity_exception());
}

#[tokio::test]
async fn only_users_below_the_path_are_listed() {
    let (config, name) = (Calls::default().config().await, format!("osb-{}", unique()));
    let users = iam().await;
    let other = Iam::new(&config, "/other/", service_roles());
    assert_eq!(
        users.create_user(&user(&name)).await.expect("create"),
        UserCreation::Created
    );
    let has = |page: Page<IdentitySummary>| {
        page.items
            .iter()
            .any(|user| user.name == name && user.created_at.is_some())
    };
    assert!(has(users.page(None).await.expect("a page")));
    assert!(!has(other.page(None).await.expect("a page")));
    users.delete_user(&name).await.expect("delete");
    assert!(!has(users.page(None).await.expect("a page")));
}

#[tokio::test]
async fn missing_boundary_error_names_its_template() {
    let (settings, config) = (settings(), Calls::default().config().await);
    let users = Iam::new(&config, settings.identity_path(), service_roles());
    let user = NewUser {
        service: "missing".into(),
        ..user(&format!("osb-{}", unique()))
    };
    let error = users
        .create_user(&user)
        .await
        .expect_err("no boundary")
        .to_string();
    assert!(
        error.starts_with("IAM CreateUser: NoSuchEntity") && error.contains("services.yaml"),
        "{error}"
    );
}

/// The local AWS is consistent at once; AWS is not, and its answers are played here.
async fn playing(answers: &[(u16, &'static str)]) -> (Iam, StaticReplayClient) {
    let replay = StaticReplayClient::new(answers.iter().copied().map(answer).collect());
    let config = Calls::default()
        .config()
        .await
        .into_builder()
        .http_client(replay.clone())
        .build();
    (Iam::new(&config, "/osb/", service_roles()), replay)
}

#[tokio::test(start_paused = true)]
async fn eventually_consistent_iam_calls_are_retried() {
    let unknown = (
        404,
        "<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>",
    );
    let denied = (
        403,
        "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>",
    );
    let in_use = (
        409,
        "<ErrorResponse><Error><Code>DeleteConflict</Code></Error></ErrorResponse>",
    );
    let key = (
        200,
        "<CreateAccessKeyResponse><CreateAccessKeyResult><AccessKey><UserName>u</UserName>\
         <AccessKeyId>AKIA</AccessKeyId><Status>Active</Status><SecretAccessKey>secret</SecretAccessKey>\
         </AccessKey></CreateAccessKeyResult></CreateAccessKeyResponse>",
    );
    let answers = [
        unknown,
        denied,
        (200, "<PutUserPolicyResponse/>"),
        denied,
        key,
        in_use,
        in_use,
        (200, "<DeleteUserResponse/>"),
    ];
    let (users, replay) = playing(&answers).await;
    users.put_policy("a-user", POLICY).await.expect("a policy");
    assert_eq!(
        users.create_access_key("a-user").await.expect("a key").id,
        "AKIA"
    );
    users.delete_user("a-user").await.expect("delete");
    assert_eq!(replay.actual_requests().count(), answers.len());
}

#[tokio::test]
async fn user_listing_is_paginated() {
    let page = |last: &'static str| (200, last);
    let more = page(
        "<ListUsersResponse><ListUsersResult><IsTruncated>true</IsTruncated><Marker>next</Marker><Users/>\
         </ListUsersResult></ListUsersResponse>",
    );
    let last = page(
        "<ListUsersResponse><ListUsersResult><IsTruncated>false</IsTruncated><Users/></ListUsersResult></ListUsersResponse>",
    );
    let (users, replay) = playing(&[more, last]).await;
    let next = users.page(None).await.expect("a page").next;
    assert_eq!(next.as_deref(), Some("next"));
    assert_eq!(users.page(next).await.expect("a page").next, None);
    let second = replay
        .actual_requests()
        .nth(1)
        .and_then(|request| request.body().bytes())
        .expect("a request");
    assert!(String::from_utf8_lossy(second).contains("Marker=next"));
}

fn answer((status, body): (u16, &'static str)) -> ReplayEvent {
    let request = http::Request::builder()
        .uri("https://iam.amazonaws.com/")
        .body(SdkBody::empty());
    let response = http::Response::builder()
        .status(status)
        .body(SdkBody::from(body));
    ReplayEvent::new(request.expect("a request"), response.expect("a response"))
}
