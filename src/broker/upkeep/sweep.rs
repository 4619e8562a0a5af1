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

use std::collections::{BTreeMap, BTreeSet};

use catalog::compiler::LONGEST_POLLING;
use jiff::{SignedDuration, Timestamp};

use super::{
    findings::{
        Findings, InstanceWithoutStack, Located, LookedAt, MAX_FINDINGS, UnreachableLocation,
    },
    inventory::{self, ByName, Inventory, PAUSE, Unreachable},
    names::{self, Names},
    pages::{Pages, SCAN_PAUSE},
    retained::RetainedResource,
};
use crate::broker::{
    Broker,
    error::{Error, Result},
    ports::{ScannedRecord, StackResource, UnreadableRecord},
    records::{Instance, Location, Operation, OperationKind, OperationState},
};

/// The longest time that platforms poll an operation: the longest `maximum_polling_duration` that a
/// plan can have.
const LONGEST_OPERATION: SignedDuration = SignedDuration::from_secs(LONGEST_POLLING as i64);

/// The comparison of the records with an inventory.
struct Comparison {
    /// Listed names that no record has.
    unnamed: Names,
    without_stack: Vec<Located<InstanceWithoutStack>>,
    unreadable: Vec<UnreadableRecord>,
    records: usize,
}

/// Searches for orphans. Changes nothing.
///
/// # Errors
///
/// The error of a port.
pub async fn sweep(broker: &Broker) -> Result<Findings> {
    let mut unreachable = Unreachable::new();

    let mut before = inventory::inventory(broker, &mut unreachable).await?;
    let resources = before.take_left_behind();
    let compared = compare(broker, before, &mut unreachable).await?;
    let after = inventory::inventory(broker, &mut unreachable).await?;

    let without_stack = compared.without_stack.into_iter();
    let without_stack = without_stack.filter(|found| !is_at(found.location.as_ref(), &unreachable));

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

/// Reads all records, and compares each with the earlier listing.
async fn compare(
    broker: &Broker,
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

    let mut pages = Pages::new(SCAN_PAUSE, async |next| broker.records.page(next).await);
    while let Some(records) = pages.next().await? {
        for record in records {
            compared.records += 1;
            compared.unnamed.forget_those_of(&record);

            match record {
                ScannedRecord::Instance(instance) if !names::is_listed(&instance, &stacks) => {
                    look_for_stack(broker, &instance, &mut compared, unreachable).await?;
                }
                ScannedRecord::Unreadable(record) if compared.unreadable.len() < MAX_FINDINGS => {
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
    broker: &Broker,
    instance: &Instance,
    compared: &mut Comparison,
    unreachable: &mut Unreachable,
) -> Result<()> {
    let location = instance.location.as_ref();
    let is_expected =
        !instance.is_tombstone() && !is_being_done(&instance.operation, broker.environment.now());
    if !is_expected || is_at(location, unreachable) || compared.without_stack.len() == MAX_FINDINGS
    {
        return Ok(());
    }

    tokio::time::sleep(PAUSE).await;
    match has_no_stack(broker, instance).await {
        Ok(true) => compared.without_stack.push(inventory::located(
            InstanceWithoutStack::of(instance),
            location,
        )),
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

/// Returns the resources that were listed twice, both times without their stack.
fn retained(resources: ByName<StackResource>, after: &Inventory) -> Vec<Located<RetainedResource>> {
    let left = resources.into_values().filter(|found| {
        after.resources.contains_key(&found.item.arn)
            && !after.stacks.contains_key(&found.item.stack_name)
    });

    left.take(MAX_FINDINGS)
        .map(|Located { item, location }| Located {
            item: RetainedResource::new(item),
            location,
        })
        .collect()
}

/// True if the operation is in progress and platforms may still poll it.
fn is_being_done(operation: &Operation, now: Timestamp) -> bool {
    operation.in_progress() && now.duration_since(operation.started_at) < LONGEST_OPERATION
}

pub fn is_being_deleted(instance: &Instance) -> bool {
    instance
        .operation
        .is(OperationKind::Deprovision, OperationState::InProgress)
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

/// True if the instance has no stack, and its record has not changed since it was read. The
/// tags of a stack do not matter.
pub async fn has_no_stack(broker: &Broker, instance: &Instance) -> Result<bool> {
    let stacks = broker.stacks_of(instance).await;
    if stacks.describe(instance.stack()).await?.is_some() {
        return Ok(false);
    }
    let now = broker.environment.now();
    Ok(broker
        .records
        .instance(&instance.id, now)
        .await?
        .is_some_and(|current| current == *instance))
}
