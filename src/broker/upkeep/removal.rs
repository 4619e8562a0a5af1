//! The removal of a sweep's findings that the operator names.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::Deserialize;

use super::{
    findings::{Findings, Located},
    names::{self, Names},
    sweep,
};
use crate::broker::{
    Broker,
    bindings::grants::{delete_role, delete_user},
    deadline::Deadline,
    error::{Error, Result},
    instances,
    ports::{IdentitySummary, StackDeletion, StackSummary},
    records::InstanceId,
    waiting::Waiting,
};

/// The time limit for the removal of one instance in one request. If the removal takes longer, the
/// operator requests it again.
const LONGEST_REMOVAL: Duration = Duration::from_secs(30);

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

/// Removes the requested findings. Each has its own outcome, so that a failure does not hide
/// what was removed before and after it.
///
/// # Errors
///
/// The error of reading the records; nothing was removed then.
pub async fn remove(broker: &Broker, findings: &Findings, removal: &Removal) -> Result<Removed> {
    let mut removed = Removed::new();
    if *removal == Removal::default() {
        return Ok(removed);
    }

    // Since the sweep, a request may have written a record that names a finding.
    let unnamed = names::unnamed(broker, asked_for(findings, removal)).await?;

    for name in &removal.stacks {
        let is_unnamed = unnamed.stacks.contains_key(name);
        let found = find(&findings.stacks_without_record, name, is_unnamed, |stack| {
            &stack.name
        });
        note(&mut removed, name, remove_stack(broker, found).await);
    }

    for name in &removal.users {
        let found = find(
            &findings.users_without_binding,
            name,
            unnamed.users.contains(name),
            |user| &user.name,
        );
        note(&mut removed, name, remove_user(broker, found).await);
    }

    for name in &removal.roles {
        let found = find(
            &findings.roles_without_binding,
            name,
            unnamed.roles.contains(name),
            |role| &role.name,
        );
        note(&mut removed, name, remove_role(broker, found).await);
    }

    for id in &removal.instances {
        let found = findings
            .instances_without_stack
            .iter()
            .any(|instance| instance.instance_id.as_str() == id);
        note(&mut removed, id, remove_instance(broker, id, found).await);
    }

    Ok(removed)
}

async fn remove_stack(broker: &Broker, found: Option<&Located<StackSummary>>) -> Result<String> {
    let Some(stack) = found else {
        return Ok(NOT_FOUND.into());
    };
    let token = format!("sweep-{}", broker.environment.uuid());
    let stacks = broker.ports_at(stack.location.as_ref()).await.stacks;
    Ok(match stacks.delete(&stack.item.id, &token).await? {
        StackDeletion::Accepted => "is being deleted".into(),
        StackDeletion::Rejected(reason) => {
            format!("CloudFormation rejected the deletion: {reason}")
        }
    })
}

async fn remove_user(broker: &Broker, found: Option<&Located<IdentitySummary>>) -> Result<String> {
    let Some(user) = found else {
        return Ok(NOT_FOUND.into());
    };
    let users = broker.ports_at(user.location.as_ref()).await.users;
    delete_user(&*users, &user.item.name).await?;
    Ok("deleted".into())
}

async fn remove_role(broker: &Broker, found: Option<&Located<IdentitySummary>>) -> Result<String> {
    let Some(role) = found else {
        return Ok(NOT_FOUND.into());
    };
    let roles = broker.ports_at(role.location.as_ref()).await.roles;
    delete_role(&*roles, &role.item.name).await?;
    Ok("deleted".into())
}

async fn remove_instance(broker: &Broker, id: &str, found: bool) -> Result<String> {
    let Ok(id) = InstanceId::new(id) else {
        return Ok(NOT_FOUND.into());
    };

    let instance = broker
        .records
        .instance(&id, broker.environment.now())
        .await?;
    let Some(instance) = instance.filter(|instance| found || sweep::is_being_deleted(instance))
    else {
        return Ok(NOT_FOUND.into());
    };
    if instance.is_tombstone() || !sweep::has_no_stack(broker, &instance).await? {
        return Ok(NOT_FOUND.into());
    }

    let deadline = Deadline::after(LONGEST_REMOVAL);
    match instances::deprovision(
        broker,
        &id,
        &instance.attributes.service_id,
        None,
        Waiting::Briefly(deadline),
    )
    .await
    {
        Ok(_) => Ok(instances::last_operation(broker, &id, None, deadline)
            .await?
            .description),
        Err(Error::Concurrency) => Ok("nothing was done: a request for it is in progress".into()),
        Err(Error::Gone) => Ok("already deleted".into()),
        Err(error) => Err(error),
    }
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
        let reason = error.log_text();
        tracing::error!(
            name,
            reason,
            "could not remove a finding of the sweep; continuing with the next one"
        );
        format!("failed: {reason}")
    });
    match removed.get_mut(name) {
        Some(first) => *first = format!("{first}; {outcome}"),
        None => drop(removed.insert(name.to_owned(), outcome)),
    }
}
