//! Texts that become part of SQL statements.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// The error for a text with characters or a length that are not allowed. It does not quote the
/// text, which may be secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidText(&'static str);

/// The name of a binding's user: `sb_` and 26 lower-case letters and digits, of which the first eight
/// are those of the instance.
///
/// A database that is restored from another one still has that one's users. Their names tell them.
///
/// MySQL allows 32 characters, PostgreSQL 63.
/// <https://dev.mysql.com/doc/refman/8.4/en/user-names.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

/// The beginning of every user's name.
const USER_PREFIX: &str = "sb_";
/// The length of a user's name.
pub const USER_LENGTH: usize = 29;
/// The length of the part that is the instance's: 40 bits.
const INSTANCE_LENGTH: usize = 8;

impl TryFrom<String> for UserName {
    type Error = InvalidText;

    fn try_from(name: String) -> Result<Self, InvalidText> {
        let is_valid = name.len() == USER_LENGTH
            && name
                .strip_prefix(USER_PREFIX)
                .is_some_and(|rest| rest.bytes().all(is_lower_or_digit));
        is_valid
            .then_some(Self(name))
            .ok_or(InvalidText("the name of a user is not one of the broker's"))
    }
}

/// The last digits of a number to the base of 32.
fn digits(number: u128, length: usize) -> impl Iterator<Item = char> {
    let bits = (0..length)
        .rev()
        .map(move |place| (number >> (place * 5)) & 31);
    bits.filter_map(|bits| char::from_digit(u32::try_from(bits).ok()?, 32))
}

fn is_lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl UserName {
    /// Creates the name from digests of the instance's id and the binding's.
    pub fn from_digests(instance: u128, binding: u128) -> Self {
        let of_binding = USER_LENGTH - USER_PREFIX.len() - INSTANCE_LENGTH;
        let digits = digits(instance, INSTANCE_LENGTH).chain(digits(binding, of_binding));
        Self(USER_PREFIX.chars().chain(digits).collect())
    }

    /// The beginning of the names of all users of the instance.
    pub fn prefix_of_instance(&self) -> String {
        let length = USER_PREFIX.len() + INSTANCE_LENGTH;
        self.0.chars().take(length).collect()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a database: a letter, then letters, digits and underscores, at most 63.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DatabaseName(String);

/// The longest name of a database: PostgreSQL's. MySQL allows one character more.
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
const MAX_DATABASE_LENGTH: usize = 63;

impl TryFrom<String> for DatabaseName {
    type Error = InvalidText;

    fn try_from(name: String) -> Result<Self, InvalidText> {
        let is_valid = name.len() <= MAX_DATABASE_LENGTH
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_valid.then_some(Self(name)).ok_or(InvalidText(
            "the name of a database has other characters than letters, digits and underscores",
        ))
    }
}

impl From<DatabaseName> for String {
    fn from(name: DatabaseName) -> Self {
        name.0
    }
}

impl DatabaseName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user's password: 32 to 64 letters, digits and hyphens, which no URI has to encode.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Password(SecretString);

impl TryFrom<String> for Password {
    type Error = InvalidText;

    fn try_from(password: String) -> Result<Self, InvalidText> {
        let is_valid = (32..=64).contains(&password.len())
            && password
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_valid
            .then(|| Self(password.into()))
            .ok_or(InvalidText("a password is not one of the broker's"))
    }
}

impl Serialize for Password {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl Password {
    /// Creates a password from a random UUID. Some servers require letters of both cases, a digit and
    /// another character: the password has all of them.
    pub fn from_uuid(uuid: &uuid::Uuid) -> Self {
        Self(format!("Sb0-{}", uuid.simple()).into())
    }

    /// The password as text.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The password as a secret.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_with_a_meaning_in_sql_are_rejected() {
        let hostile = [
            "", "a'b", "a\"b", "a`b", "a\\b", "a;b", "a b", "a\0b", "a--b", "a\nb", "ä", "%", "$$",
        ];
        for text in hostile {
            assert!(DatabaseName::try_from(text.to_owned()).is_err(), "{text:?}");
            let user = format!("sb_{text:x<26.26}");
            if !text.is_empty() {
                assert!(UserName::try_from(user.clone()).is_err(), "{user:?}");
            }
            let password = format!("{text:_<40}");
            assert!(
                Password::try_from(password.clone()).is_err(),
                "{password:?}"
            );
        }
    }

    #[test]
    fn deserialization_checks_as_creation_does() {
        assert!(serde_json::from_str::<UserName>(r#""sb_' OR 1=1""#).is_err());
        assert!(serde_json::from_str::<DatabaseName>(r#""a`b""#).is_err());
        let error = serde_json::from_str::<Password>(r#""hush'hush""#).unwrap_err();
        assert!(!error.to_string().contains("hush"), "{error}");
    }

    #[test]
    fn debug_output_hides_passwords() {
        let password = Password::try_from("a".repeat(40)).expect("a password");
        assert!(!format!("{password:?}").contains("aaaa"));
    }
}
