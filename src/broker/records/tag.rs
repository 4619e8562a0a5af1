//! Tags of the AWS resources that the broker creates.

use std::borrow::Cow;

/// Key of the tag with the id of the instance to which something in AWS belongs.
pub const INSTANCE_ID_TAG: &str = "servicebroker:instance-id";

/// Key of the tag with the GUID of an organization. It is an instance's organization, or the one
/// whose instances may use something in AWS.
pub const ORGANIZATION_TAG: &str = "servicebroker:organization-guid";

/// Key of the tag with the GUID of a space. It is an instance's space, or the one whose instances
/// may use something in AWS.
pub const SPACE_TAG: &str = "servicebroker:space-guid";

/// Key of the tag with the name of the plan of a stack's instance.
pub const PLAN_TAG: &str = "servicebroker:plan";

/// A tag of something in AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The key: at most 128 characters.
    pub key: Cow<'static, str>,
    /// The value: at most 256 of the characters that AWS allows everywhere.
    pub value: String,
}

impl Tag {
    /// Creates a tag that people can search for. Its value is that of [`tag_value`]; records hold
    /// the full text.
    pub fn new(key: impl Into<Cow<'static, str>>, value: &str) -> Self {
        Self {
            key: key.into(),
            value: tag_value(value),
        }
    }

    /// True if every AWS service allows the character in a tag.
    /// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
    pub fn allows(character: char) -> bool {
        character.is_ascii_alphanumeric() || " _.:/=+-@".contains(character)
    }
}

/// Returns the text as a tag's value. Characters that not every AWS service allows become `_`. The
/// value is cut after 256 characters.
pub fn tag_value(text: &str) -> String {
    text.chars()
        .take(256)
        .map(|c| if Tag::allows(c) { c } else { '_' })
        .collect()
}
