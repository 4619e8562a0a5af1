//! A user of the instance's database, for one binding.
//!
//! The broker has no access to the network of the databases. A function there creates and drops the
//! user. The broker reads the login of the master user from the secret that RDS manages, and gives it
//! to the function with every request. It stores the login nowhere.

use async_trait::async_trait;
use catalog::{
    bind_parameters::{ROLE_ARN, ROLE_NAME, SERVICE_ACCOUNT},
    model::{Database, Scope},
};
use database_protocol::{Answer, Authentication, Master, NewUser, Password, Server};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::kind::{Context, Created, Kind, purpose};
use crate::{
    broker::{
        Broker,
        bindings::{
            means::{Login, Means},
            policy::Policy,
            service_instance::ServiceInstance,
        },
        databases::Databases,
        error::{Error, Result},
        ports::PortErrorKind,
        records::{Binding, BindingId, DatabaseGrant, Grant},
    },
    osb::Object,
};

/// The master user's login, as RDS writes it into the secret.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html>
#[derive(Deserialize)]
struct MasterSecret {
    username: String,
    password: SecretString,
}

/// Returns the grant for a user of the database, if the scope has one.
///
/// # Errors
///
/// [`Error::Invalid`] for a role, if the scope has no permissions in AWS.
pub fn requested(
    broker: &Broker,
    (service, scope): (&ServiceInstance<'_>, Option<&Scope>),
    id: &BindingId,
    parameters: &Object,
    policy: Option<&Policy>,
) -> Result<Option<Grant>> {
    let Some(scope) = scope else {
        return Ok(None);
    };
    let Some(user) = scope.database_user else {
        return Ok(None);
    };

    check_roles(scope, policy, parameters)?;
    Ok(Some(Grant::Database(DatabaseGrant {
        user_name: broker.naming.database_user(&service.record.id, id),
        privileges: user.privileges,
        by_iam: user.by_iam,
        password: None,
    })))
}

/// Checks that a request for a scope without permissions in AWS names no role to give them to.
fn check_roles(scope: &Scope, policy: Option<&Policy>, parameters: &Object) -> Result<()> {
    let mut roles = [ROLE_NAME, ROLE_ARN, SERVICE_ACCOUNT].into_iter();
    let role = roles.find(|name| parameters.get(*name).is_some_and(|it| !it.is_null()));
    match (policy, role) {
        (None, Some(role)) => Err(Error::Invalid(format!(
            "The scope {} has a password and no permissions in AWS, so it does not accept {role}. \
             Bind without {role}, or choose a scope that uses IAM.",
            scope.name
        ))),
        _ => Ok(()),
    }
}

#[async_trait]
impl Kind for DatabaseGrant {
    /// Creates the user with a new password, which is sealed for the record. The password of an
    /// interrupted attempt was never returned to anybody.
    async fn create(&self, context: &Context<'_>, _: &Means) -> Result<Created> {
        let Context {
            broker,
            service,
            binding,
            ..
        } = context;
        let (databases, server) = server(broker, service).await?;

        let password = (!self.by_iam).then(|| Password::from_uuid(&broker.environment.uuid()));
        let user = NewUser {
            name: self.user_name.clone(),
            authentication: match &password {
                Some(password) => Authentication::Password(password.clone()),
                None => Authentication::Iam,
            },
            privileges: self.privileges,
            valid_until: binding.lifetime.map(|lifetime| lifetime.ends_at),
        };
        done(databases.users.create(&server, &user).await?)?;

        let sealed = match &password {
            Some(password) => Some(
                broker
                    .vault
                    .seal(&purpose(binding), password.secret())
                    .await?,
            ),
            None => None,
        };
        let login = Login {
            user_name: self.user_name.clone(),
            password: password.map(|password| password.secret().clone()),
        };
        Ok(Created {
            grant: Grant::Database(Self {
                password: sealed,
                ..self.clone()
            }),
            means: Means {
                access: None,
                login: Some(login),
            },
            credentials: None,
        })
    }

    async fn means(&self, broker: &Broker, binding: &Binding) -> Result<Means> {
        let password = match &self.password {
            Some(sealed) => Some(broker.vault.open(&purpose(binding), sealed).await?),
            None => None,
        };
        Ok(Means {
            access: None,
            login: Some(Login {
                user_name: self.user_name.clone(),
                password,
            }),
        })
    }

    /// Drops the user. A user of a database that no longer exists is gone too.
    async fn remove(&self, broker: &Broker, binding: &Binding) -> Result<()> {
        let now = broker.environment.now();
        let Some(instance) = broker.records.instance(&binding.instance_id, now).await? else {
            return Ok(());
        };

        let service = ServiceInstance::find(broker, &instance)?;
        let dropped = match server(broker, &service).await {
            Ok((databases, server)) => {
                done(databases.users.delete(&server, &self.user_name).await?)
            }
            Err(error) => Err(error),
        };
        let Err(error) = dropped else {
            return Ok(());
        };

        let stacks = broker.stacks_of(&instance).await;
        if stacks.describe(instance.stack()).await?.is_some() {
            return Err(error);
        }
        tracing::warn!(
            user = self.user_name.as_str(),
            "the stack of a binding's database no longer exists; deleting the binding without it"
        );
        Ok(())
    }

    fn expires(&self) -> bool {
        true
    }

    fn goes_with_stack(&self) -> bool {
        true
    }

    fn timeout(&self) -> Option<Error> {
        Some(Error::DatabaseUnavailable(
            "it did not respond in time".into(),
        ))
    }
}

/// Returns the port to the database, and the server with the master user's login.
async fn server<'b>(
    broker: &'b Broker,
    service: &ServiceInstance<'_>,
) -> Result<(&'b Databases, Server)> {
    let databases = broker.databases.as_ref().ok_or_else(out_of_reach)?;
    let database = service.offered.offering.bindings.database.as_ref();
    let database = database
        .ok_or_else(|| Error::Corrupt("the template of the binding has no Database".into()))?;

    let text = |text: &str| {
        service
            .render(text)
            .ok_or_else(|| Error::Corrupt(format!("the stack has no value of {text}")))
    };
    let Database {
        engine,
        host,
        port,
        name,
        master_secret,
    } = database;
    let port = text(port)?;
    let server = Server {
        engine: *engine,
        host: text(host)?,
        port: port
            .parse()
            .map_err(|_| Error::Corrupt(format!("`{port}` is not a port")))?,
        database: text(name)?
            .try_into()
            .map_err(|error| Error::Corrupt(format!("{error}")))?,
        master: master(broker, service, &text(master_secret)?).await?,
    };
    Ok((databases, server))
}

/// Reads the master user's login from the secret that RDS manages.
async fn master(broker: &Broker, service: &ServiceInstance<'_>, arn: &str) -> Result<Master> {
    let location = service.record.location.as_ref();
    let secrets = broker.ports_at(location).await.secrets;
    let lost = |detail: &str| Error::LostSecret {
        output: "MasterSecretARN".into(),
        detail: format!("the secret {arn} {detail}"),
    };

    // For a deleted secret, AWS may answer that access is denied: it has no tags that allow it.
    let secret = match secrets.secret(arn).await {
        Err(error) if error.kind == PortErrorKind::Denied => {
            return Err(lost(&format!("cannot be read: {error}")));
        }
        read => read?.ok_or_else(|| lost("does not exist"))?,
    };
    // A parser's message would quote the secret.
    let MasterSecret { username, password } = serde_json::from_str(secret.expose_secret())
        .map_err(|_| lost("is not JSON with a username and a password"))?;
    Ok(Master { username, password })
}

fn done(answer: Answer) -> Result<()> {
    match answer {
        Answer::Done | Answer::Locked => Ok(()),
        Answer::Unreachable(reason) | Answer::Busy(reason) => {
            Err(Error::DatabaseUnavailable(reason))
        }
        Answer::WrongPassword => Err(Error::DatabaseUnavailable(
            "it rejects the master user's password, which RDS may just have rotated".into(),
        )),
        Answer::Failed(reason) => Err(Error::Database(reason)),
    }
}

fn out_of_reach() -> Error {
    Error::DatabaseUnavailable(
        "the broker's stack no longer has a function in the network of the databases".into(),
    )
}
