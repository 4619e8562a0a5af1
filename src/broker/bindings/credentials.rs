//! Credentials and endpoints of a binding: the template's `Bindings.Credentials` and
//! `Bindings.Endpoints`, with their references replaced.

use std::cmp::Reverse;

use catalog::{Offered, reference};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::{
    access::Access,
    references::References,
    stored_secrets::{self, StoredSecrets},
};
use crate::{
    broker::{Broker, error::Result, records::Instance},
    osb::Object,
};

/// The minimum length of a text to mask, in bytes. Shorter texts are no secrets, and occur in many
/// words.
const SHORTEST_SECRET: usize = 4;

/// The replacement for a masked secret.
const MASK: &str = "(credential)";

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

/// The template's credentials. A credential that refers to something the stack does not have is
/// left out.
///
/// # Errors
///
/// An error if a secret that they refer to cannot be read.
pub async fn template_credentials(
    broker: &Broker,
    offered: &Offered<'_>,
    instance: &Instance,
    access: Option<&Access>,
) -> Result<TemplateCredentials> {
    let secrets = stored_secrets::stored_secrets(broker, offered, instance).await?;
    let outputs = &instance.outputs;
    let place = broker.place_of(instance.location.as_ref());
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
        let value = reference::render_credential(&credential.value, |name| references.value(name))?;
        let key = match credential.output() {
            Some(output) if broker.rules.outputs_as_is => output,
            _ => &credential.key,
        };
        Some((key.to_owned(), value.into()))
    });

    Ok(TemplateCredentials {
        credentials: credentials.collect(),
        secrets,
    })
}
