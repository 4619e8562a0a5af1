//! The instance that a binding belongs to, with its plan.

use catalog::{Offered, bind_parameters::SCOPE, model::Scope, reference};
use serde_json::Value;

use super::{
    means::{Login, Means},
    policy::Policy,
    references::{References, StoredSecrets},
};
use crate::broker::{
    Broker,
    error::{Error, Result},
    place::Place,
    records::{Binding, Grant, Instance, Owner, Tag},
    tags,
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

    /// Returns the scope of a binding; `None` if the template has none.
    ///
    /// In a database that the broker cannot reach, the default is the scope without a user.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a scope that the database's network rules out.
    pub fn scope(&self, broker: &Broker, binding: &Binding) -> Result<Option<&Scope>> {
        let bindings = &self.offered.offering.bindings;
        let named = binding.parameters.0.get(SCOPE).and_then(Value::as_str);
        let scope = match named {
            Some(name) => bindings.scopes.iter().find(|scope| scope.name == name),
            None => bindings.scopes.get(bindings.default_scope),
        };
        let Some((scope, _)) = scope.zip(bindings.database.as_ref()) else {
            return Ok(scope);
        };

        let is_reachable = if binding.grants.is_empty() {
            let databases = broker.databases.as_ref();
            databases.is_some_and(|databases| databases.reach(self.record))
        } else {
            // An interrupted binding gets what its record names.
            let mut grants = binding.grants.iter();
            grants.any(|grant| matches!(grant, Grant::Database(_)))
        };
        match (is_reachable, scope.database_user.is_some()) {
            (true, true) | (false, false) => Ok(Some(scope)),
            (false, true) => {
                let mut scopes = bindings.scopes.iter();
                let fallback = scopes.find(|scope| scope.database_user.is_none());
                match named {
                    None => Ok(fallback),
                    Some(_) => Err(out_of_reach(scope)),
                }
            }
            (true, false) => Err(Error::Invalid(format!(
                "The scope {} is for databases outside the broker's network. Bind with another \
                 scope: the application gets a database user of its own.",
                scope.name
            ))),
        }
    }

    /// Returns the policy of a binding's identity. Returns `None` if the template has no scopes,
    /// or if no statement of the scope applies to this stack. The binding then has no identity.
    ///
    /// # Errors
    ///
    /// See [`Self::scope`].
    pub fn policy(&self, broker: &Broker, binding: &Binding) -> Result<Option<Policy>> {
        let Some(scope) = self.scope(broker, binding)? else {
            return Ok(None);
        };
        // A policy may name the binding's database user, which does not exist yet.
        let means = Means {
            access: None,
            login: Some(Login {
                user_name: broker.naming.database_user(&self.record.id, &binding.id),
                password: None,
            }),
        };
        let secrets = StoredSecrets::new();
        Policy::of(scope, &self.references().with(&means, &secrets))
    }

    /// Returns the ARN of the secret of the database's master user, if the service is a database.
    pub fn master_secret(&self) -> Option<String> {
        let database = self.offered.offering.bindings.database.as_ref()?;
        self.render(&database.master_secret)
    }

    /// Returns the text with its references replaced; `None` if the stack does not have one of them.
    pub fn render(&self, text: &str) -> Option<String> {
        render(text, &self.references())
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

fn out_of_reach(scope: &Scope) -> Error {
    Error::Invalid(format!(
        "The broker has no access to the network of this database, so it cannot create a user for \
         the scope {}. Bind without a Scope: the binding names the secret of the master user.",
        scope.name
    ))
}

fn render(text: &str, references: &References<'_>) -> Option<String> {
    reference::render(text, |name| references.value(name))
}
