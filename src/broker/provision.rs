//! `PUT /v2/service_instances/:instance_id`

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Broker, Error, Result,
    id::InstanceId,
    instance::{Instance, Json},
    operation::{Operation, OperationKind, OperationState},
    ports::{CreateStack, NewStack, Purpose, Tag, Update},
    secret_parameters::SecretParameters,
};
use crate::{
    catalog::Offered,
    osb::{Object, ProvisionRequest},
};

/// A provision request was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provisioned {
    /// The instance is being created.
    Accepted {
        /// What to poll with.
        operation: String,
    },
    /// The instance exists already, with just these attributes.
    Exists,
}

impl Broker {
    /// Creates an instance: its record, then its stack.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], [`Error::AsyncRequired`], [`Error::MaintenanceInfoConflict`] before anything is written;
    /// [`Error::Conflict`] or [`Error::Concurrency`] where the id is taken; a [`Error::Port`] leaves the record, so
    /// that the same request, sent again, or a deletion goes on from there.
    pub async fn provision(
        &self,
        id: InstanceId,
        request: ProvisionRequest,
        accepts_incomplete: bool,
    ) -> Result<Provisioned> {
        let offered = self.catalog.find(&request.service_id, &request.plan_id)?;
        check_maintenance_info(&offered, &request)?;
        let parameters = request.parameters.clone().unwrap_or_default();
        offered.check_parameters(&parameters).map_err(Error::Invalid)?;
        if !accepts_incomplete {
            return Err(Error::AsyncRequired);
        }

        let (secret, plain) = split_secret_parameters(&offered, parameters.clone());
        let purpose = Purpose { instance_id: &id, binding_id: None };
        let now = self.environment.now();
        let instance = Instance {
            service_id: request.service_id.into_inner(),
            plan_id: request.plan_id.into_inner(),
            organization_guid: request.organization_guid.into_inner(),
            space_guid: request.space_guid.into_inner(),
            context: Json(request.context.unwrap_or_default()),
            parameters: Json(plain),
            secret_parameters: SecretParameters::of(&secret, &purpose, &*self.vault, &*self.environment).await?,
            template_version: offered.offering.version.as_deref().map(str::to_owned),
            stack_name: self.naming.stack(&offered.offering.name, &id),
            outputs: BTreeMap::new(),
            operation: Operation::begin(OperationKind::Provision, self.environment.uuid(), now),
            expires_at: None,
            version: 0,
            id: id.clone(),
        };
        match self.records.insert_instance(&instance, now).await? {
            None => self.create_stack(&offered, &instance, &parameters).await,
            Some(existing) => {
                let same = existing.same_request(&instance) && self.same_secrets(&existing, &secret, &purpose).await?;
                self.provision_again(&offered, &existing, same, &parameters).await
            }
        }
    }

    async fn same_secrets(&self, existing: &Instance, secret: &Object, purpose: &Purpose<'_>) -> Result<bool> {
        match &existing.secret_parameters {
            None => Ok(secret.is_empty()),
            Some(stored) => Ok(stored.matches(secret, purpose, &*self.vault).await?),
        }
    }

    /// The request was sent again, or its id is taken.
    async fn provision_again(
        &self,
        offered: &Offered<'_>,
        existing: &Instance,
        same_request: bool,
        parameters: &Object,
    ) -> Result<Provisioned> {
        use OperationState::{Failed, InProgress, Succeeded};
        match (existing.operation.kind, existing.operation.state) {
            (OperationKind::Deprovision, InProgress) => Err(Error::Concurrency),
            (OperationKind::Deprovision, Succeeded) => {
                Err(Error::Conflict("A service instance of this id was deleted not long ago. Use a new id.".into()))
            }
            (OperationKind::Deprovision, Failed) => Err(Error::Conflict(
                "The deletion of the service instance of this id has failed. Delete it again.".into(),
            )),
            _ if !same_request => {
                Err(Error::Conflict("A service instance of this id exists with other attributes. Use a new id.".into()))
            }
            (_, InProgress) => self.create_stack(offered, existing, parameters).await,
            (_, Succeeded) => Ok(Provisioned::Exists),
            (_, Failed) => Err(Error::Conflict(
                "The creation of the service instance of this id has failed. Delete it, then create a new one.".into(),
            )),
        }
    }

    /// Creates the stack that the record names, or finds it created.
    pub(super) async fn create_stack(
        &self,
        offered: &Offered<'_>,
        instance: &Instance,
        parameters: &Object,
    ) -> Result<Provisioned> {
        let stack = NewStack {
            name: &instance.stack_name,
            template_body: &offered.offering.template_body,
            parameters: stack_parameters(offered, parameters),
            tags: tags(offered, instance),
            token: &instance.operation.id,
        };
        match self.stacks.create(&stack).await? {
            CreateStack::Accepted => Ok(Provisioned::Accepted { operation: instance.operation.id.clone() }),
            CreateStack::Rejected(reason) => {
                // Nothing was created, so that nothing is to be remembered.
                match self.records.delete_instance(instance).await? {
                    Update::Done => Err(Error::Invalid(format!("AWS CloudFormation refuses this request: {reason}"))),
                    Update::Conflict => Err(Error::Concurrency),
                }
            }
        }
    }
}

fn check_maintenance_info(offered: &Offered<'_>, request: &ProvisionRequest) -> Result<()> {
    let offered = offered.offering.version.as_deref();
    match request.maintenance_info.as_ref().map(|requested| &*requested.version) {
        Some(requested) if Some(requested) != offered => {
            Err(Error::MaintenanceInfoConflict { offered: offered.unwrap_or("of no number").into() })
        }
        _ => Ok(()),
    }
}

/// The `NoEcho` parameters, and the others.
fn split_secret_parameters(offered: &Offered<'_>, parameters: Object) -> (Object, Object) {
    let is_secret = |name: &str| offered.offering.secret_parameters.iter().any(|secret| secret == name);
    parameters.into_iter().partition(|(name, _)| is_secret(name))
}

/// The plan's parameters with the user's over them. What neither gives has the template's default. The schema has made
/// sure that the user gives none which the plan fixes.
fn stack_parameters(offered: &Offered<'_>, parameters: &Object) -> BTreeMap<String, String> {
    let of_plan = offered.plan.parameters.iter().map(|given| (given.name.to_string(), given.value.to_string()));
    of_plan.chain(parameters.iter().map(|(name, value)| (name.clone(), parameter_text(value)))).collect()
}

/// CloudFormation takes every value as text, and a list as text with commas.
fn parameter_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(entries) => entries.iter().map(parameter_text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// So that people find in AWS what belongs to an instance, and whose it is.
fn tags(offered: &Offered<'_>, instance: &Instance) -> Vec<Tag> {
    vec![
        Tag::new("servicebroker:instance-id", instance.id.as_str()),
        Tag::new("servicebroker:service", &offered.offering.name),
        Tag::new("servicebroker:plan", &offered.plan.name),
        Tag::new("servicebroker:organization-guid", &instance.organization_guid),
        Tag::new("servicebroker:space-guid", &instance.space_guid),
    ]
}
