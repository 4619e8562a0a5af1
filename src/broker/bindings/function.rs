//! `BindViaLambda`: a function of the instance's stack creates the credentials of each binding.
//!
//! The broker invokes it for each bind and each unbind operation. The payload contains the
//! template's credentials, `RequestType` (`bind` or `unbind`), `INSTANCE_ID` and `BINDING_ID`. The
//! response to `bind` contains the binding's credentials. The broker may invoke the function more
//! than once for a binding; the response must be the same.

use catalog::{Offered, model::FUNCTION_OUTPUT};
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{
    access::{self, Access, purpose},
    credentials::{self, TemplateCredentials},
};
use crate::{
    broker::{
        Broker,
        error::{Error, Result},
        ports::Invocation,
        records::{BindFunction, Binding, Instance},
    },
    osb::Object,
};

/// The maximum size of a function's response, in bytes: the most that KMS encrypts in one call.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html>
const MAX_ANSWER_BYTES: usize = 4_096;

/// The maximum length of a function's own error message in responses, in characters.
const MAX_MESSAGE_LENGTH: usize = 300;

/// The credentials of a new binding, and the function that created them.
pub struct Made {
    pub function: Option<BindFunction>,
    pub credentials: Object,
}

/// Creates the credentials of a new binding. They are the template's, or what the binding's
/// function returns for these.
pub async fn make_credentials(
    broker: &Broker,
    offered: &Offered<'_>,
    instance: &Instance,
    binding: &Binding,
    access: Option<&Access>,
) -> Result<Made> {
    let template = credentials::template_credentials(broker, offered, instance, access).await?;
    match &binding.function {
        None => Ok(Made {
            function: None,
            credentials: template.credentials,
        }),
        Some(function) => {
            let (function, credentials) = invoke_bind(broker, binding, function, &template).await?;
            Ok(Made {
                function: Some(function),
                credentials,
            })
        }
    }
}

/// The function that creates the credentials of the instance's bindings, if the template has
/// one.
pub fn bind_function(
    _broker: &Broker,
    offered: &Offered<'_>,
    instance: &Instance,
) -> Result<Option<BindFunction>> {
    if !offered.offering.bindings.via_function {
        return Ok(None);
    }

    match instance
        .outputs
        .get(FUNCTION_OUTPUT)
        .filter(|name| !name.is_empty())
    {
        Some(name) => Ok(Some(BindFunction {
            name: name.clone(),
            credentials: None,
        })),
        None => Err(Error::Corrupt(format!(
            "the stack has no output {FUNCTION_OUTPUT}"
        ))),
    }
}

/// Invokes the function to create the credentials, and seals them.
///
/// # Errors
///
/// [`Error::Function`] if the function fails, is missing, or returns no valid credentials.
pub async fn invoke_bind(
    broker: &Broker,
    binding: &Binding,
    function: &BindFunction,
    template: &TemplateCredentials,
) -> Result<(BindFunction, Object)> {
    let answer = match invoke(broker, binding, function, &template.credentials, "bind").await? {
        Invocation::Answered(answer) => answer,
        Invocation::Failed { message } => return Err(failed(&message, template)),
        Invocation::Missing => {
            return Err(Error::Function("It does not exist any more.".into()));
        }
    };

    let length = answer.expose_secret().len();
    if length > MAX_ANSWER_BYTES {
        let reason = format!("Its answer has {length} bytes, and may have {MAX_ANSWER_BYTES}.");
        return Err(Error::Function(reason));
    }

    let credentials = parse(&answer)?;
    let sealed = broker.vault.seal(&purpose(binding), &answer).await?;

    Ok((
        BindFunction {
            credentials: Some(sealed),
            ..function.clone()
        },
        credentials,
    ))
}

/// The credentials that the function created, if there are any.
pub async fn function_credentials(broker: &Broker, binding: &Binding) -> Result<Option<Object>> {
    let sealed = binding
        .function
        .as_ref()
        .and_then(|function| function.credentials.as_ref());
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    parse(&broker.vault.open(&purpose(binding), sealed).await?).map(Some)
}

/// Notifies the function, if there is one, that the binding is being deleted. A function that
/// does not exist any more is only logged.
///
/// # Errors
///
/// [`Error::Function`] if the function fails.
pub async fn invoke_unbind(broker: &Broker, binding: &Binding) -> Result<()> {
    let Some(function) = &binding.function else {
        return Ok(());
    };

    let now = broker.environment.now();
    let Some(instance) = broker.records.instance(&binding.instance_id, now).await? else {
        return Ok(());
    };

    let attributes = &instance.attributes;
    // The deletion works without credentials too: the plan may have left the catalog, or its
    // secrets may be lost.
    let template = match broker
        .catalog
        .find(&attributes.service_id, &attributes.plan_id)
    {
        Ok(offered) => credentials_of(broker, &offered, &instance, binding)
            .await
            .or_else(Error::unless_passing)?,
        Err(_) => TemplateCredentials::default(),
    };

    match invoke(broker, binding, function, &template.credentials, "unbind").await? {
        Invocation::Answered(_) => Ok(()),
        Invocation::Failed { message } => Err(failed(&message, &template)),
        Invocation::Missing => {
            tracing::warn!(
                function = function.name,
                "a binding's function does not exist any more"
            );
            Ok(())
        }
    }
}

/// The template's credentials for an existing binding.
pub async fn credentials_of(
    broker: &Broker,
    offered: &Offered<'_>,
    instance: &Instance,
    binding: &Binding,
) -> Result<TemplateCredentials> {
    credentials::template_credentials(
        broker,
        offered,
        instance,
        access::access(broker, binding).await?.as_ref(),
    )
    .await
}

async fn invoke(
    broker: &Broker,
    binding: &Binding,
    function: &BindFunction,
    credentials: &Object,
    request_type: &str,
) -> Result<Invocation> {
    let mut payload = credentials.clone();
    for (key, value) in [
        ("RequestType", request_type),
        ("INSTANCE_ID", binding.instance_id.as_str()),
        ("BINDING_ID", binding.id.as_str()),
    ] {
        payload.insert(key.into(), value.into());
    }
    let payload = SecretString::from(Value::Object(payload).to_string());
    Ok(broker
        .ports_at(binding.location.as_ref())
        .await
        .functions
        .invoke(&function.name, &payload)
        .await?)
}

fn parse(answer: &SecretString) -> Result<Object> {
    // A parser's message would quote the response.
    serde_json::from_str(answer.expose_secret())
        .map_err(|_| Error::Function("Its answer is not a JSON object.".into()))
}

/// The error with the function's message, without the credentials that it was invoked with.
fn failed(message: &str, template: &TemplateCredentials) -> Error {
    Error::Function(
        template
            .masked(message)
            .chars()
            .take(MAX_MESSAGE_LENGTH)
            .collect(),
    )
}

/// The longest time for which a function of the instance's stack may leave an operation unfinished.
/// In the network of a half-deleted stack, the function never responds again.
pub const LONGEST_HELPER_WAIT: SignedDuration = SignedDuration::from_mins(5);
