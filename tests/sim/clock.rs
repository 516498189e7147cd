//! The clocks of simulated machines: each wrong by an amount of its own.

use std::time::Duration;

use windlass_core::clock::{Clock, Sleep};
use windlass_core::{Timestamp, limits};

use crate::true_time;

/// Clocks are wrong by half of what two of them may differ by, at most.
pub(crate) const SKEW_MS_MAX: i64 = limits::CLOCK_SKEW_MS / 2;
/// The longest sleep; nothing in a world lasts longer.
const SLEEP_MS_MAX: i64 = 400 * windlass_core::time::DAY_MS;

/// A machine's clock: the true time and `skew_ms`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SimClock {
    skew_ms: i64,
}

impl SimClock {
    /// One that is right.
    pub(crate) const TRUE: Self = Self { skew_ms: 0 };

    /// One that is fast by `skew_ms`, or slow when that is negative.
    pub(crate) const fn skewed(skew_ms: i64) -> Self {
        Self { skew_ms }
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        true_time::now().plus_ms(self.skew_ms)
    }

    fn sleep(&self, ms: i64) -> Sleep {
        Box::pin(wait_ms(ms))
    }
}

/// Waits `ms` milliseconds of true time; not at all when that is not positive.
pub(crate) async fn wait_ms(ms: i64) {
    if ms > 0 {
        let ms = ms.min(SLEEP_MS_MAX).unsigned_abs();
        wait_until(tokio::time::Instant::now() + Duration::from_millis(ms)).await;
    }
}

/// Waits until it is `instant`.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where virtual time passes"
)]
pub(crate) async fn wait_until(instant: tokio::time::Instant) {
    tokio::time::sleep_until(instant).await;
}
