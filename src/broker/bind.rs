//! `PUT /v2/service_instances/:instance_id/service_bindings/:binding_id`

use secrecy::SecretString;
use serde_json::{Value, json};

use super::{
    Broker, Error, Result,
    binding::{Binding, SealedAccessKey},
    credentials::References,
    id::{BindingId, InstanceId},
    instance::{Instance, Json},
    operation::{Operation, OperationKind},
    ports::{AccessKey, InsertBinding, NewIdentity, Purpose, Tag, Update},
};
use crate::{
    catalog::{Offered, reference},
    osb::{BindRequest, NonEmpty, Object},
};

/// The parameter of a bind request that chooses what its identity may do.
const SCOPE: &str = "Scope";

/// A binding, with what the application connects with.
pub struct Bound {
    /// Whether this request created it.
    pub created: bool,
    /// Secret.
    pub credentials: Object,
}

/// What an identity may do.
struct Policy {
    scope: String,
    document: String,
}

impl Broker {
    /// Creates a binding: its record, then its identity, whose key is sealed into the record.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] and [`Error::NotFound`] before anything is written; [`Error::Conflict`] where the id is taken;
    /// [`Error::Concurrency`] where another request is at work; a [`Error::Port`] leaves the record, so that the same
    /// request, sent again, or a deletion goes on from there.
    pub async fn bind(&self, instance_id: &InstanceId, id: BindingId, request: BindRequest) -> Result<Bound> {
        let instance = self.find_instance(instance_id).await?;
        check_bindable(&instance)?;
        if *request.service_id != *instance.service_id || *request.plan_id != *instance.plan_id {
            let reason = "The service instance is not of this service_id and plan_id. Send those that it has.";
            return Err(Error::Invalid(reason.into()));
        }
        let offered = self.catalog.find(&instance.service_id, &instance.plan_id)?;
        let parameters = request.parameters.unwrap_or_default();
        offered.check_binding_parameters(&parameters).map_err(Error::Invalid)?;

        let policy = self.policy(&offered, &instance, &parameters)?;
        let operation = Operation::begin(OperationKind::Bind, self.environment.uuid(), self.environment.now());
        let binding = Binding {
            user_name: policy.is_some().then(|| self.naming.user(instance_id, &id)),
            id,
            instance_id: instance_id.clone(),
            service_id: instance.service_id.clone(),
            plan_id: instance.plan_id.clone(),
            app_guid: request
                .bind_resource
                .and_then(|resource| resource.app_guid)
                .or(request.app_guid)
                .map(NonEmpty::into_inner),
            parameters: Json(parameters),
            access_key: None,
            // Without an identity there is nothing left to do after the record.
            operation: if policy.is_some() { operation } else { operation.succeeded() },
            version: 0,
        };
        match self.records.insert_binding(&instance, &binding).await? {
            InsertBinding::Done => self.complete_bind(&offered, &instance, binding, policy).await,
            InsertBinding::InstanceChanged => Err(Error::Concurrency),
            InsertBinding::Exists(existing) => self.bind_again(&offered, &instance, *existing, &binding, policy).await,
        }
    }

    /// The request was sent again, or its id is taken.
    async fn bind_again(
        &self,
        offered: &Offered<'_>,
        instance: &Instance,
        mut existing: Binding,
        requested: &Binding,
        policy: Option<Policy>,
    ) -> Result<Bound> {
        let now = self.environment.now();
        if existing.operation.kind == OperationKind::Unbind {
            return Err(Error::Concurrency);
        }
        if !existing.same_request(requested) {
            let reason = "A service binding of this id exists with other attributes. Use a new id.";
            return Err(Error::Conflict(reason.into()));
        }
        if existing.is_usable() {
            let secret = self.open_access_key(&existing).await?;
            return Ok(Bound { created: false, credentials: self.credentials(offered, instance, secret.as_ref()) });
        }
        if existing.operation.may_be_running(now) {
            return Err(Error::Concurrency);
        }
        // Whoever was at work on it is not any more. Only one request may go on in its place.
        existing.operation.started_at = now;
        match self.records.update_binding(&existing).await? {
            Update::Done => {
                existing.version += 1;
                self.complete_bind(offered, instance, existing, policy).await
            }
            Update::Conflict => Err(Error::Concurrency),
        }
    }

    /// Makes the identity that the record names, if it names one.
    async fn complete_bind(
        &self,
        offered: &Offered<'_>,
        instance: &Instance,
        binding: Binding,
        policy: Option<Policy>,
    ) -> Result<Bound> {
        let (Some(user_name), Some(policy)) = (binding.user_name.clone(), policy) else {
            return Ok(Bound { created: true, credentials: self.credentials(offered, instance, None) });
        };
        let identity = NewIdentity {
            user_name,
            policy: policy.document,
            tags: vec![
                Tag::new("servicebroker:instance-id", instance.id.as_str()),
                Tag::new("servicebroker:binding-id", binding.id.as_str()),
                Tag::new("servicebroker:service", &offered.offering.name),
                Tag::new("servicebroker:scope", &policy.scope),
            ],
        };
        let access_key = self.identities.create(&identity).await?;
        let purpose = Purpose { instance_id: &instance.id, binding_id: Some(&binding.id) };
        let secret = self.vault.seal(&purpose, &access_key.secret).await?;
        let operation = binding.operation.clone().succeeded();
        let access_key_record = Some(SealedAccessKey { id: access_key.id.clone(), secret });
        let bound = Binding { access_key: access_key_record, operation, ..binding };
        match self.records.update_binding(&bound).await? {
            Update::Done => {
                Ok(Bound { created: true, credentials: self.credentials(offered, instance, Some(&access_key)) })
            }
            Update::Conflict => Err(Error::Concurrency),
        }
    }

    /// What the binding's identity may do; nothing where no statement of the scope applies to this stack, so that the
    /// binding has no identity.
    fn policy(&self, offered: &Offered<'_>, instance: &Instance, parameters: &Object) -> Result<Option<Policy>> {
        let bindings = &offered.offering.bindings;
        let scope = match parameters.get(SCOPE).and_then(Value::as_str) {
            Some(name) => bindings.scopes.iter().find(|scope| scope.name == name),
            None => bindings.scopes.get(bindings.default_scope),
        };
        let Some(scope) = scope else { return Ok(None) };
        let statements: Vec<Value> = serde_json::from_str(&scope.statements)
            .map_err(|error| Error::Corrupt(format!("scope {}: {error}", scope.name)))?;
        let references = References::new(&self.place, &instance.outputs, None);
        let statements = reference::render_statements(&statements, |name| references.value(name));
        Ok((!statements.is_empty()).then(|| Policy {
            scope: scope.name.to_string(),
            document: json!({"Version": "2012-10-17", "Statement": statements}).to_string(),
        }))
    }

    /// The access key that the record holds, if it has one.
    pub(super) async fn open_access_key(&self, binding: &Binding) -> Result<Option<AccessKey>> {
        let Some(sealed) = &binding.access_key else { return Ok(None) };
        let purpose = Purpose { instance_id: &binding.instance_id, binding_id: Some(&binding.id) };
        let secret: SecretString = self.vault.open(&purpose, &sealed.secret).await?;
        Ok(Some(AccessKey { id: sealed.id.clone(), secret }))
    }
}

fn check_bindable(instance: &Instance) -> Result<()> {
    use super::operation::OperationState::{Failed, InProgress, Succeeded};
    match (instance.operation.kind, instance.operation.state) {
        (OperationKind::Provision, Succeeded) => Ok(()),
        (_, InProgress) => Err(Error::Concurrency),
        (OperationKind::Deprovision, Succeeded) => Err(Error::instance_not_found()),
        (_, Failed) => Err(Error::Invalid(
            "The last operation on the service instance has failed, so that it cannot be bound. Delete it.".into(),
        )),
        (kind, Succeeded) => Err(Error::Corrupt(format!("an instance whose last operation is {kind:?}"))),
    }
}
