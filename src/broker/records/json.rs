//! JSON objects in records, and their comparison.

use std::collections::BTreeSet;

use catalog::parameter_text;
use serde::{Deserialize, Serialize};

use crate::osb::Object;

/// A JSON object, stored as text: a DynamoDB number would not preserve `1.0`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Json(pub Object);

impl Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = serde_json::to_string(&self.0).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str(&text)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// True if both give CloudFormation the same values. Records of earlier versions hold flags as
/// text, and whole numbers with a fraction of zero. CloudFormation takes these as the same values.
pub fn are_same(one: &Object, other: &Object) -> bool {
    changed_names(one, other).is_empty()
}

/// Returns the names of the parameters whose values differ.
pub fn changed_names(before: &Object, after: &Object) -> BTreeSet<String> {
    before
        .keys()
        .chain(after.keys())
        .filter(|name| text_of(before, name) != text_of(after, name))
        .cloned()
        .collect()
}

fn text_of(parameters: &Object, name: &str) -> Option<String> {
    parameters.get(name).map(parameter_text)
}
