//! `PATCH /v2/service_instances/:instance_id`
//!
//! Parameters are merged: those that a request does not name stay, and a `null` resets one to its
//! default. Kubernetes' Service Catalog sends the whole set instead, so parameters that it does not
//! name are reset. The stack keeps its template unless the request changes the plan or names a
//! newer `maintenance_info.version`. An upgrade of the broker alone thus changes nothing that was
//! not requested.
//!
//! A new name of the instance, its space or its organization is a new tag of the stack, so it takes
//! an update of the stack. A platform that does not wait for one is not refused: its stack gets the
//! name with the next update.

use std::collections::BTreeSet;

use catalog::{Offered, OperatorValues};
use serde_json::Value;

use super::{
    engine,
    maintenance::check_maintenance_info,
    operator_values, outcome, parameters, secret_digests,
    view::{self, InstanceView},
};
use crate::{
    broker::{
        Broker,
        error::{Error, Result},
        mutation::Mutation,
        overrides::{self, Applicable},
        ports::{Stack, StackUpdate, UpdatedStack, WriteOutcome},
        records::{
            Attributes, Instance, InstanceId, Json, Operation, OperationKind, OperationState,
            Platform, Requester, SecretParameters,
        },
        stacks::{OperationEvents, StackStatus},
        tags,
    },
    osb::{Object, UpdateRequest},
};

/// Updates an instance: first its record, then its stack.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::Invalid`], [`Error::Unsupported`], [`Error::UnfitState`],
/// [`Error::MaintenanceInfoConflict`], [`Error::AsyncRequired`] and [`Error::Concurrency`]
/// before anything is changed. [`Error::Invalid`] where CloudFormation rejects the update, or
/// [`Error::Concurrency`] where it does so because somebody else is changing the stack. The
/// record is then restored. An [`Error::Port`] leaves the record: the same request, sent again,
/// resumes the update. Without such a request, the update fails once the first request can no
/// longer be running.
pub async fn update(
    broker: &Broker,
    id: &InstanceId,
    request: UpdateRequest,
    requester: Option<&Requester>,
    accepts_incomplete: bool,
) -> Result<Mutation<InstanceView>> {
    let (instance, events) =
        engine::advance(broker, engine::find_instance(broker, id).await?).await?;
    if instance.is_tombstone() {
        return Err(Error::instance_not_found());
    }

    let platform = Platform::of(request.context.as_ref(), &instance.attributes.context.0);
    let updated = update_instance(
        broker,
        instance,
        events,
        request,
        platform,
        requester,
        accepts_incomplete,
    )
    .await;
    updated.map_err(|error| error.for_platform(platform))
}

async fn update_instance(
    broker: &Broker,
    instance: Instance,
    events: OperationEvents,
    request: UpdateRequest,
    platform: Platform,
    requester: Option<&Requester>,
    accepts_incomplete: bool,
) -> Result<Mutation<InstanceView>> {
    let view = view::view(broker, &instance);
    let (target, secrets) =
        target(broker, &instance, request, platform, accepts_incomplete).await?;
    check_state(&instance, &target)?;
    forget_refused(broker, &instance, requester).await?;

    let running = instance.operation.in_progress();
    let stays = target.same_stack(&instance.attributes)
        && (target.same_names(&instance.attributes) || !accepts_incomplete);
    if !running && stays {
        update_record(broker, instance, target, requester).await?;
        return Ok(Mutation::Done(view));
    }

    if !accepts_incomplete {
        return Err(Error::AsyncRequired);
    }

    let instance = instance.changed_by(requester);
    let operation = if !running {
        start_update(broker, instance, target, &secrets).await?
    } else if events.own.is_empty() {
        resume_update(broker, instance, &target, &secrets).await?
    } else {
        Some(instance.operation.id)
    };
    Ok(match operation {
        Some(operation) => Mutation::InProgress { operation, view },
        None => Mutation::Done(view),
    })
}

/// Forgets that the requester was refused before: a user who may update the instance may also
/// delete it.
async fn forget_refused(
    broker: &Broker,
    instance: &Instance,
    requester: Option<&Requester>,
) -> Result<()> {
    if let Some(requester) = requester
        && instance.changed_by.as_ref() != Some(requester)
    {
        broker
            .records
            .forget_refused(&instance.id, requester)
            .await?;
    }
    Ok(())
}

/// Returns the attributes with the request's context, if it has one, and with its parameters.
fn merged(current: &Attributes, context: Option<Object>, plain: &Object) -> Attributes {
    let parameters = parameters::merge(current.parameters.0.clone(), plain);
    Attributes {
        context: context.map_or_else(|| current.context.clone(), Json),
        parameters: Json(parameters),
        ..current.clone()
    }
}

/// Checks that the instance is of the service that the request names.
fn check_service(broker: &Broker, request: &UpdateRequest, current: &Attributes) -> Result<()> {
    if *request.service_id == *current.service_id {
        return Ok(());
    }
    broker.catalog.find_service(&request.service_id)?;
    Err(Error::of_another_service("service instance"))
}

/// Returns the attributes that the instance has after the update, and the secret parameters
/// that the request gives.
async fn target(
    broker: &Broker,
    instance: &Instance,
    request: UpdateRequest,
    platform: Platform,
    accepts_incomplete: bool,
) -> Result<(Attributes, Object)> {
    let current = &instance.attributes;
    check_service(broker, &request, current)?;

    let plan_id = request.plan_id.unwrap_or_else(|| current.plan_id.clone());
    let before = broker.catalog.find(&current.service_id, &current.plan_id)?;
    let after = broker.catalog.find(&current.service_id, &plan_id)?;
    check_maintenance_info(&after, request.maintenance_info.as_ref())?;

    let changes_plan = plan_id != current.plan_id;
    if changes_plan {
        check_plan_change(&before, &after)?;
    }

    let changes = changes(current, request.parameters, platform);
    let requested = requested_changes(broker, instance, changes, &before, &after)?;

    let (secrets, plain) = parameters::split_secret(&after, requested);
    let secret_parameters = digest_of_update(broker, instance, &secrets).await?;

    let target = Attributes {
        plan_id,
        secret_parameters,
        ..merged(current, request.context, &plain)
    };
    let target = if changes_plan || request.maintenance_info.is_some() {
        with_new_template(target, &after)
    } else {
        target
    };

    let target = decided(
        broker,
        instance,
        &before,
        (&after, target),
        (&plain, &secrets),
        accepts_incomplete,
    )
    .await?;
    Ok((target, secrets))
}

/// Returns the attributes with the operator's values, checked.
async fn decided(
    broker: &Broker,
    instance: &Instance,
    before: &Offered<'_>,
    (after, target): (&Offered<'_>, Attributes),
    (plain, secrets): (&Object, &Object),
    accepts_incomplete: bool,
) -> Result<Attributes> {
    let before = (before, &instance.attributes);
    if let Some(overrides) = known_overrides(instance, &target, accepts_incomplete) {
        let target = Attributes {
            overrides,
            ..target
        };
        check_update(before, (after, &target), &Applicable::default(), secrets)?;
        return Ok(target);
    }

    let operator = overrides::applicable(
        broker,
        &after.offering.name,
        &target,
        instance.location.as_ref(),
    )
    .await?;
    let target = with_overrides(broker, before, (after, target), &operator, plain)?;
    check_update(before, (after, &target), &operator, secrets)?;
    Ok(target)
}

/// Returns the operator's values for a request that does not need the present ones: a repeated one,
/// whose update runs; and one that asks for nothing else of a platform that does not wait.
fn known_overrides(
    instance: &Instance,
    target: &Attributes,
    accepts_incomplete: bool,
) -> Option<OperatorValues> {
    let running = instance
        .update
        .as_ref()
        .filter(|running| instance.operation.in_progress() && target.asks_for_the_same(running));
    match running {
        Some(running) => Some(running.overrides.clone()),
        None if !accepts_incomplete && target.asks_for_the_same(&instance.attributes) => {
            Some(instance.attributes.overrides.clone())
        }
        None => None,
    }
}

/// Returns the attributes with the operator's present values, as far as the instance can have them.
fn with_overrides(
    broker: &Broker,
    (before, current): (&Offered<'_>, &Attributes),
    (after, target): (&Offered<'_>, Attributes),
    operator: &Applicable,
    requested: &Object,
) -> Result<Attributes> {
    let precedence = broker.overrides.precedence();
    operator_values::check_undecided(
        after,
        &operator.values,
        precedence,
        requested,
        &current.parameters.0,
    )?;

    let winning = parameters::winning(after, &operator.values, precedence, &target.parameters.0);
    let overrides =
        operator_values::after_update((before, current), (after, &target), winning, precedence);
    let target = Attributes {
        overrides,
        ..target
    };
    operator_values::check_changed_values(after, &target, current)?;
    Ok(target)
}

/// Returns the changes of the parameters. Kubernetes sends all parameters, and leaves out those
/// that it resets.
fn changes(current: &Attributes, parameters: Option<Object>, platform: Platform) -> Object {
    match parameters {
        Some(whole_set) if platform.sends_whole_set() => with_resets(current, whole_set),
        changes => changes.unwrap_or_default(),
    }
}

/// Returns the attributes with the current template of the plan. Parameters that the plan fixes, or
/// that the template no longer has, are dropped.
fn with_new_template(mut target: Attributes, after: &Offered<'_>) -> Attributes {
    target.parameters.0.retain(|name, _| after.takes(name));
    Attributes {
        template_version: after.offering.version.as_deref().map(str::to_owned),
        ..target
    }
}

/// Returns the requested changes of parameters, normalised and checked. The location, which has
/// to stay, is not among them.
fn requested_changes(
    broker: &Broker,
    instance: &Instance,
    mut changes: Object,
    before: &Offered<'_>,
    after: &Offered<'_>,
) -> Result<Object> {
    broker
        .locations
        .keep(&broker.place, instance.location.as_ref(), &mut changes)?;
    let mut changes = after.normalized(changes);
    // A platform may send what it has read: the operator's values are not the user's.
    let overrides = &instance.attributes.overrides;
    changes.retain(|name, value| {
        let known = overrides.get(name);
        known.is_none_or(|known| *value != after.shown(name, &known.value))
    });
    check_requested(&instance.attributes, before, after, &changes)?;
    Ok(changes)
}

/// Returns the digests of the secret parameters that the instance has after the update.
async fn digest_of_update(
    broker: &Broker,
    instance: &Instance,
    secrets: &Object,
) -> Result<Option<SecretParameters>> {
    let current = instance.attributes.secret_parameters.as_ref();
    let updated = instance.update.as_ref();
    let known = updated.and_then(|update| update.secret_parameters.as_ref());
    Ok(secret_digests::digester(broker, &instance.id)
        .digest(secrets, current, known)
        .await?)
}

/// Writes what does not concern the stack: the context (OSBAPI, `allow_context_updates`) and
/// the user.
async fn update_record(
    broker: &Broker,
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

    match broker.records.update_instance(&updated).await? {
        WriteOutcome::Done => Ok(()),
        WriteOutcome::Conflict => Err(Error::Concurrency),
    }
}

/// Starts an update. Returns the operation to poll, or `None` if the stack already is as
/// requested.
async fn start_update(
    broker: &Broker,
    instance: Instance,
    target: Attributes,
    secrets: &Object,
) -> Result<Option<String>> {
    let operation = Operation::begin(
        OperationKind::Update,
        broker.environment.uuid(),
        broker.environment.now(),
    );

    let has_stack_policy = ensure_stack_policy(broker, &instance, &target).await?;
    let instance = Instance {
        update: Some(target.clone()),
        has_stack_policy,
        ..instance.begin(operation)
    };

    match broker.records.replace_instance(&instance).await? {
        Some(instance) => submit_update(broker, instance, &target, secrets).await,
        None => Err(Error::Concurrency),
    }
}

/// Sets the stack policy of a stack that has none: the policy that comes with an update applies only
/// to later ones. Returns true if the stack has one afterwards.
async fn ensure_stack_policy(
    broker: &Broker,
    instance: &Instance,
    target: &Attributes,
) -> Result<bool> {
    if instance.has_stack_policy {
        return Ok(true);
    }

    let offered = broker.catalog.find(&target.service_id, &target.plan_id)?;
    let stacks = broker.stacks_of(instance).await;
    let policy = &offered.offering.stack_policy;
    match stacks.set_policy(instance.stack(), policy).await {
        Ok(()) => Ok(true),
        Err(error) => Error::Port(error).unless_passing(),
    }
}

/// Resumes an update that another request has begun and that has not reached CloudFormation. It
/// first writes this to the record, so that the other request does not undo the record
/// meanwhile.
async fn resume_update(
    broker: &Broker,
    mut instance: Instance,
    target: &Attributes,
    secrets: &Object,
) -> Result<Option<String>> {
    instance.operation = instance.operation.taken_up(broker.environment.now());
    match broker.records.replace_instance(&instance).await? {
        Some(instance) => submit_update(broker, instance, target, secrets).await,
        None => outcome::joined(broker, &instance)
            .await
            .map(|joined| Some(joined.operation.id)),
    }
}

/// Sends the update, and restores the record if CloudFormation rejects it. The record stays if
/// the other request's call may still succeed.
async fn submit_update(
    broker: &Broker,
    instance: Instance,
    target: &Attributes,
    secrets: &Object,
) -> Result<Option<String>> {
    let refused = match send_update(broker, &instance, target, secrets).await {
        Ok((StackUpdate::Accepted, _)) => return Ok(Some(instance.operation.id)),
        Ok((StackUpdate::NoChange, stack)) => {
            match missing_changes(broker, &instance.attributes, target, &stack)? {
                missing if is_of_operator(&missing, &instance.attributes, target) => {
                    return end_unchanged(broker, instance).await;
                }
                missing => unseen_change(&missing),
            }
        }
        Ok((StackUpdate::Rejected(reason), _)) => Error::rejected(&reason, secrets),
        Err(error @ Error::Port(_)) => return Err(error),
        Err(error) => error,
    };

    // The same request, sent twice at one moment, finds the stack busy with its own update.
    let events = broker
        .stacks_of(&instance)
        .await
        .events(instance.stack(), &instance.operation.id)
        .await?;
    let events = events.unwrap_or_default();
    if instance.operation.is_taken_up || !events.own.is_empty() {
        return Ok(Some(instance.operation.id));
    }

    // Somebody in the AWS console may have been faster. CloudFormation's rejection is then
    // temporary, and must not be reported as final.
    let is_busy = events
        .current_status()
        .is_some_and(StackStatus::is_in_progress);
    let refused = if is_busy { Error::Concurrency } else { refused };

    forget_update(broker, instance, refused).await
}

/// True if only the operator's values are missing. The user did not ask for them, and no resource of
/// the stack depends on them.
fn is_of_operator(missing: &BTreeSet<String>, current: &Attributes, target: &Attributes) -> bool {
    let changed = parameters::changed_overrides(&current.overrides, &target.overrides);
    missing.is_subset(&changed)
}

/// Restores the record from before an update that changed nothing, and returns the refusal as
/// an error. If the same request was sent again, returns the operation to poll instead.
async fn forget_update(
    broker: &Broker,
    instance: Instance,
    refused: Error,
) -> Result<Option<String>> {
    let Some(operation) = instance.previous_operation.clone() else {
        return Err(Error::Corrupt(
            "an update of an instance that has no previous operation".into(),
        ));
    };
    let before = Instance {
        operation,
        previous_operation: None,
        update: None,
        ..instance.clone()
    };

    match broker.records.update_instance(&before).await? {
        WriteOutcome::Done => Err(refused),
        // The same request was sent again, and has resumed the update.
        WriteOutcome::Conflict => outcome::joined(broker, &instance)
            .await
            .map(|joined| Some(joined.operation.id)),
    }
}

/// Ends an update that finds nothing to do. Returns the operation to poll, if somebody else has
/// begun to change the stack.
async fn end_unchanged(broker: &Broker, instance: Instance) -> Result<Option<String>> {
    let id = instance.operation.id.clone();
    let ended = outcome::succeed(broker, instance).await?.operation;
    match ended.state {
        _ if ended.id != id => Err(Error::Concurrency),
        OperationState::Succeeded => Ok(None),
        OperationState::InProgress | OperationState::Failed => Ok(Some(id)),
    }
}

/// Returns the parameters that the update changes and whose requested values the stack does not
/// have. Somebody may have set the others in AWS.
fn missing_changes(
    broker: &Broker,
    current: &Attributes,
    target: &Attributes,
    stack: &Stack,
) -> Result<BTreeSet<String>> {
    let before = broker.catalog.find(&current.service_id, &current.plan_id)?;
    let after = broker.catalog.find(&target.service_id, &target.plan_id)?;

    let mut missing = changed((&before, current), (&after, target));
    let wanted = parameters::of_stack(&after, target, &Object::new());
    missing.retain(|name| {
        wanted
            .get(name)
            .is_none_or(|wanted| stack.parameters.get(name) != Some(wanted))
    });

    Ok(missing)
}

/// Sends the update that the record names to CloudFormation. Returns the outcome, and the stack
/// as it was before.
async fn send_update(
    broker: &Broker,
    instance: &Instance,
    target: &Attributes,
    secrets: &Object,
) -> Result<(StackUpdate, Stack)> {
    let offered = broker.catalog.find(&target.service_id, &target.plan_id)?;
    let current = &instance.attributes;

    let stacks = broker.stacks_of(instance).await;
    let Some(stack) = stacks.describe(instance.stack()).await? else {
        return Err(Error::Unsupported(
            "The instance's stack no longer exists. Delete the instance.".into(),
        ));
    };

    check_status(stack.status)?;

    let known_to_stack = stack.parameters.keys().cloned().collect();
    let new_template = target.needs_new_template(current);
    let parameters = if new_template {
        parameters::of_new_template(&offered, target, secrets, &known_to_stack)
    } else {
        parameters::of_same_template(&offered, current, target, secrets, &known_to_stack).map_err(
            |unknown| {
                Error::UnfitState(format!(
                    "The instance has an earlier version of its template, which lacks these \
                     parameters: {}. Upgrade the instance first.",
                    unknown.join(", ")
                ))
            },
        )?
    };

    let update = UpdatedStack {
        stack: instance.stack(),
        template_body: new_template.then_some(&*offered.offering.template_body),
        stack_policy: new_template.then_some(&*offered.offering.stack_policy),
        parameters,
        tags: tags::of_stack(broker, &offered, &instance.id, target),
        token: &instance.operation.id,
    };
    Ok((stacks.update(&update).await?, stack))
}

/// Checks that CloudFormation updates a stack in this status.
fn check_status(status: StackStatus) -> Result<()> {
    if status.is_in_progress() {
        return Err(Error::Concurrency);
    }
    if status.can_be_updated() {
        return Ok(());
    }

    let advice = if status.can_only_be_deleted() {
        "Delete the instance."
    } else {
        "The broker's operator has to repair the stack."
    };
    Err(Error::UnfitState(format!(
        "The instance's stack cannot be updated in the status {status}. {advice}"
    )))
}

impl Attributes {
    /// True if the stack gets the catalog's template instead of the one that it was created from.
    fn needs_new_template(&self, current: &Self) -> bool {
        self.plan_id != current.plan_id || self.template_version != current.template_version
    }

    /// True if both ask for the same stack.
    fn same_stack(&self, other: &Self) -> bool {
        self.asks_for_the_same(other)
            && parameters::changed_overrides(&self.overrides, &other.overrides).is_empty()
    }

    /// True if both ask for the same, whatever the operator has set.
    fn asks_for_the_same(&self, other: &Self) -> bool {
        self.same_request(other)
            && self.secret_parameters == other.secret_parameters
            && self.template_version == other.template_version
    }

    /// True if the stacks of both have the same names of the platform in their tags.
    fn same_names(&self, other: &Self) -> bool {
        tags::names(&self.context.0).eq(tags::names(&other.context.0))
    }
}

/// Checks the requested changes against the schema of the plan. Parameters that an existing
/// instance cannot change may be sent with their current value, which [`check_fixed`] verifies.
/// Parameters that the new plan does not leave to the user may be reset.
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

/// Checks the instance after the update. It must fit the plan, keep what cannot be changed, and be
/// allowed by the operator.
fn check_update(
    before: (&Offered<'_>, &Attributes),
    after: (&Offered<'_>, &Attributes),
    operator: &Applicable,
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
    check_growing(before, after)?;
    check_allowed(before, after, operator, secrets)
}

/// Checks that an instance may change from one plan to the other.
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

/// Checks that the plan could be created with the updated parameters. An instance that keeps its
/// template, which may be older than the catalog's, is not checked.
fn check_target(
    offered: &Offered<'_>,
    target: &Attributes,
    secrets: &Object,
    changes_plan: bool,
) -> Result<()> {
    let kept = target
        .secret_parameters
        .iter()
        .flat_map(|secrets| secrets.names());
    let kept = kept
        .chain(target.overrides.keys().map(String::as_str))
        .collect();

    let mut parameters = parameters::merge(target.parameters.0.clone(), secrets);
    parameters.retain(|name, _| offered.knows(name));

    offered
        .check_parameters_besides(&parameters, &kept)
        .map_err(|reason| misfit(offered, reason, changes_plan))
}

/// Checks the updated parameters against the rules of the catalog's template. An instance that
/// keeps an earlier template is not checked.
fn check_rules(
    offered: &Offered<'_>,
    target: &Attributes,
    secrets: &Object,
    changes_plan: bool,
) -> Result<()> {
    if operator_values::keeps_earlier_template(offered, target) {
        return Ok(());
    }

    let mut values = parameters::of_stack(offered, target, secrets);
    // CloudFormation checks the values that only the stack knows.
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
            "The instance is not compatible with the plan `{}`. {reason}",
            offered.plan.name
        ))
    } else {
        Error::Invalid(reason)
    }
}

/// Checks that no parameter changes that has to stay. The template's author says which parameters
/// an existing instance can change: others would replace its resources. A plan is a set of
/// parameters, so the same check applies to a change of plan.
fn check_fixed(
    before: (&Offered<'_>, &Attributes),
    after: (&Offered<'_>, &Attributes),
) -> Result<()> {
    let mut changed = changed(before, after);
    changed.retain(|name| after.0.knows(name) && !after.0.offering.is_updatable(name));
    // What the operator has set was decided before.
    changed.retain(|name| !after.1.overrides.contains_key(name));
    if changed.is_empty() {
        return Ok(());
    }
    Err(Error::Unsupported(format!(
        "An existing instance cannot change {}. Leave {} as it is, or create a new instance.",
        quoted(&changed),
        if changed.len() == 1 { "it" } else { "each" },
    )))
}

/// Checks that no number becomes smaller that can only grow, such as the size of a storage.
fn check_growing(
    (before, current): (&Offered<'_>, &Attributes),
    (after, target): (&Offered<'_>, &Attributes),
) -> Result<()> {
    let old = parameters::of_stack(before, current, &Object::new());
    let new = parameters::of_stack(after, target, &Object::new());

    for name in after.offering.growing.iter() {
        let (old, new) = (number(old.get(&**name)), number(new.get(&**name)));
        if let (Some(old), Some(new)) = (old, new)
            && new < old
        {
            return Err(Error::Unsupported(format!(
                "`{name}` of an existing instance can only grow: it is {old}. Leave it as it is, or \
                 create a new instance."
            )));
        }
    }
    Ok(())
}

fn number(value: Option<&String>) -> Option<f64> {
    value?.parse().ok()
}

/// Checks the changed values against what the operator allows. The instance may keep the values
/// that it was created with.
fn check_allowed(
    before: (&Offered<'_>, &Attributes),
    after: (&Offered<'_>, &Attributes),
    operator: &Applicable,
    secrets: &Object,
) -> Result<()> {
    let (offered, target) = after;
    let mut values = parameters::of_others(offered, target, secrets);
    // Another plan may have other limits, so all values are checked.
    let changes_plan = before.1.plan_id != target.plan_id;
    if changes_plan {
        offered
            .check_plan_limit(&operator.limits)
            .map_err(Error::Invalid)?;
    } else {
        let changed = changed(before, after);
        values.retain(|name, _| changed.contains(name));
    }

    offered
        .check_allowed(&values, &target.owners())
        .and_then(|()| offered.check_limits(&operator.limits, &values))
        .map_err(Error::Invalid)
}

/// Returns the names of the stack's parameters, including secret ones, whose values differ.
fn changed(
    before: (&Offered<'_>, &Attributes),
    after: (&Offered<'_>, &Attributes),
) -> BTreeSet<String> {
    let secrets = [before, after].map(|(_, attributes)| attributes.secret_parameters.as_ref());
    let mut changed = parameters::changed_in_stack(before, after);
    changed.extend(SecretParameters::changed(secrets[0], secrets[1]));
    changed
}

/// Returns the error for changes that CloudFormation ignores. It keeps a stack's parameters as they
/// are if no resource of the stack changes with them.
/// <https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1543>
fn unseen_change(changed: &BTreeSet<String>) -> Error {
    Error::Unsupported(format!(
        "CloudFormation found nothing to update, so {} was not changed. Change another parameter \
         in the same update, or ask the broker's operator to repair the service's template.",
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

/// Returns the whole set of parameters as changes: those of the instance that it does not name are
/// reset.
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

    match (instance.operation.kind, instance.operation.state) {
        (OperationKind::Update, InProgress)
            if instance.update.as_ref().is_some_and(|running| {
                target.same_stack(running) && target.context == running.context
            }) =>
        {
            Ok(())
        }
        (_, InProgress) => Err(Error::Concurrency),
        (OperationKind::Provision, Failed) => Err(unfit(
            "The creation of the service instance failed. Delete it, then create a new one.",
        )),
        (OperationKind::Deprovision, Failed) => Err(unfit(
            "The deletion of the service instance failed. Delete it again.",
        )),
        _ => Ok(()),
    }
}

fn unfit(reason: &str) -> Error {
    Error::UnfitState(reason.into())
}
