//! `BindViaLambda`: a function of the instance's stack creates the credentials of each binding.
//!
//! The broker invokes it for each bind and each unbind operation. The payload contains the
//! template's credentials, `RequestType` (`bind` or `unbind`), `INSTANCE_ID` and `BINDING_ID`. The
//! response to `bind` contains the binding's credentials. The broker may invoke the function more
//! than once for a binding; the response must be the same.

use async_trait::async_trait;
use catalog::model::FUNCTION_OUTPUT;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::kind::{Context, Created, Kind, means, purpose};
use crate::{
    broker::{
        Broker,
        bindings::{
            credentials::{self, TemplateCredentials},
            means::Means,
            service_instance::ServiceInstance,
        },
        error::{Error, Result},
        ports::Invocation,
        records::{Binding, FunctionGrant, Grant},
    },
    osb::Object,
};

/// The maximum size of a function's response, in bytes: the most that KMS encrypts in one call.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html>
const MAX_ANSWER_BYTES: usize = 4_096;
/// The maximum length of a function's own error message in responses, in characters.
const MAX_MESSAGE_LENGTH: usize = 300;

/// Returns the grant for the function that creates credentials, if the template has one.
pub fn requested(service: &ServiceInstance<'_>) -> Result<Option<Grant>> {
    if !service.offered.offering.bindings.via_function {
        return Ok(None);
    }

    match service
        .record
        .outputs
        .get(FUNCTION_OUTPUT)
        .filter(|name| !name.is_empty())
    {
        Some(name) => Ok(Some(Grant::Function(FunctionGrant {
            name: name.clone(),
            credentials: None,
        }))),
        None => Err(Error::Corrupt(format!(
            "the stack has no output {FUNCTION_OUTPUT}"
        ))),
    }
}

#[async_trait]
impl Kind for FunctionGrant {
    /// Invokes the function to create the credentials, and seals them.
    async fn create(&self, context: &Context<'_>, means: &Means) -> Result<Created> {
        let Context {
            broker,
            service,
            binding,
            ..
        } = context;
        let template = credentials::of_template(broker, service, means).await?;
        let answer = match self.invoke(broker, binding, &template, "bind").await? {
            Invocation::Answered(answer) => answer,
            Invocation::Failed { message } => return Err(failed(&message, &template)),
            Invocation::Missing => {
                return Err(Error::Function("It no longer exists.".into()));
            }
        };

        let length = answer.expose_secret().len();
        if length > MAX_ANSWER_BYTES {
            let reason =
                format!("Its response has {length} bytes; at most {MAX_ANSWER_BYTES} are allowed.");
            return Err(Error::Function(reason));
        }

        let credentials = parse(&answer)?;
        let sealed = broker.vault.seal(&purpose(binding), &answer).await?;

        Ok(Created {
            grant: Grant::Function(Self {
                credentials: Some(sealed),
                ..self.clone()
            }),
            means: Means::default(),
            credentials: Some(credentials),
        })
    }

    async fn credentials(&self, broker: &Broker, binding: &Binding) -> Result<Option<Object>> {
        let Some(sealed) = &self.credentials else {
            return Ok(None);
        };
        parse(&broker.vault.open(&purpose(binding), sealed).await?).map(Some)
    }

    /// Notifies the function that the binding is being deleted. A function that does not exist any
    /// more is only logged.
    async fn remove(&self, broker: &Broker, binding: &Binding) -> Result<()> {
        let now = broker.environment.now();
        let Some(instance) = broker.records.instance(&binding.instance_id, now).await? else {
            return Ok(());
        };

        // The deletion works without credentials too: the plan may have left the catalog, or its
        // secrets may be lost.
        let template = match ServiceInstance::find(broker, &instance) {
            Ok(service) => template_credentials(broker, &service, binding)
                .await
                .or_else(Error::unless_passing)?,
            Err(_) => TemplateCredentials::default(),
        };

        match self.invoke(broker, binding, &template, "unbind").await? {
            Invocation::Answered(_) => Ok(()),
            Invocation::Failed { message } => Err(failed(&message, &template)),
            Invocation::Missing => {
                tracing::warn!(
                    function = self.name,
                    "the function of a binding no longer exists; deleting the binding without it"
                );
                Ok(())
            }
        }
    }

    fn goes_with_stack(&self) -> bool {
        true
    }

    fn timeout(&self) -> Option<Error> {
        Some(Error::Function("It did not respond in time.".into()))
    }
}

impl FunctionGrant {
    async fn invoke(
        &self,
        broker: &Broker,
        binding: &Binding,
        template: &TemplateCredentials,
        request_type: &str,
    ) -> Result<Invocation> {
        let mut payload = template.credentials.clone();
        for (key, value) in [
            ("RequestType", request_type),
            ("INSTANCE_ID", binding.instance_id.as_str()),
            ("BINDING_ID", binding.id.as_str()),
        ] {
            payload.insert(key.into(), value.into());
        }
        let payload = SecretString::from(Value::Object(payload).to_string());

        let functions = broker.ports_at(binding.location.as_ref()).await.functions;
        Ok(functions.invoke(&self.name, &payload).await?)
    }
}

/// The template's credentials for an existing binding.
async fn template_credentials(
    broker: &Broker,
    service: &ServiceInstance<'_>,
    binding: &Binding,
) -> Result<TemplateCredentials> {
    let means = means(broker, binding).await?;
    credentials::of_template(broker, service, &means).await
}

fn parse(answer: &SecretString) -> Result<Object> {
    // A parser's message would quote the response.
    serde_json::from_str(answer.expose_secret())
        .map_err(|_| Error::Function("Its response is not a JSON object.".into()))
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
