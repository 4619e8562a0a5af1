//! [`Identities`]

use aws_service_broker::broker::ports::{CreateUser, Identities, NewUser, PortErrorKind, Tag};
use secrecy::ExposeSecret;

use super::{all, unique};

macro_rules! tests {
    ($new:expr) => {
        crate::contract::promises! { identities, $new;
            a_user_is_created_once_and_goes_when_its_key_and_policy_have_gone
            a_user_with_a_key_or_a_policy_is_not_deleted
            what_a_user_that_is_not_there_is_to_get_may_succeed_later
            a_user_has_two_keys_at_the_most
            the_brokers_users_are_listed
        }
    };
}
pub(crate) use tests;

pub const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}]}"#;

async fn created(identities: &impl Identities) -> String {
    let name = format!("osb-{}", unique());
    let user = NewUser {
        name: name.clone(),
        tags: vec![Tag::new("servicebroker:binding-id", "a binding")],
    };
    assert_eq!(
        identities.create_user(&user).await.expect("create"),
        CreateUser::Created
    );
    assert_eq!(
        identities.create_user(&user).await.expect("create again"),
        CreateUser::Exists
    );
    name
}

pub async fn a_user_is_created_once_and_goes_when_its_key_and_policy_have_gone(
    identities: &impl Identities,
) {
    let name = created(identities).await;
    for _ in 0..2 {
        identities
            .put_policy(&name, POLICY)
            .await
            .expect("a policy");
    }

    let key = identities.create_access_key(&name).await.expect("a key");
    assert!(!key.secret.expose_secret().is_empty());
    assert_eq!(
        identities.access_keys(&name).await.expect("keys"),
        std::slice::from_ref(&key.id)
    );

    for _ in 0..2 {
        identities
            .delete_access_key(&name, &key.id)
            .await
            .expect("delete");
        identities.delete_policy(&name).await.expect("delete");
        identities.delete_user(&name).await.expect("delete");
        assert!(
            identities
                .access_keys(&name)
                .await
                .expect("keys")
                .is_empty()
        );
    }
}

pub async fn a_user_with_a_key_or_a_policy_is_not_deleted(identities: &impl Identities) {
    let name = created(identities).await;
    let key = identities.create_access_key(&name).await.expect("a key");
    assert_eq!(
        identities.delete_user(&name).await.expect_err("a key").kind,
        PortErrorKind::InUse
    );

    identities
        .delete_access_key(&name, &key.id)
        .await
        .expect("delete");
    identities
        .put_policy(&name, POLICY)
        .await
        .expect("a policy");
    assert_eq!(
        identities
            .delete_user(&name)
            .await
            .expect_err("a policy")
            .kind,
        PortErrorKind::InUse
    );

    identities.delete_policy(&name).await.expect("delete");
    identities.delete_user(&name).await.expect("delete");
}

/// IAM is eventually consistent.
pub async fn what_a_user_that_is_not_there_is_to_get_may_succeed_later(
    identities: &impl Identities,
) {
    let name = format!("osb-{}", unique());
    assert_eq!(
        identities
            .put_policy(&name, POLICY)
            .await
            .expect_err("no user")
            .kind,
        PortErrorKind::Unavailable
    );
    let error = identities
        .create_access_key(&name)
        .await
        .expect_err("no user");
    assert_eq!(error.kind, PortErrorKind::Unavailable);
}

pub async fn a_user_has_two_keys_at_the_most(identities: &impl Identities) {
    let name = created(identities).await;
    for _ in 0..2 {
        identities.create_access_key(&name).await.expect("a key");
    }

    let error = identities
        .create_access_key(&name)
        .await
        .expect_err("a third key");
    assert_eq!(error.kind, PortErrorKind::Exhausted, "{error}");

    for id in identities.access_keys(&name).await.expect("keys") {
        identities
            .delete_access_key(&name, &id)
            .await
            .expect("delete");
    }
    identities.delete_user(&name).await.expect("delete");
}

pub async fn the_brokers_users_are_listed(identities: &impl Identities) {
    let name = created(identities).await;
    assert!(names(identities).await.contains(&name));
    identities.delete_user(&name).await.expect("delete");
    assert!(!names(identities).await.contains(&name));
}

async fn names(identities: &impl Identities) -> Vec<String> {
    let all = all(async |next| identities.page(next).await).await;
    all.into_iter().map(|user| user.name).collect()
}
