//! A platform that asks the broker for things, and checks after each answer what the broker
//! promises.

use std::{
    collections::BTreeMap, fmt::Write, future::poll_fn, pin::Pin, sync::LazyLock, task::Poll,
};

use aws_service_broker::{
    broker::{
        Broker,
        ports::Environment,
        records::{
            BINDING_TOMBSTONE_LIFETIME, Binding, BindingId, Grant, INSTANCE_TOMBSTONE_LIFETIME,
            Instance, InstanceId, Operation, OperationKind, OperationState, SealedAccessKey,
            latest_reusable_expiry,
        },
        rules::{BindingRules, RolePatterns, WorkloadIdentity},
        stacks::{ProgressCache, StackStatus},
    },
    http::MissingVersion,
    stack_events,
};
use axum::http::{HeaderMap, StatusCode};
use catalog::{Catalog, Override, Scope, Setting};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{
    Account, Answer, Client, FakeDatabaseUser, FakeRole, Fault, INSTANCE, World, catalog_of,
    ids_of, secret_of, user_of,
};

/// A service with all that can be lost: a stack, a secret parameter, and a user for every binding.
const TEMPLATE: &str = "\
Description: A database.
Metadata:
  AWS::ServiceBroker::Specification:
    Version: 1.0.0
    Name: database
    ServicePlans:
      only: {Description: The only plan.}
    UpdatableParameters: [Size, Zone]
    OperatorParameters: [Zone, SubnetIds, SecurityGroupIds]
    Bindings:
      DefaultScope: All
      Credentials:
        KEY: ${Identity.AccessKeyId}
        SECRET: ${Identity.SecretAccessKey}
        USER: ${Database.Username}
        PASSWORD: ${Database.Password}
      Database:
        Engine: PostgreSQL
        Host: a-host
        Port: '5432'
        Name: app
        MasterSecret: ${MasterSecret}
        Users:
          All: {Privileges: Owner}
      Policies:
        All:
          - {Effect: Allow, Action: ['rds-db:connect'], Resource: '${Arn}'}
        MasterSecret:
          - {Effect: Allow, Action: ['secretsmanager:GetSecretValue'], Resource: '${MasterSecret}'}
Parameters:
  Password: {Type: String, NoEcho: true, Default: ''}
  Size: {Type: Number, Default: 1}
  Zone: {Type: String}
  SubnetIds: {Type: String, Default: ''}
  SecurityGroupIds: {Type: String, Default: ''}
Resources:
  Database: {Type: 'AWS::RDS::DBInstance'}
Outputs:
  Arn: {Value: arn}
  MasterSecret: {Value: a-secret}
";

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| catalog_of(TEMPLATE));

/// The ids of the one service and of its one plan.
pub static IDS: LazyLock<(Value, Value)> = LazyLock::new(|| {
    let ids = ids_of(&CATALOG, "only");
    (ids["service_id"].clone(), ids["plan_id"].clone())
});

/// The role of an application, which bindings may add to.
const APPLICATION: &str = "an-application";

/// What the operator has decided.
fn rules() -> BindingRules {
    BindingRules {
        roles: RolePatterns::new(APPLICATION),
        workload_identity: WorkloadIdentity {
            oidc_provider_arn: Some("arn:aws:iam::000000000000:oidc-provider/an-issuer".into()),
            ..WorkloadIdentity::default()
        },
        ..BindingRules::default()
    }
}

/// The operator decides in which zone the instance is; and in another one from its next update on.
pub fn set_zone(world: &World, zone: &str) {
    let zone = Override {
        scope: Scope::default(),
        parameter: "Zone".into(),
        setting: Setting::Value(zone.into()),
    };
    world.edit(|account| account.overrides = vec![zone]);
}

/// A request about the one instance, or one of its bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// Of this size.
    Provision(u8),
    /// Of the size 1, with a secret parameter.
    ProvisionWithSecret,
    /// To this size.
    Update(u8),
    Deprovision,
    Poll,
    FetchInstance,
    Bind(&'static str),
    /// For a platform that polls bindings.
    BindAsync(&'static str),
    /// To the application's role.
    BindRole(&'static str),
    /// With a role of its own.
    BindServiceAccount(&'static str),
    /// The successor of the binding `one`.
    Rotate(&'static str),
    Unbind(&'static str),
    /// For a platform that polls bindings.
    UnbindAsync(&'static str),
    PollBinding(&'static str),
    /// No request: AWS tells that the instance's stack has changed.
    StackEvent,
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

impl Ask {
    fn method(self) -> &'static str {
        match self {
            Self::Provision(_)
            | Self::ProvisionWithSecret
            | Self::Bind(_)
            | Self::BindAsync(_)
            | Self::BindRole(_)
            | Self::BindServiceAccount(_)
            | Self::Rotate(_) => "PUT",
            Self::Update(_) => "PATCH",
            Self::Deprovision | Self::Unbind(_) | Self::UnbindAsync(_) => "DELETE",
            Self::Poll | Self::FetchInstance | Self::PollBinding(_) => "GET",
            Self::StackEvent => "tell",
        }
    }

    fn path(self) -> String {
        let instance = format!("/v2/service_instances/{INSTANCE}");
        let binding = |id| format!("{instance}/service_bindings/{id}");
        let asynchronous = "accepts_incomplete=true";
        let ids = format!("service_id={}&plan_id={}", text(&IDS.0), text(&IDS.1));

        match self {
            Self::Provision(_) | Self::ProvisionWithSecret | Self::Update(_) => {
                format!("{instance}?{asynchronous}")
            }
            Self::Deprovision => format!("{instance}?{ids}&{asynchronous}"),
            Self::Poll => format!("{instance}/last_operation"),
            Self::FetchInstance | Self::StackEvent => instance,
            Self::Bind(id) | Self::BindRole(id) | Self::BindServiceAccount(id) => binding(id),
            Self::BindAsync(id) | Self::Rotate(id) => format!("{}?{asynchronous}", binding(id)),
            Self::Unbind(id) => format!("{}?{ids}", binding(id)),
            Self::UnbindAsync(id) => format!("{}?{ids}&{asynchronous}", binding(id)),
            Self::PollBinding(id) => format!("{}/last_operation", binding(id)),
        }
    }

    fn body(self) -> Option<Value> {
        let (service_id, plan_id) = &*IDS;
        let provision = |parameters: Value| {
            json!({
                "service_id": service_id, "plan_id": plan_id, "organization_guid": "an-organization",
                "space_guid": "a-space", "parameters": parameters,
            })
        };
        let bind = |parameters: Value| json!({"service_id": service_id, "plan_id": plan_id, "parameters": parameters});

        match self {
            Self::Provision(size) => Some(provision(json!({"Size": size}))),
            Self::ProvisionWithSecret => {
                Some(provision(json!({"Size": 1, "Password": "correct horse"})))
            }
            Self::Update(size) => {
                Some(json!({"service_id": service_id, "parameters": {"Size": size}}))
            }
            Self::Bind(_) | Self::BindAsync(_) => Some(bind(json!({}))),
            Self::BindRole(_) => Some(bind(json!({"RoleName": APPLICATION}))),
            Self::BindServiceAccount(_) => {
                Some(bind(json!({"ServiceAccount": "a-namespace/an-account"})))
            }
            Self::Rotate(_) => Some(json!({"predecessor_binding_id": "one"})),
            _ => None,
        }
    }

    /// What the operation that it begins is polled by, as [`subject`] names that.
    fn polled_by(self) -> String {
        match self {
            ask if ask.is_of_instance() => subject(Self::Poll),
            ask => ask.binding().into(),
        }
    }

    /// The binding that it is about.
    pub fn binding(self) -> &'static str {
        match self {
            Self::Bind(id)
            | Self::BindAsync(id)
            | Self::BindRole(id)
            | Self::BindServiceAccount(id)
            | Self::Rotate(id)
            | Self::Unbind(id)
            | Self::UnbindAsync(id)
            | Self::PollBinding(id) => id,
            _ => unreachable!("it is about the instance"),
        }
    }

    /// Whether it creates an instance or a binding.
    pub fn creates(self) -> bool {
        self.method() == "PUT"
    }

    /// Whether it is about the instance, and no binding.
    pub fn is_of_instance(self) -> bool {
        matches!(
            self,
            Self::Provision(_)
                | Self::ProvisionWithSecret
                | Self::Update(_)
                | Self::Deprovision
                | Self::Poll
                | Self::FetchInstance
                | Self::StackEvent
        )
    }

    /// The request, on its way. A poll is for this operation, or for the last one.
    pub fn send(self, client: &Client, operation: Option<&str>) -> Request {
        let client = client.clone();
        if self == Self::StackEvent {
            return Box::pin(async move { tell(&client).await });
        }
        let path = match (self, operation) {
            (Self::Poll | Self::PollBinding(_), Some(operation)) => {
                format!("{}?operation={operation}", self.path())
            }
            _ => self.path(),
        };
        Box::pin(async move { client.request(self.method(), &path, self.body()).await })
    }
}

/// Tells the broker what AWS does. The answer stands for what Lambda makes of it: it sends again
/// what has failed.
async fn tell(client: &Client) -> Answer {
    let broker = client.broker();
    let stack_name = broker.naming.stack("database", &instance_id());
    let event = json!({
        "detail-type": "CloudFormation Stack Status Change",
        "detail": {"stack-id": format!("arn:aws:cloudformation:us-east-1:000000000000:stack/{stack_name}/an-id")},
    });
    let event = lambda_http::request::from_str(&event.to_string()).expect("what Lambda passes on");
    let handled = stack_events::handle(&broker, &event).await;
    let status = handled.map_or(StatusCode::INTERNAL_SERVER_ERROR, |()| StatusCode::OK);
    Answer {
        status,
        headers: HeaderMap::new(),
        body: json!({}),
    }
}

/// What AWS tells the broker of how CloudFormation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It does not, and the broker knows.
    No,
    /// It does, and yet nothing comes.
    Lost,
    /// When it has ended, and once more when something else may have begun.
    Twice,
}

/// What CloudFormation makes of what it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// All is well.
    Well,
    /// Creations and updates fail, and are rolled back.
    Fails,
    /// Creations and updates fail, and cannot be rolled back.
    RollbackFails,
    /// The first deletion fails.
    DeletionFails,
}

/// What a stack is at work for at the least.
const WORK: SignedDuration = SignedDuration::from_secs(3);
/// How much later AWS tells the same again.
const LATE: SignedDuration = SignedDuration::from_secs(7);

enum Event {
    Asked { ask: Ask, first_call: usize },
    Answered(Option<(u16, Value)>),
    Passed(SignedDuration),
    Arrived,
}

/// A request on its way.
pub type Request = Pin<Box<dyn Future<Output = Answer>>>;

/// A promise that was broken.
pub type Broken = String;

/// A platform with one instance, of a broker with an account of its own.
pub struct Platform {
    pub client: Client,
    pub world: World,
    fate: Fate,
    told: Told,
    /// The times at which AWS tells something.
    to_be_told: Vec<SignedDuration>,
    /// With the time at which their calls have their effect.
    late: Vec<(SignedDuration, Request)>,
    elapsed: SignedDuration,
    /// The operation that an instance's or a binding's requests of one kind were answered with
    /// last.
    operations: BTreeMap<String, String>,
    /// The operation that is to be polled, by what polls it.
    polled: BTreeMap<String, String>,
    /// The credentials that a binding's requests were answered with last.
    credentials: BTreeMap<String, Value>,
    events: Vec<Event>,
}

macro_rules! promise {
    ($kept:expr, $($text:tt)+) => {
        if !$kept {
            return Err(format!($($text)+));
        }
    };
}
pub(crate) use promise;

impl Platform {
    pub fn new(world: World, fate: Fate) -> Self {
        if world.account().overrides.is_empty() {
            set_zone(&world, "one");
        }
        if !world.roles().contains_key(APPLICATION) {
            world.make_role(APPLICATION);
        }

        let login = json!({"username": "master", "password": "of RDS"}).to_string();
        world.edit(|account| drop(account.secrets.insert("the-MasterSecret".into(), login)));
        let client = Client::with(
            world.clone(),
            CATALOG.clone(),
            rules(),
            MissingVersion::default(),
        );

        Self {
            client,
            world,
            fate,
            told: Told::No,
            to_be_told: Vec::new(),
            late: Vec::new(),
            elapsed: SignedDuration::ZERO,
            operations: BTreeMap::new(),
            polled: BTreeMap::new(),
            credentials: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    /// A platform of a broker that AWS tells of stacks.
    pub fn told(self, told: Told) -> Self {
        if told == Told::No {
            return self;
        }
        let broker = Broker {
            progress_cache: ProgressCache::beside_events(),
            ..self.client.broker()
        };
        Self {
            client: self.client.with_broker(broker),
            told,
            ..self
        }
    }

    /// Sends a request and checks what comes of it. No answer where the broker's process has ended.
    pub async fn ask(&mut self, ask: Ask) -> Result<Option<Answer>, Broken> {
        self.events.push(Event::Asked {
            ask,
            first_call: self.world.calls_made(),
        });

        let before = self.world.account();
        let mut request = ask.send(
            &self.client,
            self.polled.get(&subject(ask)).map(String::as_str),
        );

        let answer = poll_fn(|context| match request.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Ok(answer)),
            Poll::Pending => self
                .world
                .take_crash()
                .map_or(Poll::Pending, |fault| Poll::Ready(Err(fault))),
        })
        .await;
        if let Err(Fault::Late(seconds)) = answer {
            self.late
                .push((self.elapsed + SignedDuration::from_secs(seconds), request));
        }

        let answer = answer.ok();
        self.events.push(Event::Answered(
            answer
                .as_ref()
                .map(|answer| (answer.status.as_u16(), answer.body.clone())),
        ));

        if let Some(answer) = &answer {
            self.check_answer(ask, answer, &before)?;
        }
        check_account(&self.world.account())?;
        Ok(answer)
    }

    /// Sends what comes before a schedule. Before each poll CloudFormation has the time to end what
    /// it does.
    pub async fn begin(&mut self, asks: &[Ask]) {
        for ask in asks {
            if *ask == Ask::Poll {
                self.pause(5).await.expect("nothing goes wrong yet");
            }
            self.ask(*ask)
                .await
                .expect("nothing goes wrong yet")
                .expect("an answer");
        }
    }

    /// Lets time pass, in which CloudFormation works and late calls arrive.
    pub async fn pause(&mut self, seconds: i64) -> Result<(), Broken> {
        let pause = SignedDuration::from_secs(seconds);
        self.events.push(Event::Passed(pause));
        let end = self.elapsed + pause;

        while let Some(index) = self.late.iter().position(|(due, _)| *due <= end) {
            let (due, request) = self.late.remove(index);
            let wait = (due - self.elapsed).max(SignedDuration::ZERO);
            self.let_time_pass(wait);
            self.events.push(Event::Arrived);
            self.world.arrive(request).await;
            check_account(&self.world.account())?;
        }

        self.let_time_pass(end - self.elapsed);
        while let Some(index) = self.to_be_told.iter().position(|due| *due <= end) {
            self.to_be_told.remove(index);
            // Lambda sends what has failed again, a minute later: too late to be of use here.
            Box::pin(self.ask(Ask::StackEvent)).await?;
        }
        Ok(())
    }

    fn let_time_pass(&mut self, pause: SignedDuration) {
        self.elapsed += pause;
        self.world.let_time_pass(pause);

        let fate = self.fate;
        let settled = self
            .world
            .settle_stacks_after(WORK, |status| match (fate, status) {
                (Fate::Fails, StackStatus::CreateInProgress) => StackStatus::RollbackComplete,
                (Fate::Fails, StackStatus::UpdateInProgress) => StackStatus::UpdateRollbackComplete,
                (Fate::RollbackFails, StackStatus::CreateInProgress) => StackStatus::RollbackFailed,
                (Fate::RollbackFails, StackStatus::UpdateInProgress) => {
                    StackStatus::UpdateRollbackFailed
                }
                (Fate::DeletionFails, StackStatus::DeleteInProgress) => StackStatus::DeleteFailed,
                (_, StackStatus::CreateInProgress) => StackStatus::CreateComplete,
                (_, StackStatus::UpdateInProgress) => StackStatus::UpdateComplete,
                (_, StackStatus::UpdateRollbackInProgress) => StackStatus::UpdateRollbackComplete,
                _ => StackStatus::DeleteComplete,
            });

        if settled.contains(&StackStatus::DeleteFailed) {
            self.fate = Fate::Well;
        }
        if self.told == Told::Twice && !settled.is_empty() {
            self.to_be_told.extend([self.elapsed, self.elapsed + LATE]);
        }
    }

    fn check_answer(&mut self, ask: Ask, answer: &Answer, before: &Account) -> Result<(), Broken> {
        let (status, after) = (answer.status.as_u16(), self.world.account());

        if (400..500).contains(&status) {
            let now = self.world.now();
            let is_changed = essence(before, before, now) != essence(&after, before, now);
            // Somebody else may have changed something meanwhile.
            promise!(
                !is_changed || before.acts != after.acts,
                "{status}, and yet something was changed"
            );
        }

        if answer.body["state"] == "failed" {
            // Another one may begin.
            self.operations
                .retain(|operation, _| !operation.ends_with(&subject(ask)));
        }

        if let Some(operation) = answer.body["operation"].as_str() {
            let known = self.operations.insert(subject(ask), operation.into());
            // Only one that has failed has a successor.
            let has_failed =
                |known: &str| operations(before).any(|of| of.id == known && !of.in_progress());
            promise!(
                known
                    .as_deref()
                    .is_none_or(|known| known == operation || has_failed(known)),
                "the operation was {} and is {operation}",
                known.unwrap_or_default()
            );
            promise!(knows(&after, operation), "nothing knows of {operation}");
            self.polled.insert(ask.polled_by(), operation.into());
        }

        if let Some(credentials) = answer.body.get("credentials") {
            let known = self.credentials.insert(subject(ask), credentials.clone());
            promise!(
                known.is_none_or(|known| known == *credentials),
                "the credentials are not what they were"
            );
        }

        if matches!(ask, Ask::Unbind(_) | Ask::UnbindAsync(_) | Ask::Deprovision) {
            self.credentials.clear();
        }

        if let Some(key) = answer.body["credentials"]["KEY"].as_str() {
            promise!(works(&after, key), "the credentials do not work");
            promise!(
                answer.body["credentials"]["SECRET"] == secret_of(key),
                "the secret is that of another key"
            );
        }
        if let Some(user) = answer.body["credentials"]["USER"].as_str() {
            let users = database_users(&after);
            let password = users.get(user).map(|user| &user.password);
            promise!(
                password.is_some_and(
                    |password| json!(password) == answer.body["credentials"]["PASSWORD"]
                ),
                "the database has another password"
            );
        }
        Ok(())
    }

    /// What was asked for has been deleted: what is asked for now is another operation, with other
    /// credentials.
    pub fn forget_operations(&mut self) {
        self.operations.clear();
        self.polled.clear();
        self.credentials.clear();
    }

    /// Deletes the instance and waits until it is gone, whatever state it is in, and whether or not
    /// it exists.
    pub async fn deprovision(&mut self) -> Result<(), Broken> {
        // What was begun is over.
        self.operations.clear();

        for _ in 0..6 {
            let deleted = self.ask(Ask::Deprovision).await?;
            match deleted.map(|answer| answer.status.as_u16()) {
                Some(410) => return self.check_gone().await,
                Some(202) => {}
                // An update, or a request of which the platform knows nothing, is at work on it.
                _ => {
                    self.pause(31).await?;
                    continue;
                }
            }

            match self.poll(Ask::Poll).await?.as_deref() {
                Some("succeeded" | "gone") => return self.check_gone().await,
                _ => self.operations.clear(),
            }
        }
        Err("it cannot be deleted".into())
    }

    /// Polls until the state is one that lasts; `gone` stands for 404 and 410.
    pub async fn poll(&mut self, poll: Ask) -> Result<Option<String>, Broken> {
        for round in 0..16 {
            self.pause(if round < 4 { 2 } else { 10 }).await?;
            let Some(answer) = self.ask(poll).await? else {
                continue;
            };
            match (answer.status.as_u16(), answer.body["state"].as_str()) {
                (404 | 410, _) => return Ok(Some("gone".into())),
                (200, Some(state)) if state != "in progress" => return Ok(Some(state.into())),
                _ => {}
            }
        }
        Ok(None)
    }

    async fn check_gone(&mut self) -> Result<(), Broken> {
        self.pause(60).await?;
        let account = self.world.account();

        promise!(
            account.stacks.is_empty(),
            "left: the stacks {:?}",
            account.stacks.keys()
        );
        promise!(
            account.users.is_empty(),
            "left: the users {:?}",
            account.users.keys()
        );
        promise!(
            account.roles.keys().eq([APPLICATION]),
            "left: the roles {:?}",
            account.roles.keys()
        );

        for instance in account.instances.values() {
            let is_empty =
                instance.outputs.is_empty() && instance.attributes.secret_parameters.is_none();
            promise!(
                instance.is_tombstone() && instance.expires_at.is_some() && is_empty,
                "left: {instance:?}"
            );
        }

        for binding in account.bindings.values() {
            let is_empty = binding.grants.is_empty();
            promise!(
                binding.is_tombstone() && binding.expires_at.is_some() && is_empty,
                "left: {binding:?}"
            );
        }
        Ok(())
    }

    /// What has happened, line by line.
    pub fn trace(&self) -> String {
        let (calls, faults) = self.world.calls_and_faults();
        let mut asked = self.events.iter().filter_map(|event| match event {
            Event::Asked { first_call, .. } => Some(*first_call),
            _ => None,
        });
        asked.next();

        let mut text = String::new();
        for event in &self.events {
            let _ = match event {
                Event::Asked { ask, first_call } => {
                    let _ = writeln!(text, "{ask:?}");
                    let last_call = asked.next().unwrap_or(calls.len());
                    for (number, call) in calls.iter().enumerate().take(last_call).skip(*first_call)
                    {
                        let fault = faults
                            .get(&number)
                            .map(|fault| format!("  ← {fault:?}"))
                            .unwrap_or_default();
                        let _ = writeln!(text, "  {number:2} {call}{fault}");
                    }
                    Ok(())
                }
                Event::Answered(None) => writeln!(text, "  no answer"),
                Event::Answered(Some((status, body))) => writeln!(text, "  {status} {body}"),
                Event::Passed(pause) => writeln!(text, "… {} s", pause.as_secs()),
                Event::Arrived => writeln!(text, "  a late call arrives"),
            };
        }
        text
    }
}

/// The last operation on every instance and binding, and the one before.
fn operations(account: &Account) -> impl Iterator<Item = &Operation> {
    let instances = account
        .instances
        .values()
        .map(|instance| (&instance.operation, &instance.previous_operation));
    let bindings = account
        .bindings
        .values()
        .map(|binding| (&binding.operation, &binding.previous_operation));
    instances
        .chain(bindings)
        .flat_map(|(last, previous)| previous.iter().chain([last]))
}

/// Whether the operation is one of those.
pub fn knows(account: &Account, operation: &str) -> bool {
    operations(account).any(|known| known.id == operation)
}

/// What a request's operation is told from others by.
fn subject(ask: Ask) -> String {
    match ask {
        Ask::Poll => "instance".into(),
        ask if ask.is_of_instance() => format!("{} instance", ask.method()),
        Ask::PollBinding(id) => id.into(),
        ask => format!("{} {}", ask.method(), ask.binding()),
    }
}

/// What a request that is refused must leave as it is. It may see that an operation is over, take
/// up a creation or a deletion at which nobody is at work, end a binding whose creation was
/// interrupted, and use the place of a tombstone whose id can be used again.
fn essence(account: &Account, before: &Account, now: Timestamp) -> impl PartialEq + use<> {
    let has_to_stay = |expires_at: Option<Timestamp>, lifetime| {
        expires_at.is_none_or(|expires_at| expires_at > latest_reusable_expiry(lifetime, now))
    };
    let comes_or_goes = |instance: &Instance| {
        let operation = &instance.operation;
        operation.in_progress() && operation.kind != OperationKind::Update
    };

    let instance_goes = |id: &InstanceId| {
        let instance = before.instances.get(id);
        instance.is_some_and(|instance| {
            instance
                .operation
                .is(OperationKind::Deprovision, OperationState::InProgress)
        })
    };
    let binding_goes = |binding: &&Binding| {
        let known = before
            .bindings
            .get(&(binding.instance_id.clone(), binding.id.clone()));
        known.is_some_and(|known| {
            known
                .operation
                .is(OperationKind::Unbind, OperationState::InProgress)
        }) || instance_goes(&binding.instance_id)
    };

    let is_of_what_comes_or_goes = |stack: &str| {
        let mut records = before
            .instances
            .values()
            .filter(|instance| instance.stack_name == stack);
        records.any(comes_or_goes)
    };
    let stacks: Vec<_> = account
        .stacks
        .iter()
        .filter(|(name, _)| !is_of_what_comes_or_goes(name))
        .collect();
    let stacks = format!("{stacks:?}");

    let was_over = |id| {
        before
            .instances
            .get(id)
            .is_none_or(|instance| !instance.operation.in_progress())
    };
    let instances = account.instances.values();
    let instances =
        instances.filter(|instance| has_to_stay(instance.expires_at, INSTANCE_TOMBSTONE_LIFETIME));
    let instances: Vec<_> = instances
        .map(|instance| {
            let attributes = was_over(&instance.id).then(|| instance.attributes.clone());
            (
                instance.id.clone(),
                instance.operation.id.clone(),
                attributes,
            )
        })
        .collect();

    let bindings = account.bindings.values();
    let bindings =
        bindings.filter(|binding| has_to_stay(binding.expires_at, BINDING_TOMBSTONE_LIFETIME));
    let bindings: Vec<_> = bindings
        .filter(|binding| !binding_goes(binding))
        .map(|binding| {
            (
                binding.id.clone(),
                binding.operation.id.clone(),
                access_key(binding),
            )
        })
        .collect();

    let going: Vec<_> = before.bindings.values().filter(binding_goes).collect();
    let mut users = account.users.clone();
    users.retain(|name, _| going.iter().all(|binding| user_name(binding) != Some(name)));
    let roles = going
        .is_empty()
        .then(|| roles_without_interrupted(account, before, now));

    (instances, bindings, stacks, users, roles)
}

/// The roles, without the policies of bindings that nobody is creating any more.
fn roles_without_interrupted(
    account: &Account,
    before: &Account,
    now: Timestamp,
) -> BTreeMap<String, FakeRole> {
    let interrupted: Vec<_> = before
        .bindings
        .values()
        .filter(|binding| binding.operation.in_progress() && !binding.operation.may_be_running(now))
        .flat_map(|binding| &binding.grants)
        .filter_map(|grant| match grant {
            Grant::RolePolicy(added) => Some(&added.policy_name),
            _ => None,
        })
        .collect();

    let mut roles = account.roles.clone();
    for role in roles.values_mut() {
        role.policies.retain(|name, _| !interrupted.contains(&name));
    }
    roles
}

fn access_key(binding: &Binding) -> Option<SealedAccessKey> {
    user_of(binding)?.access_key.clone()
}

fn user_name(binding: &Binding) -> Option<&str> {
    user_of(binding).map(|user| user.user_name.as_str())
}

/// Nothing exists that no record names, and what there is is what the records say.
pub fn check_account(account: &Account) -> Result<(), Broken> {
    for stack in account.stacks.keys() {
        let mut records = account.instances.values();
        promise!(
            records.any(|instance| instance.stack_name == *stack && !instance.is_tombstone()),
            "an orphan: the stack {stack}"
        );
    }

    for user in account.users.keys() {
        let mut records = account.bindings.values();
        promise!(
            records.any(|binding| user_name(binding) == Some(user) && !binding.is_tombstone()),
            "an orphan: the user {user}"
        );
    }
    check_roles(account)?;
    check_database_users(account)?;

    let is_over = |operation: &Operation| match (operation.kind, operation.state) {
        (OperationKind::Provision | OperationKind::Update, OperationState::Succeeded) => true,
        (OperationKind::Update, OperationState::Failed) => operation.instance_usable == Some(true),
        _ => false,
    };
    for instance in account
        .instances
        .values()
        .filter(|instance| is_over(&instance.operation))
    {
        let size = instance
            .attributes
            .parameters
            .0
            .get("Size")
            .map(ToString::to_string);
        let stack = account.stacks.get(&instance.stack_name);
        promise!(
            account.stack_deleted_by_hand
                || stack.is_some_and(|stack| stack.parameters.get("Size") == size.as_ref()),
            "the record says {size:?}, and the stack is {stack:?}"
        );

        let zone = instance.attributes.overrides.get("Zone");
        let zone = zone.map(|zone| &zone.value);
        promise!(
            account.stack_deleted_by_hand
                || stack.is_some_and(|stack| stack.parameters.get("Zone") == zone),
            "the record says {zone:?}, and the stack is {stack:?}"
        );
    }

    for binding in account
        .bindings
        .values()
        .filter(|binding| binding.is_usable() && user_name(binding).is_some())
    {
        let key = access_key(binding).map(|key| key.id);
        let user = user_name(binding).and_then(|name| account.users.get(name));
        promise!(
            user.is_some_and(|user| user.access_keys.iter().eq(&key) && !user.policy.is_null()),
            "the keys of {} are {user:?}, and recorded is {key:?}",
            binding.id
        );
    }
    Ok(())
}

fn database_users(account: &Account) -> BTreeMap<String, FakeDatabaseUser> {
    let databases = account.databases.values();
    databases
        .flat_map(|database| database.users.clone())
        .collect()
}

fn database_user(binding: &Binding) -> Option<&str> {
    binding.grants.iter().find_map(|grant| match grant {
        Grant::Database(database) => Some(database.user_name.as_str()),
        _ => None,
    })
}

/// Every user of the database is that of a binding, and is there for every binding that is. What a
/// deletion of the instance leaves goes with its stack.
fn check_database_users(account: &Account) -> Result<(), Broken> {
    let goes_with_stack = account
        .instances
        .values()
        .all(|instance| instance.operation.kind == OperationKind::Deprovision);
    if goes_with_stack || account.stack_deleted_by_hand {
        return Ok(());
    }

    let users = database_users(account);
    for user in users.keys() {
        let mut records = account.bindings.values();
        promise!(
            records.any(|binding| database_user(binding) == Some(user) && !binding.is_tombstone()),
            "an orphan: the database's user {user}"
        );
    }
    for binding in account.bindings.values().filter(|it| it.is_usable()) {
        let user = database_user(binding).and_then(|name| users.get(name));
        promise!(
            user.is_some_and(|user| user.password.is_some()),
            "the database's user of {} is {user:?}",
            binding.id
        );
    }
    Ok(())
}

/// Every role but the application's is that of a binding, and so is every policy; and they are
/// there for every binding that is.
fn check_roles(account: &Account) -> Result<(), Broken> {
    let is_named = |role: &str, policy: &str| {
        let mut bindings = account
            .bindings
            .values()
            .filter(|binding| !binding.is_tombstone());
        bindings.any(|binding| {
            binding.grants.iter().any(|grant| match grant {
                Grant::Role(own) => own.role_name == role && ["", "binding"].contains(&policy),
                Grant::RolePolicy(added) => {
                    added.role_arn.ends_with(role) && ["", &added.policy_name].contains(&policy)
                }
                Grant::User(_) | Grant::Function(_) | Grant::Database(_) => false,
            })
        })
    };

    for (name, role) in &account.roles {
        promise!(
            name == APPLICATION || is_named(name, ""),
            "an orphan: the role {name}"
        );
        for policy in role.policies.keys() {
            promise!(
                is_named(name, policy),
                "an orphan: the policy {policy} of the role {name}"
            );
        }
    }

    for binding in account
        .bindings
        .values()
        .filter(|binding| binding.is_usable())
    {
        let (role, policy) = match binding.grants.first() {
            Some(Grant::Role(own)) => (account.roles.get(&own.role_name), "binding"),
            Some(Grant::RolePolicy(added)) => {
                (account.roles.get(APPLICATION), added.policy_name.as_str())
            }
            _ => continue,
        };

        promise!(
            role.is_some_and(|role| role.policies.contains_key(policy)),
            "{} has no policy",
            binding.id
        );
    }
    Ok(())
}

fn works(account: &Account, key: &str) -> bool {
    account
        .users
        .values()
        .any(|user| user.access_keys.iter().any(|own| own == key) && !user.policy.is_null())
}

/// The instance's key in the account.
pub fn instance_id() -> InstanceId {
    InstanceId::new(INSTANCE).expect("an id")
}

/// A binding's key in the account.
pub fn binding_key(id: &str) -> (InstanceId, BindingId) {
    (instance_id(), BindingId::new(id).expect("an id"))
}
