//! `PUT /v2/service_instances/:instance_id`

use std::collections::BTreeMap;

use catalog::{Offered, OperatorValues};

use super::{
    adoption,
    creation::{self},
    engine,
    maintenance::check_maintenance_info,
    operator_values, parameters, secret_digests, sources,
    view::{self, InstanceView},
};
use crate::{
    broker::{
        Broker,
        error::{Error, Result},
        mutation::Mutation,
        observation,
        overrides::{self, Applicable},
        records::{
            Attributes, Instance, InstanceId, Json, Location, Operation, OperationKind,
            OperationState, Platform, Refused, Requester,
        },
        rules::Locations,
    },
    osb::{Object, ProvisionRequest},
};

/// Creates an instance: first its record, then its stack.
///
/// # Errors
///
/// [`Error::Invalid`], [`Error::AsyncRequired`], [`Error::MaintenanceInfoConflict`] before
/// anything is written; [`Error::Conflict`] or [`Error::Concurrency`] where the id is taken. An
/// [`Error::Port`] leaves the record: the same request, sent again, or a deletion resumes from
/// there.
pub async fn provision(
    broker: &Broker,
    id: InstanceId,
    request: ProvisionRequest,
    requester: Option<&Requester>,
    accepts_incomplete: bool,
) -> Result<Mutation<InstanceView>> {
    let offered = broker.catalog.find(&request.service_id, &request.plan_id)?;
    let platform = Platform::of(request.context.as_ref(), &Object::new());
    check_maintenance_info(&offered, request.maintenance_info.as_ref())
        .map_err(|error| error.for_platform(platform))?;

    let examined = examine(
        broker,
        &offered,
        id.clone(),
        request,
        requester,
        accepts_incomplete,
    )
    .await;
    if let Err(Error::Port(_)) = examined {
        remember_refused(broker, &id, requester).await;
    }
    let (request, refusal) = examined?;

    let Requested {
        instance: requested,
        secrets,
        ..
    } = request;

    let now = requested.operation.started_at;
    match insert(broker, &offered, &requested, refusal).await? {
        Some(existing) if !existing.gives_way_to(&requested.attributes, now) => {
            provision_again(
                broker,
                &offered,
                &requested,
                existing,
                &secrets,
                accepts_incomplete,
            )
            .await
        }
        replaced => {
            creation::start_provision(broker, &offered, requested, replaced, &secrets).await
        }
    }
}

/// Returns what the request asks for, and the reason why no new instance can be created, if there is
/// one. Nothing is written.
async fn examine(
    broker: &Broker,
    offered: &Offered<'_>,
    id: InstanceId,
    request: ProvisionRequest,
    requester: Option<&Requester>,
    accepts_incomplete: bool,
) -> Result<(Requested, Option<Error>)> {
    let requested = requested(broker, offered, id, request, requester).await?;
    observation::observe(broker, &requested.instance.attributes);
    if let Some(mistake) = &requested.mistake
        && !is_known(broker, &requested.instance).await?
    {
        return Err(Error::Invalid(mistake.clone()));
    }

    let refusal = refusal(broker, offered, &requested, accepts_incomplete).await?;
    Ok((requested, refusal))
}

/// True if the same request has been accepted before.
async fn is_known(broker: &Broker, requested: &Instance) -> Result<bool> {
    let now = requested.operation.started_at;
    let existing = broker.records.instance(&requested.id, now).await?;
    Ok(existing.is_some_and(|existing| {
        !existing.is_tombstone() && existing.attributes.same_request(&requested.attributes)
    }))
}

/// What a provision request asks for.
struct Requested {
    /// The record of the instance.
    instance: Instance,
    /// The operator's overrides for the instance. The record contains the values that win.
    operator: Applicable,
    /// Values of the user's `NoEcho` parameters, which are in no record.
    secrets: Object,
    /// Why the parameters are no longer enough, if they are not. They may have been: the operator's
    /// values change.
    mistake: Option<String>,
}

/// Checks the request's parameters, and returns what it asks for.
async fn requested(
    broker: &Broker,
    offered: &Offered<'_>,
    id: InstanceId,
    mut request: ProvisionRequest,
    requester: Option<&Requester>,
) -> Result<Requested> {
    let parameters = request.parameters.take().unwrap_or_default();
    let (location, parameters) =
        location(broker, &id, &request.organization_guid, parameters).await?;

    let attributes = requested_attributes(offered, request);
    let (service, place) = (&offered.offering.name, location.as_ref());
    let operator = overrides::applicable(broker, service, &attributes, place).await?;
    let parameters = offered.normalized(parameters);
    let complete = check_complete(offered, &parameters, &operator)?;

    let precedence = broker.overrides.precedence();
    let overrides = parameters::winning(offered, &operator.values, precedence, &parameters);
    let (secrets, plain) = parameters::split_secret(offered, parameters);
    let secret_parameters = secret_digests::digester(broker, &id)
        .digest(&secrets, None, None)
        .await?;
    let attributes = Attributes {
        parameters: Json(plain),
        secret_parameters,
        overrides,
        ..attributes
    };

    let (attributes, unfit_source) = with_sources(broker, offered, attributes, place).await?;

    let values = parameters::of_stack(offered, &attributes, &secrets);
    let complete = unfit_source.map_or(complete, Err);
    let mistake = complete.and_then(|()| offered.check_rules(&values)).err();
    let instance = Instance {
        location,
        ..new_instance(broker, id, offered, attributes, requester)
    };
    Ok(Requested {
        instance,
        operator,
        secrets,
        mistake,
    })
}

/// Checks the parameters, besides those that the operator has set. Returns the reason why some are
/// missing, if they are.
///
/// # Errors
///
/// [`Error::Invalid`] for parameters that the plan could never accept.
fn check_complete(
    offered: &Offered<'_>,
    parameters: &Object,
    operator: &Applicable,
) -> Result<Result<(), String>> {
    let of_operator = operator_values::names(offered, &operator.values);
    let complete = offered.check_parameters_besides(parameters, &of_operator);
    if complete.is_err() {
        let missing = offered.missing(parameters);
        offered
            .check_parameters_besides(parameters, &missing)
            .map_err(Error::Invalid)?;
    }
    Ok(complete)
}

/// Returns the attributes with the names of the instances that they refer to, or without, and the
/// reason. The same request may have come before, while its source was there.
async fn with_sources(
    broker: &Broker,
    offered: &Offered<'_>,
    attributes: Attributes,
    location: Option<&Location>,
) -> Result<(Attributes, Option<String>)> {
    match sources::resolve(broker, offered, &attributes, location).await {
        Ok(references) => Ok((
            Attributes {
                references,
                ..attributes
            },
            None,
        )),
        Err(Error::Invalid(reason)) => Ok((attributes, Some(reason))),
        Err(error) => Err(error),
    }
}

/// Returns the record of a creation that starts now, at the broker's own location.
fn new_instance(
    broker: &Broker,
    id: InstanceId,
    offered: &Offered<'_>,
    attributes: Attributes,
    requester: Option<&Requester>,
) -> Instance {
    let now = broker.environment.now();

    Instance {
        stack_name: broker.naming.stack(&offered.offering.name, &id),
        id,
        attributes,
        update: None,
        location: None,
        stack_id: None,
        has_stack_policy: true,
        created_by: requester.cloned(),
        changed_by: requester.cloned(),
        outputs: BTreeMap::new(),
        operation: Operation::begin(OperationKind::Provision, broker.environment.uuid(), now),
        previous_operation: None,
        expires_at: None,
        version: broker.environment.first_version(),
    }
}

/// Inserts the record, unless there is one of this id that does not give way to it. Returns the
/// record that was there before. Fails with the `refusal`, if there is one, unless the instance
/// exists, or its stack exists and its record was lost.
async fn insert(
    broker: &Broker,
    offered: &Offered<'_>,
    requested: &Instance,
    refusal: Option<Error>,
) -> Result<Option<Instance>> {
    let now = requested.operation.started_at;
    let Some(refusal) = refusal else {
        return insert_record(broker, requested).await;
    };

    match broker.records.instance(&requested.id, now).await? {
        Some(existing) if !existing.is_tombstone() => Ok(Some(existing)),
        // A platform that does not poll cannot wait for the adoption of the stack.
        None if !matches!(refusal, Error::AsyncRequired)
            && adoption::has_lost_record(broker, offered, requested).await? =>
        {
            insert_record(broker, requested).await
        }
        _ => Err(refusal),
    }
}

/// Inserts the record. If that fails, remembers the user as refused: the platform then cleans
/// up, and the id may be that of another user's instance.
async fn insert_record(broker: &Broker, requested: &Instance) -> Result<Option<Instance>> {
    let now = requested.operation.started_at;
    let inserted = broker.records.insert_instance(requested, now).await;
    if inserted.is_err() {
        remember_refused(broker, &requested.id, requested.created_by.as_ref()).await;
    }

    Ok(inserted?)
}

/// Answers a request for an id that is taken. The same request or another one has taken it, or
/// its instance is being deleted.
async fn provision_again(
    broker: &Broker,
    offered: &Offered<'_>,
    requested: &Instance,
    existing: Instance,
    secrets: &Object,
    accepts_incomplete: bool,
) -> Result<Mutation<InstanceView>> {
    if !existing.attributes.same_owner(&requested.attributes) {
        remember_refused(broker, &requested.id, requested.created_by.as_ref()).await;
        return Err(if accepts_incomplete {
            another_owner()
        } else {
            Error::AsyncRequired
        });
    }

    if accepts_incomplete
        && existing
            .operation
            .is(OperationKind::Deprovision, OperationState::InProgress)
    {
        // The platform does not poll a deletion that arrived late: it was told that there was
        // nothing to delete. So this request advances the deletion.
        engine::advance(broker, existing).await?;
        return Err(Error::Concurrency);
    }

    let same = existing.location == requested.location
        && existing.attributes.same_request(&requested.attributes)
        && secret_digests::same_secrets(broker, &existing, secrets).await?;
    match check_existing(&existing.operation, same) {
        Ok(OperationState::Succeeded) => {
            return Ok(Mutation::Done(view::view(broker, &existing)));
        }
        _ if !accepts_incomplete => return Err(Error::AsyncRequired),
        checked => checked?,
    };

    let operation = existing.operation.id.clone();
    let resumed = creation::resume_provision(broker, offered, existing, secrets).await?;
    // A deletion may have begun in the meantime.
    if resumed.operation.id == operation {
        Ok(view::in_progress(broker, resumed))
    } else {
        Err(Error::Concurrency)
    }
}

/// Returns the reason why no new instance can be created, or `None` if one can.
async fn refusal(
    broker: &Broker,
    offered: &Offered<'_>,
    requested: &Requested,
    accepts_incomplete: bool,
) -> Result<Option<Error>> {
    if let Err(refusal) = check_new(broker, offered, requested, accepts_incomplete) {
        return Ok(Some(refusal));
    }

    let attributes = &requested.instance.attributes;
    match broker
        .quotas
        .check_instances(&*broker.records, attributes)
        .await
    {
        Ok(()) => Ok(None),
        Err(refusal @ Error::Invalid(_)) => Ok(Some(refusal)),
        Err(error) => Err(error),
    }
}

/// Records that the user may have asked for another user's instance. The answer does not depend
/// on this write.
async fn remember_refused(broker: &Broker, id: &InstanceId, requester: Option<&Requester>) {
    let Some(requester) = requester.cloned() else {
        return;
    };
    let refused = Refused::new(requester, broker.environment.now());
    if let Err(error) = broker.records.remember_refused(id, &refused).await {
        tracing::warn!(reason = %error, "could not record the caller that was refused the \
                                         instance's id; continuing");
    }
}

/// Returns the location that the request chooses, and the other parameters. The location of an
/// existing instance stays valid for the same request, even if the operator no longer allows
/// it.
async fn location(
    broker: &Broker,
    id: &InstanceId,
    organization_guid: &str,
    parameters: Object,
) -> Result<(Option<Location>, Object)> {
    if !Location::is_chosen(&parameters) {
        return Ok((None, parameters));
    }

    let chosen = broker
        .locations
        .choose(&broker.place, organization_guid, parameters.clone());
    if matches!(&chosen, Ok((Some(_), _))) {
        return chosen;
    }

    let existing = broker
        .records
        .instance(id, broker.environment.now())
        .await?;
    let existing = existing.filter(|instance| {
        !instance.is_tombstone() && instance.attributes.organization_guid == *organization_guid
    });

    match existing.and_then(|instance| instance.location) {
        Some(location) => {
            let locations = Locations::from_iter([location]);
            locations
                .choose(&broker.place, organization_guid, parameters)
                .or(chosen)
        }
        None => chosen,
    }
}

/// Returns the attributes that the request asks for, without its parameters.
fn requested_attributes(offered: &Offered<'_>, request: ProvisionRequest) -> Attributes {
    Attributes {
        service_id: request.service_id,
        plan_id: request.plan_id,
        organization_guid: request.organization_guid,
        space_guid: request.space_guid,
        context: Json(request.context.unwrap_or_default()),
        parameters: Json::default(),
        secret_parameters: None,
        overrides: OperatorValues::new(),
        references: BTreeMap::new(),
        template_version: offered.offering.version.as_deref().map(str::to_owned),
    }
}

fn another_owner() -> Error {
    Error::Conflict(
        "A service instance with this id exists in another space or organization. Use a new id."
            .into(),
    )
}

/// Returns the state of the existing instance's creation, in progress or succeeded, according to
/// its last operation. Rejects the request if the creation or deletion has failed, if a deletion
/// runs, or if the attributes differ.
fn check_existing(operation: &Operation, same_request: bool) -> Result<OperationState> {
    use OperationState::{Failed, InProgress, Succeeded};

    match (operation.kind, operation.state) {
        // A tombstone blocks its id for half a minute: an earlier request for the id may still be
        // running.
        (OperationKind::Deprovision, InProgress | Succeeded) => Err(Error::Concurrency),
        (OperationKind::Deprovision, Failed) => Err(conflict(
            "The deletion of the service instance with this id failed. Delete it again.",
        )),
        _ if !same_request => Err(conflict(
            "A service instance with this id exists with other attributes. Use a new id.",
        )),
        (OperationKind::Provision, Failed) => Err(conflict(
            "The creation of the service instance with this id failed. Delete it, then create a \
             new one.",
        )),
        (OperationKind::Provision, state) => Ok(state),
        // Only existing instances are updated.
        _ => Ok(Succeeded),
    }
}

fn conflict(reason: &str) -> Error {
    Error::Conflict(reason.into())
}

/// Checks the conditions that apply only to instances that do not exist yet.
fn check_new(
    broker: &Broker,
    offered: &Offered<'_>,
    Requested {
        instance,
        operator,
        secrets,
        ..
    }: &Requested,
    accepts_incomplete: bool,
) -> Result<()> {
    let attributes = &instance.attributes;
    offered.check_offered()?;
    operator_values::check_values(offered, &operator.values)?;
    operator_values::check_undecided(
        offered,
        &operator.values,
        broker.overrides.precedence(),
        &attributes.parameters.0,
        &Object::new(),
    )?;

    let values = parameters::of_others(offered, attributes, secrets);
    offered
        .check_allowed(&values, &attributes.owners())
        .map_err(Error::Invalid)?;
    offered
        .check_plan_limit(&operator.limits)
        .and_then(|()| offered.check_limits(&operator.limits, &values))
        .map_err(Error::Invalid)?;
    if accepts_incomplete {
        Ok(())
    } else {
        Err(Error::AsyncRequired)
    }
}
