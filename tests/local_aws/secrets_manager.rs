use aws_sdk_secretsmanager::Client;
use aws_service_broker::{aws::SecretsManager, broker::ports::PlatformSecrets};
use secrecy::ExposeSecret;

use crate::aws::{Calls, settings, unique};

#[tokio::test]
async fn the_stacks_secret_holds_the_broker_s_credentials() {
    let secrets = SecretsManager::new(&Calls::default().config().await, settings().credentials_secret_arn);
    let pairs = secrets.read().await.expect("read");
    assert_eq!(pairs.len(), 1);
    assert_eq!(pairs[0].username, "broker");
    assert!(!pairs[0].password.expose_secret().is_empty());
}

#[tokio::test]
async fn a_secret_of_another_shape_is_an_error_that_does_not_repeat_it() {
    let config = Calls::default().config().await;
    let client = Client::new(&config);
    let created = client.create_secret().name(unique()).secret_string("{\"user\": \"hunter2\"}").send().await;
    let arn = created.expect("a secret").arn.expect("an ARN");
    let error = SecretsManager::new(&config, arn).read().await.expect_err("no user name").to_string();
    assert!(error.contains("`username` and `password`") && !error.contains("hunter2"), "{error}");
}
