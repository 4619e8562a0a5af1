//! Facts about a request that are noted while it is handled, for the log line at its end. The code
//! that notes them does not depend on that line.

use std::cell::RefCell;

use jiff::SignedDuration;

/// The known facts about a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// True if the sender's credentials were accepted.
    pub is_known_sender: bool,
    /// The name of the service offering in question.
    pub service: Option<String>,
    /// The name of the plan in question.
    pub plan: Option<String>,
    /// The GUID of the instance's organization.
    pub organization_guid: Option<String>,
    /// The GUID of the instance's space.
    pub space_guid: Option<String>,
    /// The age of the operation that the request found still running.
    pub in_flight: Option<SignedDuration>,
    /// The number of calls to AWS, each attempt counted.
    pub aws_calls: u64,
}

tokio::task_local! {
    static FACTS: RefCell<Facts>;
}

/// Runs the work. Returns its result and the facts noted meanwhile.
pub async fn gather<T>(work: impl Future<Output = T>) -> (T, Facts) {
    let noted = async {
        let done = work.await;
        (done, FACTS.with(RefCell::take))
    };
    FACTS.scope(RefCell::default(), noted).await
}

/// Notes facts about the current request; does nothing if there is none.
pub fn note(write: impl FnOnce(&mut Facts)) {
    // An error means that no request is being handled.
    let _ = FACTS.try_with(|facts| write(&mut facts.borrow_mut()));
}
