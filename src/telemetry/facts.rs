//! What becomes known of a request while it is handled, for the line that is written at its end.
//! Whoever handles it need not know that there is such a line, or whether anybody looks.

use std::cell::RefCell;

use jiff::SignedDuration;

/// What is known of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether its sender has known the password.
    pub is_known_sender: bool,
    /// The name of the service offering that it is about.
    pub service: Option<String>,
    /// The name of the plan.
    pub plan: Option<String>,
    /// Whose instance it is about.
    pub organization_guid: Option<String>,
    /// Likewise.
    pub space_guid: Option<String>,
    /// How long the operation, which it has found still running, has run.
    pub in_flight: Option<SignedDuration>,
    /// How many calls of AWS it has made, each attempt counted.
    pub aws_calls: u64,
}

tokio::task_local! {
    static FACTS: RefCell<Facts>;
}

/// Does the work, and returns what was noted meanwhile.
pub async fn gather<T>(work: impl Future<Output = T>) -> (T, Facts) {
    let noted = async {
        let done = work.await;
        (done, FACTS.with(RefCell::take))
    };
    FACTS.scope(RefCell::default(), noted).await
}

/// Notes something of the request that is being handled, if one is.
pub fn note(write: impl FnOnce(&mut Facts)) {
    // An error says that no request is being handled.
    let _ = FACTS.try_with(|facts| write(&mut facts.borrow_mut()));
}
