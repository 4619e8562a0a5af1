use aws_sdk_iam::Client;
use aws_service_broker::broker::{
    ports::{NewRole, Roles},
    records::Tag,
};

use crate::{
    aws::{Calls, service_roles, settings},
    contract::{self, roles::TRUST, unique, users::POLICY},
    users::iam,
};

contract::roles::tests!(iam().await);

#[tokio::test]
async fn role_has_path_boundary_trust_and_policies() {
    let (settings, roles, name) = (settings(), iam().await, format!("osb-{}", unique()));
    let client = Client::new(&Calls::default().config().await);
    let tags = vec![Tag::new("servicebroker:binding-id", "a binding")];
    roles
        .create(&NewRole {
            name: name.clone(),
            service: "sqs".into(),
            trust_policy: TRUST.into(),
            tags,
        })
        .await
        .expect("create");
    let made = client
        .get_role()
        .role_name(&name)
        .send()
        .await
        .expect("a role")
        .role
        .expect("a role");
    let boundary = made
        .permissions_boundary()
        .and_then(|boundary| boundary.permissions_boundary_arn());
    assert_eq!(
        (made.path(), boundary),
        (
            &*settings.identity_path(),
            Some(&*service_roles().boundary("sqs"))
        )
    );
    assert!(
        made.assume_role_policy_document()
            .is_some_and(|trust| trust.contains("pods.eks.amazonaws.com"))
    );

    for policy in ["one", "two"] {
        roles.put_policy(&name, policy, POLICY).await.expect("put");
    }
    roles.delete_policy(&name, "one").await.expect("delete");
    let left = client
        .list_role_policies()
        .role_name(&name)
        .send()
        .await
        .expect("policies")
        .policy_names;
    assert_eq!(left, ["two"]);
    roles.delete_policy(&name, "two").await.expect("delete");
    roles.delete(&name).await.expect("delete");
}
