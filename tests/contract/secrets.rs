//! [`Secrets`]

use aws_service_broker::broker::ports::{PortErrorKind, Secrets};
use secrecy::ExposeSecret;

use super::unique;

macro_rules! tests {
    ($new:expr) => {
        crate::contract::promises! { secrets, $new;
            a_parameter_is_read_in_the_clear
            of_a_secret_the_current_version_is_read
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
}

pub async fn a_parameter_is_read_in_the_clear(secrets: &impl StoringSecrets) {
    let name = format!("/osb/{}", unique());
    secrets.put_parameter(&name, "a secret").await;
    assert_eq!(secrets.parameter(&name).await.expect("a parameter").expose_secret(), "a secret");

    let missing = secrets.parameter("/osb/nobody").await.expect_err("no parameter");
    assert_eq!(missing.kind, PortErrorKind::Misconfigured);
    assert!(missing.detail.contains("/osb/nobody") && missing.detail.contains("does not exist"), "{missing}");
}

pub async fn of_a_secret_the_current_version_is_read(secrets: &impl StoringSecrets) {
    let name = unique();
    let arn = secrets.put_secret(&name, "a secret").await;
    assert_eq!(secrets.secret(&arn).await.expect("a secret").expose_secret(), "a secret");
    assert_eq!(secrets.put_secret(&name, "another").await, arn);
    assert_eq!(secrets.secret(&arn).await.expect("a secret").expose_secret(), "another");

    let missing = secrets.secret(&format!("{arn}-no")).await.expect_err("no secret");
    assert_eq!(missing.kind, PortErrorKind::Misconfigured);
}
