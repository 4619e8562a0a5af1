//! One AWS account in memory, behind all ports of the broker.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, HashMap},
    fmt,
    future::{pending, poll_fn},
    hash::{DefaultHasher, Hash, Hasher},
    pin::Pin,
    sync::{Arc, LazyLock, Mutex, MutexGuard},
    task::Poll,
};

use async_trait::async_trait;
use aws_service_broker::{
    broker::{
        ports::{
            AccessKey, AwsPorts, AwsPortsFactory, BindingInsertion, Environment, Functions,
            IdentitySummary, Invocation, NewRole, NewStack, NewUser, Page, ParameterValue,
            PlatformSecret, PlatformSecrets, PortError, PortErrorKind, PortResult, Records,
            Resources, Role, Roles, ScannedRecord, Secrets, Stack, StackCreation, StackDeletion,
            StackResource, StackSummary, StackUpdate, Stacks, UnreadableRecord, UpdatedStack,
            UserCreation, Users, Vault, WriteOutcome,
        },
        records::{
            BINDING_TOMBSTONE_LIFETIME, Binding, BindingId, Grant, INSTANCE_ID_TAG, Instance,
            InstanceId, Location, Operation, OperationKind, OperationState, Purpose, Refused,
            Requester, SPACE_TAG, Sealed, Tag, UserGrant, latest_reusable_expiry,
        },
        stacks::{OperationEvents, StackEvent, StackStatus, Subject},
    },
    offerings::{self, OFFERINGS},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use catalog::{Catalog, Consents, Restrictions};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

/// What goes wrong at a call of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call fails, and has had no effect.
    Before(PortErrorKind),
    /// The call fails, and has had its effect.
    After(PortErrorKind),
    /// CloudFormation does not take the request.
    Rejected(&'static str),
    /// CloudFormation has taken the request, whose answer got lost; the SDK has sent it again, and
    /// that is not taken.
    RejectedAfter(&'static str),
    /// The port does not answer, and has had no effect.
    Hang,
    /// The port does not answer, and has had its effect.
    HangAfter,
    /// The broker's process ends before the call.
    Crash,
    /// The broker's process ends when the call has had its effect.
    CrashAfter,
    /// The broker's process ends, and the call has its effect when [`World::arrive`] says so: after
    /// so many seconds.
    Late(i64),
    /// The port panics.
    Panic,
    /// Somebody does something in the AWS console just before the call.
    Console(Act),
}

/// Something that somebody does to a stack in the AWS console, where CloudFormation lets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    CancelUpdate,
    ContinueRollback,
    /// To what it is.
    Update,
    Delete,
    /// Takes all of its tags away.
    Untag,
}

/// A stack as the twin of CloudFormation keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeStack {
    pub id: String,
    pub status: StackStatus,
    /// Those that were given, without the template's defaults.
    pub parameters: BTreeMap<String, String>,
    pub template_body: String,
    pub tags: Vec<Tag>,
    /// Of the last request that it took.
    pub token: String,
    outputs: BTreeMap<String, String>,
    /// The oldest first, with the token of the request that caused it.
    events: Vec<(String, StackEvent)>,
    /// What a rollback of the running update restores.
    before_update: Option<(String, BTreeMap<String, String>, Vec<Tag>)>,
}

impl FakeStack {
    /// Forgets what has happened to it, as CloudFormation does not show it at once.
    pub fn forget_events(&mut self) {
        self.events.clear();
    }
}

/// A user as the twin of IAM keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeUser {
    /// Null where it has none.
    pub policy: Value,
    pub tags: Vec<Tag>,
    pub access_keys: Vec<String>,
}

/// A role as the twin of IAM keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeRole {
    pub arn: String,
    /// Null where it is not the broker's.
    pub trust_policy: Value,
    pub tags: Vec<Tag>,
    /// The inline ones, by name.
    pub policies: BTreeMap<String, Value>,
}

/// A function in the stack of an instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FakeFunction {
    /// What it was invoked with.
    pub invocations: Vec<Value>,
    /// What it answers, in the place of a password for the binding.
    pub answer: Option<String>,
    /// Why it fails.
    pub failure: Option<String>,
}

#[derive(Clone, Default)]
struct State {
    account: Account,
    elsewhere: BTreeMap<Location, World>,
    platform_secrets: Vec<(String, String)>,
    elapsed: SignedDuration,
    uuids: BTreeMap<usize, u64>,
    calls: Vec<&'static str>,
    /// What goes wrong at the next call of a name.
    faults: HashMap<&'static str, Fault>,
    /// What goes wrong at a call of a number. The last fault was taken if no call is left.
    script: BTreeMap<usize, Fault>,
    yields: bool,
    hit: BTreeMap<usize, Fault>,
    /// Which of the requests that run at the same time runs now, and what each was answered by the
    /// ports so far.
    turn: usize,
    histories: BTreeMap<usize, u64>,
    crash: Option<Fault>,
    arrives: bool,
}

/// What there is in the account: the broker's records, and what they are of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    pub instances: BTreeMap<InstanceId, Instance>,
    pub bindings: BTreeMap<(InstanceId, BindingId), Binding>,
    /// Users who were refused an id, and until when that counts.
    pub refused: BTreeMap<(InstanceId, String), Timestamp>,
    pub stacks: BTreeMap<String, FakeStack>,
    pub users: BTreeMap<String, FakeUser>,
    pub roles: BTreeMap<String, FakeRole>,
    /// Of SSM's Parameter Store, by name.
    pub parameters: BTreeMap<String, String>,
    /// Of Secrets Manager, by ARN.
    pub secrets: BTreeMap<String, String>,
    /// Of Cognito's app clients, by user pool and client.
    pub client_secrets: BTreeMap<(String, String), String>,
    pub functions: BTreeMap<String, FakeFunction>,
    pub unreadable: Vec<UnreadableRecord>,
    /// What stacks have created, as far as a test says.
    pub resources: Vec<StackResource>,
    /// How often somebody has acted in the console.
    pub acts: usize,
    /// Whether somebody has deleted a stack there.
    pub stack_deleted_by_hand: bool,
}

/// The account; clones are the same one.
#[derive(Clone)]
pub struct World(Arc<Mutex<State>>);

impl World {
    pub fn new() -> Self {
        let platform_secrets = vec![("broker".to_owned(), "local-only-password".to_owned())];
        Self(Arc::new(Mutex::new(State {
            platform_secrets,
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Another account, or another Region: what is there is not here.
    pub fn elsewhere(&self, location: &Location) -> World {
        self.state()
            .elsewhere
            .entry(location.clone())
            .or_insert_with(World::new)
            .clone()
    }

    /// The next call of this name goes wrong.
    pub fn inject(&self, call: &'static str, fault: Fault) {
        self.state().faults.insert(call, fault);
    }

    /// The calls since the last time that they were taken.
    pub fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.state().calls)
    }

    /// From now on calls are counted anew, and those of these numbers go wrong.
    pub fn script(&self, faults: impl IntoIterator<Item = (usize, Fault)>) {
        let mut state = self.state();
        state.calls.clear();
        state.hit.clear();
        state.script = faults.into_iter().collect();
    }

    /// The fault that has ended the broker's process since this was last asked.
    pub fn take_crash(&self) -> Option<Fault> {
        self.state().crash.take()
    }

    /// How many calls there were since they were counted anew.
    pub fn calls_made(&self) -> usize {
        self.state().calls.len()
    }

    /// Those calls, and what went wrong at which.
    pub fn calls_and_faults(&self) -> (Vec<&'static str>, BTreeMap<usize, Fault>) {
        let state = self.state();
        (state.calls.clone(), state.hit.clone())
    }

    /// Nothing more goes wrong.
    pub fn end_script(&self) {
        self.state().script.clear();
    }

    /// Lets CloudFormation end what it has been doing for so long, in the status that `end` names.
    /// Those statuses.
    pub fn settle_stacks_after(
        &self,
        work: SignedDuration,
        end: impl Fn(StackStatus) -> StackStatus,
    ) -> Vec<StackStatus> {
        let now = self.now();
        let mut settled = Vec::new();
        self.state().account.stacks.retain(|_, stack| {
            let begun = stack.events.last().map_or(now, |(_, event)| event.at);
            if stack.status.is_in_progress() && begun + work <= now {
                stack.reach(end(stack.status), Some("no"), now);
                settled.push(stack.status);
            }
            stack.status != StackStatus::DeleteComplete
        });
        settled
    }

    /// Lets a call that was late have its effect: `request` is the one that made it, and never has
    /// an answer.
    pub async fn arrive<T>(&self, mut request: Pin<Box<impl Future<Output = T> + ?Sized>>) {
        self.state().arrives = true;
        poll_fn(|context| {
            let _ = request.as_mut().poll(context);
            Poll::Ready(())
        })
        .await;
        self.state().arrives = false;
    }

    /// What there is.
    pub fn account(&self) -> Account {
        self.state().account.clone()
    }

    /// Lets somebody do something by hand.
    pub fn edit(&self, edit: impl FnOnce(&mut Account)) {
        edit(&mut self.state().account);
    }

    /// Another account that is the same.
    pub fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.state().clone())))
    }

    pub fn let_time_pass(&self, duration: SignedDuration) {
        self.state().elapsed += duration;
    }

    /// The only stack that there is.
    pub fn stack(&self) -> FakeStack {
        let state = self.state();
        assert_eq!(
            state.account.stacks.len(),
            1,
            "stacks: {:?}",
            state.account.stacks.keys()
        );
        state
            .account
            .stacks
            .values()
            .next()
            .expect("one stack")
            .clone()
    }

    pub fn stack_names(&self) -> Vec<String> {
        self.state().account.stacks.keys().cloned().collect()
    }

    /// Lets CloudFormation arrive at this status with every stack; a stack that is deleted is gone.
    pub fn settle_stacks(&self, status: StackStatus, reason: Option<&str>) {
        let now = self.now();
        let mut state = self.state();
        for stack in state.account.stacks.values_mut() {
            stack.reach(status, reason, now);
        }
        if status == StackStatus::DeleteComplete {
            state.account.stacks.clear();
        }
    }

    /// Lets somebody do this to every stack in the AWS console.
    pub fn act(&self, act: Act) {
        let now = self.now();
        self.state().account.act(act, now);
    }

    /// Lets CloudFormation end well whatever it is doing.
    pub fn complete_stacks(&self) {
        let now = self.now();
        let mut state = self.state();

        state
            .account
            .stacks
            .retain(|_, stack| stack.status != StackStatus::DeleteInProgress);

        for stack in state.account.stacks.values_mut() {
            match stack.status {
                StackStatus::CreateInProgress => {
                    stack.reach(StackStatus::CreateComplete, None, now)
                }
                StackStatus::UpdateInProgress => {
                    stack.reach(StackStatus::UpdateComplete, None, now)
                }
                StackStatus::UpdateRollbackInProgress => {
                    stack.reach(StackStatus::UpdateRollbackComplete, None, now)
                }
                _ => {}
            }
        }
    }

    /// Lets something happen to a resource of the only stack.
    pub fn resource_event(&self, logical_id: &str, kind: &str, status: &str, reason: Option<&str>) {
        let at = self.now();
        for stack in self.state().account.stacks.values_mut() {
            let subject = Subject::Resource {
                logical_id: logical_id.into(),
                kind: kind.into(),
            };
            let reason = reason.map(str::to_owned);
            let event = StackEvent {
                subject,
                status: status.into(),
                reason,
                at,
            };
            stack.events.push((stack.token.clone(), event));
        }
    }

    /// From now on every call of a port lets other requests go first, or no longer.
    pub fn yield_at_calls(&self, yields: bool) {
        self.state().yields = yields;
    }

    /// The request of this number runs until it lets others go first. Its uuids are its own,
    /// whatever the others do.
    pub fn set_turn(&self, request: usize) {
        self.state().turn = request;
    }

    /// Stands for all that can make a difference to what requests do from now on.
    pub fn fingerprint(&self) -> u64 {
        let state = self.state();
        let mut hasher = DefaultHasher::new();
        format!(
            "{:?}{:?}{:?}",
            state.account,
            state.histories,
            state.faults.keys()
        )
        .hash(&mut hasher);
        hasher.finish()
    }

    /// Gives the only stack this output in the place of what it has; an empty value removes it.
    pub fn set_output(&self, name: &str, value: &str) {
        for stack in self.state().account.stacks.values_mut() {
            stack.outputs.insert(name.into(), value.into());
        }
    }

    pub fn users(&self) -> BTreeMap<String, FakeUser> {
        self.state().account.users.clone()
    }

    /// A role that is not the broker's, of this path and name.
    pub fn make_role(&self, path_and_name: &str) -> String {
        let arn = format!("arn:aws:iam::000000000000:role/{path_and_name}");
        let name = path_and_name.rsplit('/').next().expect("a name").to_owned();
        // Its owner lets instances of the tests' space use it.
        let tags = vec![Tag::new(SPACE_TAG, "a-space")];
        let (trust_policy, policies) = (Value::Null, BTreeMap::new());
        self.state().account.roles.insert(
            name,
            FakeRole {
                arn: arn.clone(),
                trust_policy,
                tags,
                policies,
            },
        );
        arn
    }

    pub fn roles(&self) -> BTreeMap<String, FakeRole> {
        self.state().account.roles.clone()
    }

    pub fn instance(&self, id: &str) -> Option<Instance> {
        self.state()
            .account
            .instances
            .get(&InstanceId::new(id).expect("an id"))
            .cloned()
    }

    /// The bindings that there are; tombstones are none.
    pub fn bindings(&self) -> Vec<Binding> {
        self.state()
            .account
            .bindings
            .values()
            .filter(|binding| !binding.is_tombstone())
            .cloned()
            .collect()
    }

    pub fn set_platform_secrets(&self, pairs: &[(&str, &str)]) {
        self.state().platform_secrets = pairs
            .iter()
            .map(|(name, word)| ((*name).into(), (*word).into()))
            .collect();
    }

    /// Counts the call, and goes wrong if it is to.
    async fn call<T: fmt::Debug>(
        &self,
        name: &'static str,
        effect: impl FnOnce(&mut State) -> T,
    ) -> PortResult<T> {
        self.submit(name, effect, |_| {
            unreachable!("only requests to CloudFormation can be rejected")
        })
        .await
    }

    /// Likewise, for a request that CloudFormation may reject.
    async fn submit<T: fmt::Debug>(
        &self,
        name: &'static str,
        effect: impl FnOnce(&mut State) -> T,
        rejected: impl FnOnce(String) -> T,
    ) -> PortResult<T> {
        if self.state().yields {
            tokio::task::yield_now().await;
        }

        let failed = |kind| PortError {
            service: "twin",
            action: name,
            kind,
            detail: "injected".into(),
        };

        let now = self.now();
        let mut fault = self.state().next_fault(name);
        if let Some(Fault::Console(act)) = fault {
            self.state().account.act(act, now);
            fault = None;
        }

        let Some(fault) = fault else {
            let mut state = self.state();
            let answer = effect(&mut state);
            state.remember(&answer);
            return Ok(answer);
        };

        match fault {
            Fault::Before(kind) => return Err(failed(kind)),
            Fault::Rejected(reason) => return Ok(rejected(reason.into())),
            Fault::RejectedAfter(reason) => {
                effect(&mut self.state());
                return Ok(rejected(reason.into()));
            }
            Fault::After(kind) => {
                effect(&mut self.state());
                return Err(failed(kind));
            }
            Fault::HangAfter => drop(effect(&mut self.state())),
            Fault::Crash => self.state().crash = Some(fault),
            Fault::CrashAfter => {
                effect(&mut self.state());
                self.state().crash = Some(fault);
            }
            Fault::Late(_) => {
                self.state().crash = Some(fault);
                // Polled by hand, when it is to arrive.
                poll_fn(|_| {
                    if self.state().arrives {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                })
                .await;
                effect(&mut self.state());
            }
            Fault::Hang | Fault::Console(_) => {}
            Fault::Panic => panic!("injected into {name}"),
        }
        pending().await
    }
}

impl State {
    fn remember(&mut self, answer: &impl fmt::Debug) {
        if self.yields {
            let history = self.histories.entry(self.turn).or_default();
            let mut hasher = DefaultHasher::new();
            (&history, format!("{answer:?}")).hash(&mut hasher);
            *history = hasher.finish();
        }
    }

    fn next_fault(&mut self, name: &'static str) -> Option<Fault> {
        let number = self.calls.len();
        self.calls.push(name);
        let fault = self
            .script
            .remove(&number)
            .or_else(|| self.faults.remove(name))?;
        self.hit.insert(number, fault);
        Some(fault)
    }
}

impl Account {
    /// The stack of this name or id.
    fn stack_mut(&mut self, name_or_id: &str) -> Option<&mut FakeStack> {
        let is_meant = |(name, stack): &(&String, &mut FakeStack)| {
            *name == name_or_id || stack.id == name_or_id
        };
        self.stacks
            .iter_mut()
            .find(is_meant)
            .map(|(_, stack)| stack)
    }

    fn act(&mut self, act: Act, now: Timestamp) {
        for stack in self.stacks.values_mut() {
            stack.act(act, now);
            self.acts += 1;
            self.stack_deleted_by_hand |= act == Act::Delete;
        }
    }
}

impl FakeStack {
    /// A stack has outputs once it is complete, and keeps them while it is updated.
    fn has_outputs(&self) -> bool {
        use StackStatus::{
            CreateFailed, CreateInProgress, RollbackComplete, RollbackFailed, RollbackInProgress,
        };
        let never_complete = [
            CreateInProgress,
            CreateFailed,
            RollbackInProgress,
            RollbackFailed,
            RollbackComplete,
        ];
        !never_complete.contains(&self.status)
    }

    fn act(&mut self, act: Act, now: Timestamp) {
        use StackStatus as S;
        let next = match (act, self.status) {
            (Act::CancelUpdate, S::UpdateInProgress)
            | (Act::ContinueRollback, S::UpdateRollbackFailed) => S::UpdateRollbackInProgress,
            (Act::Update, status) if status.can_be_updated() => S::UpdateInProgress,
            (Act::Delete, status) if can_be_deleted(status) => S::DeleteInProgress,
            (Act::Untag, _) => {
                self.tags.clear();
                return;
            }
            _ => return,
        };
        self.token = format!("Console-{act:?}-{}", self.events.len());
        self.reach(next, Some("User Initiated"), now);
    }

    fn reach(&mut self, status: StackStatus, reason: Option<&str>, at: Timestamp) {
        use StackStatus as S;

        self.status = status;
        let name = status.to_string();
        let event = StackEvent {
            subject: Subject::Stack,
            status: name,
            reason: reason.map(str::to_owned),
            at,
        };
        self.events.push((self.token.clone(), event));

        match status {
            S::UpdateComplete => self.before_update = None,
            S::UpdateRollbackComplete => {
                if let Some((template_body, parameters, tags)) = self.before_update.take() {
                    (self.template_body, self.parameters, self.tags) =
                        (template_body, parameters, tags);
                }
            }
            _ => {}
        }
    }

    fn events_of(&self, token: &str) -> OperationEvents {
        let is_of_stack = |event: &StackEvent| event.subject == Subject::Stack;
        let last_own = self
            .events
            .iter()
            .rposition(|(of, event)| of == token && is_of_stack(event));

        let own = self
            .events
            .iter()
            .filter(|(of, _)| of == token)
            .map(|(_, event)| event.clone())
            .collect();

        let since = &self.events[last_own.map_or(0, |last| last + 1)..];
        let foreign = since
            .iter()
            .filter(|(of, event)| of != token && is_of_stack(event));
        let mut foreign: Vec<_> = foreign.map(|(_, event)| event.clone()).collect();
        if last_own.is_none() {
            foreign = foreign.pop().into_iter().collect();
        }
        OperationEvents { own, foreign }
    }

    /// What the stack becomes with these parameters; or what CloudFormation has against it.
    fn resolve(
        &self,
        update: &UpdatedStack<'_>,
    ) -> Result<(String, BTreeMap<String, String>), String> {
        let template_body = update
            .template_body
            .unwrap_or(&self.template_body)
            .to_owned();
        let known = declared(&template_body, "Parameters");
        let mut parameters = BTreeMap::new();

        for (name, value) in &update.parameters {
            if !known.contains(name) {
                return Err(format!("Parameters: [{name}] do not exist in the template"));
            }

            match value {
                ParameterValue::Given(value) => {
                    drop(parameters.insert(name.clone(), value.clone()))
                }
                ParameterValue::Previous => {
                    if let Some(value) = self.parameters.get(name) {
                        parameters.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        Ok((template_body, parameters))
    }
}

/// CloudFormation does not delete a stack that is being updated, and has one deletion of it at a
/// time.
fn can_be_deleted(status: StackStatus) -> bool {
    use StackStatus as S;
    !status.is_in_progress()
        || matches!(
            status,
            S::CreateInProgress | S::RollbackInProgress | S::ReviewInProgress
        )
}

impl Environment for World {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 50) + self.state().elapsed
    }

    fn uuid(&self) -> Uuid {
        let mut state = self.state();
        let turn = state.turn;
        let count = state.uuids.entry(turn).or_default();
        *count += 1;
        Uuid::from_u64_pair(turn as u64, *count)
    }

    fn first_version(&self) -> u64 {
        let (turn, count) = self.uuid().as_u64_pair();
        1_000 * (1_000 * turn + count)
    }
}

fn has_to_stay(expires_at: Option<Timestamp>, lifetime: SignedDuration, now: Timestamp) -> bool {
    expires_at.is_none_or(|expires_at| expires_at > latest_reusable_expiry(lifetime, now))
}

fn is_current(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_none_or(|expires_at| now < expires_at)
}

#[async_trait]
impl Records for World {
    async fn page(&self, next: Option<String>) -> PortResult<Page<ScannedRecord>> {
        self.call("records.page", |state| {
            let Account {
                instances,
                bindings,
                unreadable,
                ..
            } = &state.account;

            let instances = instances
                .values()
                .cloned()
                .map(|instance| ScannedRecord::Instance(Box::new(instance)));
            let bindings = bindings
                .values()
                .cloned()
                .map(|binding| ScannedRecord::Binding(Box::new(binding)));
            let unreadable = unreadable.iter().cloned().map(ScannedRecord::Unreadable);

            page_of(instances.chain(bindings).chain(unreadable), next)
        })
        .await
    }

    async fn insert_instance(
        &self,
        instance: &Instance,
        now: Timestamp,
    ) -> PortResult<Option<Instance>> {
        self.call("records.insert_instance", |state| {
            let existing = state.account.instances.get(&instance.id).cloned();
            if existing
                .as_ref()
                .is_none_or(|existing| existing.gives_way_to(&instance.attributes, now))
            {
                state
                    .account
                    .instances
                    .insert(instance.id.clone(), instance.clone());
            }
            existing
        })
        .await
    }

    async fn instance(&self, id: &InstanceId, now: Timestamp) -> PortResult<Option<Instance>> {
        self.call("records.instance", |state| {
            state
                .account
                .instances
                .get(id)
                .filter(|instance| is_current(instance.expires_at, now))
                .cloned()
        })
        .await
    }

    async fn count_instances(&self, owner_guid: &str) -> PortResult<usize> {
        self.call("records.count_instances", |state| {
            let instances = state
                .account
                .instances
                .values()
                .filter(|instance| !instance.is_tombstone());
            instances
                .filter(|instance| instance.attributes.quota_owner() == owner_guid)
                .count()
        })
        .await
    }

    async fn update_instance(&self, instance: &Instance) -> PortResult<WriteOutcome> {
        self.call("records.update_instance", |state| {
            match state.account.instances.get_mut(&instance.id) {
                Some(stored) if stored.version == instance.version => {
                    *stored = instance.clone().next_version();
                    WriteOutcome::Done
                }
                _ => WriteOutcome::Conflict,
            }
        })
        .await
    }

    async fn delete_instance(&self, instance: &Instance) -> PortResult<WriteOutcome> {
        self.call("records.delete_instance", |state| {
            let differs = |stored: &Instance| {
                (stored.version, &stored.operation.id) != (instance.version, &instance.operation.id)
            };

            if state
                .account
                .instances
                .get(&instance.id)
                .is_some_and(differs)
            {
                return WriteOutcome::Conflict;
            }

            state.account.instances.remove(&instance.id);
            WriteOutcome::Done
        })
        .await
    }

    async fn begin_deprovision(
        &self,
        id: &InstanceId,
        service_id: &str,
        operation: &Operation,
    ) -> PortResult<Option<Instance>> {
        self.call("records.begin_deprovision", |state| {
            let instance = state.account.instances.get_mut(id)?;
            let is_meant = instance.attributes.service_id == *service_id;
            let deleting = instance.operation.kind == OperationKind::Deprovision
                && instance.operation.state != OperationState::Failed;

            if is_meant && !deleting && !instance.is_updating() {
                instance.previous_operation = Some(std::mem::replace(
                    &mut instance.operation,
                    operation.clone(),
                ));
                instance.update = None;
                instance.version += 1;
            }
            Some(instance.clone())
        })
        .await
    }

    async fn remember_refused(&self, id: &InstanceId, refused: &Refused) -> PortResult<()> {
        self.call("records.remember_refused", |state| {
            let key = (id.clone(), refused.requester.as_str().to_owned());
            state.account.refused.insert(key, refused.expires_at);
        })
        .await
    }

    async fn forget_refused(&self, id: &InstanceId, requester: &Requester) -> PortResult<()> {
        self.call("records.forget_refused", |state| {
            state
                .account
                .refused
                .remove(&(id.clone(), requester.as_str().to_owned()));
        })
        .await
    }

    async fn is_refused(
        &self,
        id: &InstanceId,
        requester: &Requester,
        now: Timestamp,
    ) -> PortResult<bool> {
        self.call("records.is_refused", |state| {
            let expires_at = state
                .account
                .refused
                .get(&(id.clone(), requester.as_str().to_owned()));
            expires_at.is_some_and(|expires_at| *expires_at > now)
        })
        .await
    }

    async fn bindings(&self, id: &InstanceId) -> PortResult<Vec<Binding>> {
        self.call("records.bindings", |state| {
            state
                .account
                .bindings
                .values()
                .filter(|binding| binding.instance_id == *id)
                .cloned()
                .collect()
        })
        .await
    }

    async fn instance_and_binding(
        &self,
        id: &InstanceId,
        binding_id: &BindingId,
        now: Timestamp,
    ) -> PortResult<(Option<Instance>, Option<Binding>)> {
        self.call("records.instance_and_binding", |state| {
            let instance = state
                .account
                .instances
                .get(id)
                .filter(|instance| is_current(instance.expires_at, now))
                .cloned();
            let binding = state
                .account
                .bindings
                .get(&(id.clone(), binding_id.clone()));

            (
                instance,
                binding
                    .filter(|binding| is_current(binding.expires_at, now))
                    .cloned(),
            )
        })
        .await
    }

    async fn insert_binding(
        &self,
        instance: &Instance,
        binding: &Binding,
        now: Timestamp,
    ) -> PortResult<BindingInsertion> {
        self.call("records.insert_binding", |state| {
            let key = (instance.id.clone(), binding.id.clone());
            if let Some(existing) = state.account.bindings.get(&key).filter(|existing| {
                has_to_stay(existing.expires_at, BINDING_TOMBSTONE_LIFETIME, now)
            }) {
                return BindingInsertion::Exists(Box::new(existing.clone()));
            }

            if state
                .account
                .instances
                .get(&instance.id)
                .is_none_or(|stored| stored.version != instance.version)
            {
                return BindingInsertion::InstanceChanged;
            }

            state.account.bindings.insert(key, binding.clone());
            BindingInsertion::Done
        })
        .await
    }

    async fn update_binding(&self, binding: &Binding) -> PortResult<WriteOutcome> {
        self.call("records.update_binding", |state| {
            match state
                .account
                .bindings
                .get_mut(&(binding.instance_id.clone(), binding.id.clone()))
            {
                Some(stored) if stored.version == binding.version => {
                    *stored = binding.clone().next_version();
                    WriteOutcome::Done
                }
                _ => WriteOutcome::Conflict,
            }
        })
        .await
    }

    async fn begin_unbind(
        &self,
        instance_id: &InstanceId,
        binding_id: &BindingId,
        service_id: &str,
        operation: &Operation,
    ) -> PortResult<Option<Binding>> {
        self.call("records.begin_unbind", |state| {
            let binding = state
                .account
                .bindings
                .get_mut(&(instance_id.clone(), binding_id.clone()))?;

            let current = &binding.operation;
            let busy = match current.kind {
                OperationKind::Unbind => current.state != OperationState::Failed,
                _ => current.may_be_running(operation.started_at),
            };

            if !busy && binding.service_id == *service_id {
                binding.previous_operation =
                    Some(std::mem::replace(&mut binding.operation, operation.clone()));
                binding.version += 1;
            }
            Some(binding.clone())
        })
        .await
    }
}

#[async_trait]
impl AwsPortsFactory for World {
    async fn at(&self, location: Option<&Location>) -> AwsPorts {
        let there =
            Arc::new(location.map_or_else(|| self.clone(), |location| self.elsewhere(location)));
        AwsPorts {
            stacks: there.clone(),
            users: there.clone(),
            roles: there.clone(),
            secrets: there.clone(),
            functions: there.clone(),
            resources: there,
        }
    }
}

#[async_trait]
impl Stacks for World {
    async fn page(&self, next: Option<String>) -> PortResult<Page<StackSummary>> {
        self.call("stacks.page", |state| {
            let stacks = state
                .account
                .stacks
                .iter()
                .map(|(name, stack)| StackSummary {
                    name: name.clone(),
                    id: stack.id.clone(),
                    status: stack.status.to_string(),
                    instance_id: stack
                        .tags
                        .iter()
                        .find(|tag| tag.key == INSTANCE_ID_TAG)
                        .map(|tag| tag.value.clone()),
                    created_at: stack.events.first().map(|(_, event)| event.at),
                });

            page_of(stacks, next)
        })
        .await
    }

    async fn create(&self, stack: &NewStack<'_>) -> PortResult<StackCreation> {
        let now = self.now();
        self.submit(
            "stacks.create",
            |state| {
                if state.account.stacks.contains_key(stack.name) {
                    return StackCreation::Exists;
                }

                let mut created = FakeStack {
                    // No two stacks are created with one token.
                    id: format!(
                        "arn:aws:cloudformation:us-east-1:000000000000:stack/{}/{}",
                        stack.name, stack.token
                    ),
                    status: StackStatus::CreateInProgress,
                    parameters: given(&stack.parameters),
                    template_body: stack.template_body.to_owned(),
                    tags: stack.tags.clone(),
                    token: stack.token.to_owned(),
                    outputs: declared_outputs(stack.template_body),
                    events: Vec::new(),
                    before_update: None,
                };

                created.reach(StackStatus::CreateInProgress, Some("User Initiated"), now);
                state.account.stacks.insert(stack.name.to_owned(), created);
                StackCreation::Accepted
            },
            StackCreation::Rejected,
        )
        .await
    }

    async fn update(&self, update: &UpdatedStack<'_>) -> PortResult<StackUpdate> {
        let now = self.now();
        self.submit(
            "stacks.update",
            |state| {
                let Some(stack) = state.account.stack_mut(update.stack) else {
                    return StackUpdate::Rejected(format!(
                        "Stack [{}] does not exist",
                        update.stack
                    ));
                };

                if stack.token == update.token {
                    return StackUpdate::Accepted;
                }
                if !stack.status.can_be_updated() {
                    return StackUpdate::Rejected(format!(
                        "{:?} state and can not be updated",
                        stack.status
                    ));
                }

                let (template_body, parameters) = match stack.resolve(update) {
                    Ok(resolved) => resolved,
                    Err(reason) => return StackUpdate::Rejected(reason),
                };

                let same_parameters = with_defaults(&template_body, &parameters)
                    == with_defaults(&stack.template_body, &stack.parameters);
                if template_body == stack.template_body
                    && same_parameters
                    && stack.tags == update.tags
                {
                    return StackUpdate::NoChange;
                }

                stack.before_update = Some((
                    stack.template_body.clone(),
                    stack.parameters.clone(),
                    stack.tags.clone(),
                ));
                (stack.template_body, stack.parameters) = (template_body, parameters);
                stack.tags = update.tags.clone();
                stack.token = update.token.to_owned();
                stack.reach(StackStatus::UpdateInProgress, Some("User Initiated"), now);
                StackUpdate::Accepted
            },
            |reason| match reason.as_str() {
                "No updates are to be performed." => StackUpdate::NoChange,
                _ => StackUpdate::Rejected(reason),
            },
        )
        .await
    }

    async fn describe(&self, stack: &str) -> PortResult<Option<Stack>> {
        self.call("stacks.describe", |state| {
            state.account.stack_mut(stack).map(|stack| Stack {
                id: stack.id.clone(),
                status: stack.status,
                parameters: shown(&stack.template_body, &stack.parameters),
                tags: stack
                    .tags
                    .iter()
                    .map(|tag| (tag.key.to_owned(), tag.value.clone()))
                    .collect(),
                outputs: if stack.has_outputs() {
                    stack.outputs.clone()
                } else {
                    BTreeMap::new()
                },
            })
        })
        .await
    }

    async fn events(&self, stack: &str, token: &str) -> PortResult<Option<OperationEvents>> {
        self.call("stacks.events", |state| {
            Some(state.account.stack_mut(stack)?.events_of(token))
        })
        .await
    }

    async fn delete(&self, name: &str, token: &str) -> PortResult<StackDeletion> {
        let now = self.now();
        self.submit(
            "stacks.delete",
            |state| {
                let Some(stack) = state.account.stack_mut(name) else {
                    return StackDeletion::Accepted;
                };
                if stack.token == token || stack.status == StackStatus::DeleteInProgress {
                    return StackDeletion::Accepted;
                }

                if !can_be_deleted(stack.status) {
                    let status = stack.status.to_string();
                    return StackDeletion::Rejected(format!(
                        "Stack [{name}] cannot be deleted while in status {status}"
                    ));
                }

                stack.token = token.to_owned();
                stack.reach(StackStatus::DeleteInProgress, Some("User Initiated"), now);
                StackDeletion::Accepted
            },
            StackDeletion::Rejected,
        )
        .await
    }
}

fn given(parameters: &BTreeMap<String, ParameterValue>) -> BTreeMap<String, String> {
    let given = parameters.iter().filter_map(|(name, value)| match value {
        ParameterValue::Given(value) => Some((name.clone(), value.clone())),
        ParameterValue::Previous => None,
    });
    given.collect()
}

/// A template's section, by name.
fn section(template_body: &str, section: &str) -> serde_json::Map<String, Value> {
    // Reading one takes longer than all else that a test does.
    static READ: LazyLock<Mutex<HashMap<String, Value>>> = LazyLock::new(Default::default);
    let mut read = READ
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let template = read
        .entry(template_body.to_owned())
        .or_insert_with(|| serde_saphyr::from_str(template_body).expect("a template"));
    template[section].as_object().cloned().unwrap_or_default()
}

/// The names in a section of a template.
fn declared(template_body: &str, name: &str) -> Vec<String> {
    section(template_body, name).keys().cloned().collect()
}

/// The parameters as CloudFormation describes them: with the defaults, and without the secret ones.
fn shown(template_body: &str, parameters: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let declared = section(template_body, "Parameters");
    let is_secret = |name: &String| {
        declared
            .get(name)
            .is_some_and(|parameter| parameter["NoEcho"] == true)
    };
    let mut shown = with_defaults(template_body, parameters);
    shown
        .iter_mut()
        .filter(|(name, _)| is_secret(name))
        .for_each(|(_, value)| *value = "****".into());
    shown
}

/// These parameters with the template's defaults below them.
fn with_defaults(
    template_body: &str,
    parameters: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let defaults =
        section(template_body, "Parameters")
            .into_iter()
            .filter_map(|(name, parameter)| {
                let text = match parameter.get("Default")? {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                Some((name, text))
            });
    defaults.chain(parameters.clone()).collect()
}

/// Every output that the template declares, with a value that names it.
fn declared_outputs(template_body: &str) -> BTreeMap<String, String> {
    declared(template_body, "Outputs")
        .into_iter()
        .map(|name| (name.clone(), format!("the-{name}")))
        .collect()
}

/// IAM's answer where something does not exist, or is still in use. Its kinds are those of the
/// adapter, as the contract tests prove.
fn iam_error(action: &'static str, code: &str) -> PortError {
    let kind = match code {
        "NoSuchEntity" => PortErrorKind::Unavailable,
        "LimitExceeded" => PortErrorKind::Exhausted,
        _ => PortErrorKind::InUse,
    };
    PortError {
        service: "IAM",
        action,
        kind,
        detail: code.into(),
    }
}

#[async_trait]
impl Users for World {
    async fn create_user(&self, user: &NewUser) -> PortResult<UserCreation> {
        self.call("identities.create_user", |state| {
            if state.account.users.contains_key(&user.name) {
                return UserCreation::Exists;
            }
            let created = FakeUser {
                policy: Value::Null,
                tags: user.tags.clone(),
                access_keys: Vec::new(),
            };
            state.account.users.insert(user.name.clone(), created);
            UserCreation::Created
        })
        .await
    }

    async fn put_policy(&self, user_name: &str, policy: &str) -> PortResult<()> {
        self.call("identities.put_policy", |state| {
            let user = state
                .account
                .users
                .get_mut(user_name)
                .ok_or_else(|| iam_error("PutUserPolicy", "NoSuchEntity"))?;
            user.policy = serde_json::from_str(policy).expect("a policy is JSON");
            Ok(())
        })
        .await?
    }

    async fn create_access_key(&self, user_name: &str) -> PortResult<AccessKey> {
        let id = format!("AKIA{:016X}", self.uuid().as_u128());
        self.call("identities.create_access_key", |state| {
            let user = state
                .account
                .users
                .get_mut(user_name)
                .ok_or_else(|| iam_error("CreateAccessKey", "NoSuchEntity"))?;

            if user.access_keys.len() == 2 {
                return Err(iam_error("CreateAccessKey", "LimitExceeded"));
            }

            user.access_keys.push(id.clone());
            Ok(AccessKey {
                secret: secret_of(&id).into(),
                id,
            })
        })
        .await?
    }

    async fn access_keys(&self, user_name: &str) -> PortResult<Vec<String>> {
        self.call("identities.access_keys", |state| {
            state
                .account
                .users
                .get(user_name)
                .map(|user| user.access_keys.clone())
                .unwrap_or_default()
        })
        .await
    }

    async fn delete_access_key(&self, user_name: &str, id: &str) -> PortResult<()> {
        self.call("identities.delete_access_key", |state| {
            if let Some(user) = state.account.users.get_mut(user_name) {
                user.access_keys.retain(|key| key != id);
            }
        })
        .await
    }

    async fn delete_policy(&self, user_name: &str) -> PortResult<()> {
        self.call("identities.delete_policy", |state| {
            if let Some(user) = state.account.users.get_mut(user_name) {
                user.policy = Value::Null;
            }
        })
        .await
    }

    async fn page(&self, next: Option<String>) -> PortResult<Page<IdentitySummary>> {
        self.call("identities.page", |state| {
            let names = state.account.users.keys().cloned();
            page_of(
                names.map(|name| IdentitySummary {
                    name,
                    created_at: None,
                }),
                next,
            )
        })
        .await
    }

    async fn delete_user(&self, user_name: &str) -> PortResult<()> {
        self.call("identities.delete_user", |state| {
            match state.account.users.get(user_name) {
                Some(FakeUser {
                    policy: Value::Null,
                    access_keys,
                    ..
                }) if access_keys.is_empty() => {
                    state.account.users.remove(user_name);
                    Ok(())
                }
                Some(_) => Err(iam_error("DeleteUser", "DeleteConflict")),
                None => Ok(()),
            }
        })
        .await?
    }
}

#[async_trait]
impl Roles for World {
    async fn find(&self, name: &str) -> PortResult<Option<Role>> {
        self.call("roles.find", |state| {
            state.account.roles.get(name).map(|role| Role {
                name: name.to_owned(),
                arn: role.arn.clone(),
                tags: role
                    .tags
                    .iter()
                    .map(|tag| (tag.key.to_owned(), tag.value.clone()))
                    .collect(),
            })
        })
        .await
    }

    async fn create(&self, role: &NewRole) -> PortResult<String> {
        self.call("roles.create", |state| {
            let created = state
                .account
                .roles
                .entry(role.name.clone())
                .or_insert_with(|| FakeRole {
                    arn: format!("arn:aws:iam::000000000000:role/osb/{}", role.name),
                    trust_policy: serde_json::from_str(&role.trust_policy)
                        .expect("a policy is JSON"),
                    tags: role.tags.clone(),
                    policies: BTreeMap::new(),
                });
            created.arn.clone()
        })
        .await
    }

    async fn put_policy(&self, role_name: &str, policy_name: &str, policy: &str) -> PortResult<()> {
        self.call("roles.put_policy", |state| {
            let role = state
                .account
                .roles
                .get_mut(role_name)
                .ok_or_else(|| iam_error("PutRolePolicy", "NoSuchEntity"))?;
            let policy = serde_json::from_str(policy).expect("a policy is JSON");
            role.policies.insert(policy_name.to_owned(), policy);
            Ok(())
        })
        .await?
    }

    async fn delete_policy(&self, role_name: &str, policy_name: &str) -> PortResult<()> {
        self.call("roles.delete_policy", |state| {
            if let Some(role) = state.account.roles.get_mut(role_name) {
                role.policies.remove(policy_name);
            }
        })
        .await
    }

    async fn delete(&self, role_name: &str) -> PortResult<()> {
        self.call("roles.delete", |state| {
            if state
                .account
                .roles
                .get(role_name)
                .is_some_and(|role| !role.policies.is_empty())
            {
                return Err(iam_error("DeleteRole", "DeleteConflict"));
            }
            state.account.roles.remove(role_name);
            Ok(())
        })
        .await?
    }

    async fn page(&self, next: Option<String>) -> PortResult<Page<IdentitySummary>> {
        self.call("roles.page", |state| {
            // Those below the broker's path.
            let ours = state
                .account
                .roles
                .iter()
                .filter(|(_, role)| !role.trust_policy.is_null());

            page_of(
                ours.map(|(name, _)| IdentitySummary {
                    name: name.clone(),
                    created_at: None,
                }),
                next,
            )
        })
        .await
    }
}

#[async_trait]
impl Secrets for World {
    async fn parameter(&self, name: &str) -> PortResult<Option<SecretString>> {
        self.call("secrets.parameter", |state| {
            stored(&state.account.parameters, name)
        })
        .await
    }

    async fn secret(&self, arn: &str) -> PortResult<Option<SecretString>> {
        self.call("secrets.secret", |state| {
            stored(&state.account.secrets, arn)
        })
        .await
    }

    async fn client_secret(
        &self,
        user_pool_id: &str,
        client_id: &str,
    ) -> PortResult<Option<SecretString>> {
        let client = (user_pool_id.to_owned(), client_id.to_owned());
        self.call("secrets.client_secret", |state| {
            stored(&state.account.client_secrets, &client)
        })
        .await
    }
}

fn stored<K: Ord + ?Sized, L: Borrow<K> + Ord>(
    store: &BTreeMap<L, String>,
    name: &K,
) -> Option<SecretString> {
    store
        .get(name)
        .map(|text| SecretString::from(text.as_str()))
}

#[async_trait]
impl Resources for World {
    async fn page(&self, next: Option<String>) -> PortResult<Page<StackResource>> {
        self.call("resources.page", |state| {
            page_of(state.account.resources.iter().cloned(), next)
        })
        .await
    }
}

#[async_trait]
impl Functions for World {
    async fn invoke(&self, name: &str, payload: &SecretString) -> PortResult<Invocation> {
        self.call("functions.invoke", |state| {
            let Some(function) = state.account.functions.get_mut(name) else {
                return Invocation::Missing;
            };

            let payload: Value =
                serde_json::from_str(payload.expose_secret()).expect("a payload is JSON");
            function.invocations.push(payload.clone());

            match (&function.failure, &function.answer) {
                (Some(message), _) => Invocation::Failed {
                    message: message.clone(),
                },
                (None, Some(answer)) => Invocation::Answered(answer.clone().into()),
                (None, None) => {
                    let id = payload["BINDING_ID"].as_str().expect("an id");
                    let answer =
                        json!({"username": format!("user-{id}"), "password": password_of(id)});
                    Invocation::Answered(answer.to_string().into())
                }
            }
        })
        .await
    }
}

/// The user that a binding has created, if it has one.
pub fn user_of(binding: &Binding) -> Option<&UserGrant> {
    binding.grants.iter().find_map(|grant| match grant {
        Grant::User(user) => Some(user),
        _ => None,
    })
}

/// The password that a function makes for a binding.
pub fn password_of(binding_id: &str) -> String {
    format!("pass/word:of@{binding_id}%")
}

/// The secret of an access key.
pub fn secret_of(access_key_id: &str) -> String {
    format!("secret-of-{access_key_id}")
}

/// So many items of a list are a page.
const PAGE: usize = 3;

fn page_of<T>(items: impl Iterator<Item = T>, next: Option<String>) -> Page<T> {
    let start: usize = next.map_or(0, |next| next.parse().expect("a number"));
    let mut items = items.skip(start).peekable();
    let page = items.by_ref().take(PAGE).collect();
    Page {
        items: page,
        next: items.peek().map(|_| (start + PAGE).to_string()),
    }
}

/// So that what is sealed cannot be read.
const MASK: u8 = 0x55;

#[async_trait]
impl Vault for World {
    async fn seal(&self, purpose: &Purpose<'_>, plain: &SecretString) -> PortResult<Sealed> {
        self.call("vault.seal", |_| {
            let text = format!("{purpose:?}|{}", plain.expose_secret());
            Sealed(BASE64_STANDARD.encode(text.bytes().map(|byte| byte ^ MASK).collect::<Vec<_>>()))
        })
        .await
    }

    async fn open(&self, purpose: &Purpose<'_>, sealed: &Sealed) -> PortResult<SecretString> {
        self.call("vault.open", |_| {
            // What KMS says of a text that was changed, or that was sealed for another purpose.
            let detail = "InvalidCiphertextException: no message".into();
            let invalid = PortError {
                service: "KMS",
                action: "Decrypt",
                kind: PortErrorKind::Unexpected,
                detail,
            };

            let bytes = BASE64_STANDARD
                .decode(&sealed.0)
                .map_err(|_| invalid.clone())?;
            let text = String::from_utf8(bytes.into_iter().map(|byte| byte ^ MASK).collect());
            let text = text.map_err(|_| invalid.clone())?;

            text.strip_prefix(&format!("{purpose:?}|"))
                .map(SecretString::from)
                .ok_or(invalid)
        })
        .await?
    }
}

#[async_trait]
impl PlatformSecrets for World {
    async fn read(&self) -> PortResult<Vec<PlatformSecret>> {
        self.call("platform_secrets.read", |state| {
            let pairs = state.platform_secrets.iter().cloned();
            pairs
                .map(|(username, password)| PlatformSecret {
                    username,
                    password: password.into(),
                })
                .collect()
        })
        .await
    }
}

/// The operator's consent to whatever users name.
pub fn everything() -> Restrictions {
    let entries = offerings::settings()
        .into_iter()
        .map(|name| (name.to_owned(), vec!["*".to_owned()]))
        .collect();
    Restrictions {
        consents: Consents {
            entries,
            ..Consents::default()
        },
        ..Restrictions::default()
    }
}

/// The catalog that the tests use: that of the account and broker for which the sample events were
/// made.
pub fn catalog() -> Catalog {
    Catalog::new(OFFERINGS.into(), "000000000000", "awsservicebroker").restricted(&everything())
}
