use aws_sdk_iam::Client;
use aws_service_broker::{
    aws::Iam,
    broker::ports::{NewRole, Roles, Tag},
};

use crate::aws::{Calls, settings, unique};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}"#;
const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}]}"#;

#[tokio::test]
async fn a_role_has_its_path_boundary_trust_and_policy_and_goes_when_the_policy_has_gone() {
    let (settings, config, name) = (settings(), Calls::default().config().await, format!("osb-{}", unique()));
    let iam = Client::new(&config);
    let roles = Iam::new(&config, settings.identity_path(), &settings.permissions_boundary_arn);
    let tags = vec![Tag::new("servicebroker:binding-id", "a binding")];
    let new = NewRole { name: name.clone(), trust_policy: TRUST.into(), tags };

    assert_eq!(roles.find(&name).await.expect("find"), None);
    let arn = roles.create(&new).await.expect("create");
    assert_eq!(roles.create(&new).await.expect("create again"), arn);
    let found = roles.find(&name).await.expect("find").expect("a role");
    assert_eq!((&found.name, &found.arn), (&name, &arn));
    let made = iam.get_role().role_name(&name).send().await.expect("a role").role.expect("a role");
    let boundary = made.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
    assert_eq!((made.path(), boundary), (&*settings.identity_path(), Some(&*settings.permissions_boundary_arn)));
    assert!(made.assume_role_policy_document().is_some_and(|trust| trust.contains("pods.eks.amazonaws.com")));

    roles.put_policy(&name, "one", POLICY).await.expect("put");
    roles.put_policy(&name, "two", POLICY).await.expect("put");
    for _ in 0..2 {
        roles.delete_policy(&name, "one").await.expect("delete");
        let left = iam.list_role_policies().role_name(&name).send().await.expect("policies").policy_names;
        assert_eq!(left, ["two"]);
    }
    roles.delete_policy(&name, "two").await.expect("delete");
    let mut listed = Vec::new();
    let mut next = None;
    loop {
        let page = roles.page(next).await.expect("a page");
        listed.extend(page.items.into_iter().map(|role| role.name));
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert!(listed.contains(&name), "{listed:?}");
    for _ in 0..2 {
        roles.delete(&name).await.expect("delete");
        assert_eq!(roles.find(&name).await.expect("find"), None);
        roles.delete_policy(&name, "two").await.expect("delete from a role that is gone");
    }
    assert!(roles.put_policy(&name, "one", POLICY).await.expect_err("no role").is_passing());
}
