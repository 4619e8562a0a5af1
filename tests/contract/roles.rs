//! [`Roles`]

use aws_service_broker::broker::{
    ports::{NewRole, PortErrorKind, Roles},
    records::Tag,
};

use super::{all, unique, users::POLICY};

macro_rules! tests {
    ($new:expr) => {
        crate::contract::promises! { roles, $new;
            role_is_created_once_and_deleted_idempotently
            role_with_a_policy_is_not_deleted
            policy_for_missing_role_is_a_retryable_error
            existing_roles_are_listed
        }
    };
}
pub(crate) use tests;

pub const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}"#;
async fn created(roles: &impl Roles) -> String {
    let name = format!("osb-{}", unique());
    let tags = vec![Tag::new("servicebroker:binding-id", "a binding")];
    let new = NewRole {
        service: "sqs".into(),
        name: name.clone(),
        trust_policy: TRUST.into(),
        tags,
    };
    let arn = roles.create(&new).await.expect("create");
    assert_eq!(roles.create(&new).await.expect("create again"), arn);
    let found = roles.find(&name).await.expect("find").expect("a role");
    assert_eq!((&found.name, found.arn), (&name, arn));
    name
}

pub async fn role_is_created_once_and_deleted_idempotently(roles: &impl Roles) {
    assert_eq!(
        roles
            .find(&format!("osb-{}", unique()))
            .await
            .expect("find"),
        None
    );

    let name = created(roles).await;
    for policy in ["one", "two", "one"] {
        roles.put_policy(&name, policy, POLICY).await.expect("put");
    }

    for _ in 0..2 {
        roles.delete_policy(&name, "one").await.expect("delete");
    }
    roles.delete_policy(&name, "two").await.expect("delete");

    for _ in 0..2 {
        roles.delete(&name).await.expect("delete");
        assert_eq!(roles.find(&name).await.expect("find"), None);
        roles
            .delete_policy(&name, "two")
            .await
            .expect("delete from a role that is gone");
    }
}

pub async fn role_with_a_policy_is_not_deleted(roles: &impl Roles) {
    let name = created(roles).await;
    roles.put_policy(&name, "one", POLICY).await.expect("put");
    assert_eq!(
        roles.delete(&name).await.expect_err("a policy").kind,
        PortErrorKind::InUse
    );
    roles.delete_policy(&name, "one").await.expect("delete");
    roles.delete(&name).await.expect("delete");
}

/// IAM is eventually consistent.
pub async fn policy_for_missing_role_is_a_retryable_error(roles: &impl Roles) {
    let error = roles
        .put_policy(&format!("osb-{}", unique()), "one", POLICY)
        .await
        .expect_err("no role");
    assert_eq!(error.kind, PortErrorKind::Unavailable, "{error}");
}

pub async fn existing_roles_are_listed(roles: &impl Roles) {
    let name = created(roles).await;
    assert!(names(roles).await.contains(&name));
    roles.delete(&name).await.expect("delete");
    assert!(!names(roles).await.contains(&name));
}

async fn names(roles: &impl Roles) -> Vec<String> {
    let all = all(async |next| roles.page(next).await).await;
    all.into_iter().map(|role| role.name).collect()
}
