//! The platform's user behind a request.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::id::digest;

/// How long a refused user's orphan mitigation is expected: Service Catalog retries for days, but
/// at once at first.
const MITIGATION: SignedDuration = SignedDuration::from_hours(24);

/// A user of a platform, as a digest: records hold no names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Requester(String);

impl Requester {
    /// The user of this name on a platform of this kind.
    pub fn new(platform: &str, user: &str) -> Self {
        Self(digest(&[platform, user]).to_string())
    }

    /// The digest, as it is in records.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user who asked for an id that is another user's instance. If the refusal gets lost, the
/// platform deletes what it believes to be that user's: the instance of the other one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The user.
    pub requester: Requester,
    /// The time from which the user's deletions reach the instance again.
    pub expires_at: Timestamp,
}

impl Refused {
    /// The user, refused now.
    pub fn new(requester: Requester, now: Timestamp) -> Self {
        Self {
            requester,
            expires_at: now + MITIGATION,
        }
    }
}
