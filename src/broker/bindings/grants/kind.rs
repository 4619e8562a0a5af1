//! The interface of every kind of grant, and what follows from it for a binding's list of grants.

use async_trait::async_trait;
use jiff::SignedDuration;

use crate::{
    broker::{
        Broker,
        bindings::{means::Means, policy::Policy, service_instance::ServiceInstance},
        error::{Error, Result},
        records::{Binding, Grant, Instance, Purpose, Tag},
    },
    osb::Object,
};

/// The longest time for which an operation waits for a part of the instance's stack, such as a
/// function. In the network of a half-deleted stack, a function never responds again.
pub const LONGEST_WAIT_FOR_STACK: SignedDuration = SignedDuration::from_mins(5);

/// A kind of grant: its creation, what it gives to the application, and its undo.
#[async_trait]
pub trait Kind: Send + Sync {
    /// Creates what the record names. `means` are those from the grants before this one.
    async fn create(&self, context: &Context<'_>, means: &Means) -> Result<Created>;

    /// Checks that an interrupted binding may still get the grant.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it may not.
    async fn check_again(&self, _broker: &Broker, _instance: &Instance) -> Result<()> {
        Ok(())
    }

    /// Returns the application's means; none until they are created, or if the grant gives none.
    async fn means(&self, _broker: &Broker, _binding: &Binding) -> Result<Means> {
        Ok(Means::default())
    }

    /// Returns the credentials that replace the template's; `None` until they are created, or if
    /// the grant replaces none.
    async fn credentials(&self, _broker: &Broker, _binding: &Binding) -> Result<Option<Object>> {
        Ok(None)
    }

    /// Takes all permissions in AWS away from the application. It must not depend on the instance's
    /// stack: a failure blocks the deletion of the instance.
    async fn revoke(&self, _broker: &Broker, _binding: &Binding) -> Result<()> {
        Ok(())
    }

    /// Removes what [`Kind::revoke`] leaves.
    ///
    /// # Errors
    ///
    /// - [`Error::IdentityInUse`] if somebody has added something to it.
    /// - [`Error::Function`] if a function of the stack fails.
    /// - [`Error::DatabaseUnavailable`] or [`Error::Database`] if the database does not accept it.
    /// - The error of a port.
    async fn remove(&self, _broker: &Broker, _binding: &Binding) -> Result<()> {
        Ok(())
    }

    /// The IAM user or role that the binding owns, if there is one.
    fn iam_resource(&self) -> Option<IamResource<'_>> {
        None
    }

    /// True if the operator's lifetime of bindings applies to the grant.
    fn expires(&self) -> bool {
        false
    }

    /// True if the instance's stack keeps what the grant has created. It is then deleted with the
    /// stack, so the deletion of an instance ignores a failure of [`Kind::remove`].
    fn goes_with_stack(&self) -> bool {
        false
    }

    /// The error of an operation that has waited for [`LONGEST_WAIT_FOR_STACK`] for a part of the
    /// instance's stack; `None` for a grant that does not need the stack.
    fn timeout(&self) -> Option<Error> {
        None
    }
}

/// The circumstances in which a grant is created.
pub struct Context<'a> {
    /// The broker.
    pub broker: &'a Broker,
    /// The instance that is bound.
    pub service: &'a ServiceInstance<'a>,
    /// The binding's record.
    pub binding: &'a Binding,
    /// The permissions of the binding's identity. `None` if the template has none, or if the stack
    /// has lost all resources that they are about. An identity is then not created.
    pub policy: Option<&'a Policy>,
}

impl Context<'_> {
    /// Returns the tags of the binding's IAM user or role. They show people who owns it.
    pub fn tags(&self, policy: &Policy) -> Vec<Tag> {
        let mut tags = self.service.tags();
        tags.push(Tag::new(
            "servicebroker:binding-id",
            self.binding.id.as_str(),
        ));

        tags.push(Tag::new("servicebroker:scope", &policy.scope));
        tags.extend(
            self.binding
                .app_guid
                .as_deref()
                .map(|app_guid| Tag::new("servicebroker:app-guid", app_guid)),
        );

        tags.extend(self.broker.operator_tags.iter().cloned());
        tags
    }
}

/// A created grant.
pub struct Created {
    /// The grant, for the record.
    pub grant: Grant,
    /// The application's means, if the grant gives some.
    pub means: Means,
    /// The credentials that replace the template's, if the grant has created some.
    pub credentials: Option<Object>,
}

impl Created {
    /// Returns a grant for which nothing had to be created.
    pub fn nothing(grant: Grant) -> Self {
        Self {
            grant,
            means: Means::default(),
            credentials: None,
        }
    }
}

/// An IAM user or role that a binding owns, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IamResource<'a> {
    /// A user.
    User(&'a str),
    /// A role.
    Role(&'a str),
}

fn kind(grant: &Grant) -> &dyn Kind {
    match grant {
        Grant::User(user) => user,
        Grant::Role(role) => role,
        Grant::RolePolicy(policy) => policy,
        Grant::Database(database) => database,
        Grant::Function(function) => function,
    }
}

/// Returns the kinds of a binding's grants, in the order of their creation.
pub fn kinds(binding: &Binding) -> impl DoubleEndedIterator<Item = &dyn Kind> {
    binding.grants.iter().map(kind)
}

/// Returns the application's means from all grants.
pub async fn means(broker: &Broker, binding: &Binding) -> Result<Means> {
    let mut means = Means::default();
    for grant in kinds(binding) {
        means = means.or(grant.means(broker, binding).await?);
    }
    Ok(means)
}

/// Returns the credentials that replace the template's, from the last grant that has some.
pub async fn credentials(broker: &Broker, binding: &Binding) -> Result<Option<Object>> {
    for grant in kinds(binding).rev() {
        if let Some(credentials) = grant.credentials(broker, binding).await? {
            return Ok(Some(credentials));
        }
    }
    Ok(None)
}

/// Takes all permissions in AWS away from the binding's application.
pub async fn revoke(broker: &Broker, binding: &Binding) -> Result<()> {
    for grant in kinds(binding).rev() {
        grant.revoke(broker, binding).await?;
    }
    Ok(())
}

/// The purpose of a binding's sealed secrets: they can be opened for this binding alone.
pub fn purpose(binding: &Binding) -> Purpose<'_> {
    Purpose {
        instance_id: &binding.instance_id,
        binding_id: Some(&binding.id),
    }
}
