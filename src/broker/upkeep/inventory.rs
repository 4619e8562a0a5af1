//! The stacks, users, roles and resources at all locations of the broker.

use std::{collections::BTreeMap, time::Duration};

use super::{findings::Located, pages::Pages};
use crate::broker::{
    Broker,
    ports::{IdentitySummary, PortResult, StackResource, StackSummary},
    records::Location,
};

/// The pause between two calls that list something. CloudFormation and IAM limit an account to a
/// few calls a second, and platforms need them.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html>
pub const PAUSE: Duration = Duration::from_millis(250);

/// Items by name. The names follow from the ids of instances and bindings, and none of these is at
/// two locations.
pub type ByName<T> = BTreeMap<String, Located<T>>;

/// Locations that could not be searched, with the reasons.
pub type Unreachable = BTreeMap<Location, String>;

/// The broker's stacks, users, roles and resources at all locations.
#[derive(Default)]
pub struct Inventory {
    pub stacks: ByName<StackSummary>,
    pub users: ByName<IdentitySummary>,
    pub roles: ByName<IdentitySummary>,
    /// Resources by ARN.
    pub resources: ByName<StackResource>,
}

/// Lists all locations that could be searched so far, and adds those that now cannot be to
/// `unreachable`.
pub async fn inventory(broker: &Broker, unreachable: &mut Unreachable) -> PortResult<Inventory> {
    let mut inventory = Inventory::default();
    inventory.add(list(broker, None).await?);
    for location in broker.locations.0.keys() {
        if unreachable.contains_key(location) {
            continue;
        }
        // A failure at one location must not hide the orphans at the others.
        match list(broker, Some(location)).await {
            Ok(listed) => inventory.add(listed),
            Err(error) => drop(unreachable.insert(location.clone(), error.to_string())),
        }
    }
    Ok(inventory)
}

/// Lists everything at a location. Returns an error rather than half a list: what is missing
/// from a list would look lost.
pub async fn list(broker: &Broker, location: Option<&Location>) -> PortResult<Inventory> {
    let ports = broker.ports_at(location).await;
    let mut inventory = Inventory::default();

    let mut pages = Pages::new(PAUSE, async |next| ports.stacks.page(next).await);
    while let Some(stacks) = pages.next().await? {
        let stacks = stacks.into_iter().filter(|stack| is_ours(broker, stack));
        inventory
            .stacks
            .extend(stacks.map(|stack| (stack.name.clone(), located(stack, location))));
    }

    let mut pages = Pages::new(PAUSE, async |next| ports.users.page(next).await);
    while let Some(users) = pages.next().await? {
        let users = users
            .into_iter()
            .filter(|user| broker.naming.is_ours(&user.name));
        inventory
            .users
            .extend(users.map(|user| (user.name.clone(), located(user, location))));
    }

    let mut pages = Pages::new(PAUSE, async |next| ports.resources.page(next).await);
    while let Some(resources) = pages.next().await? {
        let ours = resources
            .into_iter()
            .filter(|resource| broker.naming.is_of_instance(&resource.stack_name));
        let resources = ours.filter(|resource| !is_stack(&resource.arn));
        inventory
            .resources
            .extend(resources.map(|found| (found.arn.clone(), located(found, location))));
    }

    let mut pages = Pages::new(PAUSE, async |next| ports.roles.page(next).await);
    while let Some(roles) = pages.next().await? {
        let roles = roles
            .into_iter()
            .filter(|role| broker.naming.is_ours(&role.name));
        inventory
            .roles
            .extend(roles.map(|role| (role.name.clone(), located(role, location))));
    }

    Ok(inventory)
}

/// True if the broker created the stack for an instance.
fn is_ours(broker: &Broker, stack: &StackSummary) -> bool {
    let has_tag = broker.naming.is_ours(&stack.name) && stack.instance_id.is_some();
    has_tag || broker.naming.is_of_instance(&stack.name)
}

impl Inventory {
    /// Adds the items of another location, unless they are known. Several roles may lead to one
    /// account and Region, and all Regions of an account have the same users and roles.
    pub fn add(&mut self, other: Self) {
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
    pub fn take_left_behind(&mut self) -> ByName<StackResource> {
        let mut resources = std::mem::take(&mut self.resources);
        resources.retain(|_, found| !self.stacks.contains_key(&found.item.stack_name));
        resources
    }
}

/// True if the ARN is a stack's: the Tagging API lists stacks as well.
pub fn is_stack(arn: &str) -> bool {
    arn.split(':').nth(2) == Some("cloudformation")
}

pub fn located<T>(item: T, location: Option<&Location>) -> Located<T> {
    Located {
        item,
        location: location.cloned(),
    }
}
