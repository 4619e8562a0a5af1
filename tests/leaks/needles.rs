//! Searches for secrets, in every form that they may have.

use base64::{Engine, prelude::BASE64_STANDARD};
use memchr::memmem::Finder;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::life::Life;

/// Secrets in all of their forms.
pub struct Needles(Vec<Finder<'static>>);

/// What a secret looks like: as it is, in a URL, in JSON, in hexadecimal digits, and in Base64,
/// where it begins at one of three places and its ends are mixed with its neighbours.
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
        let forms = secrets.into_iter().flat_map(|secret| forms(&secret));
        Self(
            forms
                .map(|form| Finder::new(form.as_bytes()).into_owned())
                .collect(),
        )
    }

    /// The first one that there is, with what is in front of it.
    pub fn find(&self, life: &Life) -> Option<String> {
        life.images.iter().find_map(|(image, text)| {
            let (at, needle) = self
                .0
                .iter()
                .find_map(|needle| Some((needle.find(text.as_bytes())?, needle)))?;
            let end = at + needle.needle().len();
            let start = text[..at]
                .char_indices()
                .rev()
                .nth(200)
                .map_or(0, |(index, _)| index);
            Some(format!(
                "{} is in {image}: …{}",
                &text[at..end],
                &text[start..end]
            ))
        })
    }

    pub fn check(&self, life: &Life, when: &str) {
        if let Some(found) = self.find(life) {
            panic!("{when}: {found}");
        }
    }
}
