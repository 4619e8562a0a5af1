//! Users of MySQL and MariaDB.
//!
//! Objects belong to their schema, so they stay when the user that has created them goes. Views,
//! routines, triggers and events run with the privileges of the user that has created them, their
//! definer. A user that is a definer is locked instead of dropped, and they go on working.
//! <https://dev.mysql.com/doc/refman/8.4/en/stored-objects-security.html>
//!
//! No statement here can be part of a transaction. Each can therefore be repeated.

use database_protocol::{
    Action, Answer, Authentication, NewUser, Privileges, Server, USER_LENGTH, UserName,
};
use jiff::Timestamp;
use mysql_async::{Conn, Opts, OptsBuilder, prelude::Queryable};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::{failure::Failure, roots::TrustedRoots};

/// The limits of a session, in seconds. If the function's process ends, the server may not notice that
/// the connection has ended, and the idle session would keep the lock. No statement is so slow that the
/// log of slow ones shows it with its password.
const SESSION: &str = "SET SESSION wait_timeout = 2, long_query_time = 3600";
/// The lock for the time of a change. It waits for longer than an idle session may last.
const LOCK: &str = "SELECT GET_LOCK(?, 6)";
/// The connection with which another user holds the lock.
const HOLDER: &str = "SELECT ID FROM information_schema.PROCESSLIST WHERE ID = IS_USED_LOCK(?) \
                      AND USER <> SUBSTRING_INDEX(CURRENT_USER(), '@', 1)";
/// The connections that no single user can take.
const CONNECTIONS_LEFT: u32 = 10;

/// Creates, changes and drops tables, views, routines and triggers. It is not `ALL`, because the
/// master user cannot grant what it does not have.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html>
const OWNER: &str = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, \
                     CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, CREATE VIEW, SHOW VIEW, \
                     CREATE ROUTINE, ALTER ROUTINE, EVENT, TRIGGER";
/// Reads and writes rows, and calls routines.
const READ_WRITE: &str =
    "SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, SHOW VIEW";
/// Reads rows.
const READ_ONLY: &str = "SELECT, SHOW VIEW";

/// Performs the action in the server's database.
pub async fn act(
    roots: &TrustedRoots,
    server: &Server,
    action: &Action,
) -> Result<Answer, Failure> {
    let options = OptsBuilder::default()
        .ip_or_hostname(&server.host)
        .tcp_port(server.port)
        .user(Some(&server.master.username))
        .pass(Some(server.master.password.expose_secret()))
        .ssl_opts(roots.for_mysql())
        // Not over a local socket.
        .prefer_socket(false)
        .setup(vec![SESSION]);

    let mut connection = Conn::new(Opts::from(options)).await?;
    if let Action::Drop { name } = action {
        // Without a lock, so that the user is out, whatever happens to the rest.
        shut_out(&mut connection, name).await?;
    }
    let answer = locked(&mut connection, server, action).await?;
    // The server has executed everything. An error of its farewell changes nothing.
    connection.disconnect().await.ok();
    Ok(answer)
}

/// Performs the action while no other request does. The lock ends with the connection.
async fn locked(
    connection: &mut Conn,
    server: &Server,
    action: &Action,
) -> Result<Answer, Failure> {
    let name = lock_name(server);
    if let Some(holder) = connection.exec_first(HOLDER, (&name,)).await? {
        end_session(connection, holder).await?;
    }
    let lock: Option<Option<u8>> = connection.exec_first(LOCK, (&name,)).await?;
    if lock.flatten() != Some(1) {
        return Err(Failure::Locked);
    }
    match action {
        Action::Create(user) => create(connection, server.database.as_str(), user).await,
        Action::Drop { name } => drop_user(connection, name).await,
    }
}

/// The lock's name. Everybody can hold a lock, and could keep a user from being dropped, so only those
/// know the name who know the master user's password.
fn lock_name(server: &Server) -> String {
    let digest = Sha256::digest(server.master.password.expose_secret());
    let digits = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
    digits.collect()
}

async fn create(connection: &mut Conn, database: &str, user: &NewUser) -> Result<Answer, Failure> {
    disable_strangers(connection, &user.name).await?;
    let most: Option<u32> = connection.query_first("SELECT @@max_connections").await?;
    let limit = most
        .unwrap_or_default()
        .saturating_sub(CONNECTIONS_LEFT)
        .max(1);
    for statement in user_statements(database, user, limit, Timestamp::now()) {
        connection.query_drop(statement).await?;
    }
    Ok(Answer::Done)
}

/// The statements that create or change the user.
fn user_statements(database: &str, user: &NewUser, limit: u32, now: Timestamp) -> [String; 4] {
    let name = &user.name;
    let (authentication, expiry) = match &user.authentication {
        Authentication::Password(password) => (
            format!("IDENTIFIED BY '{}'", password.expose()),
            expiry(user.valid_until, now),
        ),
        // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html
        Authentication::Iam => (
            "IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'".into(),
            String::new(),
        ),
    };
    let privileges = match user.privileges {
        Privileges::Owner => OWNER,
        Privileges::ReadWrite => READ_WRITE,
        Privileges::ReadOnly => READ_ONLY,
    };
    // In a GRANT, an underscore matches every character.
    let database = database.replace('_', "\\_");

    [
        format!("CREATE USER IF NOT EXISTS '{name}'@'%' {authentication} REQUIRE SSL"),
        // What it may have from an earlier binding.
        format!("REVOKE ALL PRIVILEGES, GRANT OPTION FROM '{name}'@'%'"),
        format!(
            "ALTER USER '{name}'@'%' {authentication} REQUIRE SSL \
             WITH MAX_USER_CONNECTIONS {limit} {expiry} ACCOUNT UNLOCK"
        ),
        format!("GRANT {privileges} ON `{database}`.* TO '{name}'@'%'"),
    ]
}

/// The clause for a password that expires: in whole days, at least one.
fn expiry(valid_until: Option<Timestamp>, now: Timestamp) -> String {
    let Some(end) = valid_until else {
        return "PASSWORD EXPIRE NEVER".into();
    };
    let hours = end.duration_since(now).as_hours();
    let days = (hours + 23).div_euclid(24).clamp(1, MAX_DAYS);
    format!("PASSWORD EXPIRE INTERVAL {days} DAY")
}

/// The longest validity of a password that MySQL accepts.
/// <https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_default_password_lifetime>
const MAX_DAYS: i64 = 65_535;

/// Shuts out the users that a restored database has from its source. Their passwords are still known.
async fn disable_strangers(connection: &mut Conn, name: &UserName) -> Result<(), Failure> {
    let strangers = "SELECT User FROM mysql.user \
                     WHERE User LIKE 'sb\\_%' AND CHAR_LENGTH(User) = ? AND User NOT LIKE ?";
    let own = format!("{}%", name.prefix_of_instance().replace('_', "\\_"));
    let strangers: Vec<String> = connection.exec(strangers, (USER_LENGTH, own)).await?;

    let names = strangers
        .into_iter()
        .filter_map(|name| UserName::try_from(name).ok());
    for stranger in names {
        shut_out(connection, &stranger).await?;
    }
    Ok(())
}

/// Locks the user and ends its sessions.
async fn shut_out(connection: &mut Conn, name: &UserName) -> Result<(), Failure> {
    let disable = format!("ALTER USER IF EXISTS '{name}'@'%' ACCOUNT LOCK");
    connection.query_drop(disable).await?;
    let sessions = "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = ?";
    let sessions: Vec<u64> = connection.exec(sessions, (name.as_str(),)).await?;
    for session in sessions {
        end_session(connection, session).await?;
    }
    Ok(())
}

/// Drops the user, unless something runs with its privileges.
async fn drop_user(connection: &mut Conn, name: &UserName) -> Result<Answer, Failure> {
    if is_definer(connection, name).await? {
        return Ok(Answer::Locked);
    }
    let drop = format!("DROP USER IF EXISTS '{name}'@'%'");
    connection.query_drop(drop).await?;
    Ok(Answer::Done)
}

/// Ends a session with the procedure that RDS provides, because its master user may not end those of
/// others.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/mysql-stored-proc-ending.html>
async fn end_session(connection: &mut Conn, session: u64) -> Result<(), Failure> {
    let ended = connection
        .query_drop(format!("CALL mysql.rds_kill({session})"))
        .await;
    match ended {
        // ER_NO_SUCH_THREAD: it has ended by itself.
        Err(mysql_async::Error::Server(error)) if error.code == 1094 => Ok(()),
        ended => Ok(ended?),
    }
}

async fn is_definer(connection: &mut Conn, name: &UserName) -> Result<bool, Failure> {
    let definitions = "SELECT DEFINER FROM information_schema.VIEWS WHERE DEFINER = ? \
                       UNION ALL \
                       SELECT DEFINER FROM information_schema.ROUTINES WHERE DEFINER = ? \
                       UNION ALL \
                       SELECT DEFINER FROM information_schema.TRIGGERS WHERE DEFINER = ? \
                       UNION ALL \
                       SELECT DEFINER FROM information_schema.EVENTS WHERE DEFINER = ? \
                       LIMIT 1";
    let definer = format!("{name}@%");
    let found: Option<String> = connection
        .exec_first(definitions, (&definer, &definer, &definer, &definer))
        .await?;
    Ok(found.is_some())
}

#[cfg(test)]
mod tests {
    use database_protocol::{Authentication, NewUser, Password, Privileges};

    use super::*;

    fn user(authentication: Authentication) -> NewUser {
        let name = "sb_abcdefghijklmnopqrstuvwxyz".to_owned();
        NewUser {
            name: name.try_into().expect("a name"),
            authentication,
            privileges: Privileges::ReadOnly,
            valid_until: None,
        }
    }

    fn password() -> Authentication {
        let password = Password::try_from("a".repeat(36)).expect("a password");
        Authentication::Password(password)
    }

    #[test]
    fn underscores_of_a_database_are_no_wildcards() {
        let statements = user_statements("a_b", &user(password()), 1, Timestamp::UNIX_EPOCH);
        assert!(statements[3].contains(r"ON `a\_b`.*"), "{}", statements[3]);
    }

    #[test]
    fn users_with_iam_have_no_password() {
        let statements =
            user_statements("app", &user(Authentication::Iam), 1, Timestamp::UNIX_EPOCH);
        assert!(
            [&statements[0], &statements[2]]
                .iter()
                .all(|it| it.contains("AWSAuthenticationPlugin AS 'RDS'") && !it.contains(" BY ")),
            "{statements:?}"
        );
    }

    #[test]
    fn passwords_expire_in_whole_days_and_not_before_their_time() {
        let now = Timestamp::UNIX_EPOCH;
        let after = |hours| Some(now + jiff::SignedDuration::from_hours(hours));
        assert_eq!(expiry(None, now), "PASSWORD EXPIRE NEVER");
        assert_eq!(expiry(after(25), now), "PASSWORD EXPIRE INTERVAL 2 DAY");
        assert_eq!(expiry(after(-1), now), "PASSWORD EXPIRE INTERVAL 1 DAY");
    }
}
