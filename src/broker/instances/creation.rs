//! The creation of an instance's stack.

use catalog::Offered;

use super::{
    adoption::{self, LEAVES_ALONE, reason_of_misfit},
    outcome::{self, advice},
    parameters,
    view::{self, InstanceView},
};
use crate::{
    broker::{
        Broker,
        error::{Error, Result},
        mutation::Mutation,
        ports::{NewStack, StackCreation, WriteOutcome},
        records::{Instance, OperationKind},
        stacks::description,
        tags,
    },
    osb::Object,
};

/// Creates the stack of a new record. If that is refused, the record is deleted, or the
/// tombstone that it replaced is restored.
pub async fn start_provision(
    broker: &Broker,
    offered: &Offered<'_>,
    instance: Instance,
    replaced: Option<Instance>,
    secrets: &Object,
) -> Result<Mutation<InstanceView>> {
    let Some(refusal) = create_stack(broker, offered, &instance, secrets).await? else {
        return Ok(view::in_progress(broker, instance));
    };

    let forgotten = match replaced {
        Some(tombstone) => {
            broker
                .records
                .update_instance(&Instance {
                    version: instance.version,
                    ..tombstone
                })
                .await?
        }
        None => broker.records.delete_instance(&instance).await?,
    };

    match forgotten {
        WriteOutcome::Done => Err(refusal.into()),
        // The same request was sent again, and has resumed the creation.
        WriteOutcome::Conflict => outcome::joined(broker, &instance)
            .await
            .map(|instance| view::in_progress(broker, instance)),
    }
}

/// Resumes a creation that another request has begun. It first writes this to the record, so
/// that the other request does not delete the record meanwhile.
pub async fn resume_provision(
    broker: &Broker,
    offered: &Offered<'_>,
    mut instance: Instance,
    secrets: &Object,
) -> Result<Instance> {
    instance.operation = instance.operation.taken_up(broker.environment.now());
    let Some(instance) = broker.records.replace_instance(&instance).await? else {
        return outcome::joined(broker, &instance).await;
    };

    match create_stack(broker, offered, &instance, secrets).await? {
        None => Ok(instance),
        // The other request's call may still reach CloudFormation, so the record stays.
        Some(refusal) => outcome::fail(broker, instance, refusal.reason_of_failure()).await,
    }
}

/// Creates the stack that the record names. Returns `None` if CloudFormation accepts the
/// request, or if the stack exists and is or may become the instance's. Otherwise, returns the
/// reason why there will be no stack.
async fn create_stack(
    broker: &Broker,
    offered: &Offered<'_>,
    instance: &Instance,
    secrets: &Object,
) -> Result<Option<Refusal>> {
    let stack = NewStack {
        name: &instance.stack_name,
        template_body: &offered.offering.template_body,
        stack_policy: &offered.offering.stack_policy,
        parameters: parameters::of_new_stack(offered, &instance.attributes, secrets),
        tags: tags::of_stack(broker, offered, &instance.id, &instance.attributes),
        token: &instance.operation.id,
    };

    let stacks = broker.stacks_of(instance).await;
    let reason = match stacks.create(&stack).await? {
        StackCreation::Accepted => return Ok(None),
        StackCreation::Exists => "a stack with the instance's name already exists.".to_owned(),
        StackCreation::Rejected(reason) => reason,
    };

    // The existing stack may be the creation's own: a request is sent again if its response was
    // lost. If another operation of the instance has created the stack, the polls of this
    // operation adopt it where possible. Otherwise the request is refused now: after a later
    // failure, the platform would first have to delete the instance.
    let Some(existing) = stacks.describe(&instance.stack_name).await? else {
        let error = Error::rejected(&reason, secrets);
        return Ok(Some(Refusal::ByCloudFormation(error)));
    };

    let misfit = adoption::misfit(broker, offered, instance, &existing).await?;
    Ok(misfit.map(|misfit| Refusal::ByStack(Error::Invalid(reason_of_misfit(instance, &misfit)))))
}

/// The reason why there will be no stack.
pub enum Refusal {
    ByCloudFormation(Error),
    /// An existing stack is in the way.
    ByStack(Error),
}

impl Refusal {
    /// Returns the text for a platform that knows of the instance and has to delete it.
    fn reason_of_failure(&self) -> String {
        match self {
            Self::ByCloudFormation(error) => {
                description::with_advice(&error.to_string(), advice(OperationKind::Provision))
            }
            Self::ByStack(error) => format!("{LEAVES_ALONE} {error}"),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::ByCloudFormation(error) | Refusal::ByStack(error) => error,
        }
    }
}
