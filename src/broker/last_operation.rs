//! `GET /v2/service_instances/:instance_id/last_operation`

use jiff::{SignedDuration, Timestamp};

use super::{
    Broker, Error, Result,
    deadline::Deadline,
    description::{self, with_advice},
    id::InstanceId,
    instance::{Attributes, Instance, TOMBSTONE_LIFETIME},
    operation::{Operation, OperationKind, OperationState},
    ports::Update,
    stack::{OperationEvents, Progress, Sight, StackEvent, StackStatus, progress},
};

/// The shortest time until a platform's next poll; [`LONGEST_RETRY`] is the longest.
///
/// In between, it is a quarter of the time that the operation has taken so far. Most stacks take
/// seconds; those that take an hour need no poll every few seconds.
const SHORTEST_RETRY: SignedDuration = SignedDuration::from_secs(5);
const LONGEST_RETRY: SignedDuration = SignedDuration::from_secs(60);
/// The longest time for which CloudFormation may leave a stack at rest instead of deleting it.
/// After that, the deletion fails.
///
/// The time counts from the stack's last event, by CloudFormation's clock. The broker may repeat
/// the deletion request only some polls later.
const BEGIN_DELETION_WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// The time for which a deletion is retried before [`BEGIN_DELETION_WITHIN`] applies.
const LONGEST_BEGINNING: SignedDuration = SignedDuration::from_hours(1);

/// The status of the last operation on an instance or a binding.
#[derive(Clone, Debug, PartialEq)]
pub struct LastOperation {
    /// The operation's kind.
    pub kind: OperationKind,
    /// The operation's state.
    pub state: OperationState,
    /// The progress or the failure reason, for the user.
    pub description: String,
    /// True if the instance can be used and updated after its update or deletion has failed. Absent
    /// for other operations.
    pub instance_usable: Option<bool>,
    /// The time until the next poll; absent once the operation has ended.
    pub retry_after: Option<SignedDuration>,
}

impl LastOperation {
    /// A running operation whose progress AWS does not report at the moment.
    pub(super) fn unseen(operation: &Operation) -> Self {
        Self {
            kind: operation.kind,
            state: operation.state,
            description: "In progress. AWS is too busy to say how far it is.".into(),
            instance_usable: None,
            retry_after: Some(LONGEST_RETRY),
        }
    }

    pub(super) fn new(operation: &Operation, description: String, now: Timestamp) -> Self {
        let elapsed = now.duration_since(operation.started_at);
        Self {
            kind: operation.kind,
            state: operation.state,
            description,
            instance_usable: operation.instance_usable,
            retry_after: operation
                .in_progress()
                .then(|| (elapsed / 4).clamp(SHORTEST_RETRY, LONGEST_RETRY)),
        }
    }
}

impl Broker {
    /// Returns the status of an operation, and records its end.
    ///
    /// `asked` is the id of the operation that the platform polls. An id that the record does not
    /// know means the last operation.
    ///
    /// # Errors
    ///
    /// - [`Error::Gone`] if `asked` is a deletion and not even the tombstone is left.
    /// - [`Error::NotFound`] if the instance does not exist.
    /// - The error of a port.
    pub async fn last_operation(
        &self,
        id: &InstanceId,
        asked: Option<&str>,
        deadline: Deadline,
    ) -> Result<LastOperation> {
        let now = self.environment.now();
        let Some(instance) = self.records.instance(id, now).await? else {
            let deleted = asked.is_some_and(|asked| OperationKind::Deprovision.is_of(asked));
            return Err(if deleted {
                Error::Gone
            } else {
                Error::instance_not_found()
            });
        };
        self.observe(&instance.attributes);

        if let Some(previous) = instance
            .previous_operation
            .as_ref()
            .filter(|previous| asked == Some(&previous.id))
        {
            return Ok(self.superseded(previous.clone(), now));
        }
        if instance.operation.has_followed_deletion(asked) {
            return Err(Error::Gone);
        }

        if let Some(description) = self.looks.recent(&instance.operation, now)
            && instance.operation.in_progress()
        {
            self.observe_running(&instance.operation);
            return Ok(LastOperation::new(&instance.operation, description, now));
        }

        let seen = deadline.limit(self.advance(instance.clone())).await;
        let (instance, events) = match seen {
            Ok(Err(Error::Port(error))) if error.is_passing() => {
                tracing::warn!(reason = %error, "how far the operation is cannot be seen now");
                return Ok(self.unseen(&instance.operation));
            }
            Ok(advanced) => advanced?,
            Err(_) => {
                tracing::warn!("how far the operation is cannot be seen in time");
                return Ok(self.unseen(&instance.operation));
            }
        };

        Ok(self.describe(&instance, &events, now))
    }

    /// The response while AWS does not report the operation's progress.
    fn unseen(&self, operation: &Operation) -> LastOperation {
        self.observe_running(operation);
        LastOperation::unseen(operation)
    }

    /// Describes the operation's progress, and keeps the description for the next polls.
    fn describe(
        &self,
        instance: &Instance,
        events: &OperationEvents,
        now: Timestamp,
    ) -> LastOperation {
        let Instance {
            attributes,
            operation,
            ..
        } = instance;
        self.observe_running(operation);

        let offered = self
            .catalog
            .find(&attributes.service_id, &attributes.plan_id)
            .ok();
        let resources = offered.map(|offered| offered.offering.resource_count);
        let description = description::of_instance(operation, events, resources, now);

        // The next polls may use this description only if AWS will report the operation's end. An
        // operation that CloudFormation has not begun ends without an event, and from other
        // locations no events arrive.
        if operation.in_progress() && !events.own.is_empty() && instance.location.is_none() {
            self.looks.keep(operation, &description, now);
        }

        LastOperation::new(operation, description, now)
    }

    /// Returns the status of the operation before the last one. If it was still in progress, a
    /// deletion halted it: no other operation does.
    pub(super) fn superseded(&self, operation: Operation, now: Timestamp) -> LastOperation {
        let operation = if operation.in_progress() {
            operation.failed("It was halted by a deletion.")
        } else {
            operation
        };
        let description = match operation.kind {
            OperationKind::Bind | OperationKind::Unbind => description::of_binding(&operation),
            _ => description::of_instance(&operation, &OperationEvents::default(), None, now),
        };
        LastOperation::new(&operation, description, now)
    }

    pub(super) async fn find_instance(&self, id: &InstanceId) -> Result<Instance> {
        let instance = self.records.instance(id, self.environment.now()).await?;
        let instance = instance
            .filter(|instance| !instance.is_tombstone())
            .ok_or_else(Error::instance_not_found)?;
        self.observe(&instance.attributes);
        Ok(instance)
    }

    /// Returns the instance; a creation or update that has ended is recorded first.
    pub(super) async fn find_current_instance(&self, id: &InstanceId) -> Result<Instance> {
        let instance = self.find_instance(id).await?;
        if instance.operation.kind == OperationKind::Deprovision {
            return Ok(instance);
        }
        Ok(self.advance(instance).await?.0)
    }

    /// Advances the instance's operation as far as possible now. Returns the events of the
    /// operation if it was in progress.
    pub(super) async fn advance(&self, instance: Instance) -> Result<(Instance, OperationEvents)> {
        if !instance.operation.in_progress() {
            return Ok((instance, OperationEvents::default()));
        }

        let events = self
            .stacks_of(&instance)
            .await
            .events(instance.stack(), &instance.operation.id)
            .await?;
        let sight = Sight::of(events.as_ref());
        let mut events = events.unwrap_or_default();
        if instance.has_secret_parameters() {
            description::withhold_reasons(&mut events);
        }

        let advanced = match progress(instance.operation.kind, sight) {
            Progress::NotStarted => self.start_again(instance, sight, &events).await?,
            Progress::Running => instance,
            Progress::Succeeded if sight == Sight::NoStack => {
                self.end_without_stack(instance, &events).await?
            }
            Progress::Succeeded => self.succeed(instance).await?,
            Progress::Failed => self.end_failed(instance, sight, &events).await?,
        };
        Ok((advanced, events))
    }

    /// Ends a deletion whose stack is deleted, unless something of the instance may be left or may
    /// still be created.
    async fn end_without_stack(
        &self,
        instance: Instance,
        events: &OperationEvents,
    ) -> Result<Instance> {
        if instance.may_be_created_late(self.environment.now()) {
            return Ok(instance);
        }
        // Somebody may have deleted the stack outside the broker, while bindings are left.
        if self.has_bindings(&instance).await? {
            return self.start_again(instance, Sight::NoStack, events).await;
        }
        // A late request may have created another stack under the same name.
        if instance.stack_id.is_some() && instance.may_have_been_created_again() {
            return self.delete_successor(instance).await;
        }

        self.succeed(instance).await
    }

    /// Records the failure that the events report, with advice for the user.
    async fn end_failed(
        &self,
        instance: Instance,
        sight: Sight,
        events: &OperationEvents,
    ) -> Result<Instance> {
        let usable = events
            .current_status()
            .is_some_and(StackStatus::is_usable_after_update);
        let reason = match sight {
            Sight::NoStack => NO_STACK.into(),
            _ => description::cause(events),
        };
        let advice = match instance.operation.kind {
            _ if sight == Sight::NoStack => DELETE_INSTANCE,
            // The user's parameters were not the cause.
            OperationKind::Provision if events.interruption().is_some() => CREATE_AGAIN,
            kind => advice(kind, usable),
        };

        self.fail(instance, with_advice(&reason, advice), usable)
            .await
    }

    /// Records that the operation has succeeded.
    pub(super) async fn succeed(&self, instance: Instance) -> Result<Instance> {
        let operation = instance.operation.clone().succeeded();
        if operation.kind == OperationKind::Deprovision {
            return self.finish(self.tombstone(instance, operation)).await;
        }

        let Some(stack) = self
            .stacks_of(&instance)
            .await
            .describe(instance.stack())
            .await?
        else {
            return self
                .fail(instance, with_advice(NO_STACK, DELETE_INSTANCE), false)
                .await;
        };

        // The events may be ahead of the stack, which has its outputs only at the end.
        if stack.status.is_in_progress() {
            return Ok(instance);
        }

        let attributes = instance.update.unwrap_or(instance.attributes);
        let (stack_id, outputs) = (Some(stack.id), stack.outputs);
        self.finish(Instance {
            operation,
            attributes,
            update: None,
            stack_id,
            outputs,
            ..instance
        })
        .await
    }

    /// The tombstone of a deleted instance: its owner and its names, without the users' data.
    fn tombstone(&self, instance: Instance, operation: Operation) -> Instance {
        let (context, parameters) = Default::default();
        let attributes = Attributes {
            context,
            parameters,
            secret_parameters: None,
            ..instance.attributes
        };
        let expires_at = Some(self.environment.now() + TOMBSTONE_LIFETIME);
        let outputs = Default::default();
        Instance {
            operation,
            expires_at,
            attributes,
            outputs,
            ..instance
        }
    }

    /// Records that the operation has failed. After a failed update, the attributes stay as they
    /// were. `usable` applies to updates only: true if the instance can still be used.
    pub(super) async fn fail(
        &self,
        instance: Instance,
        reason: String,
        usable: bool,
    ) -> Result<Instance> {
        let instance_usable = match instance.operation.kind {
            OperationKind::Provision => None,
            // A resource that AWS does not delete, such as a bucket with objects, can still be
            // bound.
            OperationKind::Deprovision => Some(!instance.outputs.is_empty()),
            _ => Some(usable),
        };

        let operation = Operation {
            instance_usable,
            ..instance.operation.clone().failed(reason)
        };
        self.finish(Instance {
            operation,
            update: None,
            ..instance
        })
        .await
    }

    async fn finish(&self, instance: Instance) -> Result<Instance> {
        match self.records.update_instance(&instance).await? {
            Update::Done => {
                self.observe_end(&instance);
                Ok(Instance {
                    version: instance.version + 1,
                    ..instance
                })
            }
            // Another poll was faster, or a deletion has begun.
            Update::Conflict => self.reread(&instance).await,
        }
    }

    /// Reads the instance again, after another request has changed it.
    pub(super) async fn reread(&self, instance: &Instance) -> Result<Instance> {
        let now = self.environment.now();
        self.records
            .instance(&instance.id, now)
            .await?
            .ok_or_else(Error::instance_not_found)
    }

    /// Reads the instance again, after the same request, sent twice, has changed it.
    /// [`Error::Concurrency`] if it was a different request.
    pub(super) async fn joined(&self, instance: &Instance) -> Result<Instance> {
        match self.reread(instance).await {
            Ok(joined) if joined.operation.id == instance.operation.id => Ok(joined),
            Ok(_) | Err(Error::NotFound(_)) => Err(Error::Concurrency),
            Err(error) => Err(error),
        }
    }

    /// Resumes or ends an operation that CloudFormation knows nothing about.
    async fn start_again(
        &self,
        instance: Instance,
        sight: Sight,
        events: &OperationEvents,
    ) -> Result<Instance> {
        let now = self.environment.now();
        if instance.operation.may_be_running(now) {
            return Ok(instance);
        }

        match instance.operation.kind {
            // Until the record has the stack's id, the broker has not asked CloudFormation to
            // delete the stack.
            OperationKind::Deprovision
                if instance.stack_id.is_some() && is_ignored(&instance.operation, events, now) =>
            {
                let reason =
                    "CloudFormation does not begin to delete the stack. Delete the instance again.";
                self.fail(instance, reason.into(), false).await
            }
            OperationKind::Deprovision => self.tear_down(instance).await,

            // The platform is told that the update failed, so it must not happen later.
            OperationKind::Update => {
                let reason = "The request did not get through to AWS, and nothing was changed. \
                              Send it again.";
                self.fail(instance, reason.into(), true).await
            }

            // A stack that somebody has deleted by hand must not come back.
            _ if sight == Sight::NoStack => {
                let reason = "There is no stack: the request did not get through to AWS, or \
                              somebody has deleted the stack";
                self.fail(instance, with_advice(reason, CREATE_AGAIN), false)
                    .await
            }
            _ => self.adopt_stack(instance).await,
        }
    }
}

/// True if CloudFormation leaves the stack at rest after repeated requests to delete it.
fn is_ignored(operation: &Operation, events: &OperationEvents, now: Timestamp) -> bool {
    let is_at_rest = |event: &StackEvent| {
        event.stack_status().is_at_rest() && now.duration_since(event.at) > BEGIN_DELETION_WITHIN
    };
    now.duration_since(operation.started_at) > LONGEST_BEGINNING
        && events.foreign.last().is_some_and(is_at_rest)
}

const NO_STACK: &str = "The stack does not exist any more";
const DELETE_INSTANCE: &str = "Delete the instance.";
const CREATE_AGAIN: &str = "Delete the instance, then create it again.";

/// Advice for the user after a failure. `usable` applies to updates only.
pub(super) fn advice(kind: OperationKind, usable: bool) -> &'static str {
    match kind {
        OperationKind::Deprovision => "Remove the cause, then delete the instance again.",
        OperationKind::Update if usable => "The instance is as it was before the update.",
        OperationKind::Update => {
            "The update could not be undone either; the broker's operator has to repair the stack."
        }
        _ => "Delete the instance, then create it again with other parameters.",
    }
}
