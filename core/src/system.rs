//! The only file that reads the wall clock and the operating system's randomness, and that sleeps.
#![expect(
    clippy::disallowed_methods,
    reason = "this is where the ambient calls live"
)]

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::clock::{Clock, Entropy, Sleep};
use crate::limits;
use crate::time::Timestamp;

/// The first reading of the monotonic clock.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The machine's wall clock, and tokio's timer for sleeping.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_ms(ms).min(limits::CLOCK_LATEST)
    }

    fn steady_ms(&self) -> i64 {
        i64::try_from(START.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn sleep(&self, ms: i64) -> Sleep {
        Box::pin(tokio::time::sleep(Duration::from_millis(
            u64::try_from(ms).unwrap_or(0),
        )))
    }
}

/// The operating system's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    /// Panics if the operating system has no randomness: owners would not be unique.
    fn next_u64(&self) -> u64 {
        getrandom::u64().expect("the operating system provides randomness")
    }
}
