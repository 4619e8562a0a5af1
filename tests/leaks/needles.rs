//! Looks for secrets, in every form that they may have.

use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::life::Life;

/// Secrets in all of their forms.
pub struct Needles(Vec<String>);

/// What a secret looks like: as it is, in a URL, in JSON, in hexadecimal digits, and in Base64, where it begins at one of
/// three places and its ends are mixed with its neighbours.
pub fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).expect("JSON");
    let hexadecimal = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let encoded = (0..3).map(|before| {
        let text = BASE64_STANDARD.encode(format!("{}{secret}", "x".repeat(before)));
        let text = text.trim_end_matches('=');
        text[4..text.len() - 1].to_owned()
    });
    [
        secret.to_owned(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        json.trim_matches('"').to_owned(),
        hexadecimal,
    ]
    .into_iter()
    .chain(encoded)
    .collect()
}

impl Needles {
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        Self(secrets.into_iter().flat_map(|secret| forms(&secret)).collect())
    }

    /// Where one is, and what.
    pub fn find(&self, life: &Life) -> Option<(&'static str, &str)> {
        life.images.iter().find_map(|(image, text)| {
            let needle = self.0.iter().find(|needle| text.contains(needle.as_str()))?;
            Some((*image, needle.as_str()))
        })
    }

    pub fn check(&self, life: &Life, when: &str) {
        if let Some((image, needle)) = self.find(life) {
            let text = &life.images.iter().find(|(name, _)| *name == image).expect("the image").1;
            let at = text.find(needle).expect("it was found");
            let start = text[..at].char_indices().rev().nth(200).map_or(0, |(index, _)| index);
            panic!("{when}: {needle} is in {image}: …{}", &text[start..at + needle.len()]);
        }
    }
}
