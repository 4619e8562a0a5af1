//! Users of PostgreSQL.
//!
//! Three roles without login own and use the objects of the database: [`OWNER`], [`READ_WRITE`] and
//! [`READ_ONLY`]. Every binding's user is a member of one of them. Sessions of a user with the
//! privileges of an owner begin with `SET ROLE sb_owner`, so what they create belongs to the role, and
//! stays when the user goes. The role's default privileges let the others read or write it.
//!
//! The master user is not a superuser. Since PostgreSQL 16 it may manage only roles that it has
//! created, and acts as one of them only after it has granted the role to itself.
//! <https://www.postgresql.org/docs/16/role-attributes.html>

use database_protocol::{
    Action, Answer, Authentication, NewUser, Privileges, Server, USER_LENGTH, UserName,
};
use postgres_protocol::password::scram_sha_256;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use tokio_postgres::{Client, Config, config::SslMode};

use crate::{failure::Failure, roots::TrustedRoots};

/// The role that owns what applications create.
const OWNER: &str = "sb_owner";
/// The role that reads and writes all rows.
const READ_WRITE: &str = "sb_read_write";
/// The role that reads all rows.
const READ_ONLY: &str = "sb_read_only";

/// The connections that no single user can take.
const CONNECTIONS_LEFT: i32 = 10;

/// The attempts to disable a user, of some 300 milliseconds each.
const ATTEMPTS_TO_DISABLE: usize = 10;

/// The settings of a session. Names are those of the system alone: the owner of a schema could put a
/// function of the same name into it, which would run with the master user's rights.
///
/// A statement has less time than the request. If the function's process ends, the server may not
/// notice that the connection has ended, and the transaction would keep its locks; it ends after two
/// idle seconds.
const OPTIONS: &str = "-c search_path=pg_catalog -c lock_timeout=7000 -c statement_timeout=8000 \
                       -c idle_in_transaction_session_timeout=2000";

/// Performs the action in the server's database.
pub async fn act(
    roots: &TrustedRoots,
    server: &Server,
    action: &Action,
) -> Result<Answer, Failure> {
    let mut config = Config::new();
    config
        .host(&server.host)
        .port(server.port)
        .dbname(server.database.as_str())
        .user(&server.master.username)
        .password(server.master.password.expose_secret())
        .ssl_mode(SslMode::Require)
        .application_name("aws-service-broker")
        .options(OPTIONS);

    let (mut client, connection) = config.connect(roots.for_postgresql()).await?;
    let connection = tokio::spawn(connection);

    let answer = match action {
        Action::Create(user) => create(&mut client, server, user)
            .await
            .map(|()| Answer::Done),
        Action::Drop { name } => drop_user(&mut client, server, name).await,
    }?;

    // The server has executed everything. An error of its farewell changes nothing.
    drop(client);
    connection.await.ok();
    Ok(answer)
}

/// Creates the user in one transaction: an interrupted one leaves nothing.
async fn create(client: &mut Client, server: &Server, user: &NewUser) -> Result<(), Failure> {
    let transaction = client.transaction().await?;
    lock(transaction.client(), server).await?;

    let database = server.database.as_str();
    if prepare_roles(transaction.client()).await? {
        transaction.batch_execute(&privileges(database)).await?;
    }
    close_to_the_public(transaction.client()).await?;
    disable_strangers(transaction.client(), &user.name).await?;

    let limit = connection_limit(transaction.client()).await?;
    let verb = if exists(transaction.client(), user.name.as_str()).await? {
        let reset = reset_statements(database, &user.name);
        transaction.batch_execute(&reset).await?;
        "ALTER"
    } else {
        "CREATE"
    };
    let statements = user_statements(verb, database, user, limit);
    transaction.batch_execute(&statements).await?;
    Ok(transaction.commit().await?)
}

/// Takes the lock for the time of a change. PostgreSQL rejects changes of one role that happen at the
/// same time: "tuple concurrently updated".
///
/// Everybody can hold such a lock, and could keep a user from being dropped. So its key is a secret, and
/// sessions of others that hold it all the same are ended first.
async fn lock(client: &Client, server: &Server) -> Result<(), Failure> {
    let key = secret_number(server);
    let strangers = format!(
        "SELECT pg_terminate_backend(pid, 500) FROM pg_locks JOIN pg_stat_activity USING (pid) \
         WHERE locktype = 'advisory' AND objsubid = 1 AND usename <> CURRENT_USER \
         AND (classid::bigint << 32 | objid::bigint) = {key}"
    );
    client.query(&strangers, &[]).await?;
    client
        .batch_execute(&format!("SELECT pg_advisory_xact_lock({key})"))
        .await?;
    Ok(())
}

/// A number that only those know who know the master user's password.
fn secret_number(server: &Server) -> i64 {
    let digest = Sha256::digest(server.master.password.expose_secret());
    let bytes = digest.first_chunk().copied().unwrap_or_default();
    i64::from_be_bytes(bytes) & i64::MAX
}

/// Creates the roles without login that are missing. Returns true if there were none. Those of a
/// restored database lose whatever else they have: its owner may have prepared them.
async fn prepare_roles(client: &Client) -> Result<bool, Failure> {
    let mut is_new = false;
    for role in [OWNER, READ_WRITE, READ_ONLY] {
        if exists(client, role).await? {
            let bare = format!("ALTER ROLE {role} NOLOGIN PASSWORD NULL NOCREATEROLE NOCREATEDB");
            client.batch_execute(&bare).await?;
            let others = "SELECT format('REVOKE %I FROM %I', roleid::regrole::text, $1::text) \
                          FROM pg_auth_members WHERE member = $1::text::regrole";
            for row in client.query(others, &[&role]).await? {
                client.batch_execute(row.get(0)).await?;
            }
        } else {
            let create = format!("CREATE ROLE {role} NOLOGIN; GRANT {role} TO CURRENT_USER");
            client.batch_execute(&create).await?;
            is_new = true;
        }
    }
    Ok(is_new)
}

/// The most connections of one user, which leave some to the master user.
async fn connection_limit(client: &Client) -> Result<i32, Failure> {
    let row = client
        .query_one("SELECT current_setting('max_connections')::int", &[])
        .await?;
    let most: i32 = row.get(0);
    Ok((most - CONNECTIONS_LEFT).max(1))
}

/// The statements that take from an existing user what it may have from an earlier binding.
fn reset_statements(database: &str, name: &UserName) -> String {
    format!(
        r#"
        REVOKE {OWNER}, {READ_WRITE}, {READ_ONLY}, rds_iam FROM {name};
        ALTER ROLE {name} RESET ALL;
        ALTER ROLE {name} IN DATABASE "{database}" RESET ALL;
        "#
    )
}

async fn exists(client: &Client, role: &str) -> Result<bool, Failure> {
    let found = client
        .query_opt("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&role])
        .await?;
    Ok(found.is_some())
}

/// Takes the rights that everybody has in the master user's databases, such as `postgres`.
async fn close_to_the_public(client: &Client) -> Result<(), Failure> {
    let owned = "SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname) FROM pg_database \
                 WHERE pg_get_userbyid(datdba) = CURRENT_USER";
    for row in client.query(owned, &[]).await? {
        client.batch_execute(row.get(0)).await?;
    }
    Ok(())
}

/// Disables the users that a restored database has from its source, and ends their sessions. Their
/// passwords are still known.
async fn disable_strangers(client: &Client, name: &UserName) -> Result<(), Failure> {
    let strangers = "SELECT format('ALTER ROLE %I NOLOGIN', rolname), rolname::text FROM pg_roles \
                     WHERE rolname LIKE 'sb\\_%' AND length(rolname) = $1 AND rolcanlogin \
                     AND NOT starts_with(rolname, $2)";
    let length = i32::try_from(USER_LENGTH).unwrap_or_default();
    let own = name.prefix_of_instance();
    for row in client.query(strangers, &[&length, &own]).await? {
        client.batch_execute(row.get(0)).await?;
        end_sessions(client, row.get(1)).await?;
    }
    Ok(())
}

/// Ends the sessions of the user, and waits for their end.
async fn end_sessions(client: &Client, user: &str) -> Result<(), Failure> {
    // All get the signal before the first wait, because each wait takes a tenth of a second.
    for end in [
        "pg_terminate_backend(pid)",
        "pg_terminate_backend(pid, 500)",
    ] {
        let statement = format!("SELECT {end} FROM pg_stat_activity WHERE usename = $1");
        client.query(&statement, &[&user]).await?;
    }
    Ok(())
}

/// The statements that give the three roles their privileges, now and for what the owner creates.
fn privileges(database: &str) -> String {
    format!(
        r#"
        GRANT CONNECT, CREATE, TEMPORARY ON DATABASE "{database}" TO {OWNER};
        GRANT CONNECT, TEMPORARY ON DATABASE "{database}" TO {READ_WRITE};
        GRANT CONNECT ON DATABASE "{database}" TO {READ_ONLY};
        REVOKE CREATE ON SCHEMA public FROM PUBLIC;
        GRANT CREATE, USAGE ON SCHEMA public TO {OWNER};
        GRANT USAGE ON SCHEMA public TO {READ_WRITE}, {READ_ONLY};
        ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT USAGE ON SCHEMAS TO {READ_WRITE}, {READ_ONLY};
        ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER}
            GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLES TO {READ_WRITE};
        ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER}
            GRANT SELECT, UPDATE, USAGE ON SEQUENCES TO {READ_WRITE};
        ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT SELECT ON TABLES TO {READ_ONLY};
        ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT SELECT ON SEQUENCES TO {READ_ONLY};
        "#
    )
}

/// The statements that create or change the user.
fn user_statements(verb: &str, database: &str, user: &NewUser, limit: i32) -> String {
    let name = &user.name;
    let validity = match &user.valid_until {
        Some(end) => format!("VALID UNTIL '{end}'"),
        None => "VALID UNTIL 'infinity'".to_owned(),
    };

    let (password, iam) = match &user.authentication {
        // A verifier, because the server may log statements.
        Authentication::Password(password) => (
            format!("PASSWORD '{}'", scram_sha_256(password.expose().as_bytes())),
            String::new(),
        ),
        // The role that lets RDS ask IAM:
        // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html
        Authentication::Iam => ("PASSWORD NULL".into(), format!("GRANT rds_iam TO {name};")),
    };

    let (role, session_role) = match user.privileges {
        Privileges::Owner => (
            OWNER,
            format!(r#"ALTER ROLE {name} IN DATABASE "{database}" SET role = '{OWNER}';"#),
        ),
        Privileges::ReadWrite => (READ_WRITE, String::new()),
        Privileges::ReadOnly => (READ_ONLY, String::new()),
    };

    format!(
        "{verb} ROLE {name} LOGIN CONNECTION LIMIT {limit} {password} {validity}; \
         GRANT {role} TO {name}; {iam} {session_role}"
    )
}

/// Ends the sessions of the user, and lets it begin none.
///
/// A transaction of the user's own may have locked its row, so sessions end first, and the statement
/// waits briefly. The user may be back by then: each attempt ends its sessions again.
async fn shut_out(client: &Client, name: &UserName) -> Result<(), Failure> {
    let disable = format!("SET lock_timeout = 300; ALTER ROLE {name} NOLOGIN");
    let mut disabled = Ok(());
    for _ in 0..ATTEMPTS_TO_DISABLE {
        end_sessions(client, name.as_str()).await?;
        disabled = client.batch_execute(&disable).await;
        if disabled.is_ok() {
            break;
        }
    }

    disabled?;
    end_sessions(client, name.as_str()).await?;
    client.batch_execute("RESET lock_timeout").await?;
    Ok(())
}

/// Drops the user. What it owns itself, if it has changed its role, goes to the owner's role.
///
/// A user that PostgreSQL does not drop, such as the owner of something in another database, is
/// shut out all the same, and stays so.
async fn drop_user(
    client: &mut Client,
    server: &Server,
    name: &UserName,
) -> Result<Answer, Failure> {
    if !exists(client, name.as_str()).await? {
        return Ok(Answer::Done);
    }

    shut_out(client, name).await?;
    match reassign_and_drop(client, server, name).await {
        Ok(()) => Ok(Answer::Done),
        Err(Failure::PostgreSql(error)) if error.as_db_error().is_some() => {
            let reason = error.to_string();
            tracing::warn!(
                user = name.as_str(),
                reason,
                "could not drop a user that is shut out"
            );
            Ok(Answer::Locked)
        }
        Err(failure) => Err(failure),
    }
}

async fn reassign_and_drop(
    client: &mut Client,
    server: &Server,
    name: &UserName,
) -> Result<(), Failure> {
    let transaction = client.transaction().await?;
    lock(transaction.client(), server).await?;

    // Another request may have been faster.
    if exists(transaction.client(), name.as_str()).await? {
        let drop = format!(
            "GRANT {name} TO CURRENT_USER; REASSIGN OWNED BY {name} TO {OWNER}; \
             DROP OWNED BY {name}; DROP ROLE {name}"
        );
        transaction.batch_execute(&drop).await?;
    }
    Ok(transaction.commit().await?)
}
