//! Compiler of a plan's durations: `LongestCreation` and `MaximumPollingDuration`.

use serde_saphyr::Spanned;

use super::{
    Checked,
    document::{ServicePlan, Specification},
    fault,
};

/// `LongestCreation` of a template that does not have it, in seconds.
const DEFAULT_LONGEST_CREATION: u32 = 300;

/// The shortest `maximum_polling_duration`, in seconds. A platform that gives up deletes the
/// instance, so AWS has time for a disturbance. The broker gives up an ignored deletion after an
/// hour.
const SHORTEST_POLLING: u32 = 7_200;

/// The longest `maximum_polling_duration`, in seconds: a day. The sweep reports an operation that
/// is older.
pub const LONGEST_POLLING: u32 = 86_400;

/// The ratio of the time for which platforms poll to the longest expected creation.
const PATIENCE: u32 = 6;

/// The durations of a plan, in seconds.
pub struct Durations {
    /// The longest expected duration of a creation.
    pub longest_creation: u32,
    /// The time for which platforms poll.
    pub maximum_polling: u32,
}

/// Returns the plan's durations, from the plan or else from the service.
pub fn durations(specification: &Specification, plan: &ServicePlan) -> Checked<Durations> {
    let creation = plan
        .longest_creation
        .as_ref()
        .or(specification.longest_creation.as_ref());
    let longest_creation = creation.map_or(Ok(DEFAULT_LONGEST_CREATION), |at| {
        within(at, "LongestCreation", 1)
    })?;

    let polling = plan
        .maximum_polling_duration
        .as_ref()
        .or(specification.maximum_polling_duration.as_ref());
    let maximum_polling = polling.map_or_else(
        || Ok((longest_creation * PATIENCE).clamp(SHORTEST_POLLING, LONGEST_POLLING)),
        |at| within(at, "MaximumPollingDuration", longest_creation),
    )?;

    Ok(Durations {
        longest_creation,
        maximum_polling,
    })
}

/// Returns the duration, which must be between `shortest` and a day.
fn within(at: &Spanned<u32>, key: &str, shortest: u32) -> Checked<u32> {
    if (shortest..=LONGEST_POLLING).contains(&at.value) {
        return Ok(at.value);
    }
    Err(fault(
        at,
        format!("{key} must be between {shortest} and {LONGEST_POLLING} seconds"),
    ))
}
