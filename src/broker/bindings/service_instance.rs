//! The instance that a binding belongs to, with its plan.

use catalog::{Offered, bind_parameters::SCOPE, reference};
use serde_json::Value;

use super::{policy::Policy, references::References};
use crate::{
    broker::{
        Broker,
        error::Result,
        place::Place,
        records::{Instance, Owner, Tag},
        tags,
    },
    osb::Object,
};

/// An instance's record, with its plan in the catalog and the place of its stack.
pub struct ServiceInstance<'a> {
    /// The instance's record.
    pub record: &'a Instance,
    /// The instance's plan.
    pub offered: Offered<'a>,
    place: Place,
    owner: Owner,
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

impl<'a> ServiceInstance<'a> {
    /// Finds the instance's plan.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::broker::Error::Invalid) if the catalog no longer has it.
    pub fn find(broker: &'a Broker, record: &'a Instance) -> Result<Self> {
        let attributes = &record.attributes;
        Ok(Self {
            record,
            offered: broker
                .catalog
                .find(&attributes.service_id, &attributes.plan_id)?,
            place: broker.place_of(record.location.as_ref()),
            owner: attributes.owner(),
        })
    }

    /// Returns the values of references, without access and without stored secrets.
    pub fn references(&self) -> References<'_> {
        References::new(&self.place, &self.owner, &self.record.outputs)
    }

    /// Returns the policy of a binding's identity. Returns `None` if the template has no scopes,
    /// or if no statement of the scope applies to this stack. The binding then has no identity.
    pub fn policy(&self, parameters: &Object) -> Result<Option<Policy>> {
        let bindings = &self.offered.offering.bindings;
        let scope = match parameters.get(SCOPE).and_then(Value::as_str) {
            Some(name) => bindings.scopes.iter().find(|scope| scope.name == name),
            None => bindings.scopes.get(bindings.default_scope),
        };
        match scope {
            Some(scope) => Policy::of(scope, &self.references()),
            None => Ok(None),
        }
    }

    /// Returns the hosts that an application connects to.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let references = self.references();

        let declared = self.offered.offering.bindings.endpoints.iter();
        declared
            .filter_map(|endpoint| {
                let ports = endpoint.ports.iter().map(|port| render(port, &references));
                Some(Endpoint {
                    host: render(&endpoint.host, &references)?,
                    ports: ports.collect::<Option<_>>()?,
                    protocol: endpoint.protocol.to_string(),
                })
            })
            .collect()
    }

    /// Returns the tags that say to which instance a binding's user or role belongs.
    pub fn tags(&self) -> Vec<Tag> {
        tags::of_instance(&self.offered, &self.record.id, &self.record.attributes)
    }
}

fn render(text: &str, references: &References<'_>) -> Option<String> {
    reference::render(text, |name| references.value(name))
}
