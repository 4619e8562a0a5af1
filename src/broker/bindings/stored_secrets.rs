//! Secrets that are stored elsewhere. An output names the store. The broker reads the value when an
//! application requests its credentials, and never stores it.

use std::collections::BTreeMap;

use catalog::reference;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{references::StoredSecrets, service_instance::ServiceInstance};
use crate::broker::{
    Broker,
    error::{Error, Result},
    ports::{PortErrorKind, PortResult, Secrets},
};

/// The store of a secret, as an output names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Store<'a> {
    /// `ssm:NAME`: a parameter of SSM's Parameter Store.
    Parameter(&'a str),
    /// `secretsmanager:ARN` or `secretsmanager:ARN#key`: a secret of Secrets Manager.
    Secret(&'a str),
    /// `cognito:USER_POOL_ID/CLIENT_ID`: the secret of an app client.
    Client(&'a str, &'a str),
}

impl<'a> Store<'a> {
    /// Returns the store, and the key in the stored JSON if the output names one. Returns `None`
    /// for an output that is a plain value.
    fn of(output: &'a str) -> Option<(Self, Option<&'a str>)> {
        let (name, key) = output
            .split_once('#')
            .map_or((output, None), |(name, key)| (name, Some(key)));
        match name.split_once(':')? {
            ("ssm", name) => Some((Self::Parameter(name), key)),
            ("secretsmanager", arn) => Some((Self::Secret(arn), key)),
            ("cognito", client) => client
                .split_once('/')
                .map(|(pool, client)| (Self::Client(pool, client), key)),
            _ => None,
        }
    }

    async fn read(&self, secrets: &dyn Secrets) -> PortResult<Option<SecretString>> {
        match self {
            Self::Parameter(name) => secrets.parameter(name).await,
            Self::Secret(arn) => secrets.secret(arn).await,
            Self::Client(user_pool_id, client_id) => {
                secrets.client_secret(user_pool_id, client_id).await
            }
        }
    }
}

/// Reads every secret that the template's credentials refer to, each store once.
///
/// # Errors
///
/// [`Error::LostSecret`] where a secret no longer exists; the error of a port; or
/// [`Error::Corrupt`] where a secret does not have the key that is referred to.
pub async fn read(broker: &Broker, service: &ServiceInstance<'_>) -> Result<StoredSecrets> {
    let ServiceInstance {
        record: instance,
        offered,
        ..
    } = service;
    let stores = broker.ports_at(instance.location.as_ref()).await.secrets;
    let (mut read, mut secrets) = (BTreeMap::new(), StoredSecrets::new());

    let credentials = offered.offering.bindings.credentials.iter();
    for name in credentials.flat_map(|credential| reference::names(&credential.value)) {
        let (output, key) = name
            .split_once('.')
            .map_or((name, None), |(output, key)| (output, Some(key)));
        let Some((store, outputs_key)) = store(service, output) else {
            continue;
        };

        if !read.contains_key(&store) {
            read.insert(
                store.clone(),
                existing(output, &store, store.read(&*stores).await)?,
            );
        }
        let Some(text) = read.get(&store) else {
            continue;
        };

        let keys = outputs_key.into_iter().chain(key);
        let value = keys
            .into_iter()
            .try_fold(text.clone(), |text, key| member(&text, key))
            .ok_or_else(|| {
                Error::Corrupt(format!(
                    "the secret that the output {output} names has no `{name}`"
                ))
            })?;
        secrets.insert(name.to_owned(), value);
    }

    Ok(secrets)
}

/// Returns the store that an output names, and the key in it. `None` if the author did not write
/// the output as a reference to a secret, or if the stack does not have it.
fn store<'a>(service: &ServiceInstance<'a>, output: &str) -> Option<(Store<'a>, Option<&'a str>)> {
    let secret_outputs = &service.offered.offering.secret_outputs;
    if !secret_outputs.iter().any(|secret| secret == output) {
        return None;
    }
    Store::of(service.record.outputs.get(output)?)
}

/// Returns the secret that an output names. For a deleted secret, AWS may answer that access is
/// denied. The broker may only read secrets with the tags of an instance's stack, and a missing
/// secret has no tags.
fn existing(
    output: &str,
    store: &Store<'_>,
    read: PortResult<Option<SecretString>>,
) -> Result<SecretString> {
    let detail = match read {
        Ok(Some(secret)) => return Ok(secret),
        Ok(None) => {
            format!("the output {output} refers to {store:?}, which does not exist or has no text")
        }
        Err(error) if error.kind == PortErrorKind::Denied => error.to_string(),
        Err(error) => return Err(error.into()),
    };

    Err(Error::LostSecret {
        output: output.to_owned(),
        detail,
    })
}

/// Returns the value of a key in a JSON object, as text.
fn member(json: &SecretString, key: &str) -> Option<SecretString> {
    let json: Value = serde_json::from_str(json.expose_secret()).ok()?;
    Some(match json.get(key)? {
        Value::String(text) => text.clone().into(),
        Value::Null => return None,
        other => other.to_string().into(),
    })
}
