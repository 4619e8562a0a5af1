//! A stack that exists although no operation of its record has created it.
//!
//! After the table was restored to an earlier day, or a record was deleted by hand, the platform's next request meets a
//! stack that an operation of the lost record has created. It becomes the instance's if it is what the request asks for.

use std::collections::BTreeMap;

use super::{
    Broker, Result,
    instance::Instance,
    last_operation::advice,
    operation::OperationKind,
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
                let advice = advice(OperationKind::Provision, false);
                self.fail(instance, format!("A stack of this instance exists already. {difference} {advice}"), false)
                    .await
            }
        }
    }

    /// True if a stack under the instance's name may be deleted with the instance. An instance that was created has made
    /// its stack itself; the stack of any other is looked at first.
    pub(super) async fn may_delete_stack(&self, instance: &Instance) -> Result<bool> {
        if instance.has_been_created() {
            return Ok(true);
        }
        let stack = self.stacks_of(instance).await.describe(&instance.stack_name).await?;
        Ok(stack.is_none_or(|stack| stack.is_of(&instance.id)))
    }
}

/// The reason why the stack cannot be taken for the one that was asked for.
fn check_adoptable(offered: &Offered<'_>, instance: &Instance, stack: &Stack) -> Result<(), String> {
    let plan = Tag::new(PLAN_TAG, &offered.plan.name);
    if !stack.is_of(&instance.id) {
        return Err("Its tags do not say that it is this instance's.".into());
    }
    if !stack.status.can_be_updated() {
        return Err(format!("It is in the status {:?}.", stack.status));
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
    Err(format!("It was made with other parameters: {}.", differing.join(", ")))
}

/// The names of the parameters that the stack does not have, has besides, or has with another value.
fn differing_parameters(expected: &BTreeMap<String, String>, offered: &Offered<'_>, stack: &Stack) -> Vec<String> {
    let is_secret = |name: &String| offered.offering.secret_parameters.iter().any(|secret| secret == name);
    let names = expected.keys().chain(stack.parameters.keys().filter(|name| !expected.contains_key(*name)));
    names
        .filter(|name| !is_secret(name) && expected.get(*name) != stack.parameters.get(*name))
        .map(|name| format!("`{name}`"))
        .collect()
}
