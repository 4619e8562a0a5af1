//! The platform's user behind a request.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::id::digest;

/// The time for which the orphan mitigation of a refused request is expected. Service Catalog
/// retries it for days, but its first attempts come at once.
const MITIGATION: SignedDuration = SignedDuration::from_hours(24);

/// A platform's user, as a digest because records hold no names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Requester(String);

impl Requester {
    /// Returns the user of this name on a platform of this kind.
    pub fn new(platform: &str, user: &str) -> Self {
        Self(digest(&[platform, user]).to_string())
    }

    /// The digest, as stored in records.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user who requested the id of another user's instance. If the refusal is lost, the platform
/// deletes what it takes for the requested instance. That would be the other user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The user who was refused.
    pub requester: Requester,
    /// The time from which the user's deletions reach the instance again.
    pub expires_at: Timestamp,
}

impl Refused {
    /// Returns the refusal of a user from now on.
    pub fn new(requester: Requester, now: Timestamp) -> Self {
        Self {
            requester,
            expires_at: now + MITIGATION,
        }
    }
}
