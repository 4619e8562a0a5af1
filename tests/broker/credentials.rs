//! What an application gets, and where it comes from.

use aws_service_broker::broker::{
    ports::PortErrorKind::{Denied, Throttled},
    records::{Grant, UserGrant},
    rules::BindingRules,
};
use axum::http::Uri;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::support::{Client, Fault, Log, World, catalog, catalog_of, ids_of};

/// A database whose master password RDS keeps in Secrets Manager.
const DATABASE: &str = "\
Description: A database.
Metadata:
  AWS::ServiceBroker::Specification:
    Name: database
    ServicePlans:
      only: {Description: The only plan.}
    Bindings:
      Credentials:
        uri: postgres://${Secret.username}:${Secret.password}@${Host}:${Port}/${DatabaseName}?sslmode=require
        jdbcUrl: jdbc:postgresql://${Host}:${Port}/${DatabaseName}?user=${Secret.username}&password=${Secret.password}
        host: ${Host}
        port: ${Port}
        username: ${Secret.username}
        password: ${Secret.password}
        name: ${DatabaseName}
        brokers: kafka://${Host}:${Port},${Hosts}/topic
        token: ${Token}
        license: ${License}
        number: ${Secret.number}
      Endpoints: [{Host: '${Host}', Ports: ['${Port}']}]
Resources:
  Database: {Type: 'AWS::RDS::DBInstance'}
Outputs:
  Secret: {Value: !Sub 'secretsmanager:${Database.MasterUserSecret.SecretArn}'}
  License: {Value: !Join ['', ['secretsmanager:', !GetAtt License.Arn, '#key']]}
  Token: {Value: !Sub 'ssm:/osb/${AWS::StackName}/token'}
  Host: {Value: !GetAtt Database.Endpoint.Address}
  Port: {Value: !GetAtt Database.Endpoint.Port}
  DatabaseName: {Value: !Ref DatabaseName}
  Hosts: {Value: !GetAtt Database.Endpoint.Address}
";
const SECRET: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:rds!db-1";
const LICENSE: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:license";
const PASSWORD: &str = "p@ss/w:rd%4?#&+ é";

async fn with_database() -> (Client, Value) {
    let catalog = catalog_of(DATABASE);
    let ids = ids_of(&catalog, "only");
    let client = Client::with_catalog(catalog);
    client.provision(ids.clone()).await.expect(202);
    client.world.edit(|account| {
        let secret = json!({"username": "ad:min", "password": PASSWORD, "number": 7});
        account.secrets.insert(SECRET.into(), secret.to_string());
        account
            .secrets
            .insert(LICENSE.into(), json!({"key": "a-license"}).to_string());
        account
            .parameters
            .insert("/osb/token".into(), "a-token".into());
    });
    for (output, value) in [
        ("Secret", format!("secretsmanager:{SECRET}")),
        ("License", format!("secretsmanager:{LICENSE}#key")),
        ("Token", "ssm:/osb/token".into()),
        ("Host", "db.example.com".into()),
        ("Port", "5432".into()),
        ("DatabaseName", "app".into()),
        ("Hosts", "db-2.example.com:5432".into()),
    ] {
        client.world.set_output(output, &value);
    }
    client.finish().await;
    client.world.take_calls();
    (client, ids)
}

#[tokio::test]
async fn referenced_secrets_are_read_once_and_never_stored() {
    let (client, ids) = with_database().await;
    let bound = client.bind("one", ids).await.expect(201);
    let calls = client.world.take_calls();
    let reads: Vec<_> = calls
        .iter()
        .filter(|call| call.starts_with("secrets."))
        .collect();
    assert_eq!(
        reads,
        [&"secrets.secret", &"secrets.parameter", &"secrets.secret"],
        "{calls:?}"
    );
    let credentials = &bound.body["credentials"];
    for (key, value) in [
        ("username", "ad:min"),
        ("password", PASSWORD),
        ("token", "a-token"),
        ("license", "a-license"),
        ("number", "7"),
        ("host", "db.example.com"),
        ("port", "5432"),
        ("name", "app"),
        (
            "brokers",
            "kafka://db.example.com:5432,db-2.example.com:5432/topic",
        ),
    ] {
        assert_eq!(credentials[key], value, "{key}");
    }
    let account = client.world.account();
    let stored = format!("{:?} {:?}", account.instances, account.bindings);
    assert!(
        !stored.contains(PASSWORD)
            && !stored.contains("a-token")
            && stored.contains("ssm:/osb/token"),
        "{stored}"
    );
}

#[tokio::test]
async fn credentials_follow_a_rotated_secret() {
    let (client, ids) = with_database().await;
    client.bind("one", ids.clone()).await.expect(201);
    client.world.edit(|account| {
        let secret = json!({"username": "admin", "password": "another", "number": 8});
        account.secrets.insert(SECRET.into(), secret.to_string());
    });
    assert_eq!(
        client.fetch_binding("one").await.expect(200).body["credentials"]["password"],
        "another"
    );
    assert_eq!(
        client.bind("one", ids).await.expect(200).body["credentials"]["password"],
        "another"
    );
}

#[tokio::test]
async fn credential_uris_escape_the_password() {
    let (client, ids) = with_database().await;
    let bound = client.bind("one", ids).await.expect(201);
    let text = |key: &str| {
        bound.body["credentials"][key]
            .as_str()
            .expect("a text")
            .to_owned()
    };
    let decoded = |text: &str| {
        percent_decode_str(text)
            .decode_utf8()
            .expect("UTF-8")
            .into_owned()
    };
    let uri: Uri = text("uri").parse().expect("a URI");
    let authority = uri.authority().expect("an authority");
    assert_eq!(
        (authority.host(), authority.port_u16()),
        ("db.example.com", Some(5432))
    );
    assert_eq!((uri.path(), uri.query()), ("/app", Some("sslmode=require")));
    let (user, _) = authority.as_str().rsplit_once('@').expect("a user");
    let (username, password) = user.split_once(':').expect("a password");
    assert_eq!(
        (decoded(username), decoded(password)),
        ("ad:min".into(), PASSWORD.into())
    );

    let jdbc: Uri = text("jdbcUrl")
        .strip_prefix("jdbc:")
        .expect("a JDBC URL")
        .parse()
        .expect("a URI");
    assert_eq!(
        (jdbc.host(), jdbc.port_u16(), jdbc.path()),
        (Some("db.example.com"), Some(5432), "/app")
    );
    let fields: Vec<_> = jdbc
        .query()
        .expect("a query")
        .split('&')
        .map(decoded)
        .collect();
    assert_eq!(
        fields,
        ["user=ad:min".to_owned(), format!("password={PASSWORD}")]
    );
    let endpoints = json!([{"host": "db.example.com", "ports": ["5432"], "protocol": "tcp"}]);
    assert_eq!(bound.body["endpoints"], endpoints);
}

#[tokio::test]
async fn unreadable_secret_does_not_lose_the_binding() {
    let (client, ids) = with_database().await;
    client
        .world
        .inject("secrets.parameter", Fault::Before(Throttled));
    let failed = client.bind("one", ids.clone()).await.expect(503);
    assert!(!failed.description().contains(PASSWORD));
    client.bind("one", ids.clone()).await.expect(200);
    client.world.edit(|account| account.parameters.clear());
    let lost = "If it is lost, delete the instance";
    let failed = client.fetch_binding("one").await.expect(500);
    assert!(
        failed.description().contains(lost),
        "{}",
        failed.description()
    );
    // Platforms start orphan mitigation after a 5xx, not after a 4xx.
    assert!(
        client
            .bind("two", ids.clone())
            .await
            .expect(500)
            .description()
            .contains(lost)
    );
    client
        .world
        .inject("secrets.parameter", Fault::Before(Denied));
    assert!(
        client
            .fetch_binding("one")
            .await
            .expect(500)
            .description()
            .contains(lost)
    );
    client
        .world
        .edit(|account| drop(account.secrets.insert(SECRET.into(), "{}".into())));
    let failed = client.fetch_binding("one").await.expect(500);
    assert!(
        failed.description().contains("operator"),
        "{}",
        failed.description()
    );
    client.unbind("one").await.expect(200);
}

/// What a user makes an output's value be is no reference: only what the template's author has
/// written is.
#[tokio::test]
async fn user_supplied_reference_is_not_resolved() {
    let (client, ids) = with_database().await;
    client.world.edit(|account| {
        let instance = account.instances.values_mut().next().expect("the instance");
        instance
            .outputs
            .insert("DatabaseName".into(), format!("secretsmanager:{SECRET}"));
    });
    let bound = client.bind("one", ids).await.expect(201);
    assert_eq!(
        bound.body["credentials"]["name"],
        format!("secretsmanager:{SECRET}")
    );
}

#[tokio::test]
async fn operator_can_keep_output_names_as_keys() {
    let rules = BindingRules {
        outputs_as_is: true,
        ..BindingRules::default()
    };
    let client = Client::with(World::new(), catalog(), rules, Default::default())
        .having_instance()
        .await;
    let bound = client.bind("one", json!({})).await.expect(201);
    let credentials = bound.body["credentials"].as_object().expect("credentials");
    for key in [
        "QueueURL",
        "QueueARN",
        "QueueName",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ] {
        assert!(credentials.contains_key(key), "{key}: {credentials:?}");
    }
    assert!(!credentials.contains_key("QUEUE_URL"));
}

#[tokio::test]
async fn swapped_or_altered_sealed_keys_do_not_open() {
    let client = Client::with_instance().await;
    for id in ["one", "two"] {
        client.bind(id, json!({})).await.expect(201);
    }
    client.world.edit(|account| {
        let mut users: Vec<_> = account
            .bindings
            .values_mut()
            .map(|binding| &mut binding.grants)
            .collect();
        let [one, two] = users.as_mut_slice() else {
            panic!("two bindings")
        };
        std::mem::swap(*one, *two);
    });
    for id in ["one", "two"] {
        let answer = client.fetch_binding(id).await.expect(500);
        assert_eq!(answer.body.get("credentials"), None);
    }
    client.bind("three", json!({})).await.expect(201);
    client.world.edit(|account| {
        let binding = account
            .bindings
            .values_mut()
            .find(|binding| binding.id.as_str() == "three");
        let [
            Grant::User(UserGrant {
                access_key: Some(key),
                ..
            }),
        ] = &mut *binding.expect("a binding").grants
        else {
            panic!("a key")
        };
        key.secret.0 = format!("AAAA{}", &key.secret.0[4..]);
    });
    client.fetch_binding("three").await.expect(500);
}

#[tokio::test]
async fn unreadable_secret_is_named_in_the_log() {
    let log = Log::watch();
    let (client, ids) = with_database().await;
    client.world.edit(|account| account.parameters.clear());
    client.bind("lost-token", ids.clone()).await.expect(500);
    client
        .world
        .edit(|account| drop(account.secrets.insert(SECRET.into(), "{}".into())));
    client.bind("broken-secret", ids).await.expect(500);

    for (id, reason) in [
        (
            "lost-token",
            "the output Token refers to Parameter(\"/osb/token\"), which does not exist or has \
             no text",
        ),
        (
            "broken-secret",
            "the secret that the output Secret names has no `Secret.username`",
        ),
    ] {
        let lines = log.lines(|line| line["message"] == "request" && line["binding_id"] == id);
        let reasons: Vec<_> = lines.iter().map(|line| &line["reason"]).collect();
        assert_eq!(reasons, [reason]);
    }
}

/// A user pool with an app client, whose secret Cognito keeps.
const USERS: &str = "\
Description: Users.
Metadata:
  AWS::ServiceBroker::Specification:
    Name: users
    ServicePlans:
      only: {Description: The only plan.}
    Bindings:
      Credentials:
        account: ${AWS::AccountId}
        secret: ${ClientSecret}
Resources:
  Pool: {Type: 'AWS::Cognito::UserPool'}
  Client: {Type: 'AWS::Cognito::UserPoolClient'}
Outputs:
  ClientSecret: {Value: !Sub 'cognito:${Pool}/${Client}'}
";

#[tokio::test]
async fn app_client_secret_is_read_from_its_user_pool() {
    let catalog = catalog_of(USERS);
    let ids = ids_of(&catalog, "only");
    let client = Client::with_catalog(catalog);
    client.provision(ids.clone()).await.expect(202);
    client.world.set_output("ClientSecret", "cognito:pool/app");
    client.finish().await;
    client.world.edit(|account| {
        let app = ("pool".to_owned(), "app".to_owned());
        account.client_secrets.insert(app, "a-secret".into());
    });

    let bound = client.bind("one", ids).await.expect(201);
    assert_eq!(
        bound.body["credentials"],
        json!({"account": "000000000000", "secret": "a-secret"})
    );
}
