//! The true time of a simulated world: the vendors use it, and the clocks of processes deviate from
//! it.

use std::cell::Cell;

use tokio::time::Instant;
use windlass_core::Timestamp;

/// Time at the beginning of each world: 2026-03-02T00:00:00Z, a Monday.
pub(crate) const WORLD_EPOCH: Timestamp = Timestamp::from_ms(1_772_409_600_000);

thread_local! {
    /// Beginning of this thread's world.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Begins the world of this thread now.
pub(crate) fn begin() {
    BEGAN.set(Some(Instant::now()));
}

/// The true time. The first call begins the world if it has not begun.
pub(crate) fn now() -> Timestamp {
    let now = Instant::now();
    let began = BEGAN.get().unwrap_or_else(|| {
        BEGAN.set(Some(now));
        now
    });
    let ms = now.duration_since(began).as_millis();
    WORLD_EPOCH.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// The instant of the runtime's clock at which it is `time`.
pub(crate) fn instant(time: Timestamp) -> Instant {
    let began = BEGAN.get().unwrap_or_else(Instant::now);
    let ms = u64::try_from(time.ms_since(WORLD_EPOCH)).unwrap_or(0);
    began + std::time::Duration::from_millis(ms)
}
