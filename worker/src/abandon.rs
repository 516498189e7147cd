//! The end of the wait for a page in flight.

use windlass_core::Clock;
use windlass_core::deadline::Deadline;

/// Completes when a page in flight, from the vendor or to the sink, must be abandoned. The run
/// then releases its window before it is killed: a kill would count against the window.
pub(crate) async fn abandon(deadline: Deadline, clock: &dyn Clock) {
    match deadline.give_up_ms(clock.now()) {
        Some(ms) => clock.alarm(ms).await,
        None => std::future::pending().await,
    }
}
