use aws_sdk_iam::Client;
use aws_service_broker::{
    aws::Iam,
    broker::ports::{Identities, NewIdentity, Tag},
};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_types::body::SdkBody;
use axum::http;
use secrecy::ExposeSecret;

use crate::aws::{Calls, settings, unique};

fn identity(user_name: &str) -> NewIdentity {
    NewIdentity {
        user_name: user_name.into(),
        policy:
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}]}"#
                .into(),
        tags: vec![Tag::new("servicebroker:binding-id", "a binding")],
    }
}

#[tokio::test]
async fn a_user_has_its_path_boundary_policy_and_one_key_and_goes_with_all_of_them() {
    let (settings, config, user_name) = (settings(), Calls::default().config().await, format!("osb-{}", unique()));
    let iam = Client::new(&config);
    let identities = Iam::new(&config, settings.identity_path(), &settings.permissions_boundary_arn);

    let key = identities.create(&identity(&user_name)).await.expect("create");
    let user = iam.get_user().user_name(&user_name).send().await.expect("a user").user.expect("a user");
    assert_eq!(user.path(), "/osb/");
    let boundary = user.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
    assert_eq!(boundary, Some(&*settings.permissions_boundary_arn));
    assert_eq!((user.tags()[0].key(), user.tags()[0].value()), ("servicebroker:binding-id", "a binding"));
    assert!(!key.secret.expose_secret().is_empty());

    // What an earlier attempt left is taken over; its key, which nobody has seen, is not kept.
    let again = identities.create(&identity(&user_name)).await.expect("create again");
    let keys = iam.list_access_keys().user_name(&user_name).send().await.expect("keys").access_key_metadata;
    let ids: Vec<_> = keys.iter().filter_map(|key| key.access_key_id()).collect();
    assert_eq!(ids, [&again.id]);
    assert_ne!(key.id, again.id);

    for _ in 0..2 {
        identities.delete(&user_name).await.expect("delete");
    }
    let gone = iam.get_user().user_name(&user_name).send().await.expect_err("no user");
    assert!(gone.into_service_error().is_no_such_entity_exception());
}

#[tokio::test]
async fn a_missing_boundary_is_an_error_that_says_so() {
    let (settings, config) = (settings(), Calls::default().config().await);
    let missing = format!("{}-missing", settings.permissions_boundary_arn);
    let identities = Iam::new(&config, settings.identity_path(), missing);
    let error = identities.create(&identity(&format!("osb-{}", unique()))).await.expect_err("no boundary").to_string();
    assert!(error.starts_with("IAM CreateUser: NoSuchEntity"), "{error}");
}

/// The local AWS is consistent at once; AWS is not, and its answers are played here.
#[tokio::test(start_paused = true)]
async fn a_user_that_is_not_visible_yet_is_waited_for() {
    let unknown = (404, "<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>");
    let user = (200, "<CreateUserResponse><CreateUserResult/></CreateUserResponse>");
    let policy = (200, "<PutUserPolicyResponse/>");
    let key = (
        200,
        "<CreateAccessKeyResponse><CreateAccessKeyResult><AccessKey><UserName>u</UserName>\
         <AccessKeyId>AKIA</AccessKeyId><Status>Active</Status><SecretAccessKey>secret</SecretAccessKey>\
         </AccessKey></CreateAccessKeyResult></CreateAccessKeyResponse>",
    );
    let answers = [user, unknown, unknown, policy, unknown, key];
    let replay = StaticReplayClient::new(answers.into_iter().map(answer).collect());
    let config = Calls::default().config().await.into_builder().http_client(replay.clone()).build();
    let identities = Iam::new(&config, "/osb/", "a-boundary");
    let key = identities.create(&identity("a-user")).await.expect("create");
    assert_eq!(key.id, "AKIA");
    assert_eq!(replay.actual_requests().count(), answers.len());
}

fn answer((status, body): (u16, &'static str)) -> ReplayEvent {
    let request = http::Request::builder().uri("https://iam.amazonaws.com/").body(SdkBody::empty());
    let response = http::Response::builder().status(status).body(SdkBody::from(body));
    ReplayEvent::new(request.expect("a request"), response.expect("a response"))
}
