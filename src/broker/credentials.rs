//! What an application connects with: the template's `Bindings.Credentials`, filled in.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;

use super::{
    Broker,
    instance::Instance,
    ports::{AccessKey, Place},
};
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
            "Identity.AccessKeyId" => self.access_key.map(|key| key.id.as_str()),
            "Identity.SecretAccessKey" => self.access_key.map(|key| key.secret.expose_secret()),
            output => self.outputs.get(output).map(String::as_str).filter(|value| !value.is_empty()),
        }
    }
}

impl Broker {
    /// The credentials of a binding. Keys that refer to what the stack has not are left out.
    pub(super) fn credentials(
        &self,
        offered: &Offered<'_>,
        instance: &Instance,
        access_key: Option<&AccessKey>,
    ) -> Object {
        let references = References::new(&self.place, &instance.outputs, access_key);
        let declared = offered.offering.bindings.credentials.iter();
        declared
            .filter_map(|credential| {
                let value = reference::render(&credential.value, |name| references.value(name))?;
                Some((credential.key.to_string(), value.into()))
            })
            .collect()
    }
}
