//! The messages between the broker and the function that manages the users of databases.
//!
//! The function runs in the network of the databases and has no permissions in AWS. A [`Request`]
//! therefore contains everything that it needs: the server, the master user's login, and what to do.
//! Its [`Answer`] contains no secret.
//!
//! Names and passwords become part of SQL statements, because no database accepts parameters in
//! `CREATE USER`. [`UserName`], [`DatabaseName`] and [`Password`] therefore accept only characters
//! that have no meaning in SQL, when they are created and when they are deserialized.
//!
//! ```
//! # use database_protocol::UserName;
//! assert!(UserName::try_from("sb_0123456789abcdefghijklmnop".to_owned()).is_ok());
//! assert!(UserName::try_from("sb_'; DROP TABLE students; --".to_owned()).is_err());
//! ```

#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::panic, clippy::unwrap_used)
)]

mod text;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

pub use text::{DatabaseName, InvalidText, Password, USER_LENGTH, UserName};

/// A request to the function: what to do in which database.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The database and its master user.
    pub server: Server,
    /// The action to perform.
    pub action: Action,
}

/// A database server, with the login that manages its users.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Server {
    /// The kind of server.
    pub engine: Engine,
    /// Host name of the writer. The server's certificate must be for this name.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The database that the users are for.
    pub database: DatabaseName,
    /// The master user.
    pub master: Master,
}

/// The login of the master user, as the secret that RDS manages contains it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Master {
    /// The user's name.
    pub username: String,
    /// The user's password.
    #[serde(serialize_with = "exposed")]
    pub password: SecretString,
}

/// The kinds of database servers, by the protocol that they speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bake", derive(databake::Bake))]
#[cfg_attr(feature = "bake", databake(path = database_protocol))]
pub enum Engine {
    /// PostgreSQL, and Aurora PostgreSQL.
    #[serde(rename = "PostgreSQL")]
    PostgreSql,
    /// MySQL, MariaDB, and Aurora MySQL.
    #[serde(rename = "MySQL")]
    MySql,
}

/// An action of the function. Each can be repeated.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Creates the user. An existing user of this name gets the authentication and the privileges.
    Create(NewUser),
    /// Ends the user's sessions and drops the user. What it owns stays. A missing user is no error.
    Drop {
        /// The user's name.
        name: UserName,
    },
}

/// A user to create.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewUser {
    /// The user's name.
    pub name: UserName,
    /// The means by which the user proves who it is.
    pub authentication: Authentication,
    /// The privileges in the database.
    pub privileges: Privileges,
    /// The time until which a password is valid; absent if it does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

/// The means by which a user proves who it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// A password.
    Password(Password),
    /// A token of IAM.
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html>
    Iam,
}

/// The privileges of a user in its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bake", derive(databake::Bake))]
#[cfg_attr(feature = "bake", databake(path = database_protocol))]
pub enum Privileges {
    /// Creates, changes and drops schemas, tables and everything else in the database.
    Owner,
    /// Reads and writes rows of all tables.
    ReadWrite,
    /// Reads rows of all tables.
    ReadOnly,
}

/// The function's answer. Its texts quote no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The action is done.
    Done,
    /// The user is shut out, but not dropped: something runs with its privileges, or depends on it.
    Locked,
    /// The server did not answer in time, cannot be reached, or has no trusted certificate.
    Unreachable(String),
    /// The server is busy: too many connections, or another request holds a lock.
    Busy(String),
    /// The server rejects the master user's password. RDS may have rotated it a moment ago.
    WrongPassword,
    /// The server rejects a statement.
    Failed(String),
}

fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}
