//! `PUT /v2/service_instances/:instance_id`

use std::collections::BTreeMap;

use catalog::Offered;

use super::{
    Broker, Error, Location, Locations, Result,
    adoption::{LEAVES_ALONE, reason_of_misfit},
    description::with_advice,
    id::InstanceId,
    instance::{Attributes, Instance, Json},
    instance_view::InstanceView,
    last_operation::advice,
    operation::{Operation, OperationKind, OperationState},
    parameters,
    platform::Platform,
    ports::{CreateStack, INSTANCE_ID_TAG, NewStack, PLAN_TAG, Purpose, Tag, Update},
    requester::{Refused, Requester},
    secret_parameters::{Digester, SecretParameters},
};
use crate::osb::{Object, ProvisionRequest, RequestedMaintenanceInfo};

/// The response to an accepted request that creates or updates an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provisioned {
    /// The operation to poll. Absent if the instance already is as requested.
    pub operation: Option<String>,
    /// The instance's dashboard URL and metadata, for the response.
    pub view: InstanceView,
}

impl Broker {
    /// Creates an instance: first its record, then its stack.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], [`Error::AsyncRequired`], [`Error::MaintenanceInfoConflict`] before
    /// anything is written; [`Error::Conflict`] or [`Error::Concurrency`] where the id is taken. An
    /// [`Error::Port`] leaves the record: the same request, sent again, or a deletion resumes from
    /// there.
    pub async fn provision(
        &self,
        id: InstanceId,
        request: ProvisionRequest,
        requester: Option<&Requester>,
        accepts_incomplete: bool,
    ) -> Result<Provisioned> {
        let offered = self.catalog.find(&request.service_id, &request.plan_id)?;
        let platform = Platform::of(request.context.as_ref(), &Object::new());
        platform.final_result(check_maintenance_info(
            &offered,
            request.maintenance_info.as_ref(),
        ))?;

        let mut request = request;
        let parameters = request.parameters.take().unwrap_or_default();
        let (location, parameters) = self
            .location(&id, &request.organization_guid, parameters)
            .await?;

        let parameters = offered
            .check_parameters(parameters)
            .map_err(Error::Invalid)?;
        let values = parameters::of_stack(&offered, &parameters);
        offered.check_rules(&values).map_err(Error::Invalid)?;

        let (secrets, plain) = parameters::split_secret(&offered, parameters);
        let secret_parameters = self.digester(&id).digest(&secrets, None, None).await?;
        let requested = Instance {
            stack_name: self.naming.stack(&offered.offering.name, &id),
            location,
            attributes: requested_attributes(&offered, request, plain, secret_parameters),
            ..self.new_instance(id, requester)
        };
        self.observe(&requested.attributes);

        let refusal = self
            .refusal(&offered, &values, &requested.attributes, accepts_incomplete)
            .await?;

        let now = requested.operation.started_at;
        match self.insert(&offered, &requested, refusal).await? {
            Some(existing) if !existing.gives_way_to(&requested.attributes, now) => {
                self.provision_again(&offered, &requested, existing, &secrets, accepts_incomplete)
                    .await
            }
            replaced => {
                self.start_provision(&offered, requested, replaced, &secrets)
                    .await
            }
        }
    }

    /// Returns the record of a creation that starts now, without the requested attributes.
    fn new_instance(&self, id: InstanceId, requester: Option<&Requester>) -> Instance {
        let now = self.environment.now();
        Instance {
            id,
            attributes: Attributes::default(),
            update: None,
            location: None,
            stack_name: String::new(),
            stack_id: None,
            created_by: requester.cloned(),
            changed_by: requester.cloned(),
            outputs: BTreeMap::new(),
            operation: Operation::begin(OperationKind::Provision, self.environment.uuid(), now),
            previous_operation: None,
            expires_at: None,
            version: self.environment.first_version(),
        }
    }

    /// Inserts the record, unless there is one of this id that does not give way to it. Returns the
    /// record that was there before. Fails with the `refusal`, if there is one, unless the instance
    /// exists, or its stack exists and its record was lost.
    async fn insert(
        &self,
        offered: &Offered<'_>,
        requested: &Instance,
        refusal: Option<Error>,
    ) -> Result<Option<Instance>> {
        let now = requested.operation.started_at;
        let Some(refusal) = refusal else {
            return self.insert_record(requested).await;
        };
        match self.records.instance(&requested.id, now).await? {
            Some(existing) if !existing.is_tombstone() => Ok(Some(existing)),
            // A platform that does not poll cannot wait for the adoption of the stack.
            None if !matches!(refusal, Error::AsyncRequired)
                && self.has_lost_record(offered, requested).await? =>
            {
                self.insert_record(requested).await
            }
            _ => Err(refusal),
        }
    }

    /// Inserts the record. If that fails, remembers the user as refused: the platform then cleans
    /// up, and the id may be that of another user's instance.
    async fn insert_record(&self, requested: &Instance) -> Result<Option<Instance>> {
        let now = requested.operation.started_at;
        let inserted = self.records.insert_instance(requested, now).await;
        if inserted.is_err() {
            self.remember_refused(requested).await;
        }

        Ok(inserted?)
    }

    /// Answers a request for an id that is taken. The same request or another one has taken it, or
    /// its instance is being deleted.
    async fn provision_again(
        &self,
        offered: &Offered<'_>,
        requested: &Instance,
        existing: Instance,
        secrets: &Object,
        accepts_incomplete: bool,
    ) -> Result<Provisioned> {
        if !existing.attributes.same_owner(&requested.attributes) {
            self.remember_refused(requested).await;
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
            self.advance(existing).await?;
            return Err(Error::Concurrency);
        }

        let same = existing.location == requested.location
            && existing.attributes.same_request(&requested.attributes)
            && self.same_secrets(&existing, secrets).await?;
        match check_existing(&existing.operation, same) {
            Ok(OperationState::Succeeded) => {
                return Ok(Provisioned {
                    operation: None,
                    view: self.view(&existing),
                });
            }
            _ if !accepts_incomplete => return Err(Error::AsyncRequired),
            checked => checked?,
        };

        let operation = existing.operation.id.clone();
        let resumed = self.resume_provision(offered, existing, secrets).await?;
        // A deletion may have begun in the meantime.
        if resumed.operation.id == operation {
            Ok(self.accepted(resumed))
        } else {
            Err(Error::Concurrency)
        }
    }

    /// Returns the reason why no new instance can be created, or `None` if one can.
    async fn refusal(
        &self,
        offered: &Offered<'_>,
        values: &BTreeMap<String, String>,
        attributes: &Attributes,
        accepts_incomplete: bool,
    ) -> Result<Option<Error>> {
        if let Err(refusal) = check_new(offered, values, &attributes.owners(), accepts_incomplete) {
            return Ok(Some(refusal));
        }
        match self.check_instance_quota(attributes).await {
            Ok(()) => Ok(None),
            Err(refusal @ Error::Invalid(_)) => Ok(Some(refusal)),
            Err(error) => Err(error),
        }
    }

    /// Records that the user may have asked for another user's instance. The answer does not depend
    /// on this write.
    async fn remember_refused(&self, requested: &Instance) {
        let Some(requester) = requested.created_by.clone() else {
            return;
        };
        let refused = Refused::new(requester, requested.operation.started_at);
        if let Err(error) = self.records.remember_refused(&requested.id, &refused).await {
            tracing::warn!(reason = %error, "could not write down who was refused the instance's id");
        }
    }

    /// Returns the location that the request chooses, and the other parameters. The location of an
    /// existing instance stays valid for the same request, even if the operator no longer allows
    /// it.
    async fn location(
        &self,
        id: &InstanceId,
        organization_guid: &str,
        parameters: Object,
    ) -> Result<(Option<Location>, Object)> {
        if !Location::is_chosen(&parameters) {
            return Ok((None, parameters));
        }

        let chosen = self
            .locations
            .choose(&self.place, organization_guid, parameters.clone());
        if matches!(&chosen, Ok((Some(_), _))) {
            return chosen;
        }

        let existing = self.records.instance(id, self.environment.now()).await?;
        let existing = existing.filter(|instance| {
            !instance.is_tombstone() && instance.attributes.organization_guid == organization_guid
        });

        match existing.and_then(|instance| instance.location) {
            Some(location) => {
                let locations = Locations::from_iter([location]);
                locations
                    .choose(&self.place, organization_guid, parameters)
                    .or(chosen)
            }
            None => chosen,
        }
    }

    /// Creates the stack of a new record. If that is refused, the record is deleted, or the
    /// tombstone that it replaced is restored.
    async fn start_provision(
        &self,
        offered: &Offered<'_>,
        instance: Instance,
        replaced: Option<Instance>,
        secrets: &Object,
    ) -> Result<Provisioned> {
        let Some(refusal) = self.create_stack(offered, &instance, secrets).await? else {
            return Ok(self.accepted(instance));
        };

        let forgotten = match replaced {
            Some(tombstone) => {
                self.records
                    .update_instance(&Instance {
                        version: instance.version,
                        ..tombstone
                    })
                    .await?
            }
            None => self.records.delete_instance(&instance).await?,
        };

        match forgotten {
            Update::Done => Err(refusal.into()),
            // The same request was sent again, and has resumed the creation.
            Update::Conflict => self
                .joined(&instance)
                .await
                .map(|instance| self.accepted(instance)),
        }
    }

    /// Resumes a creation that another request has begun. It first writes this to the record, so
    /// that the other request does not delete the record meanwhile.
    pub(super) async fn resume_provision(
        &self,
        offered: &Offered<'_>,
        mut instance: Instance,
        secrets: &Object,
    ) -> Result<Instance> {
        instance.operation = instance.operation.taken_up(self.environment.now());
        if self.records.update_instance(&instance).await? == Update::Conflict {
            return self.joined(&instance).await;
        }
        instance.version += 1;
        match self.create_stack(offered, &instance, secrets).await? {
            None => Ok(instance),
            // The other request's call may still reach CloudFormation, so the record stays.
            Some(refusal) => {
                self.fail(instance, refusal.reason_of_failure(), false)
                    .await
            }
        }
    }

    fn accepted(&self, instance: Instance) -> Provisioned {
        Provisioned {
            view: self.view(&instance),
            operation: Some(instance.operation.id),
        }
    }

    pub(super) fn digester<'a>(&'a self, id: &'a InstanceId) -> Digester<'a> {
        let purpose = Purpose {
            instance_id: id,
            binding_id: None,
        };
        Digester {
            purpose,
            vault: &*self.vault,
            environment: &*self.environment,
        }
    }

    async fn same_secrets(&self, existing: &Instance, secrets: &Object) -> Result<bool> {
        match &existing.attributes.secret_parameters {
            None => Ok(secrets.is_empty()),
            Some(stored) => Ok(stored.matches(secrets, self.digester(&existing.id)).await?),
        }
    }

    /// Creates the stack that the record names. Returns `None` if CloudFormation accepts the
    /// request, or if the stack exists and is or may become the instance's. Otherwise, returns the
    /// reason why there will be no stack.
    async fn create_stack(
        &self,
        offered: &Offered<'_>,
        instance: &Instance,
        secrets: &Object,
    ) -> Result<Option<Refusal>> {
        let parameters = parameters::merge(instance.attributes.parameters.0.clone(), secrets);
        let stack = NewStack {
            name: &instance.stack_name,
            template_body: &offered.offering.template_body,
            parameters: parameters::of_new_stack(offered, &parameters),
            tags: tags(offered, &instance.id, &instance.attributes),
            token: &instance.operation.id,
        };

        let stacks = self.stacks_of(instance).await;
        let reason = match stacks.create(&stack).await? {
            CreateStack::Accepted => return Ok(None),
            CreateStack::Exists => "a stack of the instance's name exists in AWS.".to_owned(),
            CreateStack::Rejected(reason) => reason,
        };

        // The existing stack may be the creation's own: a request is sent again if its response was
        // lost. If another operation of the instance has created the stack, the polls of this
        // operation adopt it where possible. Otherwise the request is refused now: after a later
        // failure, the platform would first have to delete the instance.
        let Some(existing) = stacks.describe(&instance.stack_name).await? else {
            let error = Error::rejected(&reason, secrets);
            return Ok(Some(Refusal::ByCloudFormation(error)));
        };

        let misfit = self.misfit(offered, instance, &existing).await?;
        Ok(misfit
            .map(|misfit| Refusal::ByStack(Error::Invalid(reason_of_misfit(instance, &misfit)))))
    }
}

/// The reason why there will be no stack.
enum Refusal {
    ByCloudFormation(Error),
    /// An existing stack is in the way.
    ByStack(Error),
}

impl Refusal {
    /// Returns the text for a platform that knows of the instance and has to delete it.
    fn reason_of_failure(&self) -> String {
        match self {
            Self::ByCloudFormation(error) => {
                with_advice(&error.to_string(), advice(OperationKind::Provision, false))
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

/// Returns the attributes that the request asks for, with these parameters.
fn requested_attributes(
    offered: &Offered<'_>,
    request: ProvisionRequest,
    parameters: Object,
    secret_parameters: Option<SecretParameters>,
) -> Attributes {
    Attributes {
        service_id: request.service_id.into_inner(),
        plan_id: request.plan_id.into_inner(),
        organization_guid: request.organization_guid.into_inner(),
        space_guid: request.space_guid.into_inner(),
        context: Json(request.context.unwrap_or_default()),
        parameters: Json(parameters),
        secret_parameters,
        template_version: offered.offering.version.as_deref().map(str::to_owned),
    }
}

fn another_owner() -> Error {
    Error::Conflict(
        "The id is that of a service instance of another space or organization. Use a new id."
            .into(),
    )
}

/// Returns the state of the existing instance's creation, in progress or succeeded, according to
/// its last operation. Rejects the request if the creation or deletion has failed, if a deletion
/// runs, or if the attributes differ.
fn check_existing(operation: &Operation, same_request: bool) -> Result<OperationState> {
    use OperationState::{Failed, InProgress, Succeeded};
    let conflict = |reason: &str| Err(Error::Conflict(reason.into()));

    match (operation.kind, operation.state) {
        // A tombstone blocks its id for half a minute: an earlier request for the id may still be
        // running.
        (OperationKind::Deprovision, InProgress | Succeeded) => Err(Error::Concurrency),
        (OperationKind::Deprovision, Failed) => {
            conflict("The deletion of the service instance of this id has failed. Delete it again.")
        }
        _ if !same_request => {
            conflict("A service instance of this id exists with other attributes. Use a new id.")
        }
        (OperationKind::Provision, Failed) => conflict(
            "The creation of the service instance of this id has failed. Delete it, then create a \
             new one.",
        ),
        (OperationKind::Provision, state) => Ok(state),
        // Only existing instances are updated.
        _ => Ok(Succeeded),
    }
}

/// Checks the conditions that apply only to instances that do not exist yet.
fn check_new(
    offered: &Offered<'_>,
    values: &BTreeMap<String, String>,
    owners: &[&str],
    accepts_incomplete: bool,
) -> Result<()> {
    offered.check_offered()?;
    offered
        .check_allowed(values, owners)
        .map_err(Error::Invalid)?;
    if accepts_incomplete {
        Ok(())
    } else {
        Err(Error::AsyncRequired)
    }
}

/// Checks that the platform's catalog is the broker's current one (OSBAPI, Maintenance Info
/// Object).
pub(super) fn check_maintenance_info(
    offered: &Offered<'_>,
    requested: Option<&RequestedMaintenanceInfo>,
) -> Result<()> {
    let offered = offered.offering.version.as_deref();
    match requested.map(|requested| &*requested.version) {
        Some(requested) if Some(requested) != offered => Err(Error::MaintenanceInfoConflict {
            offered: offered.map(str::to_owned),
        }),
        _ => Ok(()),
    }
}

/// Returns the tags of an instance's stack. They let people find in AWS what belongs to an
/// instance, and who owns it.
pub(super) fn tags(offered: &Offered<'_>, id: &InstanceId, attributes: &Attributes) -> Vec<Tag> {
    let mut tags = vec![
        Tag::new(INSTANCE_ID_TAG, id.as_str()),
        Tag::new("servicebroker:service", &offered.offering.name),
        Tag::new(PLAN_TAG, &offered.plan.name),
    ];
    tags.extend(attributes.owner_tags());
    tags
}
