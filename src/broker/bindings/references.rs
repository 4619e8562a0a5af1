//! The values of `${…}` references in a template's bindings.

use std::collections::BTreeMap;

use catalog::reference::Reference;
use secrecy::{ExposeSecret, SecretString};

use super::means::{Access, Login, Means};
use crate::broker::{place::Place, records::Owner};

/// Values of references to stored secrets, by the name in the reference: `Output` or `Output.key`.
pub type StoredSecrets = BTreeMap<String, SecretString>;

/// The values of `${…}` references in a template's bindings.
pub struct References<'a> {
    place: &'a Place,
    owner: &'a Owner,
    outputs: &'a BTreeMap<String, String>,
    means: Option<&'a Means>,
    master_secret: Option<&'a str>,
    secrets: Option<&'a StoredSecrets>,
}

impl<'a> References<'a> {
    /// Creates references without the application's means and without stored secrets.
    pub fn new(place: &'a Place, owner: &'a Owner, outputs: &'a BTreeMap<String, String>) -> Self {
        Self {
            place,
            owner,
            outputs,
            means: None,
            master_secret: None,
            secrets: None,
        }
    }

    /// Returns the references with the application's means, and with stored secrets.
    #[must_use]
    pub fn with(self, means: &'a Means, secrets: &'a StoredSecrets) -> Self {
        Self {
            means: Some(means),
            secrets: Some(secrets),
            ..self
        }
    }

    /// Returns the references with the ARN of the database's master secret, for a binding without a
    /// user of its own.
    #[must_use]
    pub fn with_master_secret(self, arn: Option<&'a str>) -> Self {
        Self {
            master_secret: arn,
            ..self
        }
    }

    /// The value of a reference; `None` if the instance does not have it, or has it empty.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        let Some(reference) = Reference::parse(name) else {
            return match self.secrets.and_then(|secrets| secrets.get(name)) {
                Some(secret) => Some(secret.expose_secret()),
                None => self.outputs.get(name).and_then(|value| given(value)),
            };
        };

        match reference {
            Reference::Region => Some(&self.place.region),
            Reference::AccountId => Some(&self.place.account_id),
            Reference::Partition => Some(&self.place.partition),
            Reference::UrlSuffix => Some(self.place.url_suffix()),
            Reference::OrganizationGuid => Some(&self.owner.organization_guid),
            Reference::SpaceGuid => Some(&self.owner.space_guid),
            Reference::AccessKeyId
            | Reference::SecretAccessKey
            | Reference::RoleArn
            | Reference::DatabaseUsername
            | Reference::DatabasePassword
            | Reference::MasterSecretArn => self.value_of_binding(reference),
        }
    }

    /// The value of a reference to something of the binding's own.
    fn value_of_binding(&self, reference: Reference) -> Option<&'a str> {
        let means = self.means;
        let login = means.and_then(|means| means.login.as_ref());

        match (reference, means.and_then(|means| means.access.as_ref())) {
            (Reference::AccessKeyId, Some(Access::Key(key))) => Some(&key.id),
            (Reference::SecretAccessKey, Some(Access::Key(key))) => {
                Some(key.secret.expose_secret())
            }
            (Reference::RoleArn, Some(Access::Role { arn })) => Some(arn),
            (Reference::DatabaseUsername, _) => login.map(|login| login.user_name.as_str()),
            (Reference::DatabasePassword, _) => login.and_then(password),
            (Reference::MasterSecretArn, _) if login.is_none() => self.master_secret,
            _ => None,
        }
    }
}

fn password(login: &Login) -> Option<&str> {
    login.password.as_ref().map(ExposeSecret::expose_secret)
}

/// The text, unless it is empty.
fn given(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
