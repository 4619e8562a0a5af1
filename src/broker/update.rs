//! `PATCH /v2/service_instances/:instance_id`
//!
//! Parameters are merged: those that a request does not name stay, and a `null` resets one to its
//! default. Kubernetes' Service Catalog sends the whole set instead, so that what it does not name
//! is reset. The stack keeps its template unless the request changes the plan or names a newer
//! `maintenance_info.version`: what was not asked for does not change because the broker was
//! updated.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Broker, Error, Provisioned, Result,
    id::InstanceId,
    instance::{Attributes, Instance, Json},
    operation::{Operation, OperationKind, OperationState},
    parameters,
    platform::Platform,
    ports::{Stack, StackUpdate, Update, UpdateStack},
    provision::{check_maintenance_info, tags},
    requester::Requester,
    secret_parameters::SecretParameters,
    stack::{OperationEvents, StackStatus},
};
use crate::{
    catalog::Offered,
    osb::{NonEmpty, Object, UpdateRequest},
};

impl Broker {
    /// Changes an instance: its record, then its stack.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Unsupported`], [`Error::UnfitState`],
    /// [`Error::MaintenanceInfoConflict`], [`Error::AsyncRequired`] and [`Error::Concurrency`]
    /// before anything is changed; [`Error::Invalid`] where CloudFormation refuses the change, and
    /// [`Error::Concurrency`] where it does so because somebody else is at work on the stack: the
    /// change is then forgotten. A [`Error::Port`] leaves the record: the same request, sent again,
    /// goes on from there, and without one the update has failed when the request can no longer be
    /// running.
    pub async fn update(
        &self,
        id: &InstanceId,
        request: UpdateRequest,
        requester: Option<&Requester>,
        accepts_incomplete: bool,
    ) -> Result<Provisioned> {
        let (instance, events) = self.advance(self.find_instance(id).await?).await?;
        if instance.is_tombstone() {
            return Err(Error::instance_not_found());
        }

        let platform = Platform::of(request.context.as_ref(), &instance.attributes.context.0);
        let updated = self
            .update_instance(
                instance,
                events,
                request,
                platform,
                requester,
                accepts_incomplete,
            )
            .await;
        platform.final_result(updated)
    }

    async fn update_instance(
        &self,
        instance: Instance,
        events: OperationEvents,
        request: UpdateRequest,
        platform: Platform,
        requester: Option<&Requester>,
        accepts_incomplete: bool,
    ) -> Result<Provisioned> {
        let view = self.view(&instance);
        let (target, secrets) = self.target(&instance, request, platform).await?;
        check_state(&instance, &target)?;

        if let Some(requester) =
            requester.filter(|requester| instance.changed_by.as_ref() != Some(*requester))
        {
            // Whoever may change the instance may delete it, whatever was refused before.
            self.records.forget_refused(&instance.id, requester).await?;
        }

        let running = instance.operation.in_progress();
        if !running && target.same_stack(&instance.attributes) {
            self.update_record(instance, target, requester).await?;
            return Ok(Provisioned {
                operation: None,
                view,
            });
        }

        if !accepts_incomplete {
            return Err(Error::AsyncRequired);
        }

        let instance = instance.changed_by(requester);
        let operation = if !running {
            self.start_update(instance, target, &secrets).await?
        } else if events.own.is_empty() {
            self.resume_update(instance, &target, &secrets).await?
        } else {
            Some(instance.operation.id)
        };
        Ok(Provisioned { operation, view })
    }

    /// What the request makes of the instance's attributes, and the secret parameters that it
    /// gives.
    async fn target(
        &self,
        instance: &Instance,
        request: UpdateRequest,
        platform: Platform,
    ) -> Result<(Attributes, Object)> {
        let current = &instance.attributes;
        if *request.service_id != *current.service_id {
            self.catalog.find_service(&request.service_id)?;
            return Err(Error::of_another_service("service instance"));
        }

        let plan_id = request
            .plan_id
            .map_or_else(|| current.plan_id.clone(), NonEmpty::into_inner);
        let before = self.catalog.find(&current.service_id, &current.plan_id)?;
        let after = self.catalog.find(&current.service_id, &plan_id)?;
        check_maintenance_info(&after, request.maintenance_info.as_ref())?;

        let changes_plan = plan_id != current.plan_id;
        if changes_plan {
            check_plan_change(&before, &after)?;
        }

        let changes = match request.parameters {
            Some(whole_set) if platform.sends_whole_set() => with_resets(current, whole_set),
            changes => changes.unwrap_or_default(),
        };
        let requested = self.requested_changes(instance, changes, &before, &after)?;

        let (secrets, plain) = parameters::split_secret(&after, requested);
        let secret_parameters = self.digest_of_update(instance, &secrets).await?;

        let mut parameters = parameters::merge(current.parameters.0.clone(), &plain);
        let mut template_version = current.template_version.clone();
        if changes_plan || request.maintenance_info.is_some() {
            template_version = after.offering.version.as_deref().map(str::to_owned);
            // What the new plan decides itself, and what a newer template does not have any more,
            // is given up.
            parameters.retain(|name, _| after.takes(name));
        }

        let target = Attributes {
            plan_id,
            context: request
                .context
                .map_or_else(|| current.context.clone(), Json),
            parameters: Json(parameters),
            secret_parameters,
            template_version,
            ..current.clone()
        };

        check_update((&before, current), (&after, &target), &secrets)?;
        Ok((target, secrets))
    }

    /// The changes of parameters, normalised, without the location, which has to stay.
    fn requested_changes(
        &self,
        instance: &Instance,
        mut changes: Object,
        before: &Offered<'_>,
        after: &Offered<'_>,
    ) -> Result<Object> {
        self.locations
            .keep(&self.place, instance.location.as_ref(), &mut changes)?;
        let changes = after.normalized(changes);
        check_requested(&instance.attributes, before, after, &changes)?;
        Ok(changes)
    }

    /// Stands for the secret parameters that the instance has after the update.
    async fn digest_of_update(
        &self,
        instance: &Instance,
        secrets: &Object,
    ) -> Result<Option<SecretParameters>> {
        let current = instance.attributes.secret_parameters.as_ref();
        let updated = instance.update.as_ref();
        let known = updated.and_then(|update| update.secret_parameters.as_ref());
        Ok(self
            .digester(&instance.id)
            .digest(secrets, current, known)
            .await?)
    }

    /// Writes down what does not concern the stack: the context (OSBAPI, `allow_context_updates`),
    /// and the user.
    async fn update_record(
        &self,
        instance: Instance,
        target: Attributes,
        requester: Option<&Requester>,
    ) -> Result<()> {
        let updated = Instance {
            attributes: target,
            ..instance.clone()
        }
        .changed_by(requester);
        if updated == instance {
            return Ok(());
        }
        match self.records.update_instance(&updated).await? {
            Update::Done => Ok(()),
            Update::Conflict => Err(Error::Concurrency),
        }
    }

    /// Returns what to poll with, or nothing where the stack is already what it was to become.
    async fn start_update(
        &self,
        instance: Instance,
        target: Attributes,
        secrets: &Object,
    ) -> Result<Option<String>> {
        let operation = Operation::begin(
            OperationKind::Update,
            self.environment.uuid(),
            self.environment.now(),
        );
        let mut instance = Instance {
            update: Some(target.clone()),
            ..instance.begin(operation)
        };
        if self.records.update_instance(&instance).await? == Update::Conflict {
            return Err(Error::Concurrency);
        }
        instance.version += 1;
        self.submit_update(instance, &target, secrets, true).await
    }

    /// Goes on with an update that another request has begun and that did not get as far as
    /// CloudFormation. It writes that it does, so that the other one does not forget the update
    /// meanwhile.
    async fn resume_update(
        &self,
        mut instance: Instance,
        target: &Attributes,
        secrets: &Object,
    ) -> Result<Option<String>> {
        instance.operation = instance.operation.taken_up(self.environment.now());
        if self.records.update_instance(&instance).await? == Update::Conflict {
            return self
                .joined(&instance)
                .await
                .map(|joined| Some(joined.operation.id));
        }
        instance.version += 1;
        self.submit_update(instance, target, secrets, false).await
    }

    /// Sends the update, and forgets it where CloudFormation refuses it, unless the other request
    /// may still get it through.
    async fn submit_update(
        &self,
        instance: Instance,
        target: &Attributes,
        secrets: &Object,
        is_alone: bool,
    ) -> Result<Option<String>> {
        let refused = match self.send_update(&instance, target, secrets).await {
            Ok((UpdateStack::Accepted, _)) => return Ok(Some(instance.operation.id)),
            Ok((UpdateStack::NoChange, stack)) => {
                match self.missing_changes(&instance.attributes, target, &stack)? {
                    missing if missing.is_empty() => return self.end_unchanged(instance).await,
                    missing => unseen_change(&missing),
                }
            }
            Ok((UpdateStack::Rejected(reason), _)) => Error::rejected(&reason, secrets),
            Err(error @ Error::Port(_)) => return Err(error),
            Err(error) => error,
        };

        // The same request, sent twice at one moment, finds the stack busy with itself.
        let events = self
            .stacks_of(&instance)
            .await
            .events(instance.stack(), &instance.operation.id)
            .await?;
        let events = events.unwrap_or_default();
        if !is_alone || !events.own.is_empty() {
            return Ok(Some(instance.operation.id));
        }

        // Somebody in the AWS console was faster: the refusal says so in words of CloudFormation's,
        // and is not for ever.
        let is_busy = events
            .current_status()
            .is_some_and(StackStatus::is_in_progress);
        let refused = if is_busy { Error::Concurrency } else { refused };

        self.forget_update(instance, refused).await
    }

    /// Puts the record back to what it was before an update that changed nothing, and returns the
    /// refusal, unless the same request was sent again.
    async fn forget_update(&self, instance: Instance, refused: Error) -> Result<Option<String>> {
        let Some(operation) = instance.previous_operation.clone() else {
            return Err(Error::Corrupt(
                "an update of an instance that nothing was done with before".into(),
            ));
        };
        let before = Instance {
            operation,
            previous_operation: None,
            update: None,
            ..instance.clone()
        };

        match self.records.update_instance(&before).await? {
            Update::Done => Err(refused),
            // The same request was sent again, and goes on with the record.
            Update::Conflict => self
                .joined(&instance)
                .await
                .map(|joined| Some(joined.operation.id)),
        }
    }

    /// Ends an update that finds nothing to do. Returns what to poll with, if somebody else has
    /// begun to change the stack.
    async fn end_unchanged(&self, instance: Instance) -> Result<Option<String>> {
        let id = instance.operation.id.clone();
        let ended = self.succeed(instance).await?.operation;
        match ended.state {
            _ if ended.id != id => Err(Error::Concurrency),
            OperationState::Succeeded => Ok(None),
            OperationState::InProgress | OperationState::Failed => Ok(Some(id)),
        }
    }

    /// The parameters that the update changes, and that the stack does not have as the update wants
    /// them. Somebody may have changed the others in AWS.
    fn missing_changes(
        &self,
        current: &Attributes,
        target: &Attributes,
        stack: &Stack,
    ) -> Result<BTreeSet<String>> {
        let before = self.catalog.find(&current.service_id, &current.plan_id)?;
        let after = self.catalog.find(&target.service_id, &target.plan_id)?;
        let mut missing = changed((&before, current), (&after, target));
        let wanted = parameters::of_stack(&after, &target.parameters.0);
        missing.retain(|name| {
            wanted
                .get(name)
                .is_none_or(|wanted| stack.parameters.get(name) != Some(wanted))
        });
        Ok(missing)
    }

    /// Sends the update that the record names to CloudFormation. Returns its answer, and the stack
    /// as it was before.
    async fn send_update(
        &self,
        instance: &Instance,
        target: &Attributes,
        secrets: &Object,
    ) -> Result<(UpdateStack, Stack)> {
        let offered = self.catalog.find(&target.service_id, &target.plan_id)?;
        let current = &instance.attributes;

        let stacks = self.stacks_of(instance).await;
        let Some(stack) = stacks.describe(instance.stack()).await? else {
            return Err(Error::Unsupported(
                "The instance's stack does not exist any more. Delete the instance.".into(),
            ));
        };

        if stack.status.is_in_progress() {
            return Err(Error::Concurrency);
        }
        if !stack.status.can_be_updated() {
            let advice = if stack.status.can_only_be_deleted() {
                "Delete the instance."
            } else {
                "The broker's operator has to repair it."
            };
            return Err(Error::UnfitState(format!(
                "The instance's stack is in the status {}, in which it cannot be updated. {advice}",
                stack.status
            )));
        }

        let known_to_stack = stack.parameters.keys().cloned().collect();
        let new_template = target.needs_new_template(current);
        let parameters = if new_template {
            parameters::of_new_template(&offered, target, secrets, &known_to_stack)
        } else {
            parameters::of_same_template(&offered, current, target, secrets, &known_to_stack)
                .map_err(|unknown| {
                    Error::UnfitState(format!(
                        "The instance was made from an earlier version of its template, which does \
                     not have: {}. Upgrade the instance first.",
                        unknown.join(", ")
                    ))
                })?
        };

        let update = StackUpdate {
            stack: instance.stack(),
            template_body: new_template.then_some(&*offered.offering.template_body),
            parameters,
            tags: tags(&offered, &instance.id, target),
            token: &instance.operation.id,
        };
        Ok((stacks.update(&update).await?, stack))
    }
}

impl Attributes {
    /// Whether the stack gets the template of the catalog in the place of the one that it was made
    /// from.
    fn needs_new_template(&self, current: &Self) -> bool {
        self.plan_id != current.plan_id || self.template_version != current.template_version
    }

    /// Whether both ask for the same stack.
    fn same_stack(&self, other: &Self) -> bool {
        self.same_request(other)
            && self.secret_parameters == other.secret_parameters
            && self.template_version == other.template_version
    }
}

/// Parameters that an existing instance cannot change may be sent with the value that they have,
/// and those that the new plan does not leave to the user may be given up.
fn check_requested(
    current: &Attributes,
    before: &Offered<'_>,
    after: &Offered<'_>,
    requested: &Object,
) -> Result<()> {
    let mut changes = requested.clone();
    changes.retain(|name, value| {
        let fixed = after.takes(name) && !after.offering.is_updatable(name);
        let given_up =
            value.is_null() && (before.takes(name) || current.parameters.0.contains_key(name));
        !(fixed || given_up)
    });
    after.check_changes(&changes).map_err(Error::Invalid)
}

/// Checks what the update makes of the instance: that it fits the plan, keeps what cannot be
/// changed, and is what the operator allows.
fn check_update(
    before: (&Offered<'_>, &Attributes),
    after: (&Offered<'_>, &Attributes),
    secrets: &Object,
) -> Result<()> {
    let ((_, current), (offered, target)) = (before, after);
    let changes_plan = target.plan_id != current.plan_id;

    if target.needs_new_template(current) {
        check_target(offered, target, secrets, changes_plan)?;
    }
    if !target.same_stack(current) {
        check_rules(offered, target, secrets, changes_plan)?;
    }
    check_fixed(before, after)?;
    check_allowed(before, after, secrets)
}

/// Checks that instances of one plan may change to the other.
fn check_plan_change(before: &Offered<'_>, after: &Offered<'_>) -> Result<()> {
    after.check_offered()?;
    if before.plan.plan_updateable {
        return Ok(());
    }
    Err(Error::Unsupported(format!(
        "An instance of the plan `{}` cannot change its plan. Create a new instance.",
        before.plan.name
    )))
}

/// What comes of the changes must be what the plan could be created with. An instance that keeps
/// its template, which may be of an earlier version, is not measured by the catalog of today.
fn check_target(
    offered: &Offered<'_>,
    target: &Attributes,
    secrets: &Object,
    changes_plan: bool,
) -> Result<()> {
    let kept: BTreeSet<_> = target
        .secret_parameters
        .iter()
        .flat_map(|secrets| secrets.names())
        .collect();
    let mut parameters = parameters::merge(target.parameters.0.clone(), secrets);
    parameters.retain(|name, _| offered.knows(name));
    offered
        .check_parameters_besides(&parameters, &kept)
        .map_err(|reason| misfit(offered, reason, changes_plan))
}

/// Checks what the template excludes. The rules are those of the catalog's template, which an
/// instance that keeps an earlier one is not measured by.
fn check_rules(
    offered: &Offered<'_>,
    target: &Attributes,
    secrets: &Object,
    changes_plan: bool,
) -> Result<()> {
    if target.template_version.as_deref() != offered.offering.version.as_deref() {
        return Ok(());
    }

    let mut values = parameters::of_stack(
        offered,
        &parameters::merge(target.parameters.0.clone(), secrets),
    );
    // What the stack alone knows is for CloudFormation to check.
    let kept = target
        .secret_parameters
        .iter()
        .flat_map(|secrets| secrets.names());
    kept.filter(|name| !secrets.contains_key(*name))
        .for_each(|name| drop(values.remove(name)));

    offered
        .check_rules(&values)
        .map_err(|reason| misfit(offered, reason, changes_plan))
}

fn misfit(offered: &Offered<'_>, reason: String, changes_plan: bool) -> Error {
    if changes_plan {
        Error::Unsupported(format!(
            "The instance does not fit the plan `{}`. {reason}",
            offered.plan.name
        ))
    } else {
        Error::Invalid(reason)
    }
}

/// The template's author says which parameters an existing instance can change: others would
/// replace its resources. A plan is a set of parameters, so that to change it is to change those.
fn check_fixed(
    before: (&Offered<'_>, &Attributes),
    after: (&Offered<'_>, &Attributes),
) -> Result<()> {
    let mut changed = changed(before, after);
    changed.retain(|name| after.0.knows(name) && !after.0.offering.is_updatable(name));
    if changed.is_empty() {
        return Ok(());
    }
    Err(Error::Unsupported(format!(
        "An existing instance cannot change {}. Leave {} as it is, or create a new instance.",
        quoted(&changed),
        if changed.len() == 1 { "it" } else { "each" },
    )))
}

/// Checks what changes against what the operator allows. The instance may keep what it was created
/// with.
fn check_allowed(
    before: (&Offered<'_>, &Attributes),
    after: (&Offered<'_>, &Attributes),
    secrets: &Object,
) -> Result<()> {
    let mut values = parameters::of_stack(
        after.0,
        &parameters::merge(after.1.parameters.0.clone(), secrets),
    );
    // Another plan may have other limits.
    if before.1.plan_id == after.1.plan_id {
        let changed = changed(before, after);
        values.retain(|name, _| changed.contains(name));
    }
    after
        .0
        .check_allowed(&values, &after.1.owners())
        .map_err(Error::Invalid)
}

/// The stack's parameters, secret ones among them, that are not the same for both.
fn changed(
    before: (&Offered<'_>, &Attributes),
    after: (&Offered<'_>, &Attributes),
) -> BTreeSet<String> {
    let secrets = [before, after].map(|(_, attributes)| attributes.secret_parameters.as_ref());
    let mut changed = parameters::changed_in_stack(before, after);
    changed.extend(SecretParameters::changed(secrets[0], secrets[1]));
    changed
}

/// CloudFormation keeps a stack's parameters as they are where no resource of it changes with them.
/// <https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1543>
fn unseen_change(changed: &BTreeSet<String>) -> Error {
    Error::Unsupported(format!(
        "CloudFormation finds nothing to update, so that {} was not changed. Change another \
         parameter in the same update, or ask the broker's operator to repair the service's \
         template.",
        quoted(changed)
    ))
}

fn quoted(names: &BTreeSet<String>) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The whole set of parameters as changes: those of the instance that it does not name are reset.
fn with_resets(current: &Attributes, mut whole_set: Object) -> Object {
    let secrets = current
        .secret_parameters
        .iter()
        .flat_map(SecretParameters::names);
    let given: Vec<_> = current
        .parameters
        .0
        .keys()
        .map(String::as_str)
        .chain(secrets)
        .collect();
    for name in given {
        whole_set.entry(name).or_insert(Value::Null);
    }
    whole_set
}

fn check_state(instance: &Instance, target: &Attributes) -> Result<()> {
    use OperationState::{Failed, InProgress};
    let unfit = |reason: &str| Err(Error::UnfitState(reason.into()));

    match (instance.operation.kind, instance.operation.state) {
        (OperationKind::Update, InProgress)
            if instance.update.as_ref().is_some_and(|running| {
                target.same_stack(running) && target.context == running.context
            }) =>
        {
            Ok(())
        }
        (_, InProgress) => Err(Error::Concurrency),
        (OperationKind::Provision, Failed) => unfit(
            "The creation of the service instance has failed. Delete it, then create a new one.",
        ),
        (OperationKind::Deprovision, Failed) => {
            unfit("The deletion of the service instance has failed. Delete it again.")
        }
        _ => Ok(()),
    }
}
