//! Credentials and endpoints of a binding: the template's `Bindings.Credentials` and
//! `Bindings.Endpoints`, with their references replaced.

use std::{cmp::Reverse, collections::BTreeMap};

use catalog::{Offered, reference};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::{
    Broker, Place, Result,
    bind::Endpoint,
    identity::Access,
    instance::{Instance, Owner},
    stored_secrets::StoredSecrets,
};
use crate::osb::Object;

/// The minimum length of a text to mask, in bytes. Shorter texts are no secrets, and occur in many
/// words.
const SHORTEST_SECRET: usize = 4;
/// The replacement for a masked secret.
const MASK: &str = "(credential)";

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

/// The template's credentials, and the stored secrets that they refer to.
#[derive(Default)]
pub struct TemplateCredentials {
    pub credentials: Object,
    secrets: StoredSecrets,
}

impl TemplateCredentials {
    /// Returns the text with every secret masked, also in encoded form.
    pub fn masked(&self, text: &str) -> String {
        let shown = self.credentials.values().filter_map(Value::as_str);
        let secrets = shown.chain(self.secrets.values().map(|secret| secret.expose_secret()));
        let mut secrets: Vec<_> = secrets
            .filter(|secret| secret.len() >= SHORTEST_SECRET)
            .collect();
        // One secret may be part of another one: the longest comes first.
        secrets.sort_by_key(|secret| Reverse(secret.len()));
        secrets.into_iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret, MASK)
                .replace(&reference::encoded(secret), MASK)
        })
    }
}

impl Broker {
    /// The template's credentials. A credential that refers to something the stack does not have is
    /// left out.
    ///
    /// # Errors
    ///
    /// An error if a secret that they refer to cannot be read.
    pub(super) async fn template_credentials(
        &self,
        offered: &Offered<'_>,
        instance: &Instance,
        access: Option<&Access>,
    ) -> Result<TemplateCredentials> {
        let secrets = self.stored_secrets(offered, instance).await?;
        let outputs = &instance.outputs;
        let place = self.place_of(instance.location.as_ref());
        let owner = instance.attributes.owner();
        let references = References {
            place: &place,
            owner: &owner,
            outputs,
            access,
            secrets: Some(&secrets),
        };

        let declared = offered.offering.bindings.credentials.iter();
        let credentials = declared.filter_map(|credential| {
            let value =
                reference::render_credential(&credential.value, |name| references.value(name))?;
            let key = match credential.output() {
                Some(output) if self.rules.outputs_as_is => output,
                _ => &credential.key,
            };
            Some((key.to_owned(), value.into()))
        });

        Ok(TemplateCredentials {
            credentials: credentials.collect(),
            secrets,
        })
    }

    /// The hosts that an application connects to.
    pub(super) fn endpoints(&self, offered: &Offered<'_>, instance: &Instance) -> Vec<Endpoint> {
        let place = self.place_of(instance.location.as_ref());
        let owner = instance.attributes.owner();
        let references = References::new(&place, &owner, &instance.outputs);
        let render = |text: &str| reference::render(text, |name| references.value(name));

        let declared = offered.offering.bindings.endpoints.iter();
        declared
            .filter_map(|endpoint| {
                Some(Endpoint {
                    host: render(&endpoint.host)?,
                    ports: endpoint
                        .ports
                        .iter()
                        .map(|port| render(port))
                        .collect::<Option<_>>()?,
                    protocol: endpoint.protocol.to_string(),
                })
            })
            .collect()
    }
}
