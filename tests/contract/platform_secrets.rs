//! [`PlatformSecrets`]

use aws_service_broker::broker::ports::PlatformSecrets;
use secrecy::ExposeSecret;

macro_rules! tests {
    ($new:expr) => {
        crate::contract::promises! { platform_secrets, $new;
            replaced_credentials_stay_accepted
        }
    };
}
pub(crate) use tests;

/// The platforms' credentials, and a way to replace them.
pub trait RotatingPlatformSecrets: PlatformSecrets {
    /// Makes these credentials the current ones. The current ones become the previous ones.
    async fn rotate(&self, username: &str, password: &str);
}

pub async fn replaced_credentials_stay_accepted(secrets: &impl RotatingPlatformSecrets) {
    let accepted = async || {
        let pairs = secrets.read().await.expect("an answer");
        pairs
            .iter()
            .map(|pair| (pair.username.clone(), pair.password.expose_secret().into()))
            .collect::<Vec<(String, String)>>()
    };
    let pair = |username: &str, password: &str| (username.to_owned(), password.to_owned());

    secrets.rotate("one", "first").await;
    assert_eq!(accepted().await[0], pair("one", "first"));
    secrets.rotate("two", "second").await;
    assert_eq!(
        accepted().await,
        [pair("two", "second"), pair("one", "first")]
    );
    secrets.rotate("two", "third").await;
    assert_eq!(
        accepted().await,
        [pair("two", "third"), pair("two", "second")]
    );
}
