//! A stack that exists although no operation of its record has created it.
//!
//! After the table was restored to an earlier day, or a record was deleted by hand, the platform's next request meets a
//! stack that an operation of the lost record has created. It becomes the instance's if it is what the request asks for.

use std::collections::BTreeMap;

use super::{
    Broker, Result,
    instance::Instance,
    operation::{Operation, OperationKind},
    parameters,
    ports::{PLAN_TAG, Stack, Tag},
};
use crate::catalog::Offered;

impl Broker {
    /// Ends a creation that meets an existing stack: as succeeded where the stack is the instance's and has the requested
    /// parameters, otherwise as failed, with the reason.
    pub(super) async fn adopt_stack(&self, instance: Instance) -> Result<Instance> {
        let stack = self.stacks_of(&instance).await.describe(&instance.stack_name).await?;
        let Some(stack) = stack.filter(|stack| !stack.status.is_in_progress()) else { return Ok(instance) };

        let offered = match self.catalog.find(&instance.attributes.service_id, &instance.attributes.plan_id) {
            Ok(offered) => offered,
            Err(not_offered) => return self.fail(instance, not_offered.to_string(), false).await,
        };
        match check_adoptable(&offered, &instance, &stack) {
            Ok(()) => self.succeed(instance).await,
            Err(difference) => {
                let reason = format!(
                    "A stack of this instance exists already. {difference} Delete the instance, which deletes that stack \
                     and its data, then create it again."
                );
                self.fail(instance, reason, false).await
            }
        }
    }

    /// Who a stack of the instance's name belongs to, where the record does not know the stack's id. Its tag says it, or,
    /// where somebody has changed that, the events of the operation before the deletion that runs.
    pub(super) async fn ownership(&self, instance: &Instance, stack: &Stack) -> Result<Ownership> {
        if stack.is_of(&instance.id) {
            return Ok(Ownership::Proven);
        }
        let before = instance.previous_operation.as_ref();
        let Some(before) = before.filter(|operation| operation.kind != OperationKind::Deprovision) else {
            return Ok(Ownership::Unknown);
        };
        Ok(if self.has_events(instance, stack, before).await? { Ownership::Proven } else { Ownership::Refuted })
    }

    /// True if the operation has done something to the stack.
    async fn has_events(&self, instance: &Instance, stack: &Stack, operation: &Operation) -> Result<bool> {
        let events = self.stacks_of(instance).await.events(&stack.id, &operation.id).await?;
        Ok(events.is_some_and(|events| !events.own.is_empty()))
    }

    /// The reason why a stack that was there before the creation cannot become the instance's; nothing where it can, or
    /// where it is the creation's own.
    pub(super) async fn check_existing_stack(
        &self,
        offered: &Offered<'_>,
        instance: &Instance,
        stack: &Stack,
    ) -> Result<Option<String>> {
        if stack.is_of(&instance.id) && stack.status.is_in_progress() {
            return Ok(None);
        }
        let Err(difference) = check_adoptable(offered, instance, stack) else { return Ok(None) };
        let is_own = self.has_events(instance, stack, &instance.operation).await?;
        Ok((!is_own).then_some(difference))
    }
}

/// What is known of the owner of a stack that has an instance's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    /// It is the instance's.
    Proven,
    /// It is somebody else's.
    Refuted,
    /// Nothing.
    Unknown,
}

/// The reason why the stack cannot be taken for the one that was asked for.
fn check_adoptable(offered: &Offered<'_>, instance: &Instance, stack: &Stack) -> Result<(), String> {
    let plan = Tag::new(PLAN_TAG, &offered.plan.name);
    if !stack.is_of(&instance.id) {
        return Err("Its tags do not say that it is this instance's.".into());
    }
    if !stack.status.can_be_updated() {
        return Err(format!("It is in the status {}.", stack.status));
    }
    if stack.tags.get(plan.key) != Some(&plan.value) {
        return Err("It is of another plan.".into());
    }
    // CloudFormation does not tell them.
    if instance.attributes.secret_parameters.is_some() {
        return Err("Its secret parameters cannot be compared with those of the request.".into());
    }

    let differing =
        differing_parameters(&parameters::of_stack(offered, &instance.attributes.parameters.0), offered, stack);
    if differing.is_empty() {
        return Ok(());
    }
    Err(format!("It has other parameters: {}.", differing.join(", ")))
}

/// The parameters that the stack does not have, has besides, or has with another value, each with what the stack has.
fn differing_parameters(expected: &BTreeMap<String, String>, offered: &Offered<'_>, stack: &Stack) -> Vec<String> {
    let is_secret = |name: &String| offered.offering.secret_parameters.iter().any(|secret| secret == name);
    let names = expected.keys().chain(stack.parameters.keys().filter(|name| !expected.contains_key(*name)));
    names
        .filter(|name| !is_secret(name) && expected.get(*name) != stack.parameters.get(*name))
        .map(|name| match stack.parameters.get(name) {
            Some(value) => format!("`{name}` is `{value}`"),
            None => format!("`{name}` is not among them"),
        })
        .collect()
}
