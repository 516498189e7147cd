//! The seams for time and randomness: `system` holds the real ones, the feature `test-util` those
//! of tests.

use std::future::Future;
use std::pin::Pin;

use crate::time::Timestamp;

/// A boxed sleep, so that a clock can be a trait object.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The source of the current time, and of waits.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The current time. It may step backwards; the protocol does not rely on its order.
    fn now(&self) -> Timestamp;

    /// Milliseconds since an arbitrary instant of the process. Never steps, even when [`Self::now`]
    /// does: the difference of two readings is the time between them, less the time for which the
    /// machine was suspended.
    fn steady_ms(&self) -> i64;

    /// Completes after `ms` milliseconds; at once when `ms` is not positive.
    fn sleep(&self, ms: i64) -> Sleep;

    /// Completes once `ms` milliseconds have passed, as a limit on another future. A clock that
    /// moves by its sleeps is not moved by this.
    fn alarm(&self, ms: i64) -> Sleep {
        self.sleep(ms)
    }
}

/// The source of randomness, for owners and jitter.
pub trait Entropy: Send + Sync + std::fmt::Debug {
    /// 64 random bits.
    fn next_u64(&self) -> u64;

    /// 128 random bits.
    fn next_u128(&self) -> u128 {
        (u128::from(self.next_u64()) << 64) | u128::from(self.next_u64())
    }
}

#[cfg(feature = "test-util")]
pub use manual::{ManualClock, SeededEntropy};

#[cfg(feature = "test-util")]
mod manual {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::sync::{Arc, Mutex, PoisonError};
    use std::task::{Poll, Waker};

    use super::{Clock, Entropy, Sleep, Timestamp};

    /// A clock that moves only by its methods and by the length of each sleep.
    #[derive(Debug)]
    pub struct ManualClock {
        now_ms: Arc<AtomicI64>,
        jumped_ms: AtomicI64,
        slept_ms: AtomicI64,
        alarms: Arc<Mutex<Vec<Waker>>>,
    }

    impl ManualClock {
        /// A clock that shows `now`.
        pub fn at(now: Timestamp) -> Self {
            Self {
                now_ms: Arc::new(AtomicI64::new(now.as_ms())),
                jumped_ms: AtomicI64::new(0),
                slept_ms: AtomicI64::new(0),
                alarms: Arc::default(),
            }
        }

        /// Moves the clock by `ms`, backwards when negative.
        pub fn advance_ms(&self, ms: i64) {
            self.now_ms.fetch_add(ms, Ordering::SeqCst);
            let mut alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
            alarms.drain(..).for_each(Waker::wake);
        }

        /// Sets the clock forward by `ms` without time passing, or back when negative.
        pub fn jump_ms(&self, ms: i64) {
            self.jumped_ms.fetch_add(ms, Ordering::SeqCst);
            self.advance_ms(ms);
        }

        /// Sum of all sleeps so far.
        pub fn slept_ms(&self) -> i64 {
            self.slept_ms.load(Ordering::SeqCst)
        }
    }

    impl Clock for ManualClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_ms(self.now_ms.load(Ordering::SeqCst))
        }

        fn steady_ms(&self) -> i64 {
            self.now().as_ms() - self.jumped_ms.load(Ordering::SeqCst)
        }

        fn sleep(&self, ms: i64) -> Sleep {
            let ms = ms.max(0);
            self.advance_ms(ms);
            self.slept_ms.fetch_add(ms, Ordering::SeqCst);
            Box::pin(std::future::ready(()))
        }

        fn alarm(&self, ms: i64) -> Sleep {
            let (now_ms, alarms) = (Arc::clone(&self.now_ms), Arc::clone(&self.alarms));
            let due_ms = now_ms.load(Ordering::SeqCst).saturating_add(ms);
            Box::pin(poll_fn(move |context| {
                // Registered before the time is read, so that no step of the clock is missed.
                let mut alarms = alarms.lock().unwrap_or_else(PoisonError::into_inner);
                alarms.push(context.waker().clone());
                if now_ms.load(Ordering::SeqCst) < due_ms {
                    Poll::Pending
                } else {
                    Poll::Ready(())
                }
            }))
        }
    }

    /// Randomness that repeats for the same seed.
    #[derive(Debug)]
    pub struct SeededEntropy(Mutex<fastrand::Rng>);

    impl SeededEntropy {
        /// The sequence of `seed`.
        pub fn new(seed: u64) -> Self {
            Self(Mutex::new(fastrand::Rng::with_seed(seed)))
        }
    }

    impl Entropy for SeededEntropy {
        fn next_u64(&self) -> u64 {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .u64(..)
        }
    }
}
