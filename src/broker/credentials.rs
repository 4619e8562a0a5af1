//! What an application connects with and to: the template's `Bindings.Credentials` and `Bindings.Endpoints`, filled in.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;

use super::{BindingView, Broker, Place, bind::Endpoint, binding::Binding, instance::Instance, ports::AccessKey};
use crate::{
    catalog::{Offered, reference},
    osb::Object,
};

/// What `${…}` may stand for in a template's bindings.
pub struct References<'a> {
    place: &'a Place,
    outputs: &'a BTreeMap<String, String>,
    access_key: Option<&'a AccessKey>,
}

impl<'a> References<'a> {
    pub fn new(place: &'a Place, outputs: &'a BTreeMap<String, String>, access_key: Option<&'a AccessKey>) -> Self {
        Self { place, outputs, access_key }
    }

    /// The value of a reference; nothing for an output that the stack has not, or has empty.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        match name {
            "AWS::Region" => Some(&self.place.region),
            "AWS::AccountId" => Some(&self.place.account_id),
            "AWS::Partition" => Some(&self.place.partition),
            "AWS::URLSuffix" => Some(self.place.url_suffix()),
            "Identity.AccessKeyId" => self.access_key.map(|key| key.id.as_str()),
            "Identity.SecretAccessKey" => self.access_key.map(|key| key.secret.expose_secret()),
            output => self.outputs.get(output).map(String::as_str).filter(|value| !value.is_empty()),
        }
    }
}

impl Broker {
    /// What an application gets of a binding. What refers to something that the stack has not is left out.
    pub(super) fn binding_view(
        &self,
        offered: &Offered<'_>,
        instance: &Instance,
        binding: &Binding,
        access_key: Option<&AccessKey>,
    ) -> BindingView {
        let references = References::new(&self.place, &instance.outputs, access_key);
        BindingView {
            credentials: credentials(offered, &references),
            endpoints: endpoints(offered, &references),
            lifetime: binding.lifetime,
        }
    }
}

fn credentials(offered: &Offered<'_>, references: &References<'_>) -> Object {
    let declared = offered.offering.bindings.credentials.iter();
    declared
        .filter_map(|credential| {
            let value = reference::render(&credential.value, |name| references.value(name))?;
            Some((credential.key.to_string(), value.into()))
        })
        .collect()
}

fn endpoints(offered: &Offered<'_>, references: &References<'_>) -> Vec<Endpoint> {
    let render = |text: &str| reference::render(text, |name| references.value(name));
    let declared = offered.offering.bindings.endpoints.iter();
    declared
        .filter_map(|endpoint| {
            Some(Endpoint {
                host: render(&endpoint.host)?,
                ports: endpoint.ports.iter().map(|port| render(port)).collect::<Option<_>>()?,
                protocol: endpoint.protocol.to_string(),
            })
        })
        .collect()
}
