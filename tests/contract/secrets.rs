//! [`Secrets`]

use aws_service_broker::broker::ports::{PortResult, Secrets};
use secrecy::{ExposeSecret, SecretString};

use super::unique;

macro_rules! tests {
    ($new:expr) => {
        crate::contract::promises! { secrets, $new;
            parameter_is_read_decrypted
            current_version_of_a_secret_is_read
            app_client_secret_is_read
        }
    };
}
pub(crate) use tests;

/// Secrets, and a way to store some.
pub trait StoringSecrets: Secrets {
    /// Stores a parameter.
    async fn put_parameter(&self, name: &str, value: &str);

    /// Stores a secret, or a new version of it, and returns its ARN.
    async fn put_secret(&self, name: &str, value: &str) -> String;

    /// Makes a user pool with an app client, and returns their ids and the client's secret.
    async fn make_client(&self) -> (String, String, String);
}

fn text(read: PortResult<Option<SecretString>>) -> Option<String> {
    read.expect("an answer")
        .map(|secret| secret.expose_secret().to_owned())
}

pub async fn parameter_is_read_decrypted(secrets: &impl StoringSecrets) {
    let name = format!("/osb/{}", unique());
    secrets.put_parameter(&name, "a secret").await;
    assert_eq!(
        text(secrets.parameter(&name).await).as_deref(),
        Some("a secret")
    );
    assert_eq!(text(secrets.parameter("/osb/nobody").await), None);
}

pub async fn current_version_of_a_secret_is_read(secrets: &impl StoringSecrets) {
    let name = unique();
    let arn = secrets.put_secret(&name, "a secret").await;
    assert_eq!(
        text(secrets.secret(&arn).await).as_deref(),
        Some("a secret")
    );
    assert_eq!(secrets.put_secret(&name, "another").await, arn);
    assert_eq!(text(secrets.secret(&arn).await).as_deref(), Some("another"));
    assert_eq!(text(secrets.secret(&format!("{arn}-no")).await), None);
}

pub async fn app_client_secret_is_read(secrets: &impl StoringSecrets) {
    let (user_pool_id, client_id, secret) = secrets.make_client().await;
    assert_eq!(
        text(secrets.client_secret(&user_pool_id, &client_id).await),
        Some(secret)
    );
    assert_eq!(
        text(secrets.client_secret(&user_pool_id, "nobody").await),
        None
    );
    assert_eq!(
        text(secrets.client_secret("us-east-1_nobody", &client_id).await),
        None
    );
}
