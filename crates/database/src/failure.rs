//! Failures of a database, classified by how the broker should react.

use std::error::Error;

use database_protocol::Answer;

/// The reason why an action could not be completed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An error of PostgreSQL or of the connection to it.
    #[error(transparent)]
    PostgreSql(#[from] tokio_postgres::Error),
    /// An error of MySQL or of the connection to it.
    #[error(transparent)]
    MySql(#[from] mysql_async::Error),
    /// Another request holds the lock for too long.
    #[error("another request is managing users")]
    Locked,
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::PostgreSql(error) => of_postgresql(&error),
            Failure::MySql(error) => of_mysql(&error),
            Failure::Locked => Self::Busy(failure.to_string()),
        }
    }
}

/// Classifies an error of PostgreSQL by its code.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn of_postgresql(error: &tokio_postgres::Error) -> Answer {
    let Some(reported) = error.as_db_error() else {
        return Answer::Unreachable(with_causes(error));
    };

    let code = reported.code().code();
    // The message alone: the detail may quote values.
    let reason = format!("{} ({code})", reported.message());
    match code {
        // Invalid authorization, invalid password.
        "28000" | "28P01" => Answer::WrongPassword,
        // Too many connections, starting up or shutting down, lock timeout, canceled, deadlock,
        // serialization failure.
        "53300" | "57P01" | "57P02" | "57P03" | "55P03" | "57014" | "40P01" | "40001" => {
            Answer::Busy(reason)
        }
        // Two changes of one role at the same moment.
        "23505" => Answer::Busy(reason),
        "XX000" if reason.starts_with("tuple concurrently") => Answer::Busy(reason),
        _ => Answer::Failed(reason),
    }
}

/// Classifies an error of MySQL or MariaDB by its number.
/// <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>
fn of_mysql(error: &mysql_async::Error) -> Answer {
    let mysql_async::Error::Server(reported) = error else {
        return Answer::Unreachable(with_causes(error));
    };

    let reason = format!("{} ({})", reported.message, reported.code);
    match reported.code {
        // ER_ACCESS_DENIED_ERROR.
        1045 => Answer::WrongPassword,
        // ER_CON_COUNT_ERROR, ER_SERVER_SHUTDOWN, ER_TOO_MANY_USER_CONNECTIONS,
        // ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK.
        1040 | 1053 | 1203 | 1205 | 1213 => Answer::Busy(reason),
        _ => Answer::Failed(reason),
    }
}

/// The error with its causes: that of a failed connection is in the last one.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = error.source();
    }
    text
}
