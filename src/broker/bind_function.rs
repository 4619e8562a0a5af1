//! `BindViaLambda`: a function of the instance's stack makes the credentials of each binding, and
//! is told when a binding goes. It is invoked with the template's credentials and, besides,
//! `RequestType` (`bind` or `unbind`), `INSTANCE_ID` and `BINDING_ID`; what it answers a bind with
//! is the binding's credentials. It may be invoked more than once for one binding, and has to
//! answer the same.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Broker, Error, Result,
    binding::Binding,
    credentials::TemplateCredentials,
    identity::{Access, purpose},
    instance::Instance,
    ports::{Invocation, Sealed},
};
use crate::{
    catalog::{Offered, model::FUNCTION_OUTPUT},
    osb::Object,
};

/// The largest answer of a function, in bytes: what KMS seals at once.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html>
const MAX_ANSWER_BYTES: usize = 4_096;
/// How much of a function's own words about its failure is repeated, in characters.
const MAX_MESSAGE_LENGTH: usize = 300;

/// The function of a binding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BindFunction {
    /// Its name or ARN.
    pub name: String,
    /// The credentials that it has answered with, sealed for the binding, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Sealed>,
}

/// What a binding's credentials are made of.
pub(super) struct Made {
    pub function: Option<BindFunction>,
    pub credentials: Object,
}

impl Broker {
    /// The credentials of a binding that is being created: those of the template, or what its
    /// function makes of them.
    pub(super) async fn make_credentials(
        &self,
        offered: &Offered<'_>,
        instance: &Instance,
        binding: &Binding,
        access: Option<&Access>,
    ) -> Result<Made> {
        let template = self.template_credentials(offered, instance, access).await?;
        match &binding.function {
            None => Ok(Made {
                function: None,
                credentials: template.credentials,
            }),
            Some(function) => {
                let (function, credentials) =
                    self.invoke_bind(binding, function, &template).await?;
                Ok(Made {
                    function: Some(function),
                    credentials,
                })
            }
        }
    }

    /// The function that makes the credentials of the instance's bindings, if the template has one.
    pub(super) fn bind_function(
        &self,
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

    /// Has the function make the credentials, and seals them.
    ///
    /// # Errors
    ///
    /// [`Error::Function`] where it fails.
    pub(super) async fn invoke_bind(
        &self,
        binding: &Binding,
        function: &BindFunction,
        template: &TemplateCredentials,
    ) -> Result<(BindFunction, Object)> {
        let answer = match self
            .invoke(binding, function, &template.credentials, "bind")
            .await?
        {
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
        let sealed = self.vault.seal(&purpose(binding), &answer).await?;

        Ok((
            BindFunction {
                credentials: Some(sealed),
                ..function.clone()
            },
            credentials,
        ))
    }

    /// The credentials that the function has made.
    pub(super) async fn function_credentials(&self, binding: &Binding) -> Result<Option<Object>> {
        let sealed = binding
            .function
            .as_ref()
            .and_then(|function| function.credentials.as_ref());
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        parse(&self.vault.open(&purpose(binding), sealed).await?).map(Some)
    }

    /// Tells the function, if there is one, that the binding goes. A function that has gone cannot
    /// be told.
    ///
    /// # Errors
    ///
    /// [`Error::Function`] where it fails.
    pub(super) async fn invoke_unbind(&self, binding: &Binding) -> Result<()> {
        let Some(function) = &binding.function else {
            return Ok(());
        };

        let now = self.environment.now();
        let Some(instance) = self.records.instance(&binding.instance_id, now).await? else {
            return Ok(());
        };

        let attributes = &instance.attributes;
        // What is not offered any more, or has lost its secrets, can be deleted all the same.
        let template = match self
            .catalog
            .find(&attributes.service_id, &attributes.plan_id)
        {
            Ok(offered) => self
                .credentials_of(&offered, &instance, binding)
                .await
                .or_else(Error::unless_passing)?,
            Err(_) => TemplateCredentials::default(),
        };

        match self
            .invoke(binding, function, &template.credentials, "unbind")
            .await?
        {
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

    /// The template's credentials for a binding that is there.
    pub(super) async fn credentials_of(
        &self,
        offered: &Offered<'_>,
        instance: &Instance,
        binding: &Binding,
    ) -> Result<TemplateCredentials> {
        self.template_credentials(offered, instance, self.access(binding).await?.as_ref())
            .await
    }

    async fn invoke(
        &self,
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
        Ok(self
            .site(binding.location.as_ref())
            .await
            .functions
            .invoke(&function.name, &payload)
            .await?)
    }
}

fn parse(answer: &SecretString) -> Result<Object> {
    // A parser's message would quote the answer.
    serde_json::from_str(answer.expose_secret())
        .map_err(|_| Error::Function("Its answer is not a JSON object.".into()))
}

/// The function's words, without the credentials that it was invoked with.
fn failed(message: &str, template: &TemplateCredentials) -> Error {
    Error::Function(
        template
            .masked(message)
            .chars()
            .take(MAX_MESSAGE_LENGTH)
            .collect(),
    )
}
