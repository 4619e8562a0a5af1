//! One AWS account in memory, behind all ports of the broker.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use aws_service_broker::{
    broker::{
        binding::Binding,
        id::{BindingId, InstanceId},
        instance::Instance,
        operation::{Operation, OperationKind, OperationState},
        ports::{
            AccessKey, BeginUnbind, CreateStack, Environment, Identities, InsertBinding, NewIdentity, NewStack,
            PlatformSecret, PlatformSecrets, PortError, PortErrorKind, PortResult, Purpose, Records, Sealed, Stack,
            Stacks, Tag, Update, Vault,
        },
        stack::StackStatus,
    },
    catalog::{self},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use uuid::Uuid;

/// What goes wrong at a call of a port.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The call fails, and has had no effect.
    Before(PortErrorKind),
    /// The call fails, and has had its effect.
    After(PortErrorKind),
    /// CloudFormation does not take the request.
    Rejected(&'static str),
    /// The port panics.
    Panic,
}

/// A stack as the twin of CloudFormation keeps it.
#[derive(Clone, Debug)]
pub struct FakeStack {
    pub status: StackStatus,
    pub status_reason: Option<String>,
    pub parameters: BTreeMap<String, String>,
    pub tags: Vec<Tag>,
    pub token: String,
    outputs: BTreeMap<String, String>,
}

/// A user as the twin of IAM keeps it.
#[derive(Clone, Debug)]
pub struct FakeUser {
    pub policy: Value,
    pub tags: Vec<Tag>,
    pub access_keys: Vec<String>,
}

#[derive(Default)]
struct State {
    instances: HashMap<InstanceId, Instance>,
    bindings: HashMap<(InstanceId, BindingId), Binding>,
    stacks: BTreeMap<String, FakeStack>,
    users: BTreeMap<String, FakeUser>,
    platform_secrets: Vec<(String, String)>,
    elapsed: SignedDuration,
    uuids: u128,
    calls: Vec<&'static str>,
    faults: HashMap<&'static str, Fault>,
}

/// The account; clones are the same one.
#[derive(Clone)]
pub struct World(Arc<Mutex<State>>);

impl World {
    pub fn new() -> Self {
        let platform_secrets = vec![("broker".to_owned(), "local-only-password".to_owned())];
        Self(Arc::new(Mutex::new(State { platform_secrets, ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The next call of this name goes wrong.
    pub fn inject(&self, call: &'static str, fault: Fault) {
        self.state().faults.insert(call, fault);
    }

    /// The calls since the last time that they were taken.
    pub fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.state().calls)
    }

    pub fn let_time_pass(&self, duration: SignedDuration) {
        self.state().elapsed += duration;
    }

    /// The only stack that there is.
    pub fn stack(&self) -> FakeStack {
        let state = self.state();
        assert_eq!(state.stacks.len(), 1, "stacks: {:?}", state.stacks.keys());
        state.stacks.values().next().expect("one stack").clone()
    }

    pub fn stack_names(&self) -> Vec<String> {
        self.state().stacks.keys().cloned().collect()
    }

    /// Lets CloudFormation arrive at this status with every stack; a stack that is deleted is gone.
    pub fn settle_stacks(&self, status: StackStatus, reason: Option<&str>) {
        let mut state = self.state();
        for stack in state.stacks.values_mut() {
            stack.status = status;
            stack.status_reason = reason.map(str::to_owned);
        }
        if status == StackStatus::DeleteComplete {
            state.stacks.clear();
        }
    }

    /// Gives the only stack this output in the place of what it has; an empty value removes it.
    pub fn set_output(&self, name: &str, value: &str) {
        for stack in self.state().stacks.values_mut() {
            stack.outputs.insert(name.into(), value.into());
        }
    }

    pub fn users(&self) -> BTreeMap<String, FakeUser> {
        self.state().users.clone()
    }

    pub fn instance(&self, id: &str) -> Option<Instance> {
        self.state().instances.get(&InstanceId::new(id).expect("an id")).cloned()
    }

    pub fn bindings(&self) -> Vec<Binding> {
        self.state().bindings.values().cloned().collect()
    }

    pub fn set_platform_secrets(&self, pairs: &[(&str, &str)]) {
        self.state().platform_secrets = pairs.iter().map(|(name, word)| ((*name).into(), (*word).into())).collect();
    }

    /// Counts the call, and goes wrong if it is to.
    fn call<T>(&self, name: &'static str, effect: impl FnOnce(&mut State) -> T) -> PortResult<T> {
        let mut state = self.state();
        state.calls.push(name);
        let failed = |kind| PortError { service: "twin", action: name, kind, detail: "injected".into() };
        match state.faults.remove(name) {
            None => Ok(effect(&mut state)),
            Some(Fault::Before(kind)) => Err(failed(kind)),
            Some(Fault::After(kind)) => {
                effect(&mut state);
                Err(failed(kind))
            }
            Some(Fault::Rejected(_)) => unreachable!("only stacks.create can be rejected"),
            Some(Fault::Panic) => {
                drop(state);
                panic!("injected into {name}")
            }
        }
    }
}

impl Environment for World {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 50) + self.state().elapsed
    }

    fn uuid(&self) -> Uuid {
        let mut state = self.state();
        state.uuids += 1;
        Uuid::from_u128(state.uuids)
    }
}

fn is_current(instance: &&Instance, now: Timestamp) -> bool {
    instance.expires_at.is_none_or(|expires_at| now < expires_at)
}

#[async_trait]
impl Records for World {
    async fn insert_instance(&self, instance: &Instance, now: Timestamp) -> PortResult<Option<Instance>> {
        self.call("records.insert_instance", |state| {
            let existing = state.instances.get(&instance.id).filter(|existing| is_current(existing, now)).cloned();
            if existing.is_none() {
                state.instances.insert(instance.id.clone(), instance.clone());
            }
            existing
        })
    }

    async fn instance(&self, id: &InstanceId, now: Timestamp) -> PortResult<Option<Instance>> {
        self.call("records.instance", |state| {
            state.instances.get(id).filter(|instance| is_current(instance, now)).cloned()
        })
    }

    async fn update_instance(&self, instance: &Instance) -> PortResult<Update> {
        self.call("records.update_instance", |state| match state.instances.get_mut(&instance.id) {
            Some(stored) if stored.version == instance.version => {
                *stored = Instance { version: instance.version + 1, ..instance.clone() };
                Update::Done
            }
            _ => Update::Conflict,
        })
    }

    async fn delete_instance(&self, instance: &Instance) -> PortResult<Update> {
        self.call("records.delete_instance", |state| {
            if state.instances.get(&instance.id).is_some_and(|stored| stored.version != instance.version) {
                return Update::Conflict;
            }
            state.instances.remove(&instance.id);
            Update::Done
        })
    }

    async fn begin_deprovision(&self, id: &InstanceId, operation: &Operation) -> PortResult<Option<Instance>> {
        self.call("records.begin_deprovision", |state| {
            let instance = state.instances.get_mut(id).filter(|instance| !instance.is_tombstone())?;
            if !instance.operation.is(OperationKind::Deprovision, OperationState::InProgress) {
                instance.operation = operation.clone();
                instance.version += 1;
            }
            Some(instance.clone())
        })
    }

    async fn bindings(&self, id: &InstanceId) -> PortResult<Vec<Binding>> {
        self.call("records.bindings", |state| {
            state.bindings.values().filter(|binding| binding.instance_id == *id).cloned().collect()
        })
    }

    async fn instance_and_binding(
        &self,
        id: &InstanceId,
        binding_id: &BindingId,
        now: Timestamp,
    ) -> PortResult<(Option<Instance>, Option<Binding>)> {
        self.call("records.instance_and_binding", |state| {
            let instance = state.instances.get(id).filter(|instance| is_current(instance, now)).cloned();
            (instance, state.bindings.get(&(id.clone(), binding_id.clone())).cloned())
        })
    }

    async fn insert_binding(&self, instance: &Instance, binding: &Binding) -> PortResult<InsertBinding> {
        self.call("records.insert_binding", |state| {
            let key = (instance.id.clone(), binding.id.clone());
            if let Some(existing) = state.bindings.get(&key) {
                return InsertBinding::Exists(Box::new(existing.clone()));
            }
            if state.instances.get(&instance.id).is_none_or(|stored| stored.version != instance.version) {
                return InsertBinding::InstanceChanged;
            }
            state.bindings.insert(key, binding.clone());
            InsertBinding::Done
        })
    }

    async fn update_binding(&self, binding: &Binding) -> PortResult<Update> {
        self.call("records.update_binding", |state| {
            match state.bindings.get_mut(&(binding.instance_id.clone(), binding.id.clone())) {
                Some(stored) if stored.version == binding.version => {
                    *stored = Binding { version: binding.version + 1, ..binding.clone() };
                    Update::Done
                }
                _ => Update::Conflict,
            }
        })
    }

    async fn begin_unbind(
        &self,
        instance_id: &InstanceId,
        binding_id: &BindingId,
        operation: &Operation,
    ) -> PortResult<BeginUnbind> {
        self.call("records.begin_unbind", |state| {
            let Some(binding) = state.bindings.get_mut(&(instance_id.clone(), binding_id.clone())) else {
                return BeginUnbind::Missing;
            };
            let binding_runs = binding.operation.kind == OperationKind::Bind;
            if binding_runs && binding.operation.may_be_running(operation.started_at) {
                return BeginUnbind::Busy;
            }
            binding.operation = operation.clone();
            binding.version += 1;
            BeginUnbind::Done(Box::new(binding.clone()))
        })
    }

    async fn delete_binding(&self, binding: &Binding) -> PortResult<Update> {
        self.call("records.delete_binding", |state| {
            let key = (binding.instance_id.clone(), binding.id.clone());
            if state.bindings.get(&key).is_some_and(|stored| stored.version != binding.version) {
                return Update::Conflict;
            }
            state.bindings.remove(&key);
            Update::Done
        })
    }
}

#[async_trait]
impl Stacks for World {
    async fn create(&self, stack: &NewStack<'_>) -> PortResult<CreateStack> {
        let fault = self.state().faults.get("stacks.create").cloned();
        if let Some(Fault::Rejected(reason)) = fault {
            self.state().faults.remove("stacks.create");
            return Ok(CreateStack::Rejected(reason.into()));
        }
        self.call("stacks.create", |state| {
            state.stacks.entry(stack.name.to_owned()).or_insert_with(|| FakeStack {
                status: StackStatus::CreateInProgress,
                status_reason: None,
                parameters: stack.parameters.clone(),
                tags: stack.tags.clone(),
                token: stack.token.to_owned(),
                outputs: declared_outputs(stack.template_body),
            });
            CreateStack::Accepted
        })
    }

    async fn describe(&self, name: &str) -> PortResult<Option<Stack>> {
        self.call("stacks.describe", |state| {
            state.stacks.get(name).map(|stack| Stack {
                status: stack.status,
                status_reason: stack.status_reason.clone(),
                outputs: stack.outputs.clone(),
            })
        })
    }

    async fn delete(&self, name: &str, _token: &str) -> PortResult<()> {
        self.call("stacks.delete", |state| {
            if let Some(stack) = state.stacks.get_mut(name) {
                stack.status = StackStatus::DeleteInProgress;
            }
        })
    }
}

/// Every output that the template declares, with a value that names it.
fn declared_outputs(template_body: &str) -> BTreeMap<String, String> {
    let template: Value = serde_saphyr::from_str(template_body).expect("a template");
    let outputs = template["Outputs"].as_object().expect("outputs").keys();
    outputs.map(|name| (name.clone(), format!("the-{name}"))).collect()
}

#[async_trait]
impl Identities for World {
    async fn create(&self, identity: &NewIdentity) -> PortResult<AccessKey> {
        let id = format!("AKIA{:016X}", self.uuid().as_u128());
        self.call("identities.create", |state| {
            let user = state.users.entry(identity.user_name.clone()).or_insert_with(|| FakeUser {
                policy: serde_json::from_str(&identity.policy).expect("a policy is JSON"),
                tags: identity.tags.clone(),
                access_keys: Vec::new(),
            });
            user.access_keys = vec![id.clone()];
            AccessKey { secret: format!("secret-of-{id}").into(), id }
        })
    }

    async fn delete(&self, user_name: &str) -> PortResult<()> {
        self.call("identities.delete", |state| drop(state.users.remove(user_name)))
    }
}

#[async_trait]
impl Vault for World {
    async fn seal(&self, purpose: &Purpose<'_>, plain: &SecretString) -> PortResult<Sealed> {
        self.call("vault.seal", |_| Sealed(BASE64_STANDARD.encode(format!("{purpose:?}|{}", plain.expose_secret()))))
    }

    async fn open(&self, purpose: &Purpose<'_>, sealed: &Sealed) -> PortResult<SecretString> {
        self.call("vault.open", |_| {
            let text = String::from_utf8(BASE64_STANDARD.decode(&sealed.0).expect("Base64")).expect("UTF-8");
            let plain = text.strip_prefix(&format!("{purpose:?}|")).expect("sealed for another purpose");
            plain.to_owned().into()
        })
    }
}

#[async_trait]
impl PlatformSecrets for World {
    async fn read(&self) -> PortResult<Vec<PlatformSecret>> {
        self.call("platform_secrets.read", |state| {
            let pairs = state.platform_secrets.iter().cloned();
            pairs.map(|(username, password)| PlatformSecret { username, password: password.into() }).collect()
        })
    }
}

/// The catalog that the tests use: that of the account and broker for which the sample events were made.
pub fn catalog() -> catalog::Catalog {
    catalog::Catalog::compiled_in("000000000000", "awsservicebroker")
}
