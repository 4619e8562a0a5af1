//! The in-memory twin keeps the promises of the ports, as the adapters do.

use aws_service_broker::broker::{
    ports::{PlatformSecrets, StackResource},
    records::INSTANCE_ID_TAG,
};
use catalog::Override;
use database_protocol::{Authentication, Engine, Master, NewUser, Server};
use secrecy::ExposeSecret;

use crate::{
    contract::{
        database_users::ServingDatabases, functions::MadeFunctions,
        override_records::SettingOverrides, platform_secrets::RotatingPlatformSecrets,
        resources::CreatingResources, secrets::StoringSecrets, stacks::SettlingStacks, unique,
    },
    support::{FakeFunction, World},
};

impl SettingOverrides for World {
    async fn set(&self, it: &Override) {
        self.edit(|account| {
            account.overrides.retain(|known| known.key() != it.key());
            account.overrides.push(it.clone());
        });
    }
}

impl ServingDatabases for World {
    async fn serve(&self, engine: Engine) -> Server {
        let login = r#"{"username":"master","password":"of RDS"}"#;
        self.edit(|account| drop(account.secrets.insert("a-secret".into(), login.into())));
        Server {
            engine,
            host: format!("{engine:?}.local"),
            port: 1,
            database: "app".to_owned().try_into().expect("a name"),
            master: Master {
                username: "master".into(),
                password: "of RDS".into(),
            },
        }
    }

    async fn logs_in(&self, server: &Server, user: &NewUser) -> bool {
        let account = self.account();
        let database = account.databases.get(&server.host);
        let known = database.and_then(|database| database.users.get(user.name.as_str()));
        let Authentication::Password(password) = &user.authentication else {
            return false;
        };
        known.is_some_and(|known| known.password.as_deref() == Some(password.expose()))
    }
}

impl SettlingStacks for World {
    async fn settle(&self, _name: &str) {
        self.complete_stacks();
    }
}

impl StoringSecrets for World {
    async fn put_parameter(&self, name: &str, value: &str) {
        self.edit(|account| drop(account.parameters.insert(name.into(), value.into())));
    }

    async fn put_secret(&self, name: &str, value: &str) -> String {
        let arn = format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}");
        self.edit(|account| drop(account.secrets.insert(arn.clone(), value.into())));
        arn
    }

    async fn make_client(&self) -> (String, String, String) {
        let [user_pool_id, client_id, secret] =
            ["us-east-1_pool", "client", "a secret"].map(str::to_owned);
        let client = (user_pool_id.clone(), client_id.clone());
        self.edit(|account| drop(account.client_secrets.insert(client, secret.clone())));
        (user_pool_id, client_id, secret)
    }
}

impl RotatingPlatformSecrets for World {
    async fn rotate(&self, username: &str, password: &str) {
        let current = self.read().await.expect("the current pairs");
        let previous = current
            .first()
            .map(|pair| (pair.username.as_str(), pair.password.expose_secret()));
        let pairs: Vec<_> = [(username, password)].into_iter().chain(previous).collect();
        self.set_platform_secrets(&pairs);
    }
}

impl CreatingResources for World {
    async fn create(&self) -> StackResource {
        let name = unique();
        let created = StackResource {
            arn: format!("arn:aws:sqs:us-east-1:000000000000:{name}"),
            stack_name: format!("osb-sqs-{name}"),
            instance_id: name,
        };
        let tags = [(INSTANCE_ID_TAG.to_owned(), created.instance_id.clone())].into();
        self.edit(|account| {
            account.resources.push(created.clone());
            account.tagged.insert(created.arn.clone(), tags);
        });
        created
    }
}

impl MadeFunctions for World {
    async fn make(&self) -> String {
        self.edit(|account| {
            drop(
                account
                    .functions
                    .insert("a-function".into(), FakeFunction::default()),
            )
        });
        "a-function".into()
    }

    async fn make_failing(&self) -> String {
        let failure = Some("there is no such user".into());
        let failing = FakeFunction {
            failure,
            ..FakeFunction::default()
        };
        self.edit(|account| drop(account.functions.insert("failing".into(), failing)));
        "failing".into()
    }
}

macro_rules! the_twin_keeps_the_promises_of {
    ($($port:ident)+) => {
        $(
            mod $port {
                crate::contract::$port::tests!(crate::support::World::new());
            }
        )+
    };
}

the_twin_keeps_the_promises_of! {
    database_users functions override_records platform_secrets records resources roles secrets
    stacks users vault
}
