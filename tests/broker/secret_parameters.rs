use aws_service_broker::{broker::stacks::StackStatus, http::MissingVersion};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Client, INSTANCE, catalog_of, ids_of};

const TEMPLATE: &str = "\
Description: A database.
Metadata:
  AWS::ServiceBroker::Specification:
    Name: database
    ServicePlans:
      only: {Description: The only plan.}
Parameters:
  Password: {Type: String, NoEcho: true, MinLength: 8}
  Pin: {Type: Number, NoEcho: true, Default: 0}
  Words: {Type: CommaDelimitedList, NoEcho: true, Default: ''}
  Size: {Type: Number, Default: 1}
Resources:
  Database: {Type: 'AWS::RDS::DBInstance'}
Outputs:
  Host: {Value: host}
";

fn client() -> (Client, impl Fn(&str, i32) -> serde_json::Value) {
    let catalog = catalog_of(TEMPLATE);
    let ids = ids_of(&catalog, "only");
    let members = move |password: &str, size| {
        let mut members = ids.clone();
        members["parameters"] = json!({"Password": password, "Size": size});
        members
    };
    (Client::with_catalog(catalog), members)
}

#[tokio::test]
async fn request_with_another_secret_conflicts() {
    let (client, members) = client();
    client
        .provision(members("correct horse", 2))
        .await
        .expect(202);
    client
        .provision(members("correct horse", 2))
        .await
        .expect(202);
    client
        .provision(members("battery staple", 2))
        .await
        .expect(409);
    client
        .provision(members("correct horse", 3))
        .await
        .expect(409);
}

#[tokio::test]
async fn secret_reaches_the_stack_but_not_the_record() {
    let (client, members) = client();
    client
        .provision(members("correct horse", 2))
        .await
        .expect(202);
    assert_eq!(client.world.stack().parameters["Password"], "correct horse");
    let stored =
        serde_json::to_string(&client.world.instance(INSTANCE).expect("the record")).expect("JSON");
    assert!(
        !stored.contains("correct horse") && stored.contains("Size"),
        "{stored}"
    );
}

#[tokio::test]
async fn tombstone_keeps_no_parameters_and_no_digest() {
    let (client, members) = client();
    client
        .provision(members("correct horse", 2))
        .await
        .expect(202);
    client.finish().await;
    client.deprovision().await.expect(202);
    client.finish().await;
    let attributes = client
        .world
        .instance(INSTANCE)
        .expect("the record")
        .attributes;
    assert!(attributes.secret_parameters.is_none() && attributes.parameters.0.is_empty());
}

#[tokio::test]
async fn validation_error_does_not_repeat_the_secret() {
    let (client, members) = client();
    let answer = client.provision(members("hunter2", 2)).await.expect(400);
    assert!(
        answer.description().contains("`Password`"),
        "{}",
        answer.description()
    );
    assert!(
        !answer.body.to_string().contains("hunter2"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn rejection_masks_secret_numbers_and_list_entries() {
    let (client, members) = client();
    let mut request = members("correct horse", 2);
    request["parameters"]["Pin"] = json!(4711);
    request["parameters"]["Words"] = json!(["alpha", "alphabet"]);
    let refusal =
        "4711, 'alpha,alphabet', alpha, alphabet and correct horse are not good with a Size of 2";
    client
        .world
        .inject("stacks.create", crate::support::Fault::Rejected(refusal));
    let answer = client.provision(request).await.expect(400);
    let masked =
        "(secret), '(secret)', (secret), (secret) and (secret) are not good with a Size of 2";
    assert!(
        answer.description().ends_with(masked),
        "{}",
        answer.description()
    );
}

#[tokio::test]
async fn failure_reason_that_may_quote_a_secret_is_withheld() {
    let (client, members) = client();
    client
        .provision(members("correct horse", 2))
        .await
        .expect(202);
    client.world.resource_event(
        "Other",
        "AWS::SQS::Queue",
        "CREATE_FAILED",
        Some("Resource creation cancelled"),
    );
    client.world.resource_event(
        "Database",
        "AWS::RDS::DBInstance",
        "CREATE_FAILED",
        Some("'correct horse' is weak"),
    );
    client
        .world
        .settle_stacks(StackStatus::RollbackComplete, Some("correct horse"));
    let failed = client.last_operation().await.expect(200);
    let (description, expected) = (
        failed.description(),
        "could not create Database (AWS::RDS::DBInstance): the reason",
    );
    assert!(
        description.contains(expected) && description.contains("in the stack's events"),
        "{description}"
    );
    let stored =
        serde_json::to_string(&client.world.instance(INSTANCE).expect("the record")).expect("JSON");
    assert!(
        !description.contains("horse") && !stored.contains("horse"),
        "{description} {stored}"
    );
}

#[tokio::test]
async fn poll_fails_interrupted_creation_with_a_secret() {
    use aws_service_broker::broker::ports::PortErrorKind::Unavailable;
    let (client, members) = client();
    client
        .world
        .inject("stacks.create", crate::support::Fault::Before(Unavailable));
    client
        .provision(members("correct horse", 2))
        .await
        .expect(503);
    client
        .world
        .let_time_pass(jiff::SignedDuration::from_secs(30));
    let answer = client.last_operation().await.expect(200);
    assert_eq!(answer.body["state"], "failed");
    assert!(
        answer.description().contains("create it again"),
        "{}",
        answer.description()
    );
}

/// CloudFormation masks what is secret. What nobody gave is the template's default.
#[tokio::test]
async fn lost_stack_is_matched_by_non_secret_parameters() {
    let password = "  Password: {Type: String, NoEcho: true, MinLength: 8}\n";
    let catalog = catalog_of(&TEMPLATE.replacen(password, "", 1));
    let mut members = ids_of(&catalog, "only");
    let client = Client::with_catalog(catalog);
    members["parameters"] = json!({"Size": 2});
    client.provision(members.clone()).await.expect(202);
    client.finish().await;
    client.world.edit(|account| account.instances.clear());

    let mut other = members.clone();
    other["parameters"] = json!({"Size": 3});
    let refused = client.provision(other).await.expect(400);
    assert!(
        refused.description().contains("other values for `Size`."),
        "{refused:?}"
    );
    client.provision(members).await.expect(202);
    client.world.let_time_pass(SignedDuration::from_mins(1));
    let adopted = client.last_operation().await.expect(200);
    assert_eq!(adopted.body["state"], "succeeded");
}

/// CloudFormation's words about a stack policy quote no value.
#[tokio::test]
async fn update_that_would_lose_data_is_told_in_plain_words() {
    let updatable = TEMPLATE.replace(
        "    Name: database\n",
        "    Name: database\n    UpdatableParameters: [Size]\n",
    );
    let catalog = catalog_of(&updatable);
    let mut members = ids_of(&catalog, "only");
    let client = Client::with_catalog(catalog);
    members["parameters"] = json!({"Password": "correct horse", "Size": 2});
    client.provision(members.clone()).await.expect(202);
    client.finish().await;

    for (action, expected) in [("Replace", "replaced"), ("Delete", "deleted")] {
        members["parameters"]["Size"] = json!(action.len());
        client.update(members.clone()).await.expect(202);
        let reason = format!(
            "Action denied by stack policy: Statement [#2] does not allow [Update:{action}] for \
             resource [LogicalResourceId/Database]"
        );
        client.world.resource_event(
            "Database",
            "AWS::RDS::DBInstance",
            "UPDATE_FAILED",
            Some(&reason),
        );
        client
            .world
            .settle_stacks(StackStatus::UpdateRollbackComplete, None);
        let failed = client.last_operation().await.expect(200);
        assert_eq!(
            (&failed.body["state"], &failed.body["instance_usable"]),
            (&json!("failed"), &json!(true))
        );
        let told = format!(
            "The update would have {expected} Database and lost its data, so CloudFormation \
             refused it."
        );
        assert!(failed.description().starts_with(&told), "{failed:?}");
    }
}

#[tokio::test]
async fn update_cannot_change_a_fixed_secret() {
    let (client, members) = client();
    client
        .provision(members("correct horse", 2))
        .await
        .expect(202);
    client.finish().await;
    let refused = client
        .update(members("battery staple", 2))
        .await
        .expect(422);
    assert!(
        refused.description().contains("cannot change `Password`"),
        "{refused:?}"
    );
    client.update(members("correct horse", 2)).await.expect(200);
}

#[tokio::test]
async fn upgrade_leaves_out_a_secret_that_the_new_template_lacks() {
    let catalog = |text: &str, version: &str| {
        let name = format!("    Name: database\n    Version: {version}\n");
        catalog_of(&text.replace("    Name: database\n", &name))
    };
    let old = catalog(TEMPLATE, "1.0.0");
    let mut members = ids_of(&old, "only");
    let client = Client::with_catalog(old);
    members["parameters"] = json!({"Password": "correct horse"});
    client.provision(members.clone()).await.expect(202);
    client.finish().await;

    let password = "  Password: {Type: String, NoEcho: true, MinLength: 8}\n";
    let new = catalog(&TEMPLATE.replace(password, ""), "2.0.0");
    let client = Client::with(
        client.world.clone(),
        new,
        Default::default(),
        MissingVersion::default(),
    );
    members["parameters"] = json!({});
    members["maintenance_info"] = json!({"version": "2.0.0"});
    client.update(members).await.expect(202);
    client.finish().await;
    assert!(!client.world.stack().parameters.contains_key("Password"));
}
