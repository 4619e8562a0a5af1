use aws_sdk_iam::Client;
use aws_service_broker::{
    aws::Iam,
    broker::ports::{Identities, NewIdentity, Tag},
};
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
