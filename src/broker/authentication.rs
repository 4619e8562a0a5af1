//! Authentication of platforms by user name and password.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;

use crate::broker::ports::{Environment, PlatformSecrets, PortError, PortResult};

/// The time for which accepted pairs of user name and password are cached. A withdrawn pair works
/// no longer than this while Secrets Manager answers.
const LIFETIME: SignedDuration = SignedDuration::from_secs(300);

/// The minimum time between two reads that an unknown pair or a failed read causes. A new pair
/// works after this time at the latest. Guessing costs the broker at most one call in this time.
const SHORTEST_INTERVAL: SignedDuration = SignedDuration::from_secs(10);

/// The longest time for which cached pairs are accepted while Secrets Manager does not answer. It
/// counts from the last successful read. An outage is no reason to reject every platform. A pair
/// that was withdrawn just before an outage works no longer than this.
const LONGEST_OUTAGE: SignedDuration = SignedDuration::from_hours(1);

/// Checks the user name and password of a request.
pub struct Authenticator {
    secrets: Arc<dyn PlatformSecrets>,
    environment: Arc<dyn Environment>,
    known: Mutex<Known>,
}

/// The outcome of the last reads.
#[derive(Default)]
struct Known {
    accepted: Option<Accepted>,
    /// The error of the last read; absent if it succeeded.
    failure: Option<Failure>,
}

/// The accepted pairs, as digests. All digests have the same length, so that every comparison takes
/// the same time.
pub struct Accepted {
    digests: Vec<[u8; 32]>,
    read_at: Timestamp,
}

struct Failure {
    error: PortError,
    at: Timestamp,
}

impl Authenticator {
    /// Creates an authenticator that accepts the pairs in `secrets`.
    pub fn new(secrets: Arc<dyn PlatformSecrets>, environment: Arc<dyn Environment>) -> Self {
        Self {
            secrets,
            environment,
            known: Mutex::default(),
        }
    }

    /// True if this pair is accepted.
    ///
    /// # Errors
    ///
    /// The failure to read the accepted pairs. A transient failure is no error for a pair that was
    /// read less than an hour ago.
    pub async fn accepts(&self, username: &str, password: &SecretString) -> PortResult<bool> {
        let offered = digest(username, password);
        let mut known = self.known.lock().await;
        let now = self.environment.now();

        if let Some(accepted) = &known.accepted {
            let age = now.duration_since(accepted.read_at);
            let found = accepted.contains(&offered);
            if age < SHORTEST_INTERVAL || (found && age < LIFETIME) {
                return Ok(found);
            }
        }
        known.read(&*self.secrets, now).await;
        known.accepts(&offered, now)
    }
}

impl Known {
    /// Reads the pairs, unless the last read failed a moment ago.
    async fn read(&mut self, secrets: &dyn PlatformSecrets, now: Timestamp) {
        if self
            .failure
            .as_ref()
            .is_some_and(|failure| now.duration_since(failure.at) < SHORTEST_INTERVAL)
        {
            return;
        }

        match secrets.read().await {
            Ok(secrets) => {
                let digests = secrets
                    .iter()
                    .map(|secret| digest(&secret.username, &secret.password))
                    .collect();
                self.accepted = Some(Accepted {
                    digests,
                    read_at: now,
                });
                self.failure = None;
            }
            Err(error) => {
                tracing::warn!(reason = %error, "could not read the accepted user names and \
                                                 passwords; retrying on a later request");
                self.failure = Some(Failure { error, at: now });
            }
        }
    }

    /// True if the pair is among those that were read last.
    ///
    /// # Errors
    ///
    /// The failure of the last read, unless the pair may be accepted in spite of it.
    fn accepts(&self, offered: &[u8; 32], now: Timestamp) -> PortResult<bool> {
        let last_read = self.accepted.as_ref();
        let found = last_read.is_some_and(|accepted| accepted.contains(offered));
        let Some(failure) = &self.failure else {
            return Ok(found);
        };

        let is_fresh =
            last_read.is_some_and(|accepted| now.duration_since(accepted.read_at) < LONGEST_OUTAGE);
        if found && is_fresh && failure.error.is_passing() {
            Ok(true)
        } else {
            Err(failure.error.clone())
        }
    }
}

impl Accepted {
    /// True if one of the pairs matches. Compares all of them, so that the time does not reveal
    /// which one.
    fn contains(&self, offered: &[u8; 32]) -> bool {
        self.digests
            .iter()
            .fold(subtle::Choice::from(0), |found, known| {
                found | known.ct_eq(offered)
            })
            .into()
    }
}

fn digest(username: &str, password: &SecretString) -> [u8; 32] {
    // The length distinguishes `a` + `b:c` from `a:b` + `c`.
    let text = Sha256::new_with_prefix(format!("{}:{username}:", username.len()));
    text.chain_update(password.expose_secret())
        .finalize()
        .into()
}
