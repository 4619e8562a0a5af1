//! The values of `${…}` references in a template's bindings.

use std::collections::BTreeMap;

use catalog::reference::Reference;
use secrecy::{ExposeSecret, SecretString};

use super::access::Access;
use crate::broker::{place::Place, records::Owner};

/// Values of references to stored secrets, by the name in the reference: `Output` or `Output.key`.
pub type StoredSecrets = BTreeMap<String, SecretString>;

/// The values of `${…}` references in a template's bindings.
pub struct References<'a> {
    place: &'a Place,
    owner: &'a Owner,
    outputs: &'a BTreeMap<String, String>,
    access: Option<&'a Access>,
    secrets: Option<&'a StoredSecrets>,
}

impl<'a> References<'a> {
    /// Creates references without the identity's access and without stored secrets.
    pub fn new(place: &'a Place, owner: &'a Owner, outputs: &'a BTreeMap<String, String>) -> Self {
        Self {
            place,
            owner,
            outputs,
            access: None,
            secrets: None,
        }
    }

    /// Returns the references with the application's access, and with stored secrets.
    #[must_use]
    pub fn with(self, access: Option<&'a Access>, secrets: &'a StoredSecrets) -> Self {
        Self {
            access,
            secrets: Some(secrets),
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

        match (reference, self.access) {
            (Reference::Region, _) => Some(&self.place.region),
            (Reference::AccountId, _) => Some(&self.place.account_id),
            (Reference::Partition, _) => Some(&self.place.partition),
            (Reference::UrlSuffix, _) => Some(self.place.url_suffix()),
            (Reference::OrganizationGuid, _) => Some(&self.owner.organization_guid),
            (Reference::SpaceGuid, _) => Some(&self.owner.space_guid),
            (Reference::AccessKeyId, Some(Access::Key(key))) => Some(&key.id),
            (Reference::SecretAccessKey, Some(Access::Key(key))) => {
                Some(key.secret.expose_secret())
            }
            (Reference::RoleArn, Some(Access::Role { arn })) => Some(arn),
            (
                Reference::AccessKeyId | Reference::SecretAccessKey | Reference::RoleArn,
                None | Some(Access::Key(_) | Access::Role { .. }),
            ) => None,
        }
    }
}

/// The text, unless it is empty.
fn given(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
