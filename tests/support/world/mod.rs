//! One AWS account in memory, behind all ports of the broker. Each port has a file of its own.

mod aws_ports;
mod database_users;
mod environment;
mod fault;
mod functions;
mod offered;
mod override_records;
mod page;
mod platform_secrets;
mod records;
mod resources;
mod roles;
mod secrets;
mod stacks;
mod users;
mod vault;

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
            AccessKey, AwsPorts, AwsPortsFactory, BindingInsertion, DatabaseUsers, Environment,
            Functions, IdentitySummary, Invocation, NewRole, NewStack, NewUser, OverrideRecords,
            Page, ParameterValue, PlatformSecret, PlatformSecrets, PortError, PortErrorKind,
            PortResult, Records, Resources, Role, Roles, ScannedRecord, Secrets, Stack,
            StackCreation, StackDeletion, StackResource, StackSummary, StackUpdate, Stacks,
            UnreadableRecord, UpdatedStack, UserCreation, Users, Vault, WriteOutcome,
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
use catalog::{Catalog, Consents, Override, Restrictions};
use database_protocol::{
    Answer as DatabaseAnswer, Authentication, Master, NewUser as NewDatabaseUser, Privileges,
    Server, UserName,
};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

pub use self::{
    database_users::{DATABASE_GROUP, DATABASE_SUBNETS, FakeDatabase, FakeDatabaseUser},
    fault::{Act, Fault},
    functions::{FakeFunction, password_of},
    offered::{catalog, everything},
    roles::FakeRole,
    stacks::FakeStack,
    users::{FakeUser, secret_of, user_of},
};
use self::{
    page::page_of,
    records::{has_to_stay, is_current},
    stacks::{can_be_deleted, declared, declared_outputs, given, section, shown, with_defaults},
    users::iam_error,
};

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
    /// Databases, by host.
    pub databases: BTreeMap<String, FakeDatabase>,
    pub unreadable: Vec<UnreadableRecord>,
    /// The operator's.
    pub overrides: Vec<Override>,
    /// What stacks have created, as far as a test says.
    pub resources: Vec<StackResource>,
    /// The tags of other resources, by ARN.
    pub tagged: BTreeMap<String, BTreeMap<String, String>>,
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
