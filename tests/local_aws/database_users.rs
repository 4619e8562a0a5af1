use aws_service_broker::aws::{DatabaseFunction, StoredSecrets};
use aws_service_broker::broker::ports::Secrets;
use database_protocol::{Authentication, Engine, Master, NewUser, Server};
use mysql_async::{Conn, Opts, OptsBuilder, SslOpts};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    aws::{Calls, outputs_of_new_stack, settings},
    contract::{self, database_users::ServingDatabases},
};

/// A database whose master password RDS manages.
const STACK: &str = "
Resources:
  Database:
    Type: AWS::RDS::DBInstance
    Properties:
      Engine: ENGINE
      DBInstanceClass: db.t4g.micro
      AllocatedStorage: 20
      DBName: app
      MasterUsername: sbadmin
      ManageMasterUserPassword: true
Outputs:
  Host: {Value: !GetAtt Database.Endpoint.Address}
  Port: {Value: !GetAtt Database.Endpoint.Port}
  Secret: {Value: !GetAtt Database.MasterUserSecret.SecretArn}
";

/// The certificate of the authority of local servers.
fn authority() -> Vec<u8> {
    let path = std::env::var("DATABASE_AUTHORITY").expect("the environment that `make test` sets");
    std::fs::read(path).expect("a certificate")
}

impl ServingDatabases for DatabaseFunction {
    async fn serve(&self, engine: Engine) -> Server {
        let engine_name = match engine {
            Engine::PostgreSql => "postgres",
            Engine::MySql => "mariadb",
        };
        let outputs = outputs_of_new_stack(&STACK.replace("ENGINE", engine_name)).await;
        let secrets = StoredSecrets::new(&Calls::default().config().await);
        let secret = secrets.secret(&outputs["Secret"]).await.expect("an answer");
        let login: Value = serde_json::from_str(secret.expect("a secret").expose_secret())
            .expect("the login as JSON");
        let text = |name: &str| login[name].as_str().expect("a text").to_owned();
        Server {
            engine,
            host: outputs["Host"].clone(),
            port: outputs["Port"].parse().expect("a port"),
            database: "app".to_owned().try_into().expect("a name"),
            master: Master {
                username: text("username"),
                password: SecretString::from(text("password")),
            },
        }
    }

    /// With the URI in the form that the templates give it.
    async fn logs_in(&self, server: &Server, user: &NewUser) -> bool {
        let Authentication::Password(password) = &user.authentication else {
            return false;
        };
        let Server { host, port, .. } = server;
        let place = format!("{}:{}@{host}:{port}/app", user.name, password.expose());
        match server.engine {
            Engine::PostgreSql => {
                let uri = format!("postgresql://{place}?sslmode=require");
                tokio_postgres::connect(&uri, postgresql_tls())
                    .await
                    .is_ok()
            }
            Engine::MySql => {
                let opts = Opts::from_url(&format!("mysql://{place}")).expect("a URI");
                let tls = SslOpts::default()
                    .with_root_certs(vec![authority().into()])
                    .with_disable_built_in_roots(true);
                let opts = OptsBuilder::from_opts(opts)
                    .ssl_opts(tls)
                    .prefer_socket(false);
                Conn::new(opts).await.is_ok()
            }
        }
    }
}

fn postgresql_tls() -> MakeRustlsConnect {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&authority()) {
        roots
            .add(certificate.expect("a certificate"))
            .expect("a root");
    }
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    MakeRustlsConnect::new(config)
}

async fn function() -> DatabaseFunction {
    let network = settings().database_network.expect("a network");
    DatabaseFunction::new(&Calls::default().config().await, &network.function_name)
}

contract::database_users::tests!(function().await);
