//! The outcome of a request that creates, updates or deletes something.

/// The outcome of an accepted mutation, with what its response shows of the instance or binding.
/// `P` is what the response shows of one that is in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mutation<V, P = V> {
    /// This request has created it.
    Created(V),
    /// It is as requested: this request has changed or deleted it, or there was nothing to do.
    Done(V),
    /// The operation is in progress.
    InProgress {
        /// The operation id for the platform's polls.
        operation: String,
        /// The view for the response while the operation is in progress.
        view: P,
    },
}
