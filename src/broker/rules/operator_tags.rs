//! The operator's own tags for what the broker creates in AWS.

use std::collections::BTreeSet;

use crate::broker::records::Tag;

/// The maximum number of the operator's tags.
///
/// Most resources may have 50. Up to ten of a stack's tags are the broker's, and a template may set
/// some itself.
/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
pub const MAX_TAGS: usize = 30;

/// The maximum length of a tag's key, in characters.
const MAX_KEY: usize = 128;

/// The maximum length of a tag's value, in characters. CloudFormation rejects an empty value.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Tag.html>
const MAX_VALUE: usize = 256;

/// Beginnings of keys that are not the operator's. AWS reserves the first one. The broker's own tags
/// say to whom something belongs, and who may use it.
const RESERVED: [&str; 2] = ["aws:", "servicebroker:"];

/// The operator's own tags. Stacks, and thus their resources, have them, and so do the users and
/// roles of bindings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperatorTags(Vec<Tag>);

impl OperatorTags {
    /// Parses tags such as `cost-center=4711,environment=production`.
    ///
    /// # Errors
    ///
    /// The reason, for the operator, why the list cannot be used. Nothing is changed to fit: a
    /// report by tag would then miss it.
    pub fn parse(list: &str) -> Result<Self, String> {
        let texts = list.split(',').map(str::trim);
        let tags = texts
            .filter(|text| !text.is_empty())
            .map(parse_tag)
            .collect::<Result<Vec<_>, _>>()?;

        if tags.len() > MAX_TAGS {
            return Err(format!(
                "{} tags are too many: give at most {MAX_TAGS}",
                tags.len()
            ));
        }
        check_unique(&tags)?;
        Ok(Self(tags))
    }

    /// The tags, in the operator's order.
    pub fn iter(&self) -> impl Iterator<Item = &Tag> {
        self.0.iter()
    }
}

fn parse_tag(text: &str) -> Result<Tag, String> {
    let (key, value) = text
        .split_once('=')
        .map(|(key, value)| (key.trim(), value.trim()))
        .ok_or_else(|| format!("`{text}` is no tag: write key=value"))?;

    let lower_case = key.to_ascii_lowercase();
    if let Some(reserved) = RESERVED
        .iter()
        .find(|&&start| lower_case.starts_with(start))
    {
        return Err(format!(
            "the key `{key}` begins with {reserved}, which is reserved: use another key"
        ));
    }
    for (what, text, longest) in [("key", key, MAX_KEY), ("value", value, MAX_VALUE)] {
        check_text(key, what, text, longest)?;
    }

    // `Tag::new` changes no text that has passed these checks.
    Ok(Tag::new(key.to_owned(), value))
}

fn check_text(key: &str, what: &str, text: &str, longest: usize) -> Result<(), String> {
    let is_allowed = text.chars().all(Tag::allows);
    if is_allowed && (1..=longest).contains(&text.chars().count()) {
        return Ok(());
    }
    Err(format!(
        "the {what} of the tag `{key}` must be 1 to {longest} of the characters that every service \
         of AWS allows: letters, digits, spaces and _ . : / = + - @"
    ))
}

/// Checks that no key occurs twice. IAM does not distinguish upper and lower case.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html>
fn check_unique(tags: &[Tag]) -> Result<(), String> {
    let mut keys = BTreeSet::new();
    match tags
        .iter()
        .find(|tag| !keys.insert(tag.key.to_ascii_lowercase()))
    {
        None => Ok(()),
        Some(tag) => Err(format!(
            "the key `{}` occurs twice: give it once, in upper or lower case",
            tag.key
        )),
    }
}
