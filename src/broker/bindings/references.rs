//! The values of `${…}` references in a template's bindings.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;

use super::{access::Access, stored_secrets::StoredSecrets};
use crate::broker::{place::Place, records::Owner};

/// The values of `${…}` references in a template's bindings.
pub struct References<'a> {
    pub place: &'a Place,
    pub owner: &'a Owner,
    pub outputs: &'a BTreeMap<String, String>,
    pub access: Option<&'a Access>,
    pub secrets: Option<&'a StoredSecrets>,
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

    /// The value of a reference; `None` if the instance does not have it, or has it empty.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        match (name, self.access) {
            ("AWS::Region", _) => Some(&self.place.region),
            ("AWS::AccountId", _) => Some(&self.place.account_id),
            ("AWS::Partition", _) => Some(&self.place.partition),
            ("AWS::URLSuffix", _) => Some(self.place.url_suffix()),
            ("Instance.OrganizationGuid", _) => given(&self.owner.organization_guid),
            ("Instance.SpaceGuid", _) => given(&self.owner.space_guid),
            ("Identity.AccessKeyId", Some(Access::Key(key))) => Some(&key.id),
            ("Identity.SecretAccessKey", Some(Access::Key(key))) => {
                Some(key.secret.expose_secret())
            }
            ("Identity.RoleArn", Some(Access::Role { arn })) => Some(arn),
            _ => match self.secrets.and_then(|secrets| secrets.get(name)) {
                Some(secret) => Some(secret.expose_secret()),
                None => self.outputs.get(name).and_then(|value| given(value)),
            },
        }
    }
}

/// The text, unless it is empty.
fn given(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
