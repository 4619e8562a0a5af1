//! What goes wrong between any two calls, and what runs at the same time: the broker behind its
//! HTTP interface, on in-memory twins of its ports, where every call can fail, hang, or be the last
//! one that the process makes.
//!
//! A *schedule* says what is asked, what goes wrong, and what the platform does about it. After
//! every answer, and at the end, the promises of `platform.rs` are checked. Schedules are
//! enumerated, not drawn, except where a test says so and prints its seed; one that breaks a
//! promise is printed as a trace.

#[path = "../support/mod.rs"]
mod support;

mod crashes;
mod interleavings;
mod platform;
mod sample;
mod schedule;
mod strangers;

/// Runs a future to its end. Where everything waits, time passes at once.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(future)
}
