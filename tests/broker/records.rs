//! State at rest: the items of the table in every shape that they can have, as DynamoDB gets them.
//! Files of earlier schemas stay, because items written then may still be in a table.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{Credentials, Region, SharedCredentialsProvider};
use aws_service_broker::{
    aws::{self, DynamoDb},
    broker::{
        ports::{PortErrorKind, Records, ScannedRecord, WriteOutcome},
        records::{
            Attributes, Binding, BindingId, DatabaseGrant, FunctionGrant, Grant, Instance,
            InstanceId, Json, Lifetime, Location, Operation, OperationKind, RoleGrant,
            RolePolicyGrant, Sealed, SealedAccessKey, ServiceAccount, UserGrant,
        },
    },
    osb::NonEmpty,
};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpClient, SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        runtime_components::RuntimeComponents,
    },
    shared::IntoShared,
};
use aws_smithy_types::body::SdkBody;
use axum::http;
use database_protocol::{Privileges, UserName};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

const TABLE: &str = "a-table";

/// A table that gives this answer once.
async fn table(answer: &Value) -> (DynamoDb, StaticReplayClient) {
    let request = http::Request::builder()
        .uri("https://dynamodb/")
        .body(SdkBody::empty())
        .expect("a request");
    let response = http::Response::builder()
        .body(SdkBody::from(answer.to_string()))
        .expect("a response");
    let replay = StaticReplayClient::new(vec![ReplayEvent::new(request, response)]);
    (DynamoDb::new(&config(replay.clone()).await, TABLE), replay)
}

async fn config(client: impl HttpClient + 'static) -> SdkConfig {
    let credentials = SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "c"));
    let config = aws::load_config()
        .await
        .into_builder()
        .region(Region::new("eu-central-1"));
    config
        .credentials_provider(credentials)
        .http_client(client)
        .build()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/broker/records")
}

fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().expect("a time")
}

fn operation(kind: OperationKind, number: u128) -> Operation {
    Operation::begin(kind, Uuid::from_u128(number), now())
}

fn object(value: Value) -> Json {
    Json(value.as_object().expect("an object").clone())
}

fn non_empty(text: &str) -> NonEmpty {
    NonEmpty::new(text).expect("a text")
}

fn attributes() -> Attributes {
    Attributes {
        service_id: non_empty("a-service"),
        plan_id: non_empty("a-plan"),
        organization_guid: non_empty("an-organization"),
        space_guid: non_empty("a-space"),
        context: object(json!({"platform": "cloudfoundry"})),
        parameters: object(json!({"Size": 1.0, "Name": "é", "List": [null, 1e300]})),
        secret_parameters: None,
        overrides: catalog::OperatorValues::new(),
        references: BTreeMap::new(),
        template_version: None,
    }
}

fn instance() -> Instance {
    Instance {
        id: InstanceId::new("an-instance").expect("an id"),
        attributes: attributes(),
        update: None,
        location: None,
        stack_name: "osb-database-an-instance".into(),
        stack_id: None,
        has_stack_policy: false,
        created_by: None,
        changed_by: None,
        outputs: BTreeMap::new(),
        operation: operation(OperationKind::Provision, 1),
        previous_operation: None,
        expires_at: None,
        version: 0,
    }
}

fn location() -> Option<Location> {
    Some(Location {
        account_id: "222222222222".into(),
        region: "eu-west-1".into(),
        role_name: "service-broker-osb-eu-west-1".into(),
    })
}

fn user(access_key: Option<SealedAccessKey>) -> Grant {
    Grant::User(UserGrant {
        user_name: "osb-a-user".into(),
        access_key,
    })
}

fn binding() -> Binding {
    Binding {
        id: BindingId::new("a-binding").expect("an id"),
        instance_id: InstanceId::new("an-instance").expect("an id"),
        location: None,
        service_id: non_empty("a-service"),
        plan_id: non_empty("a-plan"),
        app_guid: None,
        parameters: object(json!({"Scope": "All"})),
        predecessor_id: None,
        grants: vec![user(None)],
        lifetime: None,
        operation: operation(OperationKind::Bind, 3),
        previous_operation: None,
        expires_at: None,
        version: 0,
    }
}

fn instances() -> Vec<(&'static str, Instance)> {
    let secret = json!({"key": "c2VhbGVk", "digests": {"Password": "ZGlnZXN0"}});
    let created = Instance {
        operation: instance().operation.succeeded(),
        outputs: BTreeMap::from([
            ("Arn".into(), "an-arn".into()),
            ("Empty".into(), String::new()),
        ]),
        version: 1,
        ..instance()
    };
    let changed = Attributes {
        parameters: object(json!({"Size": 2})),
        secret_parameters: Some(serde_json::from_value(secret).expect("secret parameters")),
        overrides: catalog::OperatorValues::new(),
        template_version: Some("1.1.0".into()),
        ..attributes()
    };
    let update = Some(changed.clone());
    let updating = Instance {
        update,
        ..created.clone().begin(operation(OperationKind::Update, 2))
    };
    let not_updated = Operation {
        instance_usable: Some(true),
        ..updating.operation.clone().failed("No space.")
    };
    let deleting = created
        .clone()
        .begin(operation(OperationKind::Deprovision, 4));
    let deleted = Instance {
        operation: deleting.operation.clone().succeeded(),
        outputs: BTreeMap::new(),
        expires_at: Some(now() + SignedDuration::from_hours(168)),
        version: 3,
        ..deleting.clone()
    };
    let with_secret = Instance {
        attributes: Attributes {
            secret_parameters: changed.secret_parameters.clone(),
            ..attributes()
        },
        operation: instance()
            .operation
            .taken_up(now() + SignedDuration::from_secs(31)),
        ..instance()
    };
    // As it was before it was said when an operation had been accepted.
    let without_acceptance = Operation {
        accepted_at: None,
        ..with_secret.operation.clone()
    };
    let not_created = Instance {
        operation: instance().operation.failed("No space."),
        version: 1,
        ..instance()
    };
    let updated = Instance {
        attributes: changed.clone(),
        update: None,
        operation: updating.operation.clone().succeeded(),
        ..updating.clone()
    };
    let not_deleted = Operation {
        instance_usable: Some(false),
        ..deleting.operation.clone().failed("Not empty.")
    };
    vec![
        ("instance-being-created", instance()),
        (
            "instance-elsewhere",
            Instance {
                location: location(),
                ..instance()
            },
        ),
        ("instance-taken-up", with_secret.clone()),
        (
            "instance-being-created-by-another-request",
            Instance {
                operation: without_acceptance,
                ..with_secret
            },
        ),
        ("instance-not-created", not_created),
        ("instance-created", created),
        ("instance-being-updated", updating.clone()),
        (
            "instance-not-updated",
            Instance {
                operation: not_updated,
                update: None,
                ..updating
            },
        ),
        ("instance-updated", updated),
        ("instance-being-deleted", deleting.clone()),
        (
            "instance-not-deleted",
            Instance {
                operation: not_deleted,
                ..deleting
            },
        ),
        ("instance-deleted", deleted),
    ]
}

fn bindings() -> Vec<(&'static str, Binding)> {
    let bound = Binding {
        app_guid: Some(non_empty("an-app")),
        predecessor_id: Some(BindingId::new("a-predecessor").expect("an id")),
        grants: vec![user(Some(SealedAccessKey {
            id: "AKIA".into(),
            secret: Sealed("c2VhbGVk".into()),
        }))],
        lifetime: Some(Lifetime {
            renew_before: now(),
            ends_at: now() + SignedDuration::from_hours(24),
        }),
        operation: binding().operation.succeeded(),
        version: 1,
        ..binding()
    };
    let unbinding = Binding {
        operation: operation(OperationKind::Unbind, 5),
        previous_operation: Some(bound.operation.clone()),
        version: 2,
        ..bound.clone()
    };
    let unbound = Binding {
        operation: unbinding.operation.clone().succeeded(),
        grants: Vec::new(),
        expires_at: Some(now() + SignedDuration::from_hours(168)),
        ..unbinding.clone()
    };
    let without_user = Binding {
        grants: Vec::new(),
        operation: binding().operation.succeeded(),
        ..binding()
    };
    let role = |role_arn: Option<&str>| {
        let service_account = ServiceAccount {
            namespace: "a-namespace".into(),
            name: "an-account".into(),
        };
        vec![Grant::Role(RoleGrant {
            role_name: "osb-a-role".into(),
            role_arn: role_arn.map(str::to_owned),
            service_account,
        })]
    };
    let with_role = Binding {
        grants: role(Some("arn:aws:iam::0:role/osb/osb-a-role")),
        operation: binding().operation.succeeded(),
        version: 1,
        ..binding()
    };
    let role_arn = "arn:aws:iam::0:role/an-applications".into();
    let with_policy = Grant::RolePolicy(RolePolicyGrant {
        role_arn,
        policy_name: "osb-a-policy".into(),
    });
    let function = |credentials: Option<&str>| {
        let credentials = credentials.map(|sealed| Sealed(sealed.into()));
        Grant::Function(FunctionGrant {
            name: "a-function".into(),
            credentials,
        })
    };
    let by_function = Binding {
        grants: vec![function(Some("c2VhbGVk"))],
        operation: binding().operation.succeeded(),
        version: 1,
        ..binding()
    };
    let database_user = |password: Option<&str>| DatabaseGrant {
        user_name: UserName::from_digests(0, 1),
        privileges: Privileges::ReadOnly,
        by_iam: password.is_none(),
        password: password.map(|sealed| Sealed(sealed.into())),
    };
    let with_database_user = Binding {
        grants: vec![Grant::Database(database_user(Some("c2VhbGVk")))],
        operation: binding().operation.succeeded(),
        version: 1,
        ..binding()
    };
    let with_iam_in_database = Binding {
        grants: vec![Grant::Database(database_user(None))],
        ..with_database_user.clone()
    };
    let not_bound = Binding {
        operation: binding().operation.failed("Denied."),
        version: 1,
        ..binding()
    };
    let not_unbound = Binding {
        operation: unbinding.operation.clone().failed("Denied."),
        ..unbinding.clone()
    };
    vec![
        ("binding-being-created", binding()),
        (
            "binding-elsewhere",
            Binding {
                location: location(),
                ..binding()
            },
        ),
        ("binding-not-created", not_bound),
        ("binding-created", bound),
        ("binding-without-user", without_user),
        (
            "binding-being-created-with-role",
            Binding {
                grants: role(None),
                ..binding()
            },
        ),
        ("binding-with-role", with_role),
        (
            "binding-with-policy-of-role",
            Binding {
                grants: vec![with_policy],
                ..binding()
            },
        ),
        (
            "binding-being-created-by-function",
            Binding {
                grants: vec![user(None), function(None)],
                ..binding()
            },
        ),
        ("binding-by-function", by_function),
        ("binding-with-database-user", with_database_user),
        ("binding-with-iam-in-database", with_iam_in_database),
        ("binding-being-deleted", unbinding),
        ("binding-not-deleted", not_unbound),
        ("binding-deleted", unbound),
    ]
}

fn path(schema: &str, name: &str) -> PathBuf {
    folder().join(schema).join(format!("{name}.json"))
}

/// The item in a file.
fn recorded(schema: &str, name: &str) -> Value {
    let text = fs::read_to_string(path(schema, name))
        .unwrap_or_else(|error| panic!("{schema}/{name}: {error}"));
    serde_json::from_str(&text).expect("JSON")
}

/// Compares what is written with what is recorded. What is not recorded yet now is, to be looked
/// at.
fn check_written(name: &str, written: &Value) {
    let schema = written["schema"]["N"].as_str().expect("the schema version");
    if !path(schema, name).exists() {
        let mut sorted = written.clone();
        sorted.sort_all_objects();
        let text = serde_json::to_string_pretty(&sorted).expect("JSON");
        fs::write(path(schema, name), text + "\n").expect("a file");
        panic!("{name} was not recorded, and now is as the broker writes it");
    }
    assert_eq!(*written, recorded(schema, name), "{name}");
}

/// Every file: the number of its shape, and its name.
fn files() -> Vec<(String, String)> {
    let names = |folder: PathBuf| {
        let entries = fs::read_dir(folder).expect("a folder");
        entries.map(|entry| {
            entry
                .expect("an entry")
                .path()
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
    };
    let of = |schema: String| names(folder().join(&schema)).map(move |name| (schema.clone(), name));
    names(folder()).flat_map(of).collect()
}

fn body_of(replay: &StaticReplayClient) -> Value {
    let request = replay.actual_requests().next().expect("a request");
    serde_json::from_slice(request.body().bytes().expect("a body")).expect("JSON")
}

/// The item that a write of a record puts into the table. The number of the write, which is another
/// one each time, is that of the files.
fn written(replay: &StaticReplayClient, path: &str) -> Value {
    let mut item = body_of(replay).pointer(path).expect("an item").clone();
    if let Some(write) = item.get_mut("write") {
        *write = json!({"S": "a-write"});
    }
    item
}

#[tokio::test]
async fn items_are_written_in_the_recorded_format() {
    for (name, instance) in instances() {
        let (table, replay) = table(&json!({})).await;
        match instance.version.checked_sub(1) {
            None => assert_eq!(
                table
                    .insert_instance(&instance, now())
                    .await
                    .expect("insert"),
                None
            ),
            Some(version) => {
                let before = Instance {
                    version,
                    ..instance
                };
                assert_eq!(
                    table.update_instance(&before).await.expect("update"),
                    WriteOutcome::Done
                );
            }
        }
        check_written(name, &written(&replay, "/Item"));
    }
    for (name, binding) in bindings() {
        let (table, replay) = table(&json!({})).await;
        match binding.version.checked_sub(1) {
            None => {
                let _ = table
                    .insert_binding(&instance(), &binding, now())
                    .await
                    .expect("insert");
                check_written(name, &written(&replay, "/TransactItems/1/Put/Item"));
            }
            Some(version) => {
                let before = Binding { version, ..binding };
                assert_eq!(
                    table.update_binding(&before).await.expect("update"),
                    WriteOutcome::Done
                );
                check_written(name, &written(&replay, "/Item"));
            }
        }
    }
}

#[tokio::test]
async fn items_of_every_schema_version_are_readable() {
    let (instances, bindings) = (
        BTreeMap::from_iter(instances()),
        BTreeMap::from_iter(bindings()),
    );
    for (schema, name) in files() {
        let item = recorded(&schema, &name);
        if let Some(instance) = instances.get(&*name) {
            let (table, _) = table(&json!({"Item": item})).await;
            let read = table.instance(&instance.id, now()).await.expect("read");
            assert_eq!(read.as_ref(), Some(instance), "{schema}/{name}");
        } else {
            let binding = bindings
                .get(&*name)
                .unwrap_or_else(|| panic!("{schema}/{name} is of no shape that is checked"));
            let (table, _) = table(&json!({"Responses": {TABLE: [item]}})).await;
            let read = table
                .instance_and_binding(&binding.instance_id, &binding.id, now())
                .await
                .expect("read");
            assert_eq!(read, (None, Some(binding.clone())), "{schema}/{name}");
        }
    }
}

/// Items that are not the broker's, or not this version's.
fn unreadable() -> Vec<(Value, &'static str)> {
    let mut newer = recorded("1", "instance-created");
    newer["schema"] = json!({"N": "3"});
    let mut older = newer.clone();
    older["schema"] = json!({"N": "0"});
    let mut without_schema = newer.clone();
    without_schema
        .as_object_mut()
        .expect("an item")
        .remove("schema");
    let mut broken = recorded("1", "instance-created");
    broken["operation"] = json!({"S": "provision"});
    vec![
        (
            newer,
            "its schema version is 3; this version of the broker supports 1 to 2",
        ),
        (
            older,
            "its schema version is 0; this version of the broker supports 1 to 2",
        ),
        (
            without_schema,
            "its schema version is none; this version of the broker supports 1 to 2",
        ),
        (broken, "invalid type: string"),
        (
            json!({"pk": {"S": "INSTANCE#an-instance"}, "sk": {"S": "META"}}),
            "its schema version is none",
        ),
    ]
}

#[tokio::test]
async fn unreadable_item_is_a_corruption_error_with_reason() {
    for (item, reason) in unreadable() {
        let (table, _) = table(&json!({"Item": item})).await;
        let error = table
            .instance(&instance().id, now())
            .await
            .expect_err("not readable");
        assert_eq!(error.kind, PortErrorKind::Corrupt);
        assert!(error.detail.starts_with(reason), "{error}");
    }
}

#[tokio::test]
async fn unreadable_item_does_not_hide_others_from_a_scan() {
    let mut items: Vec<_> = unreadable().into_iter().map(|(item, _)| item).collect();
    items.push(json!({"pk": {"S": "something"}, "sk": {"S": "else"}, "in": {"M": {"user_name": {"S": "a-user"}}}}));
    items.push(recorded("1", "instance-created"));
    items.push(recorded("1", "binding-created"));
    let last = json!({"pk": {"S": "INSTANCE#an-instance"}, "sk": {"S": "BINDING#a-binding"}});
    let (table, _) = table(&json!({"Items": items, "LastEvaluatedKey": last})).await;
    let page = table.page(None).await.expect("scan");
    let mut read = page.items.into_iter();
    for _ in unreadable() {
        assert!(
            matches!(read.next(), Some(ScannedRecord::Unreadable(record)) if record.key == "INSTANCE#an-instance META")
        );
    }
    let Some(ScannedRecord::Unreadable(foreign)) = read.next() else {
        panic!("it is not the broker's")
    };
    assert_eq!(
        (&*foreign.key, foreign.names),
        ("something else", vec!["a-user".to_owned()])
    );
    assert!(
        matches!(read.next(), Some(ScannedRecord::Instance(instance)) if instance.version == 1)
    );
    assert!(matches!(read.next(), Some(ScannedRecord::Binding(binding)) if binding.version == 1));
    assert_eq!(read.next().map(drop), None);

    let (table, replay) = self::table(&json!({"Items": []})).await;
    assert!(table.page(page.next).await.expect("scan").next.is_none());
    assert_eq!(body_of(&replay)["ExclusiveStartKey"], last);
}

/// A table that writes the first item that it gets, and loses its answer.
#[derive(Clone, Debug, Default)]
struct Forgetful(Arc<Mutex<Option<Value>>>);

impl HttpClient for Forgetful {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.clone().into_shared()
    }
}

impl HttpConnector for Forgetful {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body: Value =
            serde_json::from_slice(request.body().bytes().expect("a body")).expect("JSON");
        let mut written = self.0.lock().expect("no test panics with the lock");
        let (status, answer) = match &*written {
            None => {
                *written = Some(body["Item"].clone());
                (500, json!({"__type": "InternalServerError"}))
            }
            Some(item) => (
                400,
                json!({"__type": "ConditionalCheckFailedException", "Item": item}),
            ),
        };
        let response = HttpResponse::new(
            status.try_into().expect("a status"),
            SdkBody::from(answer.to_string()),
        );
        HttpConnectorFuture::ready(Ok(response))
    }
}

#[tokio::test(start_paused = true)]
async fn retried_write_recognizes_only_its_own_result() {
    let client: SharedHttpClient = Forgetful::default().into_shared();
    let table = DynamoDb::new(&config(client).await, TABLE);
    assert_eq!(
        table.update_binding(&binding()).await.expect("update"),
        WriteOutcome::Done
    );
    // Another request that writes the same at the same moment was not first.
    assert_eq!(
        table.update_binding(&binding()).await.expect("update"),
        WriteOutcome::Conflict
    );
}
