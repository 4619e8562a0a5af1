//! The template's `Bindings.Credentials`, with their references replaced.

use std::cmp::Reverse;

use catalog::reference;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::{
    means::Means, references::StoredSecrets, service_instance::ServiceInstance, stored_secrets,
};
use crate::{
    broker::{Broker, error::Result},
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

/// Returns the template's credentials. A credential that refers to something the stack does not
/// have is left out.
///
/// # Errors
///
/// An error if a secret that they refer to cannot be read.
pub async fn of_template(
    broker: &Broker,
    service: &ServiceInstance<'_>,
    means: &Means,
) -> Result<TemplateCredentials> {
    let secrets = stored_secrets::read(broker, service).await?;
    let master_secret = service.master_secret();
    let references = service
        .references()
        .with(means, &secrets)
        .with_master_secret(master_secret.as_deref());

    let declared = service.offered.offering.bindings.credentials.iter();
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
