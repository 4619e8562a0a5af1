//! The contents of a binding, as its application receives them.

use catalog::{Offered, reference};

use super::{function, references::References};
use crate::{
    broker::{
        Broker,
        error::Result,
        records::{Binding, Instance, Lifetime},
    },
    osb::Object,
};

/// The contents of a binding, as its application receives them.
pub struct BindingView {
    /// The credentials, which are secret.
    pub credentials: Object,
    /// The hosts that the application connects to.
    pub endpoints: Vec<Endpoint>,
    /// The validity period of the credentials; absent if they do not expire.
    pub lifetime: Option<Lifetime>,
}

/// A host that the application connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A host name or an IP address.
    pub host: String,
    /// Port numbers, or ranges like `9000-9010`.
    pub ports: Vec<String>,
    /// The protocol: `tcp`, `udp` or `all`.
    pub protocol: String,
}

/// Returns the credentials and endpoints of an existing binding.
pub async fn binding_view(
    broker: &Broker,
    offered: &Offered<'_>,
    instance: &Instance,
    binding: &Binding,
) -> Result<BindingView> {
    let credentials = match function::function_credentials(broker, binding).await? {
        Some(credentials) => credentials,
        None => {
            function::credentials_of(broker, offered, instance, binding)
                .await?
                .credentials
        }
    };
    Ok(view_of(broker, offered, instance, binding, credentials))
}

pub fn view_of(
    broker: &Broker,
    offered: &Offered<'_>,
    instance: &Instance,
    binding: &Binding,
    credentials: Object,
) -> BindingView {
    BindingView {
        credentials,
        endpoints: endpoints(broker, offered, instance),
        lifetime: binding.lifetime,
    }
}

/// The hosts that an application connects to.
pub fn endpoints(broker: &Broker, offered: &Offered<'_>, instance: &Instance) -> Vec<Endpoint> {
    let place = broker.place_of(instance.location.as_ref());
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
