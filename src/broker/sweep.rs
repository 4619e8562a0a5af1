//! What is left in spite of all: after somebody has deleted a stack or a record by hand, or
//! restored the table.
//!
//! The order keeps requests that come and go out of the findings. Stacks, users and roles are
//! listed before the records, and what has no record then is looked for once more: a record is
//! older than what it names, and goes after it. The records are read again before anything is
//! removed.
//!
//! Memory is bounded by what is listed, never by the table: of every page of records the names are
//! compared, and then the page is dropped.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Broker, Deadline, Error, Location, Result, Waiting,
    id::InstanceId,
    identity::{Identity, delete_role, delete_user},
    instance::Instance,
    operation::{Operation, OperationKind, OperationState},
    pages::Pages,
    ports::{
        DeleteStack, IdentitySummary, PortResult, ScannedRecord, StackResource, StackSummary,
        UnreadableRecord,
    },
    retained::RetainedResource,
};

/// Between two calls about lists: CloudFormation and IAM limit an account to a few calls a second,
/// and platforms need them.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html>
const PAUSE: Duration = Duration::from_millis(250);
/// Between two pages of the table. A page of 1 MB takes 256 of the 3,000 read units that a
/// partition has each second; requests of platforms need the others. A million records are some
/// 1,500 pages.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>
const SCAN_PAUSE: Duration = Duration::from_millis(50);
/// How many findings of a kind are told at once: Lambda answers with 6 MB at the most.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_FINDINGS: usize = 1_000;

/// How long the removal of one instance may take at once; what is left is done when it is asked for
/// again.
const LONGEST_REMOVAL: Duration = Duration::from_secs(30);

/// An operation that platforms still poll: `maximum_polling_duration` of the catalog.
const LONGEST_OPERATION: SignedDuration = SignedDuration::from_hours(24);

/// What a sweep has found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Findings {
    /// Stacks of the broker's that no record names.
    pub stacks_without_record: Vec<Located<StackSummary>>,
    /// Stacks that no record names either, and that have a name as the broker's have, but not their
    /// tag: somebody has taken it away, or made the stack. They are never removed.
    pub stacks_without_tag: Vec<Located<StackSummary>>,
    /// Users of the broker's that no binding's record names.
    pub users_without_binding: Vec<Located<IdentitySummary>>,
    /// Roles of the broker's that no binding's record names.
    pub roles_without_binding: Vec<Located<IdentitySummary>>,
    /// Instances that platforms have, and whose stack does not exist.
    pub instances_without_stack: Vec<InstanceWithoutStack>,
    /// What stacks that do not exist any more have left, because users wanted to keep it. It costs
    /// money until somebody deletes it; the sweep never does.
    pub retained_resources: Vec<Located<RetainedResource>>,
    /// What is in the table and cannot be read.
    pub unreadable_records: Vec<UnreadableRecord>,
    /// Locations that could not be looked at from end to end: nothing of them is among the other
    /// findings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreachable_locations: Vec<UnreachableLocation>,
    /// How much was looked at.
    pub looked_at: LookedAt,
}

/// A location that could not be looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnreachableLocation {
    /// Which.
    pub location: Location,
    /// Why not.
    pub reason: String,
}

/// Something, and where it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Located<T> {
    /// What it is.
    #[serde(flatten)]
    pub item: T,
    /// None: in the broker's own account and Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// How much a sweep has looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct LookedAt {
    pub stacks: usize,
    pub users: usize,
    pub roles: usize,
    pub resources: usize,
    pub records: usize,
}

/// An instance whose stack does not exist.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InstanceWithoutStack {
    /// The platform's.
    pub instance_id: InstanceId,
    /// That the stack had, or was to have.
    pub stack_name: String,
    /// The last one.
    pub last_operation: Operation,
}

/// What of the findings is to be removed; what is not found is left alone.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Removal {
    /// By name.
    pub stacks: BTreeSet<String>,
    /// By name.
    pub users: BTreeSet<String>,
    /// By name.
    pub roles: BTreeSet<String>,
    /// By id. The instance is deprovisioned, with its bindings. Where that has to wait until
    /// nothing can come late any more, the same removal, asked for again half a minute later, ends
    /// it.
    pub instances: BTreeSet<String>,
}

/// Outcomes of a removal by name or id: what was done, why nothing was done, or `failed: ` and the
/// reason.
pub type Removed = BTreeMap<String, String>;

/// The outcome for what a sweep has not found.
const NOT_FOUND: &str = "nothing was done: it is not among the findings";

/// Things by their names, which follow from the ids of instances and bindings, of which none is at
/// two locations.
type ByName<T> = BTreeMap<String, Located<T>>;

/// Locations that could not be looked at, with the reasons.
type Unreachable = BTreeMap<Location, String>;

/// The broker's stacks, users, roles and resources at all locations.
#[derive(Default)]
struct Inventory {
    stacks: ByName<StackSummary>,
    users: ByName<IdentitySummary>,
    roles: ByName<IdentitySummary>,
    /// By ARN.
    resources: ByName<StackResource>,
}

/// Names of stacks, each with the stack's id, and of users and roles.
#[derive(Default)]
struct Names {
    stacks: BTreeMap<String, String>,
    users: BTreeSet<String>,
    roles: BTreeSet<String>,
}

/// The records, compared with an inventory.
struct Comparison {
    /// Listed names that no record has.
    unnamed: Names,
    without_stack: Vec<Located<InstanceWithoutStack>>,
    unreadable: Vec<UnreadableRecord>,
    records: usize,
}

impl Broker {
    /// Looks for what is left in spite of all. Changes nothing.
    ///
    /// # Errors
    ///
    /// That of a port.
    pub async fn sweep(&self) -> Result<Findings> {
        let mut unreachable = Unreachable::new();

        let mut before = self.inventory(&mut unreachable).await?;
        let resources = before.take_left_behind();
        let compared = self.compare(before, &mut unreachable).await?;
        let after = self.inventory(&mut unreachable).await?;

        let without_stack = compared.without_stack.into_iter();
        let without_stack =
            without_stack.filter(|found| !is_at(found.location.as_ref(), &unreachable));

        let looked_at_stacks = after.stacks.len();
        let retained = retained(resources, &after);
        let stacks = lost(&compared.unnamed.stacks.into_keys().collect(), after.stacks).into_iter();
        let (stacks_without_record, stacks_without_tag) =
            stacks.partition(|stack| stack.item.instance_id.is_some());

        Ok(Findings {
            looked_at: LookedAt {
                stacks: looked_at_stacks,
                users: after.users.len(),
                roles: after.roles.len(),
                resources: after.resources.len(),
                records: compared.records,
            },
            stacks_without_record,
            stacks_without_tag,
            users_without_binding: lost(&compared.unnamed.users, after.users),
            roles_without_binding: lost(&compared.unnamed.roles, after.roles),
            instances_without_stack: without_stack.map(|found| found.item).collect(),
            retained_resources: retained,
            unreadable_records: compared.unreadable,
            unreachable_locations: unreachable
                .into_iter()
                .map(|(location, reason)| UnreachableLocation { location, reason })
                .collect(),
        })
    }

    /// Removes what was asked for of what a sweep has found. Each has an outcome of its own, so
    /// that a failure hides nothing of what was removed before and after it.
    ///
    /// # Errors
    ///
    /// That of reading the records; nothing was removed then.
    pub async fn remove(&self, findings: &Findings, removal: &Removal) -> Result<Removed> {
        let mut removed = Removed::new();
        if *removal == Removal::default() {
            return Ok(removed);
        }

        // A request may have taken up since what was found.
        let unnamed = self.unnamed(asked_for(findings, removal)).await?;

        for name in &removal.stacks {
            let is_unnamed = unnamed.stacks.contains_key(name);
            let found = find(&findings.stacks_without_record, name, is_unnamed, |stack| {
                &stack.name
            });
            note(&mut removed, name, self.remove_stack(found).await);
        }

        for name in &removal.users {
            let found = find(
                &findings.users_without_binding,
                name,
                unnamed.users.contains(name),
                |user| &user.name,
            );
            note(&mut removed, name, self.remove_user(found).await);
        }

        for name in &removal.roles {
            let found = find(
                &findings.roles_without_binding,
                name,
                unnamed.roles.contains(name),
                |role| &role.name,
            );
            note(&mut removed, name, self.remove_role(found).await);
        }

        for id in &removal.instances {
            let found = findings
                .instances_without_stack
                .iter()
                .any(|instance| instance.instance_id.as_str() == id);
            note(&mut removed, id, self.remove_instance(id, found).await);
        }

        Ok(removed)
    }

    async fn remove_stack(&self, found: Option<&Located<StackSummary>>) -> Result<String> {
        let Some(stack) = found else {
            return Ok(NOT_FOUND.into());
        };
        let token = format!("sweep-{}", self.environment.uuid());
        let stacks = self.site(stack.location.as_ref()).await.stacks;
        Ok(match stacks.delete(&stack.item.id, &token).await? {
            DeleteStack::Accepted => "is being deleted".into(),
            DeleteStack::Rejected(reason) => {
                format!("CloudFormation refuses to delete it: {reason}")
            }
        })
    }

    async fn remove_user(&self, found: Option<&Located<IdentitySummary>>) -> Result<String> {
        let Some(user) = found else {
            return Ok(NOT_FOUND.into());
        };
        let identities = self.site(user.location.as_ref()).await.identities;
        delete_user(&*identities, &user.item.name).await?;
        Ok("deleted".into())
    }

    async fn remove_role(&self, found: Option<&Located<IdentitySummary>>) -> Result<String> {
        let Some(role) = found else {
            return Ok(NOT_FOUND.into());
        };
        let roles = self.site(role.location.as_ref()).await.roles;
        delete_role(&*roles, &role.item.name).await?;
        Ok("deleted".into())
    }

    async fn remove_instance(&self, id: &str, found: bool) -> Result<String> {
        let Ok(id) = InstanceId::new(id) else {
            return Ok(NOT_FOUND.into());
        };

        let instance = self.records.instance(&id, self.environment.now()).await?;
        let Some(instance) = instance.filter(|instance| found || is_being_deleted(instance)) else {
            return Ok(NOT_FOUND.into());
        };
        if instance.is_tombstone() || !self.has_no_stack(&instance).await? {
            return Ok(NOT_FOUND.into());
        }

        let deadline = Deadline::after(LONGEST_REMOVAL);
        match self
            .deprovision(
                &id,
                &instance.attributes.service_id,
                None,
                Waiting::Briefly(deadline),
            )
            .await
        {
            Ok(_) => Ok(self.last_operation(&id, None, deadline).await?.description),
            Err(Error::Concurrency) => Ok("nothing was done: a request is at work on it".into()),
            Err(Error::Gone) => Ok("gone".into()),
            Err(error) => Err(error),
        }
    }

    /// Whether the instance, which is still as it was read, has no stack, whatever tags a stack of
    /// its name may have.
    async fn has_no_stack(&self, instance: &Instance) -> Result<bool> {
        let stacks = self.stacks_of(instance).await;
        if stacks.describe(instance.stack()).await?.is_some() {
            return Ok(false);
        }
        let now = self.environment.now();
        Ok(self
            .records
            .instance(&instance.id, now)
            .await?
            .is_some_and(|current| current == *instance))
    }

    /// Lists what is at all locations that could be looked at so far, and adds those that cannot be
    /// now.
    async fn inventory(&self, unreachable: &mut Unreachable) -> PortResult<Inventory> {
        let mut inventory = Inventory::default();
        inventory.add(self.list(None).await?);
        for location in self.locations.0.keys() {
            if unreachable.contains_key(location) {
                continue;
            }
            // What is wrong in one place must not hide what is lost in the others.
            match self.list(Some(location)).await {
                Ok(listed) => inventory.add(listed),
                Err(error) => drop(unreachable.insert(location.clone(), error.to_string())),
            }
        }
        Ok(inventory)
    }

    /// All that is at a location, or an error: half a list would make what is missing from it look
    /// lost.
    async fn list(&self, location: Option<&Location>) -> PortResult<Inventory> {
        let site = self.site(location).await;
        let mut inventory = Inventory::default();

        let mut pages = Pages::new(PAUSE, async |next| site.stacks.page(next).await);
        while let Some(stacks) = pages.next().await? {
            let ours = |stack: &StackSummary| {
                let has_tag = self.naming.is_ours(&stack.name) && stack.instance_id.is_some();
                has_tag || self.naming.is_of_instance(&stack.name)
            };
            let stacks = stacks.into_iter().filter(ours);
            inventory
                .stacks
                .extend(stacks.map(|stack| (stack.name.clone(), located(stack, location))));
        }

        let mut pages = Pages::new(PAUSE, async |next| site.identities.page(next).await);
        while let Some(users) = pages.next().await? {
            let users = users
                .into_iter()
                .filter(|user| self.naming.is_ours(&user.name));
            inventory
                .users
                .extend(users.map(|user| (user.name.clone(), located(user, location))));
        }

        let mut pages = Pages::new(PAUSE, async |next| site.resources.page(next).await);
        while let Some(resources) = pages.next().await? {
            let ours = resources
                .into_iter()
                .filter(|resource| self.naming.is_of_instance(&resource.stack_name));
            let resources = ours.filter(|resource| !is_stack(&resource.arn));
            inventory
                .resources
                .extend(resources.map(|found| (found.arn.clone(), located(found, location))));
        }

        let mut pages = Pages::new(PAUSE, async |next| site.roles.page(next).await);
        while let Some(roles) = pages.next().await? {
            let roles = roles
                .into_iter()
                .filter(|role| self.naming.is_ours(&role.name));
            inventory
                .roles
                .extend(roles.map(|role| (role.name.clone(), located(role, location))));
        }

        Ok(inventory)
    }

    /// Reads all records, and compares each with what was listed before.
    async fn compare(
        &self,
        listed: Inventory,
        unreachable: &mut Unreachable,
    ) -> Result<Comparison> {
        let stacks: BTreeMap<_, _> = listed
            .stacks
            .into_iter()
            .map(|(name, stack)| (name, stack.item.id))
            .collect();
        let unnamed = Names {
            stacks: stacks.clone(),
            users: listed.users.into_keys().collect(),
            roles: listed.roles.into_keys().collect(),
        };

        let mut compared = Comparison {
            unnamed,
            without_stack: Vec::new(),
            unreadable: Vec::new(),
            records: 0,
        };

        let mut pages = Pages::new(SCAN_PAUSE, async |next| self.records.page(next).await);
        while let Some(records) = pages.next().await? {
            for record in records {
                compared.records += 1;
                compared.unnamed.forget_those_of(&record);

                match record {
                    ScannedRecord::Instance(instance) if !is_listed(&instance, &stacks) => {
                        self.look_for_stack(&instance, &mut compared, unreachable)
                            .await?;
                    }
                    ScannedRecord::Unreadable(record)
                        if compared.unreadable.len() < MAX_FINDINGS =>
                    {
                        compared.unreadable.push(record);
                    }
                    _ => {}
                }
            }
        }

        Ok(compared)
    }

    /// Adds an instance that a platform takes to be there, and whose stack was not listed, if it
    /// has none.
    async fn look_for_stack(
        &self,
        instance: &Instance,
        compared: &mut Comparison,
        unreachable: &mut Unreachable,
    ) -> Result<()> {
        let location = instance.location.as_ref();
        let is_expected =
            !instance.is_tombstone() && !is_being_done(&instance.operation, self.environment.now());
        if !is_expected
            || is_at(location, unreachable)
            || compared.without_stack.len() == MAX_FINDINGS
        {
            return Ok(());
        }

        tokio::time::sleep(PAUSE).await;
        match self.has_no_stack(instance).await {
            Ok(true) => compared
                .without_stack
                .push(located(InstanceWithoutStack::of(instance), location)),
            Ok(false) => {}
            Err(Error::Port(error)) => match location {
                // One of which the operator says nothing any more, or to which the role has just
                // gone.
                Some(location) => drop(unreachable.insert(location.clone(), error.to_string())),
                None => return Err(error.into()),
            },
            Err(error) => return Err(error),
        }

        Ok(())
    }

    /// Those of the names that no record has.
    async fn unnamed(&self, mut names: Names) -> PortResult<Names> {
        let mut pages = Pages::new(SCAN_PAUSE, async |next| self.records.page(next).await);
        while let Some(records) = pages.next().await? {
            for record in records {
                names.forget_those_of(&record);
            }
        }
        Ok(names)
    }
}

impl Inventory {
    /// Adds what is at another location, unless it is known: several roles may lead to one place,
    /// and the users and roles of an account are the same in all of its Regions.
    fn add(&mut self, other: Self) {
        fn add<T>(known: &mut ByName<T>, other: ByName<T>) {
            for (name, item) in other {
                known.entry(name).or_insert(item);
            }
        }
        add(&mut self.stacks, other.stacks);
        add(&mut self.users, other.users);
        add(&mut self.roles, other.roles);
        add(&mut self.resources, other.resources);
    }

    /// Takes the resources whose stacks are not listed.
    fn take_left_behind(&mut self) -> ByName<StackResource> {
        let mut resources = std::mem::take(&mut self.resources);
        resources.retain(|_, found| !self.stacks.contains_key(&found.item.stack_name));
        resources
    }
}

/// The resources that were found twice, both times without their stack.
fn retained(resources: ByName<StackResource>, after: &Inventory) -> Vec<Located<RetainedResource>> {
    let is_left = |found: &Located<StackResource>| {
        after.resources.contains_key(&found.item.arn)
            && !after.stacks.contains_key(&found.item.stack_name)
    };
    let left = resources.into_values().filter(is_left).take(MAX_FINDINGS);
    left.map(|Located { item, location }| Located {
        item: RetainedResource::new(item),
        location,
    })
    .collect()
}

/// True for the ARN of a stack, which the Tagging API lists as well.
fn is_stack(arn: &str) -> bool {
    arn.split(':').nth(2) == Some("cloudformation")
}

impl Names {
    /// Removes the names that the record has.
    fn forget_those_of(&mut self, record: &ScannedRecord) {
        match record {
            ScannedRecord::Instance(instance)
                if !instance.is_tombstone() && is_listed(instance, &self.stacks) =>
            {
                self.stacks.remove(&instance.stack_name);
            }
            ScannedRecord::Binding(binding) if !binding.is_tombstone() => match &binding.identity {
                Some(Identity::User { user_name, .. }) => drop(self.users.remove(user_name)),
                Some(Identity::Role { role_name, .. }) => drop(self.roles.remove(role_name)),
                Some(Identity::RolePolicy { .. }) | None => {}
            },
            ScannedRecord::Instance(_) | ScannedRecord::Binding(_) => {}
            // Whatever it names is not to be taken for lost.
            ScannedRecord::Unreadable(record) => {
                for name in &record.names {
                    self.stacks.remove(name);
                    self.users.remove(name);
                    self.roles.remove(name);
                }
            }
        }
    }
}

impl InstanceWithoutStack {
    fn of(instance: &Instance) -> Self {
        Self {
            instance_id: instance.id.clone(),
            stack_name: instance.stack_name.clone(),
            last_operation: instance.operation.clone(),
        }
    }
}

/// Whether a platform is still to see how it ends.
fn is_being_done(operation: &Operation, now: Timestamp) -> bool {
    operation.in_progress() && now.duration_since(operation.started_at) < LONGEST_OPERATION
}

/// Returns true if the instance's stack is in `stacks`, a map of stack names to stack ids.
fn is_listed(instance: &Instance, stacks: &BTreeMap<String, String>) -> bool {
    let listed = stacks.get(&instance.stack_name);
    listed.is_some_and(|id| instance.stack_id.as_ref().is_none_or(|known| known == id))
}

fn is_being_deleted(instance: &Instance) -> bool {
    instance
        .operation
        .is(OperationKind::Deprovision, OperationState::InProgress)
}

fn located<T>(item: T, location: Option<&Location>) -> Located<T> {
    Located {
        item,
        location: location.cloned(),
    }
}

fn is_at(location: Option<&Location>, unreachable: &Unreachable) -> bool {
    location.is_some_and(|location| unreachable.contains_key(location))
}

/// What is listed again of the names that no record has.
fn lost<T>(unnamed: &BTreeSet<String>, listed: ByName<T>) -> Vec<Located<T>> {
    let lost = listed
        .into_iter()
        .filter(|(name, _)| unnamed.contains(name));
    lost.map(|(_, item)| item).take(MAX_FINDINGS).collect()
}

/// The names among the findings that are to be removed.
fn asked_for(findings: &Findings, removal: &Removal) -> Names {
    let stacks = findings.stacks_without_record.iter();
    let stacks = stacks.map(|stack| (stack.item.name.clone(), stack.item.id.clone()));
    Names {
        stacks: stacks
            .filter(|(name, _)| removal.stacks.contains(name))
            .collect(),
        users: removal.users.clone(),
        roles: removal.roles.clone(),
    }
}

/// The finding of this name, if no record has come to have it since.
fn find<'a, T>(
    findings: &'a [Located<T>],
    name: &str,
    is_unnamed: bool,
    name_of: fn(&T) -> &str,
) -> Option<&'a Located<T>> {
    findings
        .iter()
        .find(|found| name_of(&found.item) == name)
        .filter(|_| is_unnamed)
}

/// Notes an outcome. A user and a role may have the same name: both outcomes are told then.
fn note(removed: &mut Removed, name: &str, outcome: Result<String>) {
    let outcome = outcome.unwrap_or_else(|error| {
        let reason = error.detail().unwrap_or_else(|| error.to_string());
        tracing::error!(name, reason, "could not remove a finding of the sweep");
        format!("failed: {reason}")
    });
    match removed.get_mut(name) {
        Some(first) => *first = format!("{first}; {outcome}"),
        None => drop(removed.insert(name.to_owned(), outcome)),
    }
}
