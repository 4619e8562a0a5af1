//! The sweep, which finds and removes orphans. They remain if somebody has deleted a stack or a
//! record by hand, or has restored the table.
//!
//! The order keeps concurrent requests out of the findings. Stacks, users and roles are listed
//! before the records, and those without a record are then listed again. A record is older than the
//! things that it names, and is deleted after them. The records are read again before anything is
//! removed.
//!
//! Memory is bounded by the listings, never by the table. The names in each page of records are
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

/// The pause between two calls that list something. CloudFormation and IAM limit an account to a
/// few calls a second, and platforms need them.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html>
const PAUSE: Duration = Duration::from_millis(250);
/// The pause between two pages of the table. A page of 1 MB uses 256 of the 3,000 read units that a
/// partition has each second. Requests of platforms need the others. A million records are some
/// 1,500 pages.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>
const SCAN_PAUSE: Duration = Duration::from_millis(50);
/// The most findings of a kind in one response, because Lambda limits a response to 6 MB.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_FINDINGS: usize = 1_000;

/// The time limit for the removal of one instance in one request. If the removal takes longer, the
/// operator requests it again.
const LONGEST_REMOVAL: Duration = Duration::from_secs(30);

/// The longest time that platforms poll an operation: `maximum_polling_duration` of the catalog.
const LONGEST_OPERATION: SignedDuration = SignedDuration::from_hours(24);

/// The findings of a sweep.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Findings {
    /// The broker's stacks that no record names.
    pub stacks_without_record: Vec<Located<StackSummary>>,
    /// Stacks that no record names either, with a name of the broker's form but without its tag.
    /// Somebody has removed the tag, or has created the stack. They are never removed.
    pub stacks_without_tag: Vec<Located<StackSummary>>,
    /// The broker's users that no binding's record names.
    pub users_without_binding: Vec<Located<IdentitySummary>>,
    /// The broker's roles that no binding's record names.
    pub roles_without_binding: Vec<Located<IdentitySummary>>,
    /// Instances that platforms have, but whose stack does not exist.
    pub instances_without_stack: Vec<InstanceWithoutStack>,
    /// Resources of stacks that no longer exist, retained because users wanted to keep them. They
    /// cost money until somebody deletes them; the sweep never does.
    pub retained_resources: Vec<Located<RetainedResource>>,
    /// Records in the table that cannot be read.
    pub unreadable_records: Vec<UnreadableRecord>,
    /// Locations that could not be searched completely. The other findings contain nothing from
    /// them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreachable_locations: Vec<UnreachableLocation>,
    /// The numbers of things that the sweep examined.
    pub looked_at: LookedAt,
}

/// A location that could not be searched.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnreachableLocation {
    /// The account, Region and role.
    pub location: Location,
    /// The reason why the location could not be searched.
    pub reason: String,
}

/// An item and its location.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Located<T> {
    /// The item, such as a stack or a user.
    #[serde(flatten)]
    pub item: T,
    /// The location. Absent for the broker's own account and Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// The numbers of things that a sweep examined.
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
    /// The id that the platform chose.
    pub instance_id: InstanceId,
    /// The name that the stack had, or was to have.
    pub stack_name: String,
    /// The last operation on the instance.
    pub last_operation: Operation,
}

/// The findings to remove, chosen by the operator. Entries that are not among the findings are left
/// alone.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Removal {
    /// Names of stacks.
    pub stacks: BTreeSet<String>,
    /// Names of users.
    pub users: BTreeSet<String>,
    /// Names of roles.
    pub roles: BTreeSet<String>,
    /// Ids of instances to deprovision, with their bindings. A deletion may have to wait until no
    /// late request can arrive any more. Then the same removal, requested again half a minute
    /// later, completes it.
    pub instances: BTreeSet<String>,
}

/// Outcomes of a removal, by name or id. An outcome is the action taken, the reason why nothing was
/// done, or `failed: ` and the error.
pub type Removed = BTreeMap<String, String>;

/// The outcome for an entry that is not among the findings.
const NOT_FOUND: &str = "nothing was done: it is not among the findings";

/// Items by name. The names follow from the ids of instances and bindings, and none of these is at
/// two locations.
type ByName<T> = BTreeMap<String, Located<T>>;

/// Locations that could not be searched, with the reasons.
type Unreachable = BTreeMap<Location, String>;

/// The broker's stacks, users, roles and resources at all locations.
#[derive(Default)]
struct Inventory {
    stacks: ByName<StackSummary>,
    users: ByName<IdentitySummary>,
    roles: ByName<IdentitySummary>,
    /// Resources by ARN.
    resources: ByName<StackResource>,
}

/// Names of stacks, each with the stack's id, and names of users and roles.
#[derive(Default)]
struct Names {
    stacks: BTreeMap<String, String>,
    users: BTreeSet<String>,
    roles: BTreeSet<String>,
}

/// The comparison of the records with an inventory.
struct Comparison {
    /// Listed names that no record has.
    unnamed: Names,
    without_stack: Vec<Located<InstanceWithoutStack>>,
    unreadable: Vec<UnreadableRecord>,
    records: usize,
}

impl Broker {
    /// Searches for orphans. Changes nothing.
    ///
    /// # Errors
    ///
    /// The error of a port.
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

    /// Removes the requested findings. Each has its own outcome, so that a failure does not hide
    /// what was removed before and after it.
    ///
    /// # Errors
    ///
    /// The error of reading the records; nothing was removed then.
    pub async fn remove(&self, findings: &Findings, removal: &Removal) -> Result<Removed> {
        let mut removed = Removed::new();
        if *removal == Removal::default() {
            return Ok(removed);
        }

        // Since the sweep, a request may have written a record that names a finding.
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

    /// True if the instance has no stack, and its record has not changed since it was read. The
    /// tags of a stack do not matter.
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

    /// Lists all locations that could be searched so far, and adds those that now cannot be to
    /// `unreachable`.
    async fn inventory(&self, unreachable: &mut Unreachable) -> PortResult<Inventory> {
        let mut inventory = Inventory::default();
        inventory.add(self.list(None).await?);
        for location in self.locations.0.keys() {
            if unreachable.contains_key(location) {
                continue;
            }
            // A failure at one location must not hide the orphans at the others.
            match self.list(Some(location)).await {
                Ok(listed) => inventory.add(listed),
                Err(error) => drop(unreachable.insert(location.clone(), error.to_string())),
            }
        }
        Ok(inventory)
    }

    /// Lists everything at a location. Returns an error rather than half a list: what is missing
    /// from a list would look lost.
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

    /// Reads all records, and compares each with the earlier listing.
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

    /// Adds an instance that was not listed with its stack to the findings, if it has none and a
    /// platform expects it to exist.
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
                // The operator no longer names this location, or its role was just deleted.
                Some(location) => drop(unreachable.insert(location.clone(), error.to_string())),
                None => return Err(error.into()),
            },
            Err(error) => return Err(error),
        }

        Ok(())
    }

    /// Returns the names that no record has.
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
    /// Adds the items of another location, unless they are known. Several roles may lead to one
    /// account and Region, and all Regions of an account have the same users and roles.
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

    /// Takes all resources out of the inventory, and returns those whose stacks are not listed.
    fn take_left_behind(&mut self) -> ByName<StackResource> {
        let mut resources = std::mem::take(&mut self.resources);
        resources.retain(|_, found| !self.stacks.contains_key(&found.item.stack_name));
        resources
    }
}

/// Returns the resources that were listed twice, both times without their stack.
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

/// True if the ARN is a stack's: the Tagging API lists stacks as well.
fn is_stack(arn: &str) -> bool {
    arn.split(':').nth(2) == Some("cloudformation")
}

impl Names {
    /// Removes the names that the record holds.
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
            // Names in an unreadable record must not count as lost.
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

/// True if the operation is in progress and platforms may still poll it.
fn is_being_done(operation: &Operation, now: Timestamp) -> bool {
    operation.in_progress() && now.duration_since(operation.started_at) < LONGEST_OPERATION
}

/// True if the instance's stack is in `stacks`, a map of stack names to stack ids.
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

/// Returns the items of the second listing whose names no record has.
fn lost<T>(unnamed: &BTreeSet<String>, listed: ByName<T>) -> Vec<Located<T>> {
    let lost = listed
        .into_iter()
        .filter(|(name, _)| unnamed.contains(name));
    lost.map(|(_, item)| item).take(MAX_FINDINGS).collect()
}

/// Returns the names that the operator wants removed, for stacks only those among the findings.
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

/// Returns the finding of this name, unless a record has the name by now.
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

/// Stores an outcome. A user and a role may have the same name; then the text holds both outcomes.
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
