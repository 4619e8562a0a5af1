use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_service_broker::{
    aws::SecretsManager,
    broker::ports::{PlatformSecret, PlatformSecrets, PortResult},
};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::{
    aws::{Calls, settings},
    contract::{self, platform_secrets::RotatingPlatformSecrets, unique},
};

/// The adapter for a secret of the test's own, and a client that changes the secret.
struct Rotating {
    secrets: SecretsManager,
    client: Client,
    arn: String,
}

impl Rotating {
    async fn new() -> Self {
        let config = Calls::default().config().await;
        let client = Client::new(&config);
        let created = client.create_secret().name(unique()).send().await;
        let arn = created.expect("a secret").arn.expect("an ARN");
        Self {
            secrets: SecretsManager::new(&config, &arn),
            client,
            arn,
        }
    }
}

#[async_trait]
impl PlatformSecrets for Rotating {
    async fn read(&self) -> PortResult<Vec<PlatformSecret>> {
        self.secrets.read().await
    }
}

impl RotatingPlatformSecrets for Rotating {
    async fn rotate(&self, username: &str, password: &str) {
        let pair = json!({"username": username, "password": password});
        let put = self.client.put_secret_value().secret_id(&self.arn);
        put.secret_string(pair.to_string())
            .send()
            .await
            .expect("put");
    }
}

contract::platform_secrets::tests!(Rotating::new().await);

#[tokio::test]
async fn stack_secret_holds_the_broker_credentials() {
    let secrets = SecretsManager::new(
        &Calls::default().config().await,
        settings().credentials_secret_arn,
    );
    let pairs = secrets.read().await.expect("read");
    assert_eq!(pairs[0].username, "broker");
    assert!(!pairs[0].password.expose_secret().is_empty());
}

#[tokio::test]
async fn previous_credentials_are_valid_until_replaced() {
    let config = Calls::default().config().await;
    let client = Client::new(&config);
    let pair = |password: &str| format!(r#"{{"username": "broker", "password": "{password}"}}"#);
    let created = client
        .create_secret()
        .name(unique())
        .secret_string(pair("one"))
        .send()
        .await
        .expect("a secret");
    let arn = created.arn.expect("an ARN");
    let secrets = SecretsManager::new(&config, &arn);
    let passwords = || async {
        let pairs = secrets.read().await.expect("read");
        pairs
            .iter()
            .map(|pair| pair.password.expose_secret().to_owned())
            .collect::<Vec<_>>()
    };
    let put = |password: &str| {
        client
            .put_secret_value()
            .secret_id(&arn)
            .secret_string(pair(password))
            .send()
    };
    assert_eq!(passwords().await, ["one"]);
    let two = put("two").await.expect("put").version_id;
    assert_eq!(passwords().await, ["two", "one"]);
    put("three").await.expect("put");
    assert_eq!(passwords().await, ["three", "two"]);
    let end = client
        .update_secret_version_stage()
        .secret_id(&arn)
        .version_stage("AWSPREVIOUS");
    end.set_remove_from_version_id(two)
        .send()
        .await
        .expect("the end of the previous pair");
    assert_eq!(passwords().await, ["three"]);
    // What nobody can have used does not keep out those who use the repaired one.
    client
        .put_secret_value()
        .secret_id(&arn)
        .secret_string("hunter2")
        .send()
        .await
        .expect("put");
    secrets.read().await.expect_err("it is no pair");
    put("four").await.expect("put");
    assert_eq!(passwords().await, ["four"]);
}

#[tokio::test]
async fn malformed_secret_error_does_not_repeat_it() {
    let config = Calls::default().config().await;
    let client = Client::new(&config);
    let created = client
        .create_secret()
        .name(unique())
        .secret_string("{\"user\": \"hunter2\"}")
        .send()
        .await;
    let arn = created.expect("a secret").arn.expect("an ARN");
    let error = SecretsManager::new(&config, arn)
        .read()
        .await
        .expect_err("no user name")
        .to_string();
    assert!(
        error.contains("`username` and `password`") && !error.contains("hunter2"),
        "{error}"
    );
}
