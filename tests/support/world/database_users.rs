//! The twin of the function in the network of the databases, and of the databases.

use super::*;

/// The subnets and the security group of the twin's databases.
pub const DATABASE_SUBNETS: &str = "subnet-00000001,subnet-00000002";
pub const DATABASE_GROUP: &str = "sg-00000000000000001";

/// A database as its users see it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FakeDatabase {
    pub users: BTreeMap<String, FakeDatabaseUser>,
    /// What it answers to everything, if it does nothing.
    pub refuses: Option<DatabaseAnswer>,
}

/// A user of a database.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeDatabaseUser {
    /// None where it proves with IAM who it is.
    pub password: Option<String>,
    pub privileges: Privileges,
    pub valid_until: Option<Timestamp>,
}

#[async_trait]
impl DatabaseUsers for World {
    async fn create(&self, server: &Server, user: &NewDatabaseUser) -> PortResult<DatabaseAnswer> {
        self.call("database_users.create", |state| {
            let database = match reached(state, server) {
                Ok(database) => database,
                Err(answer) => return answer,
            };
            let created = FakeDatabaseUser {
                password: match &user.authentication {
                    Authentication::Password(password) => Some(password.expose().to_owned()),
                    Authentication::Iam => None,
                },
                privileges: user.privileges,
                valid_until: user.valid_until,
            };
            database.users.insert(user.name.to_string(), created);
            DatabaseAnswer::Done
        })
        .await
    }

    async fn delete(&self, server: &Server, name: &UserName) -> PortResult<DatabaseAnswer> {
        self.call("database_users.delete", |state| {
            let database = match reached(state, server) {
                Ok(database) => database,
                Err(answer) => return answer,
            };
            database.users.remove(name.as_str());
            DatabaseAnswer::Done
        })
        .await
    }
}

/// The database at this address, if it accepts the master user. Its login is in some secret.
fn reached<'s>(
    state: &'s mut State,
    server: &Server,
) -> Result<&'s mut FakeDatabase, DatabaseAnswer> {
    let Master { username, password } = &server.master;
    let login = json!({"username": username, "password": password.expose_secret()}).to_string();
    if !state
        .account
        .secrets
        .values()
        .any(|secret| *secret == login)
    {
        return Err(DatabaseAnswer::WrongPassword);
    }

    // RFC 2606, 2: no name below it exists.
    if server.host.ends_with(".invalid") {
        return Err(DatabaseAnswer::Unreachable("no such host".into()));
    }

    let database = state
        .account
        .databases
        .entry(server.host.clone())
        .or_default();
    match &database.refuses {
        Some(answer) => Err(answer.clone()),
        None => Ok(database),
    }
}
