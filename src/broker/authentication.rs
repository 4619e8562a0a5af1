//! Who may call the broker.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;

use super::ports::{Environment, PlatformSecrets, PortResult};

/// How long the accepted pairs are taken as read: a pair that was withdrawn works no longer than this.
const LIFETIME: SignedDuration = SignedDuration::from_secs(300);
/// How soon an unknown pair makes them be read again: a new pair works after this at the latest, and guessing costs
/// the broker no more than one call in this time.
const SHORTEST_INTERVAL: SignedDuration = SignedDuration::from_secs(10);

/// Checks the user name and password of a request.
pub struct Authenticator {
    secrets: Arc<dyn PlatformSecrets>,
    environment: Arc<dyn Environment>,
    accepted: Mutex<Option<Accepted>>,
}

/// Of each pair only a digest is kept: all have one length, so that comparing takes one time.
struct Accepted {
    digests: Vec<[u8; 32]>,
    read_at: Timestamp,
}

impl Authenticator {
    /// Accepts the pairs of `secrets`.
    pub fn new(secrets: Arc<dyn PlatformSecrets>, environment: Arc<dyn Environment>) -> Self {
        Self { secrets, environment, accepted: Mutex::new(None) }
    }

    /// Whether this pair is accepted.
    ///
    /// # Errors
    ///
    /// Where the accepted pairs cannot be read.
    pub async fn accepts(&self, username: &str, password: &SecretString) -> PortResult<bool> {
        let offered = digest(username, password);
        let mut accepted = self.accepted.lock().await;
        let now = self.environment.now();
        if let Some(known) = accepted.as_ref() {
            let age = now.duration_since(known.read_at);
            let found = known.contains(&offered);
            if age < SHORTEST_INTERVAL || (found && age < LIFETIME) {
                return Ok(found);
            }
        }
        let secrets = self.secrets.read().await?;
        let digests = secrets.iter().map(|secret| digest(&secret.username, &secret.password)).collect();
        let known = accepted.insert(Accepted { digests, read_at: now });
        Ok(known.contains(&offered))
    }
}

impl Accepted {
    /// Looks at all of them, whichever matches.
    fn contains(&self, offered: &[u8; 32]) -> bool {
        self.digests.iter().fold(subtle::Choice::from(0), |found, known| found | known.ct_eq(offered)).into()
    }
}

fn digest(username: &str, password: &SecretString) -> [u8; 32] {
    // The length keeps `a` + `b:c` apart from `a:b` + `c`.
    let text = Sha256::new_with_prefix(format!("{}:{username}:", username.len()));
    text.chain_update(password.expose_secret()).finalize().into()
}
