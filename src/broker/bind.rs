//! `PUT /v2/service_instances/:instance_id/service_bindings/:binding_id`

use catalog::Offered;
use jiff::SignedDuration;

use super::{
    Broker, Error, Result,
    binding::{Binding, Lifetime},
    id::{BindingId, InstanceId},
    identity::Identity,
    instance::{Instance, Json},
    operation::{Operation, OperationKind, OperationState},
    policy::Policy,
    ports::{InsertBinding, Tag, Update},
    provision,
    waiting::Waiting,
};
use crate::osb::{BindRequest, NonEmpty, Object};

/// The outcome of an accepted bind request.
pub enum Bound {
    /// The binding exists, and this request created it.
    Created(BindingView),
    /// The binding existed before this request.
    Exists(BindingView),
    /// The binding is being created.
    Accepted {
        /// The operation id for the platform's polls.
        operation: String,
    },
}

/// The contents of a binding, as its application receives them.
pub struct BindingView {
    /// The credentials, which are secret.
    pub credentials: Object,
    /// The hosts that the application connects to.
    pub endpoints: Vec<Endpoint>,
    /// The validity period of the credentials; absent if they do not expire.
    pub lifetime: Option<Lifetime>,
}

/// A host that the application connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A host name or an IP address.
    pub host: String,
    /// Port numbers, or ranges like `9000-9010`.
    pub ports: Vec<String>,
    /// The protocol: `tcp`, `udp` or `all`.
    pub protocol: String,
}

impl Broker {
    /// Creates a binding: its record, then its identity, whose key is sealed into the record.
    ///
    /// # Errors
    ///
    /// - [`Error::Invalid`] and [`Error::NotFound`] before anything is written.
    /// - [`Error::Conflict`] if the id is taken.
    /// - [`Error::Concurrency`] while another request works on the instance or the binding.
    /// - [`Error::Port`] leaves the record. The same request, sent again, or a deletion resumes
    ///   there.
    pub async fn bind(
        &self,
        instance_id: &InstanceId,
        id: BindingId,
        request: BindRequest,
        waiting: Waiting,
    ) -> Result<Bound> {
        check_complete(&request)?;
        let instance = self.find_current_instance(instance_id).await?;
        self.check_bindable(&instance).await?;

        let predecessor = match &request.predecessor_binding_id {
            Some(predecessor) => Some(self.predecessor(instance_id, predecessor, &id).await?),
            None => None,
        };

        let attributes = &instance.attributes;
        let offered = self
            .catalog
            .find(&attributes.service_id, &attributes.plan_id)?;
        self.check_plan(&request, &instance)?;

        let context = request.context.clone();
        let requested = self.requested_binding(&instance, id, request, predecessor);
        let requested = check_requested(&offered, requested)?;

        let binding = match self
            .with_identity(&offered, &instance, requested.clone(), context.as_ref())
            .await
        {
            Err(refused @ Error::Invalid(_)) => {
                // A repeated request gets its earlier response, even if the broker would reject it
                // today.
                let existing = self.find_binding(instance_id, &requested.id).await?;
                let existing = existing.ok_or(refused)?;
                return self
                    .bind_again(&offered, &instance, existing, &requested, waiting)
                    .await;
            }
            binding => binding?,
        };

        match self
            .records
            .insert_binding(&instance, &binding, self.environment.now())
            .await?
        {
            InsertBinding::Done if binding.is_usable() => Ok(Bound::Created(
                self.binding_view(&offered, &instance, &binding).await?,
            )),
            InsertBinding::Done => self.bind_now(&offered, &instance, binding, waiting).await,
            InsertBinding::InstanceChanged => Err(Error::Concurrency),
            InsertBinding::Exists(existing) => {
                self.bind_again(&offered, &instance, *existing, &binding, waiting)
                    .await
            }
        }
    }

    /// The binding's record, if it exists and has not expired.
    async fn find_binding(
        &self,
        instance_id: &InstanceId,
        id: &BindingId,
    ) -> Result<Option<Binding>> {
        let now = self.environment.now();
        let (_, binding) = self
            .records
            .instance_and_binding(instance_id, id, now)
            .await?;
        Ok(binding)
    }

    /// The record of the requested binding. A rotation inherits from its predecessor what the
    /// request leaves out.
    fn requested_binding(
        &self,
        instance: &Instance,
        id: BindingId,
        request: BindRequest,
        predecessor: Option<Binding>,
    ) -> Binding {
        let app_guid = request
            .bind_resource
            .and_then(|resource| resource.app_guid)
            .or(request.app_guid);

        let of_predecessor =
            predecessor.map(|binding| (binding.id, binding.app_guid, binding.parameters));
        let (predecessor_id, predecessors_app, predecessors_parameters) = match of_predecessor {
            Some((id, app_guid, parameters)) => (Some(id), app_guid, parameters),
            None => (None, None, Json::default()),
        };

        Binding {
            id,
            instance_id: instance.id.clone(),
            location: instance.location.clone(),
            service_id: instance.attributes.service_id.clone(),
            plan_id: instance.attributes.plan_id.clone(),
            app_guid: app_guid.map(NonEmpty::into_inner).or(predecessors_app),
            parameters: request.parameters.map_or(predecessors_parameters, Json),
            predecessor_id,
            identity: None,
            function: None,
            lifetime: None,
            operation: Operation::begin(
                OperationKind::Bind,
                self.environment.uuid(),
                self.environment.now(),
            ),
            previous_operation: None,
            expires_at: None,
            version: self.environment.first_version(),
        }
    }

    /// Checks that the service and the plan in the request, if any, are the instance's.
    fn check_plan(&self, request: &BindRequest, instance: &Instance) -> Result<()> {
        let attributes = &instance.attributes;
        let service_id = request
            .service_id
            .as_deref()
            .unwrap_or(&attributes.service_id);
        let plan_id = request.plan_id.as_deref().unwrap_or(&attributes.plan_id);
        if (service_id, plan_id) == (&attributes.service_id, &attributes.plan_id) {
            return Ok(());
        }
        self.catalog.find(service_id, plan_id)?;
        let reason =
            "The service instance is not of this service_id and plan_id. Send those that it has.";
        Err(Error::Invalid(reason.into()))
    }

    /// The binding to rotate.
    ///
    /// A repeated request may come after the predecessor was deleted. It then inherits from the
    /// binding that the first request created.
    async fn predecessor(
        &self,
        instance_id: &InstanceId,
        predecessor: &str,
        successor: &BindingId,
    ) -> Result<Binding> {
        let (id, now) = (BindingId::new(predecessor)?, self.environment.now());
        let (_, binding) = self
            .records
            .instance_and_binding(instance_id, &id, now)
            .await?;
        if let Some(binding) = binding.filter(|binding| binding.is_valid(now)) {
            return Ok(binding);
        }

        let (_, existing) = self
            .records
            .instance_and_binding(instance_id, successor, now)
            .await?;
        match existing.filter(|existing| existing.predecessor_id.as_ref() == Some(&id)) {
            Some(existing) => Ok(Binding { id, ..existing }),
            None => Err(Error::Invalid(
                "The predecessor_binding_id is not that of a binding of this service instance \
                 that has not expired. Create a binding without a predecessor."
                    .into(),
            )),
        }
    }

    /// Checks the quota of bindings, and adds the identity, function and lifetime that the binding
    /// requires.
    async fn with_identity(
        &self,
        offered: &Offered<'_>,
        instance: &Instance,
        binding: Binding,
        context: Option<&Object>,
    ) -> Result<Binding> {
        self.check_binding_quota(instance, binding.predecessor_id.is_some())
            .await?;

        let parameters = &binding.parameters.0;
        let identity = match self.policy(offered, instance, parameters)? {
            Some(policy) => {
                let identity = self
                    .requested_identity(instance, &binding.id, parameters, context)
                    .await?;
                if policy.denies() && matches!(identity, Identity::RolePolicy { .. }) {
                    return Err(denies_a_role(&policy));
                }
                Some(identity)
            }
            None => None,
        };

        let function = self.bind_function(offered, instance)?;
        let lifetime = match identity {
            Some(Identity::User { .. }) => self
                .rules
                .lifetime
                .map(|lifetime| begin(lifetime, &binding.operation)),
            _ => None,
        };

        let operation = match (&identity, &function) {
            // Without an identity or a function, nothing is left to do after the record.
            (None, None) => binding.operation.succeeded(),
            _ => binding.operation,
        };

        Ok(Binding {
            identity,
            function,
            lifetime,
            operation,
            ..binding
        })
    }

    /// Handles a bind request whose id exists: one that was sent again, or a conflicting one.
    async fn bind_again(
        &self,
        offered: &Offered<'_>,
        instance: &Instance,
        existing: Binding,
        requested: &Binding,
        waiting: Waiting,
    ) -> Result<Bound> {
        let now = self.environment.now();
        let conflict = |reason: &str| Err(Error::Conflict(reason.into()));

        match (existing.operation.kind, existing.operation.state) {
            // The platform was told that there was nothing to delete, so nobody polls this late
            // deletion.
            (OperationKind::Unbind, OperationState::InProgress)
                if !existing.operation.may_be_running(now) =>
            {
                self.release_binding(existing).await?;
                return Err(Error::Concurrency);
            }
            // A tombstone blocks its id for half a minute: an earlier request for the id may still
            // run.
            (OperationKind::Unbind, _) => return Err(Error::Concurrency),
            _ if !existing.same_request(requested) => {
                return conflict(
                    "A service binding of this id exists with other attributes. Use a new id.",
                );
            }
            (_, OperationState::Failed) => {
                return conflict(
                    "The creation of the service binding of this id has failed. Delete it.",
                );
            }
            (_, OperationState::Succeeded) => {
                return Ok(Bound::Exists(
                    self.binding_view(offered, instance, &existing).await?,
                ));
            }
            (_, OperationState::InProgress) => {}
        }

        if !existing.operation.may_be_running(now) {
            self.take_up_bind(offered, instance, existing, waiting)
                .await
        } else if waiting.is_polled() {
            Ok(Bound::Accepted {
                operation: existing.operation.id,
            })
        } else {
            Err(Error::Concurrency)
        }
    }

    /// Resumes a bind operation that no request works on any more.
    async fn take_up_bind(
        &self,
        offered: &Offered<'_>,
        instance: &Instance,
        mut existing: Binding,
        waiting: Waiting,
    ) -> Result<Bound> {
        if let Err(Error::Invalid(reason)) = self.check_role_again(instance, &existing).await {
            self.revoke_identity(&existing).await?;
            self.fail_binding(existing, Error::Invalid(reason.clone()))
                .await?;
            return Err(Error::Invalid(reason));
        }

        // Only one request may resume the operation of another one.
        existing.operation = existing.operation.taken_up(self.environment.now());
        match self.records.update_binding(&existing).await? {
            Update::Done => {
                existing.version += 1;
                self.bind_now(offered, instance, existing, waiting).await
            }
            Update::Conflict => Err(Error::Concurrency),
        }
    }

    async fn bind_now(
        &self,
        offered: &Offered<'_>,
        instance: &Instance,
        binding: Binding,
        waiting: Waiting,
    ) -> Result<Bound> {
        let operation = binding.operation.id.clone();
        let bound = self.complete_bind(offered, instance, binding);
        Ok(match waiting.result_of(bound).await? {
            Some(view) => Bound::Created(view),
            None => Bound::Accepted { operation },
        })
    }

    /// Resumes a bind operation that no request works on any more, for a poll.
    pub(super) async fn resume_bind(&self, instance: &Instance, binding: Binding) -> Result<()> {
        self.check_bindable(instance).await?;
        self.check_role_again(instance, &binding).await?;
        let offered = self.catalog.find(
            &instance.attributes.service_id,
            &instance.attributes.plan_id,
        )?;
        self.complete_bind(&offered, instance, binding)
            .await
            .map(drop)
    }

    /// Creates the identity and the credentials, and records that the bind operation succeeded.
    async fn complete_bind(
        &self,
        offered: &Offered<'_>,
        instance: &Instance,
        binding: Binding,
    ) -> Result<BindingView> {
        let policy = self.policy(offered, instance, &binding.parameters.0)?;
        let (identity, access) = match (binding.identity.clone(), policy) {
            (Some(identity), Some(policy)) => {
                let tags = tags(offered, instance, &binding, &policy);
                let (identity, access) = self
                    .create_identity(&binding, identity, tags, &policy)
                    .await?;
                (Some(identity), Some(access))
            }
            (identity, _) => (identity, None),
        };

        let made = self
            .make_credentials(offered, instance, &binding, access.as_ref())
            .await?;

        let operation = binding.operation.clone().succeeded();
        let bound = Binding {
            identity,
            function: made.function,
            operation,
            ..binding
        };

        match self.records.update_binding(&bound).await? {
            Update::Done => Ok(self.view_of(offered, instance, &bound, made.credentials)),
            Update::Conflict => Err(Error::Concurrency),
        }
    }

    /// Returns the credentials and endpoints of an existing binding.
    pub(super) async fn binding_view(
        &self,
        offered: &Offered<'_>,
        instance: &Instance,
        binding: &Binding,
    ) -> Result<BindingView> {
        let credentials = match self.function_credentials(binding).await? {
            Some(credentials) => credentials,
            None => {
                self.credentials_of(offered, instance, binding)
                    .await?
                    .credentials
            }
        };
        Ok(self.view_of(offered, instance, binding, credentials))
    }

    fn view_of(
        &self,
        offered: &Offered<'_>,
        instance: &Instance,
        binding: &Binding,
        credentials: Object,
    ) -> BindingView {
        BindingView {
            credentials,
            endpoints: self.endpoints(offered, instance),
            lifetime: binding.lifetime,
        }
    }

    async fn check_bindable(&self, instance: &Instance) -> Result<()> {
        use OperationState::{Failed, InProgress, Succeeded};
        let invalid = |reason: &str| Err(Error::Invalid(reason.into()));

        match (instance.operation.kind, instance.operation.state) {
            (OperationKind::Provision | OperationKind::Update, Succeeded) => Ok(()),
            (OperationKind::Update, Failed) if instance.operation.instance_usable == Some(true) => {
                Ok(())
            }
            (OperationKind::Update, Failed) => {
                // The operator may have repaired the stack since.
                let stack = self
                    .stacks_of(instance)
                    .await
                    .describe(instance.stack())
                    .await?;
                let Some(stack) = stack else {
                    return invalid(
                        "The stack of the service instance does not exist any more. Delete the \
                         instance.",
                    );
                };

                if stack.status.can_be_updated() {
                    return Ok(());
                }
                invalid(
                    "The last update of the service instance has failed and could not be undone, \
                     so that it cannot be bound. The broker's operator has to repair its stack.",
                )
            }
            (_, InProgress) => Err(Error::Concurrency),
            // AWS does not delete a resource with contents, such as a bucket. An application can
            // empty it through a binding; then the deletion can be retried.
            (OperationKind::Deprovision, Failed) if !instance.outputs.is_empty() => Ok(()),
            (OperationKind::Deprovision, Failed) => invalid(
                "The deletion of the service instance has failed, so that it cannot be bound. \
                 Delete it again.",
            ),
            (_, Failed) => invalid(
                "The creation of the service instance has failed, so that it cannot be bound. \
                 Delete it.",
            ),
            (kind, Succeeded) => Err(Error::Corrupt(format!(
                "an instance whose last operation is {kind:?}"
            ))),
        }
    }
}

fn denies_a_role(policy: &Policy) -> Error {
    Error::Invalid(format!(
        "The scope {} of this plan denies things, which a role of an application would lose for \
         all that it does. Bind without RoleName and RoleArn, or with a ServiceAccount.",
        policy.scope
    ))
}

/// The validity period of an access key that this operation creates.
fn begin(lifetime: SignedDuration, operation: &Operation) -> Lifetime {
    let begun = operation.started_at;
    Lifetime {
        // The last third is for the platform to create a successor, and for the application to
        // receive it.
        renew_before: begun + SignedDuration::from_secs(lifetime.as_secs() / 3 * 2),
        ends_at: begun + lifetime,
    }
}

/// The tags of an IAM identity, which show people whose it is.
fn tags(
    offered: &Offered<'_>,
    instance: &Instance,
    binding: &Binding,
    policy: &Policy,
) -> Vec<Tag> {
    let mut tags = provision::tags(offered, &instance.id, &instance.attributes);
    tags.push(Tag::new("servicebroker:binding-id", binding.id.as_str()));
    tags.push(Tag::new("servicebroker:scope", &policy.scope));
    tags.extend(
        binding
            .app_guid
            .as_deref()
            .map(|app_guid| Tag::new("servicebroker:app-guid", app_guid)),
    );
    tags
}

/// Checks that the plan allows the binding, and returns it with its parameters normalised.
fn check_requested(offered: &Offered<'_>, requested: Binding) -> Result<Binding> {
    if requested.predecessor_id.is_some() && !offered.is_binding_rotatable() {
        return Err(Error::Invalid(
            "The plan does not rotate bindings. Create a binding without a predecessor.".into(),
        ));
    }
    let parameters = offered.check_binding_parameters(requested.parameters.0);
    let parameters = Json(parameters.map_err(Error::Invalid)?);
    Ok(Binding {
        parameters,
        ..requested
    })
}

/// Checks that required fields are present. A rotation needs only its predecessor (OSBAPI, Rotating
/// a Service Binding).
fn check_complete(request: &BindRequest) -> Result<()> {
    let missing = |field| {
        Err(Error::Invalid(format!(
            "The body does not fit the API: missing field `{field}`."
        )))
    };

    match request {
        BindRequest {
            predecessor_binding_id: Some(_),
            ..
        } => Ok(()),
        BindRequest {
            service_id: None, ..
        } => missing("service_id"),
        BindRequest { plan_id: None, .. } => missing("plan_id"),
        _ => Ok(()),
    }
}
