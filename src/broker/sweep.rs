//! What is left in spite of all: after somebody has deleted a stack or a record by hand, or restored the table.
//!
//! The order keeps requests that come and go out of the findings. Stacks, users and roles are listed before the records,
//! and what has no record then is looked for once more: a record is older than what it names, and goes after it. The
//! records are read again before anything is removed.

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
    ports::{DeleteStack, IdentitySummary, Page, PortResult, ScannedRecord, StackSummary, UnreadableRecord},
};

/// Between two calls about lists: CloudFormation and IAM limit an account to a few calls a second, and platforms need them.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html>
const PAUSE: Duration = Duration::from_millis(250);
/// How many findings of a kind are told at once: Lambda answers with 6 MB at the most.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_FINDINGS: usize = 1_000;

/// How long the removal of one instance may take at once; what is left is done when it is asked for again.
const LONGEST_REMOVAL: Duration = Duration::from_secs(30);

/// An operation that platforms still poll: `maximum_polling_duration` of the catalog.
const LONGEST_OPERATION: SignedDuration = SignedDuration::from_hours(24);

/// What a sweep has found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Findings {
    /// Stacks of the broker's that no record names.
    pub stacks_without_record: Vec<Located<StackSummary>>,
    /// Users of the broker's that no binding's record names.
    pub users_without_binding: Vec<Located<IdentitySummary>>,
    /// Roles of the broker's that no binding's record names.
    pub roles_without_binding: Vec<Located<IdentitySummary>>,
    /// Instances that platforms have, and whose stack does not exist.
    pub instances_without_stack: Vec<InstanceWithoutStack>,
    /// What is in the table and cannot be read.
    pub unreadable_records: Vec<UnreadableRecord>,
    /// Where nothing could be looked at, so that nothing of it is among the others.
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
    /// By id. The instance is deprovisioned, with its bindings. Where that has to wait until nothing can come late any
    /// more, the same removal, asked for again half a minute later, ends it.
    pub instances: BTreeSet<String>,
}

/// What became of a removal: by name or id, what was done or why not.
pub type Removed = BTreeMap<String, String>;

/// Things by their names, which follow from the ids of instances and bindings, of which none is at two locations.
type ByName<T> = BTreeMap<String, Located<T>>;

/// The broker's stacks, users and roles at all locations.
#[derive(Default)]
struct Inventory {
    stacks: ByName<StackSummary>,
    users: ByName<IdentitySummary>,
    roles: ByName<IdentitySummary>,
    unreachable: Vec<UnreachableLocation>,
}

/// What the records name.
#[derive(Default)]
struct Named {
    stacks: BTreeSet<String>,
    users: BTreeSet<String>,
    roles: BTreeSet<String>,
    instances: Vec<Instance>,
    unreadable: Vec<UnreadableRecord>,
    count: usize,
}

impl Broker {
    /// Looks for what is left in spite of all. Changes nothing.
    ///
    /// # Errors
    ///
    /// That of a port.
    pub async fn sweep(&self) -> Result<Findings> {
        let before = self.inventory().await?;
        let named = self.named().await?;
        let after = self.inventory().await?;
        let instances_without_stack = self.without_stack(&named, &after).await?;
        Ok(Findings {
            looked_at: LookedAt {
                stacks: after.stacks.len(),
                users: after.users.len(),
                roles: after.roles.len(),
                records: named.count,
            },
            stacks_without_record: lost(&before.stacks, &named.stacks, &after.stacks),
            users_without_binding: lost(&before.users, &named.users, &after.users),
            roles_without_binding: lost(&before.roles, &named.roles, &after.roles),
            instances_without_stack,
            unreadable_records: named.unreadable.into_iter().take(MAX_FINDINGS).collect(),
            unreachable_locations: after.unreachable,
        })
    }

    /// Removes what was asked for of what a sweep has found.
    ///
    /// # Errors
    ///
    /// That of a port; what was removed before is.
    pub async fn remove(&self, findings: &Findings, removal: &Removal) -> Result<Removed> {
        let mut removed = Removed::new();
        if *removal == Removal::default() {
            return Ok(removed);
        }
        // A request may have taken up since what was found.
        let named = self.named().await?;
        let not_found = || "nothing was done: it is not among the findings".to_owned();
        for name in &removal.stacks {
            let found = findings.stacks_without_record.iter().find(|stack| stack.item.name == *name);
            let outcome = match found.filter(|_| !named.stacks.contains(name)) {
                Some(stack) => self.remove_stack(stack).await?,
                None => not_found(),
            };
            removed.insert(name.clone(), outcome);
        }
        for name in &removal.users {
            let found = findings.users_without_binding.iter().find(|user| user.item.name == *name);
            let found = found.filter(|_| !named.users.contains(name));
            if let Some(user) = found {
                delete_user(&*self.site(user.location.as_ref()).await.identities, name).await?;
            }
            removed.insert(name.clone(), if found.is_some() { "deleted".into() } else { not_found() });
        }
        for name in &removal.roles {
            let found = findings.roles_without_binding.iter().find(|role| role.item.name == *name);
            let found = found.filter(|_| !named.roles.contains(name));
            if let Some(role) = found {
                delete_role(&*self.site(role.location.as_ref()).await.roles, name).await?;
            }
            removed.insert(name.clone(), if found.is_some() { "deleted".into() } else { not_found() });
        }
        for id in &removal.instances {
            let found = findings.instances_without_stack.iter().find(|instance| instance.instance_id.as_str() == id);
            let current = named.instances.iter().find(|instance| instance.id.as_str() == id);
            let outcome = match (found, current) {
                (found, Some(current))
                    if (found.is_some() || is_being_deleted(current)) && self.has_no_stack(current).await? =>
                {
                    self.remove_instance(&current.id).await?
                }
                _ => not_found(),
            };
            removed.insert(id.clone(), outcome);
        }
        Ok(removed)
    }

    async fn remove_stack(&self, stack: &Located<StackSummary>) -> Result<String> {
        let token = format!("sweep-{}", self.environment.uuid());
        let stacks = self.site(stack.location.as_ref()).await.stacks;
        Ok(match stacks.delete(&stack.item.name, &token).await? {
            DeleteStack::Accepted => "is being deleted".into(),
            DeleteStack::Rejected(reason) => format!("CloudFormation refuses to delete it: {reason}"),
        })
    }

    async fn remove_instance(&self, id: &InstanceId) -> Result<String> {
        let deadline = Deadline::after(LONGEST_REMOVAL);
        match self.deprovision(id, Waiting::Briefly(deadline)).await {
            Ok(_) => Ok(self.last_operation(id, None, deadline).await?.description),
            Err(Error::Concurrency) => Ok("nothing was done: a request is at work on it".into()),
            Err(Error::Gone) => Ok("gone".into()),
            Err(error) => Err(error),
        }
    }

    /// Whether the instance, which is still as it was read, has no stack, whatever tags a stack of its name may have.
    async fn has_no_stack(&self, instance: &Instance) -> Result<bool> {
        let stacks = self.stacks_of(instance).await;
        if stacks.describe(&instance.stack_name).await?.is_some() {
            return Ok(false);
        }
        let now = self.environment.now();
        Ok(self.records.instance(&instance.id, now).await?.is_some_and(|current| current == *instance))
    }

    async fn inventory(&self) -> PortResult<Inventory> {
        let mut inventory = Inventory::default();
        self.list(None, &mut inventory).await?;
        for location in &self.locations.0 {
            // What is wrong in one place must not hide what is lost in the others.
            if let Err(error) = self.list(Some(location), &mut inventory).await {
                let unreachable = UnreachableLocation { location: location.clone(), reason: error.to_string() };
                inventory.unreachable.push(unreachable);
            }
        }
        Ok(inventory)
    }

    /// Adds what is at a location, unless it is known from another one: several roles may lead to one place, and the
    /// users and roles of an account are the same in all of its Regions.
    async fn list(&self, location: Option<&Location>, inventory: &mut Inventory) -> PortResult<()> {
        let site = self.site(location).await;
        let mut stacks = all_pages(async |next| site.stacks.page(next).await).await?;
        stacks.retain(|stack| self.naming.is_ours(&stack.name) && stack.instance_id.is_some());
        add(&mut inventory.stacks, stacks, location, |stack| &stack.name);
        let identities = [
            (&mut inventory.users, all_pages(async |next| site.identities.page(next).await).await?),
            (&mut inventory.roles, all_pages(async |next| site.roles.page(next).await).await?),
        ];
        for (known, mut found) in identities {
            found.retain(|identity| self.naming.is_ours(&identity.name));
            add(known, found, location, |identity| &identity.name);
        }
        Ok(())
    }

    async fn named(&self) -> PortResult<Named> {
        let mut named = Named::default();
        for record in all_pages(async |next| self.records.page(next).await).await? {
            named.count += 1;
            match record {
                ScannedRecord::Instance(instance) if !instance.is_tombstone() => {
                    named.stacks.insert(instance.stack_name.clone());
                    named.instances.push(*instance);
                }
                ScannedRecord::Binding(binding) if !binding.is_tombstone() => match binding.identity {
                    Some(Identity::User { user_name, .. }) => drop(named.users.insert(user_name)),
                    Some(Identity::Role { role_name, .. }) => drop(named.roles.insert(role_name)),
                    Some(Identity::RolePolicy { .. }) | None => {}
                },
                ScannedRecord::Instance(_) | ScannedRecord::Binding(_) => {}
                ScannedRecord::Unreadable(record) => {
                    // Whatever it names is not to be taken for lost.
                    for names in [&mut named.stacks, &mut named.users, &mut named.roles] {
                        names.extend(record.names.iter().cloned());
                    }
                    named.unreadable.push(record);
                }
            }
        }
        Ok(named)
    }

    /// The instances that a platform takes to be there, and that have no stack.
    async fn without_stack(&self, named: &Named, listed: &Inventory) -> Result<Vec<InstanceWithoutStack>> {
        let candidates = named.instances.iter().filter(|instance| !listed.stacks.contains_key(&instance.stack_name));
        let (mut found, now) = (Vec::new(), self.environment.now());
        let candidates = candidates.filter(|instance| !is_being_done(&instance.operation, now));
        for (number, instance) in candidates.enumerate() {
            if number > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            let has_no_stack = match self.has_no_stack(instance).await {
                // Its location cannot be looked at.
                Err(Error::Port(error)) if instance.location.is_some() => {
                    tracing::warn!(instance_id = instance.id.as_str(), reason = %error, "not looked at");
                    false
                }
                looked => looked?,
            };
            if has_no_stack {
                found.push(InstanceWithoutStack {
                    instance_id: instance.id.clone(),
                    stack_name: instance.stack_name.clone(),
                    last_operation: instance.operation.clone(),
                });
            }
            if found.len() == MAX_FINDINGS {
                break;
            }
        }
        Ok(found)
    }
}

/// Whether a platform is still to see how it ends.
fn is_being_done(operation: &Operation, now: Timestamp) -> bool {
    operation.in_progress() && now.duration_since(operation.started_at) < LONGEST_OPERATION
}

fn is_being_deleted(instance: &Instance) -> bool {
    instance.operation.is(OperationKind::Deprovision, OperationState::InProgress)
}

/// What is in both lists, and in no record.
fn lost<T: Clone>(before: &ByName<T>, named: &BTreeSet<String>, after: &ByName<T>) -> Vec<Located<T>> {
    let lost = after.iter().filter(|(name, _)| before.contains_key(*name) && !named.contains(*name));
    lost.map(|(_, item)| item.clone()).take(MAX_FINDINGS).collect()
}

fn add<T>(known: &mut ByName<T>, items: Vec<T>, location: Option<&Location>, name: impl Fn(&T) -> &str) {
    for item in items {
        known.entry(name(&item).to_owned()).or_insert_with(|| Located { item, location: location.cloned() });
    }
}

/// Every item of a list, page by page.
pub(super) async fn all_pages<T>(page: impl AsyncFn(Option<String>) -> PortResult<Page<T>>) -> PortResult<Vec<T>> {
    let (mut items, mut next) = (Vec::new(), None);
    loop {
        let page = page(next).await?;
        items.extend(page.items);
        next = page.next;
        if next.is_none() {
            return Ok(items);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
