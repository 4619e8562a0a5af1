//! Database users of bindings, the network of databases, and what new databases are made of.

use aws_service_broker::{
    broker::{
        Broker,
        ports::PortErrorKind::Unavailable,
        records::{Location, SPACE_TAG},
        rules::BindingRules,
        stacks::StackStatus,
    },
    offerings::OFFERINGS,
};
use catalog::{Catalog, DatabaseAccess, Override, Restrictions, Scope, Setting};
use database_protocol::{Answer as DatabaseAnswer, Privileges};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{
    Client, DATABASE_GROUP, DATABASE_SUBNETS, FakeDatabaseUser, Fault, INSTANCE, World, body_of,
    catalog, everything, plan_id, service_id,
};

const HOST: &str = "osb-db.local";
const SECRET: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:rds!db-1";
const MASTER_PASSWORD: &str = "p@ss/w:rd%4?#&+ é";
const OTHER: &str = "6a2a1c3e-8d47-4b6a-9e0f-1c2d3e4f5a6c";

/// The space of requests.
const SPACE: &str = "a-space";

/// The ids of the databases' plan.
fn database() -> Value {
    json!({
        "service_id": service_id("rdspostgresql"),
        "plan_id": plan_id("rdspostgresql", "dev"),
    })
}

async fn with_database() -> Client {
    having_database(Client::new()).await
}

/// The same platform, with an instance whose database is complete.
async fn having_database(client: Client) -> Client {
    client.provision(database()).await.expect(202);
    complete(&client).await;
    client
}

async fn complete(client: &Client) {
    let login = json!({"username": "sbadmin", "password": MASTER_PASSWORD}).to_string();
    client
        .world
        .edit(|account| drop(account.secrets.insert(SECRET.into(), login)));
    for (output, value) in [
        ("Host", HOST),
        ("Port", "5432"),
        ("DatabaseName", "app"),
        ("ResourceId", "db-ABC"),
        ("DatabaseIdentifier", "osb-rdspostgresql-database-1"),
        ("MasterSecretARN", SECRET),
    ] {
        client.world.set_output(output, value);
    }
    client.finish().await;
}

fn scope(name: &str) -> Value {
    let mut request = database();
    request["parameters"] = json!({"Scope": name});
    request
}

fn users(world: &World) -> Vec<(String, FakeDatabaseUser)> {
    let databases = world.account().databases.into_values();
    databases.flat_map(|database| database.users).collect()
}

fn refuse(world: &World, answer: Option<DatabaseAnswer>) {
    world.edit(|account| account.databases.entry(HOST.into()).or_default().refuses = answer);
}

/// The same broker, whose operator has given databases no network.
fn without_network(client: Client) -> Client {
    let broker = Broker {
        databases: None,
        ..client.broker()
    };
    client.with_broker(broker)
}

#[tokio::test]
async fn binding_has_a_database_user_of_its_own() {
    let client = with_database().await;
    let bound = client.bind("one", database()).await.expect(201);
    let credentials = &bound.body["credentials"];

    let [(name, user)] = &users(&client.world)[..] else {
        panic!("{:?}", users(&client.world));
    };
    let password = user.password.as_deref().expect("a password");
    assert_eq!(user.privileges, Privileges::Owner);
    assert_eq!(credentials["username"], name.as_str());
    assert_eq!(credentials["password"], password);
    assert_eq!(
        credentials["uri"],
        format!("postgresql://{name}:{password}@{HOST}:5432/app?sslmode=require")
    );
    for absent in ["masterSecretArn", "AWS_ACCESS_KEY_ID", "AWS_ROLE_ARN"] {
        assert!(credentials.get(absent).is_none(), "{credentials}");
    }
    assert!(
        client.world.users().is_empty(),
        "no permissions in AWS are needed"
    );
}

#[tokio::test]
async fn scopes_are_privileges_in_the_database() {
    let client = with_database().await;
    for (name, privileges) in [
        ("ReadOnly", Privileges::ReadOnly),
        ("ReadWriteIam", Privileges::ReadWrite),
    ] {
        let bound = client.bind(name, scope(name)).await.expect(201);
        let user = &bound.body["credentials"]["username"];
        let users = users(&client.world);
        let user = users.iter().find(|(known, _)| user == known.as_str());
        assert_eq!(user.map(|(_, user)| user.privileges), Some(privileges));
    }
}

#[tokio::test]
async fn iam_is_the_password_of_a_scope_that_uses_it() {
    let client = with_database().await;
    let bound = client.bind("one", scope("ReadOnlyIam")).await.expect(201);
    let credentials = &bound.body["credentials"];

    let [(name, user)] = &users(&client.world)[..] else {
        panic!("{:?}", users(&client.world));
    };
    assert_eq!(user.password, None);
    assert!(credentials.get("password").is_none() && credentials.get("uri").is_none());
    assert_eq!(credentials["username"], name.as_str());
    assert!(credentials.get("AWS_SECRET_ACCESS_KEY").is_some());

    let (_, identity) = client.world.users().pop_first().expect("an identity");
    let resource = &identity.policy["Statement"][0]["Resource"];
    let expected = format!("arn:aws:rds-db:us-east-1:000000000000:dbuser:db-ABC/{name}");
    assert_eq!(resource, &expected, "it may log in as no other user");
}

#[tokio::test]
async fn unbinding_drops_the_user() {
    let client = with_database().await;
    client.bind("one", database()).await.expect(201);
    client.bind("two", database()).await.expect(201);
    client.unbind("one").await.expect(200);
    assert_eq!(users(&client.world).len(), 1);
    client.unbind("two").await.expect(200);
    assert!(users(&client.world).is_empty());
}

#[tokio::test]
async fn rotation_has_a_user_beside_its_predecessor() {
    let client = with_database().await;
    let first = client.bind("one", scope("ReadOnly")).await.expect(201);
    let rotated = client
        .bind(
            "two",
            json!({"service_id": null, "plan_id": null, "predecessor_binding_id": "one"}),
        )
        .await
        .expect(201);

    let users = users(&client.world);
    assert_eq!(users.len(), 2, "both work until the first one is unbound");
    assert!(
        users
            .iter()
            .all(|(_, user)| user.privileges == Privileges::ReadOnly)
    );
    assert_ne!(first.body["credentials"], rotated.body["credentials"]);
}

#[tokio::test]
async fn resent_binding_has_the_same_user_and_password() {
    let client = with_database().await;
    let bound = client.bind("one", database()).await.expect(201);
    let again = client.bind("one", database()).await.expect(200);
    let fetched = client.fetch_binding("one").await.expect(200);
    assert_eq!(bound.body["credentials"], again.body["credentials"]);
    assert_eq!(bound.body["credentials"], fetched.body["credentials"]);
}

#[tokio::test]
async fn interrupted_binding_gets_another_password_when_it_resumes() {
    let client = with_database().await;
    client
        .world
        .inject("vault.seal", Fault::Before(Unavailable));
    client.bind("one", database()).await.expect(503);
    let [(name, before)] = &users(&client.world)[..] else {
        panic!("the user was created");
    };

    client.world.let_time_pass(SignedDuration::from_mins(1));
    let bound = client.bind("one", database()).await.expect(201);
    let [(same, after)] = &users(&client.world)[..] else {
        panic!("there is one user");
    };
    assert_eq!(name, same);
    assert_ne!(
        before.password, after.password,
        "nobody has received the first one"
    );
    assert_eq!(json!(after.password), bound.body["credentials"]["password"]);
}

#[tokio::test]
async fn master_password_is_nowhere_but_in_its_secret() {
    let client = with_database().await;
    let bound = client.bind("one", database()).await.expect(201);
    let mut account = client.world.account();
    account.secrets.clear();
    for text in [format!("{account:?}"), bound.body.to_string()] {
        assert!(!text.contains(MASTER_PASSWORD));
    }
}

#[tokio::test]
async fn unreachable_database_is_retried_and_says_why() {
    let client = with_database().await;
    refuse(
        &client.world,
        Some(DatabaseAnswer::Unreachable("connection refused".into())),
    );
    let answer = client.bind("one", database()).await.expect(503);
    assert_eq!(
        answer.description(),
        "The broker has no access to the database at the moment: connection refused. Retry in a \
         minute. If that does not help, check that the database is running."
    );

    refuse(&client.world, None);
    client.world.let_time_pass(SignedDuration::from_mins(1));
    client.bind("one", database()).await.expect(201);

    refuse(
        &client.world,
        Some(DatabaseAnswer::Busy("too many connections".into())),
    );
    client.unbind("one").await.expect(503);
    refuse(&client.world, None);
    client.unbind("one").await.expect(200);
    assert!(users(&client.world).is_empty());
}

#[tokio::test]
async fn polling_platform_waits_for_an_unreachable_database() {
    let client = with_database().await;
    refuse(
        &client.world,
        Some(DatabaseAnswer::Unreachable("no route".into())),
    );
    client.bind_async("one", database()).await.expect(202);
    client.world.let_time_pass(SignedDuration::from_mins(1));
    let polled = client.binding_last_operation("one").await.expect(200);
    assert_eq!(polled.body["state"], "in progress");

    refuse(&client.world, None);
    client.world.let_time_pass(SignedDuration::from_mins(1));
    let polled = client.binding_last_operation("one").await.expect(200);
    assert_eq!(polled.body["state"], "succeeded");
    assert_eq!(users(&client.world).len(), 1);
}

#[tokio::test]
async fn database_that_never_answers_ends_the_polling() {
    let client = with_database().await;
    refuse(
        &client.world,
        Some(DatabaseAnswer::Unreachable("no route".into())),
    );
    client.bind_async("one", database()).await.expect(202);
    client.world.let_time_pass(SignedDuration::from_mins(6));
    let polled = client.binding_last_operation("one").await.expect(200);
    assert_eq!(polled.body["state"], "failed", "{}", polled.body);
}

#[tokio::test]
async fn rotated_master_password_is_read_again() {
    let client = with_database().await;
    refuse(&client.world, Some(DatabaseAnswer::WrongPassword));
    client.bind("one", database()).await.expect(503);

    refuse(&client.world, None);
    let login = json!({"username": "sbadmin", "password": "the next one"}).to_string();
    client
        .world
        .edit(|account| drop(account.secrets.insert(SECRET.into(), login)));
    client.world.let_time_pass(SignedDuration::from_mins(1));
    client.bind("one", database()).await.expect(201);
}

#[tokio::test]
async fn rejection_by_the_database_is_reported() {
    let client = with_database().await;
    refuse(
        &client.world,
        Some(DatabaseAnswer::Failed("permission denied".into())),
    );
    let answer = client.bind("one", database()).await.expect(500);
    assert!(
        answer.description().contains("permission denied"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn lost_master_secret_is_reported_and_blocks_no_deletion() {
    let client = with_database().await;
    client.bind("one", database()).await.expect(201);
    client.world.edit(|account| account.secrets.clear());
    client.bind("two", database()).await.expect(500);
    client.unbind("one").await.expect(500);

    // The deletion waits for the request that failed: it could still be at work.
    client.deprovision().await.expect(202);
    client.world.let_time_pass(SignedDuration::from_mins(1));
    client.last_operation().await.expect(200);
    client.finish().await;
    assert!(client.world.stack_names().is_empty());
}

#[tokio::test]
async fn binding_of_a_deleted_stack_is_unbound() {
    let client = with_database().await;
    client.bind("one", database()).await.expect(201);
    refuse(
        &client.world,
        Some(DatabaseAnswer::Unreachable("no such host".into())),
    );
    client
        .world
        .settle_stacks(StackStatus::DeleteComplete, None);
    client.unbind("one").await.expect(200);
}

#[tokio::test]
async fn unreachable_database_does_not_block_deprovisioning() {
    let client = with_database().await;
    client.bind("one", database()).await.expect(201);
    refuse(
        &client.world,
        Some(DatabaseAnswer::Unreachable("it is stopped".into())),
    );
    client.deprovision().await.expect(202);

    // The broker tries for five minutes.
    client.world.let_time_pass(SignedDuration::from_mins(6));
    client.last_operation().await.expect(200);
    client.finish().await;
    assert!(client.world.stack_names().is_empty());
}

#[tokio::test]
async fn password_ends_with_the_lifetime_of_bindings() {
    let rules = BindingRules {
        lifetime: Some(SignedDuration::from_hours(48)),
        ..BindingRules::default()
    };
    let client = Client::with(World::new(), catalog(), rules, Default::default());
    let client = having_database(client).await;
    let bound = client.bind("one", database()).await.expect(201);

    let (_, user) = users(&client.world).pop().expect("a user");
    let ends_at = user.valid_until.expect("an end");
    let shown = bound.body["metadata"]["expires_at"].as_str();
    assert_eq!(shown.and_then(|shown| shown.parse().ok()), Some(ends_at));
}

#[tokio::test]
async fn database_gets_the_network_of_the_brokers_stack() {
    let client = with_database().await;
    let parameters = client.world.stack().parameters;
    assert_eq!(parameters["SubnetIds"], DATABASE_SUBNETS);
    assert_eq!(parameters["SecurityGroupIds"], DATABASE_GROUP);
}

#[tokio::test]
async fn override_replaces_the_network_of_the_brokers_stack() {
    let client = Client::new();
    let own = Override {
        scope: Scope::default(),
        parameter: "SecurityGroupIds".into(),
        setting: Setting::Value("sg-0123456789abcdef0".into()),
    };
    client.world.edit(|account| account.overrides = vec![own]);
    let client = having_database(client).await;
    assert_eq!(
        client.world.stack().parameters["SecurityGroupIds"],
        "sg-0123456789abcdef0"
    );

    // Without the group that admits the function, the broker cannot reach the database.
    let bound = client.bind("one", database()).await.expect(201);
    assert_eq!(bound.body["credentials"]["masterSecretArn"], SECRET);
}

#[tokio::test]
async fn database_elsewhere_has_the_network_of_its_own_account() {
    let there = Location {
        account_id: "111111111111".into(),
        region: "eu-west-1".into(),
        role_name: "service-broker-osb-eu-west-1".into(),
    };
    let client = Client::new().with_locations(std::slice::from_ref(&there));
    let mut request = database();
    request["parameters"] = json!({"target_account_id": "111111111111", "region": "eu-west-1"});
    client.provision(request).await.expect(202);

    let stack = client.world.elsewhere(&there).stack();
    assert!(!stack.parameters.contains_key("SubnetIds"), "{stack:?}");
}

#[tokio::test]
async fn binding_without_a_network_names_the_master_secret() {
    let client = having_database(without_network(Client::new())).await;
    let bound = client.bind("one", database()).await.expect(201);
    let credentials = &bound.body["credentials"];
    assert_eq!(credentials["masterSecretArn"], SECRET);
    for absent in ["username", "password", "uri"] {
        assert!(credentials.get(absent).is_none(), "{credentials}");
    }

    let (_, identity) = client.world.users().pop_first().expect("an identity");
    assert_eq!(identity.policy["Statement"][0]["Resource"], SECRET);

    let refused = client.bind("two", scope("Owner")).await.expect(400);
    assert!(
        refused.description().contains("Bind without a Scope"),
        "{refused:?}"
    );
}

/// What users can choose is what works.
#[test]
fn catalog_offers_the_scopes_that_the_network_allows() {
    let scopes = |access| {
        let restrictions = Restrictions {
            database_access: access,
            ..everything()
        };
        let catalog = Catalog::new(OFFERINGS.into(), "000000000000", "awsservicebroker");
        let services = body_of(&catalog.restricted(&restrictions));
        let services = services["services"].as_array().expect("services").clone();
        let database = services.iter().find(|it| it["name"] == "rdspostgresql");
        let plan = &database.expect("a database")["plans"][0];
        plan["schemas"]["service_binding"]["create"]["parameters"]["properties"]["Scope"].clone()
    };

    let reachable = scopes(DatabaseAccess::Users);
    assert_eq!(reachable["default"], "Owner");
    assert_eq!(
        reachable["enum"],
        json!([
            "Owner",
            "ReadWrite",
            "ReadOnly",
            "OwnerIam",
            "ReadWriteIam",
            "ReadOnlyIam"
        ])
    );
    let unreachable = scopes(DatabaseAccess::MasterSecret);
    assert_eq!(unreachable["default"], "MasterSecret");
    assert_eq!(unreachable["enum"], json!(["MasterSecret"]));
}

/// Somebody may give databases a network later. Those that exist stay where they are.
#[tokio::test]
async fn database_outside_of_a_later_network_stays_there() {
    let client = having_database(without_network(Client::new())).await;
    let later = Client::new().broker().databases;
    let broker = Broker {
        databases: later,
        ..client.broker()
    };
    let client = client.with_broker(broker);
    let update =
        json!({"service_id": database()["service_id"], "parameters": {"BackupRetentionDays": 2}});
    client.update(update).await.expect(202);
    client.finish().await;

    assert!(!client.world.stack().parameters.contains_key("SubnetIds"));
    let bound = client.bind("one", database()).await.expect(201);
    assert_eq!(bound.body["credentials"]["masterSecretArn"], SECRET);
}

#[tokio::test]
async fn master_secret_is_for_databases_out_of_reach_alone() {
    let client = with_database().await;
    client.bind("one", scope("MasterSecret")).await.expect(400);
    assert!(client.world.users().is_empty());
}

#[tokio::test]
async fn role_gets_no_scope_with_a_password() {
    let client = with_database().await;
    let mut request = database();
    request["parameters"] = json!({"RoleName": "an-application"});
    let refused = client.bind("one", request).await.expect(400);
    assert!(
        refused.description().contains("does not accept RoleName"),
        "{refused:?}"
    );
    assert!(users(&client.world).is_empty() && client.world.bindings().is_empty());
}

#[tokio::test]
async fn storage_only_grows() {
    let client = Client::new();
    let mut request = database();
    request["parameters"] = json!({"AllocatedStorage": 50});
    client.provision(request).await.expect(202);
    complete(&client).await;

    let to = |size: u32| json!({"service_id": database()["service_id"], "parameters": {"AllocatedStorage": size}});
    let refused = client.update(to(49)).await.expect(422);
    assert_eq!(refused.body["update_repeatable"], false, "{}", refused.body);
    assert!(
        refused.description().contains("can only grow: it is 50"),
        "{refused:?}"
    );
    client.update(to(60)).await.expect(202);
}

/// A change to a plan or a reset may shrink it as well.
#[tokio::test]
async fn reset_of_a_storage_that_has_grown_is_refused() {
    let client = Client::new();
    let mut request = database();
    request["parameters"] = json!({"AllocatedStorage": 50});
    client.provision(request).await.expect(202);
    complete(&client).await;
    let reset =
        json!({"service_id": database()["service_id"], "parameters": {"AllocatedStorage": null}});
    client.update(reset).await.expect(422);
}

fn restored_from(source: &str, space: &str) -> Value {
    let mut request = database();
    request["space_guid"] = space.into();
    request["parameters"] = json!({"RestoreFromInstance": source});
    request
}

#[tokio::test]
async fn instance_of_the_space_can_be_restored() {
    let client = with_database().await;
    let request = restored_from(INSTANCE, SPACE);
    client
        .provision_as(OTHER, request.clone())
        .await
        .expect(202);

    let account = client.world.account();
    let stack = account
        .stacks
        .iter()
        .find(|(name, _)| name.contains(OTHER))
        .map(|(_, stack)| stack)
        .expect("a stack");
    assert_eq!(
        stack.parameters["RestoreFromInstance"],
        "osb-rdspostgresql-database-1"
    );

    // The same request, sent again, after the source is gone.
    client
        .world
        .edit(|account| account.instances.retain(|id, _| id.as_str() == OTHER));
    client.provision_as(OTHER, request).await.expect(202);
}

#[tokio::test]
async fn instance_of_another_space_cannot_be_restored() {
    let client = with_database().await;
    let strange = client
        .provision_as(OTHER, restored_from(INSTANCE, "another-space"))
        .await
        .expect(400);
    let missing = client
        .provision_as(OTHER, restored_from("no-such-instance", "another-space"))
        .await
        .expect(400);
    assert_eq!(
        strange.description(),
        missing.description(),
        "it does not tell them apart"
    );
    assert_eq!(client.world.stack_names().len(), 1);
}

#[tokio::test]
async fn snapshot_is_restored_with_its_owners_consent() {
    let client = Client::new();
    let mut request = database();
    request["parameters"] = json!({"SnapshotId": "somebodys-snapshot"});
    let refused = client.provision(request.clone()).await.expect(400);
    assert!(refused.description().contains(SPACE_TAG), "{refused:?}");

    let arn = "arn:aws:rds:us-east-1:000000000000:snapshot:somebodys-snapshot";
    client.world.edit(|account| {
        let tags = [(SPACE_TAG.to_owned(), "another-space".to_owned())];
        account.tagged.insert(arn.into(), tags.into());
    });
    client.provision(request.clone()).await.expect(400);

    client.world.edit(|account| {
        let tags = [(SPACE_TAG.to_owned(), SPACE.to_owned())];
        account.tagged.insert(arn.into(), tags.into());
    });
    client.provision(request).await.expect(202);
    assert_eq!(
        client.world.stack().parameters["SnapshotId"],
        "somebodys-snapshot"
    );
}

/// AWS's own texts name the cause, and not what its user can do.
#[tokio::test]
async fn failure_of_a_database_says_what_to_do() {
    for (reason, remedy) in [
        (
            "Cannot create a db.t4g.micro database instance because there are no availability zones \
             with sufficient capacity for VPC and storage type : gp3 for db.t4g.micro. Please try \
             the request again at a later time. (Service: Rds, Status Code: 400, Request ID: 1)",
            "Choose another InstanceClass, or try again later.",
        ),
        (
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current \
             AZ coverage: us-east-1c. Add subnets to cover at least 2 AZs. (Service: Rds)",
            "Ask the broker's operator for one more.",
        ),
        (
            "The DB instance cannot be modified, because it is in the storage-full state.",
            "Raise AllocatedStorage.",
        ),
    ] {
        let client = Client::new();
        client.provision(database()).await.expect(202);
        let kind = "AWS::RDS::DBInstance";
        client
            .world
            .resource_event("Database", kind, "CREATE_FAILED", Some(reason));
        client
            .world
            .settle_stacks(StackStatus::RollbackComplete, None);
        let polled = client.last_operation().await.expect(200);
        let description = polled.description();
        assert!(description.starts_with("CloudFormation could not create Database"));
        assert!(description.contains(remedy), "{description}");
    }
}
