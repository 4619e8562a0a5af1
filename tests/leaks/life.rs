//! An instance's whole life, with secrets of every kind, and what it leaves behind.

use std::sync::LazyLock;

use aws_service_broker::broker::{
    rules::{BindingRules, RolePatterns},
    stacks::StackStatus,
};
use axum::{body::Body, http::Request};
use catalog::Catalog;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{
    Answer, Client, FakeFunction, Fault, INSTANCE, Log, World, basic, catalog_of, ids_of,
    password_of,
};

/// A secret parameter, secrets that the stack keeps elsewhere, an access key for each binding, and
/// a function that makes credentials.
const TEMPLATE: &str = "\
Description: A database.
Metadata:
  AWS::ServiceBroker::Specification:
    Version: 1.0.0
    Name: database
    BindViaLambda: true
    ServicePlans:
      only: {Description: The only plan.}
    UpdatableParameters: [Password, Size]
    OperatorParameters: [SubnetIds, SecurityGroupIds]
    Bindings:
      Database:
        Engine: PostgreSQL
        Host: a-host
        Port: '5432'
        Name: app
        MasterSecret: arn:aws:secretsmanager:us-east-1:000000000000:secret:a-secret
        Users:
          All: {Privileges: Owner}
      Credentials:
        uri: postgres://${Secret.username}:${Secret.password}@${Host}/app
        token: ${Token}
        key: ${Identity.AccessKeyId}
        secret: ${Identity.SecretAccessKey}
        password: ${Database.Password}
      Policies:
        All: [{Effect: Allow, Action: 'rds-db:connect', Resource: '${Host}'}]
        MasterSecret: []
Parameters:
  Password: {Type: String, NoEcho: true, MinLength: 8}
  Size: {Type: Number, Default: 1}
  SubnetIds: {Type: String, Default: ''}
  SecurityGroupIds: {Type: String, Default: ''}
Resources:
  Database: {Type: 'AWS::RDS::DBInstance'}
Outputs:
  Secret: {Value: !Sub 'secretsmanager:${Database.MasterUserSecret.SecretArn}'}
  Token: {Value: !Sub 'ssm:/osb/token'}
  Host: {Value: !GetAtt Database.Endpoint.Address}
  BindLambda: {Value: !Ref Function}
";
const SECRET: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:a-secret";
const FUNCTION: &str = "osb-database-function";

const PLATFORMS_PASSWORD: &str = "local-only-password";
const GUESS: &str = "a guess: wrong/guess";
const PARAMETER: &str = "correct horse/battery?";
const NEW_PARAMETER: &str = "staple & 42%\"quoted\"";
const MASTER_PASSWORD: &str = "m@ster/pass:word";
const TOKEN: &str = "t0ken+with=signs";
/// How the twin makes the secrets of access keys.
const ACCESS_KEY: &str = "secret-of-AKIA0000";
/// How the password of a database user begins, with the twin's random numbers.
const DATABASE_PASSWORD: &str = "Sb0-00000000";

/// Refusals of CloudFormation's that quote what it was given, by the call.
pub const QUOTING: [(&str, &str); 2] = [
    (
        "stacks.create",
        "Parameter Password = correct horse/battery? is not what it should be.",
    ),
    (
        "stacks.update",
        "Parameter Password = staple & 42%\"quoted\" is not what it should be.",
    ),
];

fn master_secret() -> String {
    json!({"username": "admin", "password": MASTER_PASSWORD}).to_string()
}

/// Everything that nobody but who asked may see.
pub fn secrets() -> Vec<String> {
    let authorization = |password| basic("broker", password)["Basic ".len()..].to_owned();
    let made = ["one", "two"].map(password_of);
    [
        PLATFORMS_PASSWORD,
        GUESS,
        PARAMETER,
        NEW_PARAMETER,
        MASTER_PASSWORD,
        TOKEN,
        ACCESS_KEY,
        DATABASE_PASSWORD,
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(made)
    .chain([authorization(PLATFORMS_PASSWORD), authorization(GUESS)])
    .collect()
}

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| catalog_of(TEMPLATE));

/// What a life leaves behind.
#[derive(Clone)]
pub struct Life {
    /// By what holds them.
    pub images: Vec<(&'static str, String)>,
    /// The calls of AWS.
    pub calls: Vec<&'static str>,
    /// How many credentials were handed out.
    pub credentials: usize,
}

struct Led {
    client: Client,
    ids: Value,
    answers: String,
    records: String,
    tags: String,
    stacks: String,
    credentials: usize,
}

impl Life {
    /// Leads a life in which the calls of these numbers go wrong.
    pub async fn lead(faults: impl IntoIterator<Item = (usize, Fault)>) -> Self {
        let log = Log::watch();
        log.take();
        let mut led = Led::new();
        led.client.world.script(faults);
        led.live().await;
        let (calls, _) = led.client.world.calls_and_faults();
        let images = vec![
            ("log", log.take()),
            ("answers", led.answers),
            ("records", led.records),
            ("tags and policies", led.tags),
            ("stacks", led.stacks),
        ];
        Self {
            images,
            calls,
            credentials: led.credentials,
        }
    }
}

impl Led {
    fn new() -> Self {
        let world = World::new();
        let rules = BindingRules {
            lifetime: Some(SignedDuration::from_hours(24)),
            roles: RolePatterns::new("an-application"),
            ..BindingRules::default()
        };
        world.make_role("an-application");
        world.edit(|account| {
            account.secrets.insert(SECRET.into(), master_secret());
            account.parameters.insert("/osb/token".into(), TOKEN.into());
            account
                .functions
                .insert(FUNCTION.into(), FakeFunction::default());
        });
        let ids = ids_of(&CATALOG, "only");
        let client = Client::with(world, CATALOG.clone(), rules, Default::default());
        let [answers, records, tags, stacks] = Default::default();
        Self {
            client,
            ids,
            answers,
            records,
            tags,
            stacks,
            credentials: 0,
        }
    }

    /// Keeps what there is now.
    fn look(&mut self) {
        let account = self.client.world.account();
        let records = (
            account.instances.values().collect::<Vec<_>>(),
            account.bindings.values().collect::<Vec<_>>(),
        );
        self.records += &serde_json::to_string(&records).expect("JSON");
        for user in account.users.values() {
            self.tags += &format!("{:?}{}", user.tags, user.policy);
        }
        // AWS does not show the values of secret parameters.
        for stack in account.stacks.values() {
            self.stacks += &format!("{:?}{}", stack.tags, stack.template_body);
        }
    }

    /// Keeps what others than the application may see of an answer.
    fn see(&mut self, mut answer: Answer) {
        if let Some(credentials) = answer
            .body
            .as_object_mut()
            .and_then(|body| body.remove("credentials"))
        {
            self.credentials += usize::from(credentials.is_object());
        }
        self.answers += &format!("{} {:?} {}\n", answer.status, answer.headers, answer.body);
    }

    async fn ask(&mut self, method: &str, path: &str, body: Option<Value>) {
        let path = format!("/v2/service_instances/{INSTANCE}{path}");
        let answer = self.client.request(method, &path, body).await;
        self.see(answer);
    }

    fn body(&self, members: Value) -> Option<Value> {
        let mut body = self.ids.clone();
        let members = members.as_object().expect("members").clone();
        body.as_object_mut().expect("a body").extend(members);
        Some(body)
    }

    async fn bind(&mut self, id: &str, members: Value) {
        let body = self.body(members);
        self.ask(
            "PUT",
            &format!("/service_bindings/{id}?accepts_incomplete=true"),
            body,
        )
        .await;
    }

    async fn poll(&mut self) {
        self.client
            .world
            .let_time_pass(SignedDuration::from_secs(31));
        self.ask("GET", "/last_operation", None).await;
        self.client.world.complete_stacks();
        for (output, value) in [
            ("Secret", format!("secretsmanager:{SECRET}")),
            ("Token", "ssm:/osb/token".into()),
            ("Host", "db.example.com".into()),
            ("BindLambda", FUNCTION.into()),
        ] {
            self.client.world.set_output(output, &value);
        }
        self.ask("GET", "/last_operation", None).await;
        self.look();
    }

    async fn live(&mut self) {
        let instance = |parameters: Value| json!({"organization_guid": "o", "space_guid": "s", "parameters": parameters});
        let wrong = Request::builder()
            .uri("/v2/catalog")
            .header("authorization", basic("broker", GUESS));
        let refused = self
            .client
            .send(wrong.body(Body::from(GUESS)).expect("a request"))
            .await;
        self.see(refused);

        let provision = "?accepts_incomplete=true";
        let bad = self.body(instance(
            json!({"Password": PARAMETER, "Size": NEW_PARAMETER}),
        ));
        self.ask("PUT", provision, bad).await;
        let short = self.body(instance(json!({"Password": "t0ken", "Token": TOKEN})));
        self.ask("PUT", provision, short).await;
        self.ask("PUT", provision, Some(json!([MASTER_PASSWORD])))
            .await;
        let good = self.body(instance(json!({"Password": PARAMETER})));
        for _ in 0..2 {
            self.ask("PUT", provision, good.clone()).await;
        }
        let other = self.body(instance(json!({"Password": NEW_PARAMETER})));
        self.ask("PUT", provision, other).await;
        self.poll().await;

        self.fail_update().await;
        let update = self.body(json!({"parameters": {"Password": NEW_PARAMETER}}));
        for _ in 0..2 {
            self.ask("PATCH", provision, update.clone()).await;
        }
        self.poll().await;
        self.ask("GET", "", None).await;

        for _ in 0..2 {
            self.bind("one", json!({})).await;
            self.client
                .world
                .let_time_pass(SignedDuration::from_secs(31));
        }
        self.ask("GET", "/service_bindings/one/last_operation", None)
            .await;
        self.ask("GET", "/service_bindings/one", None).await;
        self.bind("one", json!({"parameters": {"RoleName": "an-application"}}))
            .await;
        self.bind("three", json!({"parameters": {"RoleName": TOKEN}}))
            .await;
        self.bind("two", json!({"predecessor_binding_id": "one"}))
            .await;
        self.ask("GET", "/service_bindings/two", None).await;
        self.break_function().await;
        self.break_secret().await;
        self.look();

        let ids = format!("{}&accepts_incomplete=true", self.client.ids());
        for _ in 0..2 {
            self.ask("DELETE", &format!("/service_bindings/one?{ids}"), None)
                .await;
            self.client
                .world
                .let_time_pass(SignedDuration::from_secs(31));
            self.ask("GET", "/service_bindings/one/last_operation", None)
                .await;
        }
        self.ask("DELETE", &format!("?{ids}"), None).await;
        self.poll().await;
        self.ask("GET", "", None).await;
    }

    /// CloudFormation quotes the secret in the events of an update that fails.
    async fn fail_update(&mut self) {
        let update = self.body(json!({"parameters": {"Password": NEW_PARAMETER}}));
        self.ask("PATCH", "?accepts_incomplete=true", update).await;
        let (kind, quoted) = (
            "AWS::RDS::DBInstance",
            format!("The password {NEW_PARAMETER} is not good enough"),
        );
        self.client
            .world
            .resource_event("Database", kind, "UPDATE_FAILED", Some(&quoted));
        self.client
            .world
            .settle_stacks(StackStatus::UpdateRollbackComplete, Some(&quoted));
        self.ask("GET", "/last_operation", None).await;
        self.look();
    }

    /// The secret is not what the template takes it to be: it has other keys, or is no JSON.
    async fn break_secret(&mut self) {
        let put = |client: &Client, secret: String| {
            client
                .world
                .edit(|account| drop(account.secrets.insert(SECRET.into(), secret)));
        };
        for (id, broken) in [
            ("five", json!({"other": MASTER_PASSWORD}).to_string()),
            ("six", MASTER_PASSWORD.into()),
        ] {
            put(&self.client, broken);
            self.bind(id, json!({})).await;
        }
        put(&self.client, master_secret());
    }

    /// The function fails once, and quotes what it was given.
    async fn break_function(&mut self) {
        let quoted = format!("Exception: postgres://admin:{MASTER_PASSWORD}@db with {TOKEN}");
        let set = |client: &Client, failure: Option<String>| {
            client.world.edit(|account| {
                account
                    .functions
                    .entry(FUNCTION.into())
                    .or_default()
                    .failure = failure;
            });
        };
        set(&self.client, Some(quoted));
        self.bind("four", json!({})).await;
        set(&self.client, None);
    }
}
