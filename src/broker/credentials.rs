//! What an application connects with and to: the template's `Bindings.Credentials` and
//! `Bindings.Endpoints`, filled in.

use std::{cmp::Reverse, collections::BTreeMap};

use secrecy::ExposeSecret;
use serde_json::Value;

use super::{
    Broker, Place, Result,
    bind::Endpoint,
    identity::Access,
    instance::{Instance, Owner},
    stored_secrets::StoredSecrets,
};
use crate::{
    catalog::{Offered, reference},
    osb::Object,
};

/// What is shorter is no secret, and would be in many words, in bytes.
const SHORTEST_SECRET: usize = 4;
/// What stands in its place.
const MASK: &str = "(credential)";

/// What `${…}` may stand for in a template's bindings.
pub struct References<'a> {
    place: &'a Place,
    owner: &'a Owner,
    outputs: &'a BTreeMap<String, String>,
    access: Option<&'a Access>,
    secrets: Option<&'a StoredSecrets>,
}

impl<'a> References<'a> {
    /// Those that are no secret.
    pub fn new(place: &'a Place, owner: &'a Owner, outputs: &'a BTreeMap<String, String>) -> Self {
        Self {
            place,
            owner,
            outputs,
            access: None,
            secrets: None,
        }
    }

    /// The value of a reference; nothing for one that the instance has not, or has empty.
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

/// The template's credentials, and what of them is kept elsewhere.
#[derive(Default)]
pub struct TemplateCredentials {
    pub credentials: Object,
    secrets: StoredSecrets,
}

impl TemplateCredentials {
    /// The text without anything that is secret in it, be it encoded or not.
    pub fn masked(&self, text: &str) -> String {
        let shown = self.credentials.values().filter_map(Value::as_str);
        let secrets = shown.chain(self.secrets.values().map(|secret| secret.expose_secret()));
        let mut secrets: Vec<_> = secrets
            .filter(|secret| secret.len() >= SHORTEST_SECRET)
            .collect();
        // One may be a part of another.
        secrets.sort_by_key(|secret| Reverse(secret.len()));
        secrets.into_iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret, MASK)
                .replace(&reference::encoded(secret), MASK)
        })
    }
}

impl Broker {
    /// The template's credentials. What refers to something that the stack has not is left out.
    ///
    /// # Errors
    ///
    /// Where a secret that they refer to cannot be read.
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
