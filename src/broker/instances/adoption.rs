//! Adoption of stacks that exist although no operation of their record has created them.
//!
//! A record may be lost: somebody restored the table to an earlier day, or deleted the record by
//! hand. The platform's next request then finds the stack of the lost record. The stack is adopted
//! if it is what the request asks for. Otherwise the broker leaves it alone: the instance that the
//! platform knows never had its data.

use std::{collections::BTreeMap, fmt};

use catalog::Offered;

use super::{outcome, parameters};
use crate::{
    broker::{
        Broker,
        error::Result,
        ports::Stack,
        records::{Instance, Operation, OperationKind, PLAN_TAG, Tag},
        stacks::StackStatus,
    },
    osb::Object,
};

/// The result of the search for the owner of a stack that has an instance's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// The stack is the instance's.
    Proven,
    /// The stack is another owner's, or that of a lost record.
    Refuted,
    /// Neither the record nor the tags name the owner.
    Unknown,
}

/// The reason why a stack cannot become an instance's. Its `Display` text is for users: it advises
/// what to do, and contains no parameter value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The stack's tags name another instance, or none.
    Foreign,
    /// CloudFormation does not update a stack in this status.
    Unfit(StackStatus),
    /// The stack's tags name another plan, or none.
    OtherPlan,
    /// The request has `NoEcho` parameters, whose values CloudFormation does not return.
    HasSecrets,
    /// These parameters of the stack have other values.
    OtherParameters(Vec<String>),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let same_request = "A create request with this instance id and the stack's plan and \
                            parameters adopts the stack with its data. Otherwise ask the \
                            broker's operator.";
        let operator = "Ask the broker's operator to save its data or delete it.";

        match self {
            Self::Foreign => f.write_str(
                "Its tags do not identify it as this instance's. Create another instance.",
            ),
            Self::Unfit(status) => write!(f, "Its status is {status}. {operator}"),
            Self::OtherPlan => write!(f, "It belongs to another plan. {same_request}"),
            Self::HasSecrets => {
                write!(
                    f,
                    "Its secret parameters cannot be compared with those of the request. {operator}"
                )
            }
            Self::OtherParameters(names) => write!(
                f,
                "It has other values for {}. {same_request}",
                names.join(", ")
            ),
        }
    }
}

/// Ends a creation that finds an existing stack. It succeeds if the stack is the instance's and
/// has the requested parameters. Otherwise it fails, with the reason.
pub async fn adopt_stack(broker: &Broker, instance: Instance) -> Result<Instance> {
    let stack = broker
        .stacks_of(&instance)
        .await
        .describe(&instance.stack_name)
        .await?;
    let Some(stack) = stack.filter(|stack| !stack.status.is_in_progress()) else {
        return Ok(instance);
    };

    let offered = match broker.catalog.find(
        &instance.attributes.service_id,
        &instance.attributes.plan_id,
    ) {
        Ok(offered) => offered,
        Err(not_offered) => {
            return outcome::fail(broker, instance, not_offered.to_string()).await;
        }
    };

    match check_adoptable(&offered, &instance, &stack) {
        Ok(()) => {
            // An earlier version of the broker may have created it without a policy.
            let stacks = broker.stacks_of(&instance).await;
            let policy = &offered.offering.stack_policy;
            stacks.set_policy(&instance.stack_name, policy).await?;
            outcome::succeed(broker, instance).await
        }
        Err(misfit) => {
            let reason = format!("{LEAVES_ALONE} {}", reason_of_misfit(&instance, &misfit));
            outcome::fail(broker, instance, reason).await
        }
    }
}

/// Determines the owner of a stack that has the instance's name, if the record lacks the
/// stack's id.
///
/// If a creation preceded the deletion, its events decide, whatever the tags say. After an
/// update, the tags or its events suffice. Otherwise the tags decide.
pub async fn ownership(broker: &Broker, instance: &Instance, stack: &Stack) -> Result<Ownership> {
    let is_tagged = is_of(instance, stack);
    let before = instance.previous_operation.as_ref();
    let before = before.filter(|operation| operation.kind != OperationKind::Deprovision);

    let is_proven = match before {
        None if !is_tagged => return Ok(Ownership::Unknown),
        None => true,
        // The creation's events may be visible only a moment after the stack.
        Some(_) if is_tagged && stack.status == StackStatus::CreateInProgress => true,
        Some(before) => {
            let is_older = is_tagged && before.kind != OperationKind::Provision;
            is_older || has_events(broker, instance, stack, before).await?
        }
    };

    Ok(if is_proven {
        Ownership::Proven
    } else {
        Ownership::Refuted
    })
}

/// True if the operation has caused events of the stack.
async fn has_events(
    broker: &Broker,
    instance: &Instance,
    stack: &Stack,
    operation: &Operation,
) -> Result<bool> {
    let events = broker
        .stacks_of(instance)
        .await
        .events(&stack.id, &operation.id)
        .await?;
    Ok(events.is_some_and(|events| !events.own.is_empty()))
}

/// True if the requested stack exists already, although its record is lost.
pub async fn has_lost_record(
    broker: &Broker,
    offered: &Offered<'_>,
    instance: &Instance,
) -> Result<bool> {
    let stack = broker
        .stacks_of(instance)
        .await
        .describe(&instance.stack_name)
        .await?;
    Ok(stack.is_some_and(|stack| check_adoptable(offered, instance, &stack).is_ok()))
}

/// The reason why a stack that existed before the creation cannot become the instance's. `None`
/// if it can, or if this creation created it.
pub async fn misfit(
    broker: &Broker,
    offered: &Offered<'_>,
    instance: &Instance,
    stack: &Stack,
) -> Result<Option<Misfit>> {
    if is_of(instance, stack) && stack.status.is_in_progress() {
        return Ok(None);
    }
    let Err(misfit) = check_adoptable(offered, instance, stack) else {
        return Ok(None);
    };
    let is_own = has_events(broker, instance, stack, &instance.operation).await?;
    Ok((!is_own).then_some(misfit))
}

/// Advice for a creation that has failed because of an existing stack. The platform has a record of
/// the failed instance, which its user must delete.
pub const LEAVES_ALONE: &str = "Delete this failed instance; the stack is kept.";

/// The failure reason of a creation that finds an existing stack.
pub fn reason_of_misfit(instance: &Instance, misfit: &Misfit) -> String {
    format!("The stack {} already exists. {misfit}", instance.stack_name)
}

/// True if the stack's tags name the instance, its organization and its space. The id alone proves
/// nothing: on Kubernetes, users choose ids.
pub fn is_of(instance: &Instance, stack: &Stack) -> bool {
    let mut owner = instance.attributes.owner_tags().into_iter();
    stack.is_of(&instance.id) && owner.all(|tag| stack.tags.get(&*tag.key) == Some(&tag.value))
}

/// Checks that the stack can be adopted as the one that the request asks for.
fn check_adoptable(
    offered: &Offered<'_>,
    instance: &Instance,
    stack: &Stack,
) -> Result<(), Misfit> {
    let plan = Tag::new(PLAN_TAG, &offered.plan.name);

    if !is_of(instance, stack) {
        return Err(Misfit::Foreign);
    }
    if !stack.status.can_be_updated() {
        return Err(Misfit::Unfit(stack.status));
    }
    if stack.tags.get(&*plan.key) != Some(&plan.value) {
        return Err(Misfit::OtherPlan);
    }
    if instance.attributes.secret_parameters.is_some() {
        return Err(Misfit::HasSecrets);
    }

    let expected = parameters::of_stack(offered, &instance.attributes, &Object::new());
    let differing = differing_parameters(&expected, offered, stack);
    if differing.is_empty() {
        Ok(())
    } else {
        Err(Misfit::OtherParameters(differing))
    }
}

/// The names of parameters that the stack lacks, has in addition, or has with another value.
fn differing_parameters(
    expected: &BTreeMap<String, String>,
    offered: &Offered<'_>,
    stack: &Stack,
) -> Vec<String> {
    let names = expected.keys().chain(
        stack
            .parameters
            .keys()
            .filter(|name| !expected.contains_key(*name)),
    );

    names
        .filter(|name| {
            !offered.is_secret(name) && expected.get(*name) != stack.parameters.get(*name)
        })
        .map(|name| format!("`{name}`"))
        .collect()
}
