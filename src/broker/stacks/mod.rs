//! CloudFormation's stacks, as the domain understands them: statuses, events, the progress of an
//! operation that follows from them, and its description for users.

pub(super) mod description;
mod events;
mod progress;
mod progress_cache;
mod remedies;
mod status;

pub use self::{
    description::root_cause,
    events::{OperationEvents, StackEvent, Subject},
    progress::{Progress, Sight, progress},
    progress_cache::ProgressCache,
    status::StackStatus,
};
