//! The port for the users of databases.

use async_trait::async_trait;
use database_protocol::{Answer, NewUser, Server, UserName};

use super::error::PortResult;

/// The function in the network of the databases, which manages their users.
///
/// Every call can be repeated. The answer says what the database did; an error is one of the
/// function.
#[async_trait]
pub trait DatabaseUsers: Send + Sync {
    /// Creates the user. An existing one of this name gets the authentication and the privileges.
    async fn create(&self, server: &Server, user: &NewUser) -> PortResult<Answer>;

    /// Ends the user's sessions and drops the user. What it owns stays. A missing user is no error.
    async fn delete(&self, server: &Server, name: &UserName) -> PortResult<Answer>;
}
