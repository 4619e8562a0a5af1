//! `${…}` references in a template's bindings, written as in CloudFormation's `Fn::Sub`.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-sub.html>

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Characters that are percent-encoded in a URI: all but the unreserved ones of RFC 3986, 2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A reference that every template has. Any other name is that of an output of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// Name of the stack's Region.
    Region,
    /// Id of the stack's account.
    AccountId,
    /// Partition of the account: `aws`, `aws-cn`, …
    Partition,
    /// Domain suffix of AWS's endpoints.
    UrlSuffix,
    /// GUID of the instance's organization.
    OrganizationGuid,
    /// GUID of the instance's space.
    SpaceGuid,
    /// Access key id of the binding's IAM user.
    AccessKeyId,
    /// Secret access key of the binding's IAM user.
    SecretAccessKey,
    /// ARN of the binding's IAM role, or of the application's.
    RoleArn,
    /// Name of the binding's database user.
    DatabaseUsername,
    /// Password of the binding's database user.
    DatabasePassword,
    /// ARN of the secret of the database's master user.
    MasterSecretArn,
}

impl Reference {
    /// All references.
    const ALL: [Self; 12] = [
        Self::Region,
        Self::AccountId,
        Self::Partition,
        Self::UrlSuffix,
        Self::OrganizationGuid,
        Self::SpaceGuid,
        Self::AccessKeyId,
        Self::SecretAccessKey,
        Self::RoleArn,
        Self::DatabaseUsername,
        Self::DatabasePassword,
        Self::MasterSecretArn,
    ];

    /// Returns the reference of this name, as in `${AWS::Region}`. None if the name is an output's.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|reference| reference.name() == name)
    }

    /// The name, as templates write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Region => "AWS::Region",
            Self::AccountId => "AWS::AccountId",
            Self::Partition => "AWS::Partition",
            Self::UrlSuffix => "AWS::URLSuffix",
            Self::OrganizationGuid => "Instance.OrganizationGuid",
            Self::SpaceGuid => "Instance.SpaceGuid",
            Self::AccessKeyId => "Identity.AccessKeyId",
            Self::SecretAccessKey => "Identity.SecretAccessKey",
            Self::RoleArn => "Identity.RoleArn",
            Self::DatabaseUsername => "Database.Username",
            Self::DatabasePassword => "Database.Password",
            Self::MasterSecretArn => "Database.MasterSecretArn",
        }
    }

    /// A sentence about the value, for developers.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Region => "AWS Region of the instance.",
            Self::AccountId => "AWS account of the instance.",
            Self::Partition => "AWS partition of the instance.",
            Self::UrlSuffix => "Domain suffix of AWS's endpoints.",
            Self::OrganizationGuid => "GUID of the instance's organization.",
            Self::SpaceGuid => "GUID of the instance's space.",
            Self::AccessKeyId => {
                "Access key ID of the binding's IAM user. Absent if the binding has a role or no \
                 permissions."
            }
            Self::SecretAccessKey => "Secret access key of the binding's IAM user.",
            Self::RoleArn => {
                "ARN of the binding's IAM role, if it requested a role instead of an access key."
            }
            Self::DatabaseUsername => {
                "Name of the binding's own database user. Absent with the scope MasterSecret."
            }
            Self::DatabasePassword => {
                "Password of the binding's own database user. Absent with a scope that uses IAM \
                 and with MasterSecret."
            }
            Self::MasterSecretArn => {
                "ARN of the secret with the login of the database's master user. Only with the \
                 scope MasterSecret."
            }
        }
    }
}

/// A piece of a text: literal text, or the name of a reference.
#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Literal(&'a str),
    Reference(&'a str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;

    while let Some((before, (name, after))) = rest
        .split_once("${")
        .and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    {
        pieces.push(Piece::Literal(before));
        match name.strip_prefix('!') {
            Some(literal) => pieces.extend(["${", literal, "}"].map(Piece::Literal)),
            None => pieces.push(Piece::Reference(name)),
        }
        rest = after;
    }

    pieces.push(Piece::Literal(rest));
    pieces
}

/// Returns the names that `text` refers to, in order.
///
/// ```
/// # use catalog::reference::names;
/// assert_eq!(names("https://${Host}/${Path}?user=${!aws:username}"), ["Host", "Path"]);
/// ```
pub fn names(text: &str) -> Vec<&str> {
    pieces(text)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Reference(name) => Some(name),
            Piece::Literal(_) => None,
        })
        .collect()
}

/// Returns `text` with every reference replaced. None if a reference has no value.
///
/// ```
/// # use catalog::reference::render;
/// let value = |name: &str| (name == "Host").then_some("example.com");
/// assert_eq!(render("https://${Host}/", value).as_deref(), Some("https://example.com/"));
/// assert_eq!(render("https://${Port}/", value), None);
/// ```
pub fn render<'v>(text: &str, value: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
    pieces(text)
        .into_iter()
        .map(|piece| match piece {
            Piece::Literal(literal) => Some(literal),
            Piece::Reference(name) => value(name),
        })
        .collect()
}

/// Renders a credential as [`render`] does, and percent-encodes values inside a URI.
///
/// Otherwise a value could end the URI part that contains it. Values of the host and port stay as
/// they are, because encoding has no place there.
///
/// ```
/// # use catalog::reference::render_credential;
/// let value = |name: &str| Some(if name == "Password" { "p@ss/w:rd" } else { "db.example.com:5432" });
/// for (text, rendered) in [
///     ("${Password}", "p@ss/w:rd"),
///     ("postgres://u:${Password}@${Host}/app", "postgres://u:p%40ss%2Fw%3Ard@db.example.com:5432/app"),
///     ("jdbc:x://${Host}/app?password=${Password}", "jdbc:x://db.example.com:5432/app?password=p%40ss%2Fw%3Ard"),
/// ] {
///     assert_eq!(render_credential(text, value).as_deref(), Some(rendered));
/// }
/// ```
pub fn render_credential<'v>(
    text: &str,
    value: impl Fn(&str) -> Option<&'v str>,
) -> Option<String> {
    let pieces = pieces(text);

    let rendered = pieces.iter().enumerate().map(|(index, piece)| match piece {
        Piece::Literal(literal) => Some((*literal).to_owned()),
        Piece::Reference(name) => {
            let value = value(name)?;
            let before = pieces.get(..index).unwrap_or_default();
            let after = pieces.get(index + 1..).unwrap_or_default();
            let is_encoded = is_encoded(&literals(before), &literals(after));
            Some(if is_encoded {
                encoded(value)
            } else {
                value.to_owned()
            })
        }
    });
    rendered.collect()
}

/// Returns the text of the pieces, without the references.
fn literals(pieces: &[Piece<'_>]) -> String {
    let texts = pieces.iter().map(|piece| match piece {
        Piece::Literal(text) => *text,
        Piece::Reference(_) => "",
    });
    texts.collect()
}

/// Returns the value percent-encoded for a URI.
pub fn encoded(value: &str) -> String {
    utf8_percent_encode(value, UNRESERVED).to_string()
}

/// True if a value between these two texts is in a URI, but not in its host or port.
fn is_encoded(before: &str, after: &str) -> bool {
    let Some((_, begun)) = before.split_once("://") else {
        return false;
    };
    let ends_authority = ['/', '?', '#'];
    let is_user = after
        .split(ends_authority)
        .next()
        .is_some_and(|authority| authority.contains('@'));
    begun.contains(ends_authority) || is_user
}

/// Returns `json` with the references in its strings replaced.
///
/// Entries and keys without a value are dropped, and so is a list that becomes empty. A statement
/// about a resource that the stack does not have loses its `Resource`: see [`render_statements`].
fn render_json<'v>(json: &Value, value: &impl Fn(&str) -> Option<&'v str>) -> Option<Value> {
    match json {
        Value::String(text) => render(text, value).map(Value::String),
        Value::Array(entries) => {
            let rendered: Vec<_> = entries
                .iter()
                .filter_map(|entry| render_json(entry, value))
                .collect();
            (entries.is_empty() || !rendered.is_empty()).then_some(Value::Array(rendered))
        }
        Value::Object(fields) => Some(Value::Object(
            fields
                .iter()
                .filter_map(|(key, field)| Some((key.clone(), render_json(field, value)?)))
                .collect(),
        )),
        other => Some(other.clone()),
    }
}

/// Returns IAM statements with their references replaced. A statement that lost a key is dropped.
///
/// Without its `Resource` a statement is invalid. Without its `Condition` it would allow more than
/// the author meant.
pub fn render_statements<'v>(
    statements: &[Value],
    value: impl Fn(&str) -> Option<&'v str>,
) -> Vec<Value> {
    statements
        .iter()
        .filter_map(|statement| {
            let rendered = render_json(statement, &value)?;
            same_keys(statement, &rendered).then_some(rendered)
        })
        .collect()
}

/// True if `after` still has every key of the objects in `before`.
fn same_keys(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => before.iter().all(|(key, field)| {
            after
                .get(key)
                .is_some_and(|rendered| same_keys(field, rendered))
        }),
        _ => true,
    }
}
