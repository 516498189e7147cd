//! The clocks of simulated machines and vendors: each has its own small error, and at times a far
//! larger one.

use std::time::Duration;

use windlass_core::clock::{Clock, Sleep};
use windlass_core::{Timestamp, limits};

use crate::true_time;
use crate::wrong_clock::{Seat, WrongClocks};

/// Largest error of a clock, in milliseconds: half of the allowed difference of two clocks.
pub(crate) const SKEW_MS_MAX: i64 = limits::CLOCK_SKEW_MS / 2;
/// The longest sleep, in milliseconds; nothing in a world lasts longer.
const SLEEP_MS_MAX: i64 = 400 * windlass_core::time::DAY_MS;

/// A clock: the true time plus `skew_ms` plus its current error.
#[derive(Debug, Clone)]
pub(crate) struct SimClock {
    skew_ms: i64,
    wrong: Option<(Seat, WrongClocks)>,
}

impl SimClock {
    /// A correct clock.
    pub(crate) const TRUE: Self = Self {
        skew_ms: 0,
        wrong: None,
    };

    /// A clock that is fast by `skew_ms`, or slow by a negative one.
    pub(crate) const fn skewed(skew_ms: i64) -> Self {
        Self {
            skew_ms,
            wrong: None,
        }
    }

    /// The same clock at `seat`, with the errors of `wrong`.
    pub(crate) fn at(self, seat: Seat, wrong: WrongClocks) -> Self {
        Self {
            wrong: Some((seat, wrong)),
            ..self
        }
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let now = true_time::now();
        let off_ms = match &self.wrong {
            Some((seat, wrong)) => wrong.off_ms(*seat, now),
            None => 0,
        };
        now.plus_ms(self.skew_ms).plus_ms(off_ms)
    }

    fn steady_ms(&self) -> i64 {
        true_time::now().as_ms()
    }

    fn sleep(&self, ms: i64) -> Sleep {
        Box::pin(wait_ms(ms))
    }
}

/// Waits `ms` milliseconds of true time; not at all unless positive.
pub(crate) async fn wait_ms(ms: i64) {
    if ms > 0 {
        let ms = ms.min(SLEEP_MS_MAX).unsigned_abs();
        wait_until(tokio::time::Instant::now() + Duration::from_millis(ms)).await;
    }
}

/// Waits until `instant`.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where virtual time passes"
)]
pub(crate) async fn wait_until(instant: tokio::time::Instant) {
    tokio::time::sleep_until(instant).await;
}
