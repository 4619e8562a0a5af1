//! [`DatabaseUsers`]

use aws_service_broker::broker::ports::DatabaseUsers;
use database_protocol::{
    Answer, Authentication, Engine, Master, NewUser, Password, Privileges, Server, UserName,
};
use uuid::Uuid;

macro_rules! tests {
    ($new:expr) => {
        crate::contract::promises! {
            database_users, $new;
            created_user_logs_in_until_it_is_deleted
            second_creation_replaces_the_password
            deletion_of_a_missing_user_succeeds
            wrong_password_of_the_master_user_is_told_apart
            missing_server_is_unreachable
        }
    };
}
pub(crate) use tests;

const ENGINES: [Engine; 2] = [Engine::PostgreSql, Engine::MySql];

/// The function, and databases that it reaches.
pub trait ServingDatabases: DatabaseUsers {
    /// Returns a database of this kind that is the test's own, or that others do not mind.
    async fn serve(&self, engine: Engine) -> Server;

    /// True if the user's password is right.
    async fn logs_in(&self, server: &Server, user: &NewUser) -> bool;
}

fn new_user() -> NewUser {
    NewUser {
        name: UserName::from_digests(1, Uuid::new_v4().as_u128()),
        authentication: Authentication::Password(Password::from_uuid(&Uuid::new_v4())),
        privileges: Privileges::Owner,
        valid_until: None,
    }
}

async fn create(users: &impl ServingDatabases, server: &Server, user: &NewUser) {
    let created = users.create(server, user).await.expect("an answer");
    assert_eq!(created, Answer::Done, "{:?}", server.engine);
}

pub async fn created_user_logs_in_until_it_is_deleted(users: &impl ServingDatabases) {
    for engine in ENGINES {
        let (server, user) = (users.serve(engine).await, new_user());
        assert!(!users.logs_in(&server, &user).await, "{engine:?}");

        create(users, &server, &user).await;
        assert!(users.logs_in(&server, &user).await, "{engine:?}");

        let deleted = users.delete(&server, &user.name).await.expect("an answer");
        assert_eq!(deleted, Answer::Done, "{engine:?}");
        assert!(!users.logs_in(&server, &user).await, "{engine:?}");
    }
}

pub async fn second_creation_replaces_the_password(users: &impl ServingDatabases) {
    for engine in ENGINES {
        let (server, first) = (users.serve(engine).await, new_user());
        let second = NewUser {
            name: first.name.clone(),
            ..new_user()
        };

        create(users, &server, &first).await;
        create(users, &server, &second).await;
        assert!(!users.logs_in(&server, &first).await, "{engine:?}");
        assert!(users.logs_in(&server, &second).await, "{engine:?}");
    }
}

pub async fn deletion_of_a_missing_user_succeeds(users: &impl ServingDatabases) {
    for engine in ENGINES {
        let server = users.serve(engine).await;
        let deleted = users.delete(&server, &new_user().name).await;
        assert_eq!(deleted.expect("an answer"), Answer::Done, "{engine:?}");
    }
}

/// RDS may rotate it between the broker's look at the secret and the function's login.
pub async fn wrong_password_of_the_master_user_is_told_apart(users: &impl ServingDatabases) {
    for engine in ENGINES {
        let server = users.serve(engine).await;
        let server = Server {
            master: Master {
                password: "not the password".into(),
                ..server.master
            },
            ..server
        };
        let created = users.create(&server, &new_user()).await;
        assert_eq!(
            created.expect("an answer"),
            Answer::WrongPassword,
            "{engine:?}"
        );
    }
}

pub async fn missing_server_is_unreachable(users: &impl ServingDatabases) {
    for engine in ENGINES {
        let server = Server {
            host: "nobody.invalid".into(),
            ..users.serve(engine).await
        };
        let created = users.create(&server, &new_user()).await.expect("an answer");
        assert!(matches!(created, Answer::Unreachable(_)), "{created:?}");
    }
}
