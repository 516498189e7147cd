//! The retry limit of one call, in number and time, before its failure is reported.

use windlass_core::retry::full_jitter;
use windlass_core::{Clock, Entropy, Timestamp};

/// Maximum number of consecutive attempts without progress: bounds the loop when the clock stands
/// still.
pub(crate) const TRIES_MAX: u32 = 24;
/// Maximum time between the first and the last of these attempts, in milliseconds: a worker
/// reserves ten seconds or more to release its window, and a longer wait for an unavailable stream
/// must not occupy a worker.
pub(crate) const WAIT_MS_MAX: i64 = 15_000;
/// Maximum total number of attempts of one call, as long as some of them make progress.
pub(crate) const TRIES_IN_ALL_MAX: u32 = 4 * TRIES_MAX;
/// Maximum time between the first and the last attempt, in milliseconds, with progress: giving up
/// means that accepted records are delivered again later, but a page can have several calls, and a
/// run has five minutes unless configured otherwise.
pub(crate) const WAIT_IN_ALL_MS_MAX: i64 = 4 * WAIT_MS_MAX;
/// Maximum number of attempts of one call that is denied each time.
pub(crate) const DENIED_TRIES_MAX: u32 = 8;
/// Upper bound of the first delay, in milliseconds.
const DELAY_MIN_MS: i64 = 100;
/// Upper bound of every delay, in milliseconds: quotas of both services are per second.
const DELAY_MAX_MS: i64 = 2_000;
/// Number of doublings after which the bound of a delay has reached its maximum.
const DOUBLINGS_MAX: u32 = 8;

/// The retries of one call.
#[derive(Debug)]
pub(crate) struct RetryLimit<'a> {
    clock: &'a dyn Clock,
    entropy: &'a dyn Entropy,
    started: Timestamp,
    tries: u32,
    /// Number of requests, those after which nothing was waited for included.
    requests: u32,
    /// Time and attempt number of the last progress; initially the start.
    progress: (Timestamp, u32),
}

impl<'a> RetryLimit<'a> {
    /// The retries of a call before its first attempt.
    pub(crate) fn new(clock: &'a dyn Clock, entropy: &'a dyn Entropy) -> Self {
        let started = clock.now();
        Self {
            clock,
            entropy,
            started,
            tries: 0,
            requests: 0,
            progress: (started, 0),
        }
    }

    /// Records that a request is sent.
    pub(crate) fn requested(&mut self) {
        self.requests = self.requests.saturating_add(1);
    }

    /// Records that the last attempt made progress: it earns as many further attempts as the first
    /// one, within the total limits. The waits between them stay as long as they are.
    pub(crate) fn progressed(&mut self) {
        self.progress = (self.clock.now(), self.tries + 1);
    }

    /// Waits after an attempt that failed or only partly succeeded, each time up to twice as long,
    /// with full jitter. Returns false, without a wait, if there is no further attempt.
    pub(crate) async fn wait(&mut self) -> bool {
        self.wait_at_least(0).await
    }

    /// [`Self::wait`], for a service that requests a wait of `least_ms`.
    pub(crate) async fn wait_at_least(&mut self, least_ms: i64) -> bool {
        let doublings = self.tries.min(DOUBLINGS_MAX);
        let delay_max_ms = (DELAY_MIN_MS << doublings).min(DELAY_MAX_MS);
        let delay_ms = full_jitter(delay_max_ms, self.entropy.next_u64()).max(least_ms);
        self.tries += 1;
        let (progress_at, progress_tries) = self.progress;
        let fruitless = self.tries - progress_tries;
        let until = self.clock.now().plus_ms(delay_ms);
        if fruitless >= TRIES_MAX
            || until.ms_since(progress_at) > WAIT_MS_MAX
            || self.tries >= TRIES_IN_ALL_MAX
            || until.ms_since(self.started) > WAIT_IN_ALL_MS_MAX
        {
            return false;
        }
        self.clock.sleep(delay_ms).await;
        true
    }

    /// [`Self::wait`], for a denied attempt: a temporary cause has passed after a few attempts, and
    /// a window can wait longer without occupying a worker.
    pub(crate) async fn wait_denied(&mut self) -> bool {
        self.tries + 1 < DENIED_TRIES_MAX && self.wait().await
    }

    /// The number of requests and their duration, for a message.
    pub(crate) fn spent(&self) -> String {
        let (tries, seconds) = (self.requests, self.spent_ms() / 1_000);
        let noun = if tries == 1 { "try" } else { "tries" };
        format!("{tries} {noun} in {seconds} s")
    }

    fn spent_ms(&self) -> i64 {
        self.clock.now().ms_since(self.started)
    }
}

#[cfg(test)]
mod tests {
    use windlass_core::clock::{ManualClock, SeededEntropy};

    use super::*;

    /// The number of attempts of a call that never succeeds, and their total wait.
    async fn exhausted(seed: u64, call_ms: i64) -> (u32, i64) {
        let (clock, entropy) = (ManualClock::at(Timestamp::MIN), SeededEntropy::new(seed));
        let mut retry_limit = RetryLimit::new(&clock, &entropy);
        clock.advance_ms(call_ms);
        while retry_limit.wait().await {
            clock.advance_ms(call_ms);
        }
        (retry_limit.tries, clock.slept_ms())
    }

    #[tokio::test]
    async fn tries_and_waits_are_bounded() {
        for seed in 0..200 {
            let (tries, slept_ms) = exhausted(seed, 0).await;
            assert!((8..=TRIES_MAX).contains(&tries), "{tries}");
            assert!(slept_ms <= WAIT_MS_MAX, "{slept_ms}");
        }
    }

    #[tokio::test]
    async fn call_time_counts_toward_limit() {
        for seed in 0..200 {
            let (tries, _) = exhausted(seed, 10_000).await;
            assert_eq!(tries, 2);
        }
    }

    #[tokio::test]
    async fn progress_extends_retries_up_to_total_limit() {
        for seed in 0..200 {
            let (clock, entropy) = (ManualClock::at(Timestamp::MIN), SeededEntropy::new(seed));
            let mut retry_limit = RetryLimit::new(&clock, &entropy);
            retry_limit.progressed();
            while retry_limit.wait().await {
                retry_limit.progressed();
            }
            assert!(clock.slept_ms() > 2 * WAIT_MS_MAX, "{}", clock.slept_ms());
            assert!(clock.slept_ms() <= WAIT_IN_ALL_MS_MAX);
            assert!(
                retry_limit.tries <= TRIES_IN_ALL_MAX,
                "{}",
                retry_limit.tries
            );
        }
    }

    #[tokio::test]
    async fn retry_limit_restarts_at_last_progress() {
        for seed in 0..200 {
            let (clock, entropy) = (ManualClock::at(Timestamp::MIN), SeededEntropy::new(seed));
            let mut retry_limit = RetryLimit::new(&clock, &entropy);
            for _ in 0..10 {
                assert!(retry_limit.wait().await);
            }
            retry_limit.progressed();
            let (progress_ms, tries) = (clock.slept_ms(), retry_limit.tries);
            while retry_limit.wait().await {}
            assert!(clock.slept_ms() - progress_ms <= WAIT_MS_MAX);
            assert!((8..=TRIES_MAX + 1).contains(&(retry_limit.tries - tries)));
        }
    }

    #[test]
    fn spent_counts_every_request() {
        let (clock, entropy) = (ManualClock::at(Timestamp::MIN), SeededEntropy::new(1));
        let mut limit = RetryLimit::new(&clock, &entropy);
        assert_eq!(limit.spent(), "0 tries in 0 s");
        limit.requested();
        assert_eq!(limit.spent(), "1 try in 0 s");
        limit.requested();
        clock.advance_ms(2_500);
        assert_eq!(limit.spent(), "2 tries in 2 s");
    }

    #[tokio::test]
    async fn waits_are_jittered() {
        assert_ne!(exhausted(1, 0).await.1, exhausted(2, 0).await.1);
    }
}
