//! Stacks that take time or fail: what a platform is told, as read from the events of a
//! CloudFormation that runs them.

use aws_service_broker::{
    app,
    broker::Broker,
    http::{MissingVersion, router},
};
use serde_json::{Value, json};

use crate::{
    aws::{Calls, settings},
    contract::unique,
    support::{Client, catalog_of, ids_of},
};

const TEMPLATE: &str = "\
Description: Two buckets, or a wait that nobody ends.
Metadata:
  AWS::ServiceBroker::Specification:
    Name: s3
    UpdatableParameters: [Second]
    ServicePlans:
      buckets: {Description: Buckets., ParameterValues: {Waits: 'false'}}
      wait: {Description: A wait., ParameterValues: {Waits: 'true'}}
Parameters:
  Waits: {Type: String, Default: 'false'}
  First: {Type: String, Default: ''}
  Second: {Type: String, Default: ''}
Conditions:
  Waits: !Equals [!Ref Waits, 'true']
  HasBuckets: !Not [!Equals [!Ref Waits, 'true']]
Resources:
  First: {Type: 'AWS::S3::Bucket', Condition: HasBuckets, Properties: {BucketName: !Ref First}}
  Second: {Type: 'AWS::S3::Bucket', Condition: HasBuckets, DependsOn: First, Properties: {BucketName: !Ref Second}}
  Handle: {Type: 'AWS::CloudFormation::WaitConditionHandle', Condition: Waits}
  Wait: {Type: 'AWS::CloudFormation::WaitCondition', Condition: Waits, Properties: {Handle: !Ref Handle, Timeout: '2'}}
Outputs:
  First: {Value: !Ref First}
";

async fn stubborn(plan: &str) -> (Client, Value) {
    offering(TEMPLATE, plan).await
}

/// A broker with the offering of this template, and the ids of it. It is made with the deploy role of a service
/// that there is.
async fn offering(template: &str, plan: &str) -> (Client, Value) {
    let config = Calls::default().config().await;
    let catalog = catalog_of(template);
    let ids = ids_of(&catalog, plan);
    let broker = Broker {
        catalog,
        ..app::broker(&settings(), &config)
    };
    let authenticator = app::authenticator(&settings(), &config);
    let (username, password) = (variable("BROKER_USERNAME"), variable("BROKER_PASSWORD"));
    (
        Client::of(
            router(broker, authenticator, MissingVersion::default()),
            &username,
            &password,
        ),
        ids,
    )
}

fn variable(name: &str) -> String {
    std::env::var(name).expect("the environment that `make test` sets")
}

fn request(ids: &Value, parameters: Value) -> Value {
    let mut body = json!({"organization_guid": "o", "space_guid": "s", "parameters": parameters});
    body.as_object_mut()
        .expect("an object")
        .extend(ids.as_object().expect("an object").clone());
    body
}

/// Polls until the operation is over; what it was told meanwhile, and at the end.
async fn follow(client: &Client, instance: &str) -> (Vec<String>, Value) {
    let mut told = Vec::new();
    loop {
        let answer = client
            .request("GET", &format!("{instance}/last_operation"), None)
            .await
            .expect(200);
        if answer.body["state"] != "in progress" {
            return (told, answer.body);
        }
        told.push(answer.description().to_owned());
    }
}

async fn delete(client: &Client, ids: &Value, instance: &str) {
    let service_id = ids["service_id"].as_str().expect("an id");
    let query = format!("service_id={service_id}&plan_id=p&accepts_incomplete=true");
    client
        .request("DELETE", &format!("{instance}?{query}"), None)
        .await
        .expect(202);
    assert_eq!(follow(client, instance).await.1["state"], "succeeded");
}

#[tokio::test]
async fn slow_creation_reports_the_current_resource() {
    let (client, ids) = stubborn("wait").await;
    let instance = format!("/v2/service_instances/{}", unique());
    let provision = format!("{instance}?accepts_incomplete=true");
    client
        .request("PUT", &provision, Some(request(&ids, json!({}))))
        .await
        .expect(202);
    let (told, end) = follow(&client, &instance).await;
    let expected = "Creating: 1 of at most 4 resources done; Wait \
                    (AWS::CloudFormation::WaitCondition) has taken ";
    assert!(
        told.iter()
            .any(|text| text.starts_with(expected) && text.contains(" so far.")),
        "{told:?}"
    );
    let description = end["description"].as_str().expect("a description");
    let cause = "CloudFormation could not create Wait (AWS::CloudFormation::WaitCondition): ";
    assert!(
        end["state"] == "failed" && description.starts_with(cause),
        "{end}"
    );
    delete(&client, &ids, &instance).await;
}

#[tokio::test]
async fn failed_update_names_its_root_cause() {
    let (client, ids) = stubborn("buckets").await;
    let instance = format!("/v2/service_instances/{}", unique());
    let path = format!("{instance}?accepts_incomplete=true");
    let [first, second] = [(); 2].map(|()| format!("osb-{}", unique()));
    let parameters = json!({"First": first, "Second": second});
    client
        .request("PUT", &path, Some(request(&ids, parameters.clone())))
        .await
        .expect(202);
    assert_eq!(follow(&client, &instance).await.1["state"], "succeeded");

    // The second bucket cannot have the name of the first.
    client
        .request(
            "PATCH",
            &path,
            Some(request(&ids, json!({"Second": first}))),
        )
        .await
        .expect(202);
    let (_, end) = follow(&client, &instance).await;
    let description = end["description"].as_str().expect("a description");
    assert!(
        description.starts_with("CloudFormation could not update Second (AWS::S3::Bucket): "),
        "{end}"
    );
    assert_eq!(
        (&end["state"], &end["instance_usable"]),
        (&json!("failed"), &json!(true)),
        "{end}"
    );
    let fetched = client.request("GET", &instance, None).await.expect(200);
    assert_eq!(fetched.body["parameters"], parameters);
    // And it can be updated again.
    let third = format!("osb-{}", unique());
    client
        .request(
            "PATCH",
            &path,
            Some(request(&ids, json!({"Second": third}))),
        )
        .await
        .expect(202);
    assert_eq!(follow(&client, &instance).await.1["state"], "succeeded");
    delete(&client, &ids, &instance).await;
}

/// A template whose author has let users change the table's name, by which AWS replaces it.
const REPLACING: &str = "\
Description: A table.
Metadata:
  AWS::ServiceBroker::Specification:
    Name: dynamodb
    UpdatableParameters: [Suffix]
    ServicePlans:
      only: {Description: The only plan.}
Parameters:
  Suffix: {Type: String, Default: one}
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    UpdateReplacePolicy: Retain
    Properties:
      TableName: !Sub '${AWS::StackName}-${Suffix}'
      AttributeDefinitions: [{AttributeName: key, AttributeType: S}]
      KeySchema: [{AttributeName: key, KeyType: HASH}]
      BillingMode: PAY_PER_REQUEST
Outputs:
  Name: {Value: !Ref Table}
";

#[tokio::test]
async fn update_that_would_replace_a_table_leaves_it_as_it_is() {
    let (client, ids) = offering(REPLACING, "only").await;
    let instance = format!("/v2/service_instances/{}", unique());
    let path = format!("{instance}?accepts_incomplete=true");
    let send = async |method, suffix: &str| {
        let body = request(&ids, json!({"Suffix": suffix}));
        client.request(method, &path, Some(body)).await.expect(202);
        follow(&client, &instance).await.1
    };
    assert_eq!(send("PUT", "one").await["state"], "succeeded");

    let end = send("PATCH", "two").await;
    let description = end["description"].as_str().expect("a description");
    let refused = "The update would have replaced Table and lost its data, so CloudFormation";
    assert!(description.starts_with(refused), "{end}");
    assert_eq!(
        (&end["state"], &end["instance_usable"]),
        (&json!("failed"), &json!(true)),
        "{end}"
    );
    let fetched = client.request("GET", &instance, None).await.expect(200);
    assert_eq!(fetched.body["parameters"], json!({"Suffix": "one"}));
    delete(&client, &ids, &instance).await;
}

#[tokio::test]
async fn failed_creation_names_its_root_cause() {
    let (client, ids) = stubborn("buckets").await;
    let instance = format!("/v2/service_instances/{}", unique());
    let path = format!("{instance}?accepts_incomplete=true");
    let name = format!("osb-{}", unique());
    let parameters = json!({"First": name, "Second": name});
    client
        .request("PUT", &path, Some(request(&ids, parameters)))
        .await
        .expect(202);
    let (_, end) = follow(&client, &instance).await;
    let description = end["description"].as_str().expect("a description");
    assert!(
        description.starts_with("CloudFormation could not create Second (AWS::S3::Bucket): "),
        "{end}"
    );
    delete(&client, &ids, &instance).await;
}
