//! [`Users`]

use aws_service_broker::broker::{
    ports::{NewUser, PortErrorKind, UserCreation, Users},
    records::Tag,
};
use secrecy::ExposeSecret;

use super::{all, unique};

macro_rules! tests {
    ($new:expr) => {
        crate::contract::promises! { users, $new;
            user_is_created_once_and_deleted_idempotently
            user_with_a_key_or_policy_is_not_deleted
            missing_user_is_a_retryable_error
            user_has_at_most_two_access_keys
            existing_users_are_listed
        }
    };
}
pub(crate) use tests;

pub const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}]}"#;

async fn created(users: &impl Users) -> String {
    let name = format!("osb-{}", unique());
    let user = NewUser {
        name: name.clone(),
        service: "sqs".into(),
        tags: vec![Tag::new("servicebroker:binding-id", "a binding")],
    };
    assert_eq!(
        users.create_user(&user).await.expect("create"),
        UserCreation::Created
    );
    assert_eq!(
        users.create_user(&user).await.expect("create again"),
        UserCreation::Exists
    );
    name
}

pub async fn user_is_created_once_and_deleted_idempotently(users: &impl Users) {
    let name = created(users).await;
    for _ in 0..2 {
        users.put_policy(&name, POLICY).await.expect("a policy");
    }

    let key = users.create_access_key(&name).await.expect("a key");
    assert!(!key.secret.expose_secret().is_empty());
    assert_eq!(
        users.access_keys(&name).await.expect("keys"),
        std::slice::from_ref(&key.id)
    );

    for _ in 0..2 {
        users
            .delete_access_key(&name, &key.id)
            .await
            .expect("delete");
        users.delete_policy(&name).await.expect("delete");
        users.delete_user(&name).await.expect("delete");
        assert!(users.access_keys(&name).await.expect("keys").is_empty());
    }
}

pub async fn user_with_a_key_or_policy_is_not_deleted(users: &impl Users) {
    let name = created(users).await;
    let key = users.create_access_key(&name).await.expect("a key");
    assert_eq!(
        users.delete_user(&name).await.expect_err("a key").kind,
        PortErrorKind::InUse
    );

    users
        .delete_access_key(&name, &key.id)
        .await
        .expect("delete");
    users.put_policy(&name, POLICY).await.expect("a policy");
    assert_eq!(
        users.delete_user(&name).await.expect_err("a policy").kind,
        PortErrorKind::InUse
    );

    users.delete_policy(&name).await.expect("delete");
    users.delete_user(&name).await.expect("delete");
}

/// IAM is eventually consistent.
pub async fn missing_user_is_a_retryable_error(users: &impl Users) {
    let name = format!("osb-{}", unique());
    assert_eq!(
        users
            .put_policy(&name, POLICY)
            .await
            .expect_err("no user")
            .kind,
        PortErrorKind::Unavailable
    );
    let error = users.create_access_key(&name).await.expect_err("no user");
    assert_eq!(error.kind, PortErrorKind::Unavailable);
}

pub async fn user_has_at_most_two_access_keys(users: &impl Users) {
    let name = created(users).await;
    for _ in 0..2 {
        users.create_access_key(&name).await.expect("a key");
    }

    let error = users
        .create_access_key(&name)
        .await
        .expect_err("a third key");
    assert_eq!(error.kind, PortErrorKind::Exhausted, "{error}");

    for id in users.access_keys(&name).await.expect("keys") {
        users.delete_access_key(&name, &id).await.expect("delete");
    }
    users.delete_user(&name).await.expect("delete");
}

pub async fn existing_users_are_listed(users: &impl Users) {
    let name = created(users).await;
    assert!(names(users).await.contains(&name));
    users.delete_user(&name).await.expect("delete");
    assert!(!names(users).await.contains(&name));
}

async fn names(users: &impl Users) -> Vec<String> {
    let all = all(async |next| users.page(next).await).await;
    all.into_iter().map(|user| user.name).collect()
}
