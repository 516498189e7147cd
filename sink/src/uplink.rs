//! Timeouts by size: the duration of one call, and the size of calls on a slow network.
//!
//! A timed-out call may have been applied, so timeouts must be rare on any working network: the
//! next call carries half as much, and has as long for it. The learned state stays with the sink,
//! because the calls of all its windows share the network.

use std::sync::atomic::{AtomicU32, Ordering};

use windlass_core::Clock;
use windlass_core::time::SECOND_MS;

use crate::call::CallError;

/// Timeout of a call apart from the time for its bytes, in milliseconds: a connection, and a busy
/// service.
const BASE_MS: i64 = 10 * SECOND_MS;
/// Assumed initial rate of the network, in bytes per second: a full call of 4 MiB has 53 seconds.
const BYTES_PER_SECOND: usize = 96 * 1024;
/// Minimum usable rate of the network. A record of 1 MiB, in base64, has six minutes.
const BYTES_PER_SECOND_MIN: usize = 4 * 1024;
/// Number of halvings after which a call of the maximum 500 records carries one.
const HALVINGS_MAX: u32 = 9;
/// A call that took less than this fraction of its timeout could have been twice as large.
const AMPLE_PART: i64 = 4;

/// The observed state of the network between one sink and its service.
#[derive(Debug, Default)]
pub(crate) struct Uplink {
    /// Number of halvings so far.
    halvings: AtomicU32,
}

/// The maximum size and the timeout of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    halvings: u32,
}

impl Uplink {
    /// The maximum size and the timeout of the next call.
    pub(crate) fn allowance(&self) -> Allowance {
        let halvings = self.halvings.load(Ordering::SeqCst);
        Allowance { halvings }
    }

    /// Records that a call of `allowance` timed out. Concurrent calls halve only once.
    fn timed_out(&self, allowance: Allowance) {
        let halvings = (allowance.halvings + 1).min(HALVINGS_MAX);
        self.halvings.fetch_max(halvings, Ordering::SeqCst);
    }

    /// Records that a call of `allowance` received its response after `took_ms` of `limit_ms`.
    fn responded(&self, allowance: Allowance, took_ms: i64, limit_ms: i64) {
        let Some(fewer) = allowance.halvings.checked_sub(1) else {
            return;
        };
        if took_ms < limit_ms / AMPLE_PART {
            let (seen, order) = (allowance.halvings, Ordering::SeqCst);
            // Another call has changed the value meanwhile, and its observation is newer.
            let _unchanged = self.halvings.compare_exchange(seen, fewer, order, order);
        }
    }

    /// Makes `call`, of `bytes`, within its timeout.
    pub(crate) async fn in_time<T>(
        &self,
        allowance: Allowance,
        bytes: usize,
        clock: &dyn Clock,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let (started, limit_ms) = (clock.now(), allowance.limit_ms(bytes));
        let done = tokio::select! {
            biased;
            done = call => done,
            () = clock.alarm(limit_ms) => {
                let seconds = limit_ms / SECOND_MS;
                Err(CallError::Slow(format!("no response in {seconds} s to a call of {bytes} bytes")))
            }
        };
        match &done {
            Ok(_) => self.responded(allowance, clock.now().ms_since(started), limit_ms),
            Err(CallError::Slow(_)) => self.timed_out(allowance),
            Err(_) => {}
        }
        done
    }
}

impl Allowance {
    /// The size of a call, in records or bytes; `records` is the size of a full call.
    pub(crate) const fn records(self, records: usize) -> usize {
        let fewer = records >> self.halvings;
        if fewer == 0 { 1 } else { fewer }
    }

    /// Timeout of a call of `bytes`, in milliseconds.
    fn limit_ms(self, bytes: usize) -> i64 {
        let rate = (BYTES_PER_SECOND >> self.halvings).max(BYTES_PER_SECOND_MIN);
        // The network carries the bytes as base64.
        let ms = bytes.saturating_mul(4) / 3 * 1_000 / rate;
        BASE_MS.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use windlass_core::Timestamp;
    use windlass_core::clock::ManualClock;

    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn halving_keeps_time_limit_for_half_the_bytes() {
        let limit_s = |halvings, bytes: usize| Allowance { halvings }.limit_ms(bytes) / 1_000;
        assert_eq!(limit_s(0, 0), 10);
        for halvings in 0..=4 {
            assert_eq!(limit_s(halvings, (3 * MIB) >> halvings), 52);
        }
        // The rate stays from there on, because a record cannot be halved.
        assert_eq!(limit_s(9, MIB), 351);
        let carried = |halvings| Allowance { halvings }.records(500);
        assert_eq!(
            [carried(0), carried(1), carried(8), carried(9)],
            [500, 250, 1, 1]
        );
    }

    /// Bytes that 60 calls send over a network of `per_second` bytes, and the number of timeouts.
    async fn sent(per_second: usize) -> (usize, u32) {
        let (uplink, clock) = (Uplink::default(), ManualClock::at(Timestamp::MIN));
        let (mut sent, mut lost) = (0, 0);
        for _ in 0..60 {
            let allowance = uplink.allowance();
            let bytes = 6 * 1024 * allowance.records(500);
            let needs_ms = i64::try_from(bytes * 4 / 3 * 1_000 / per_second).unwrap();
            let call = async {
                if needs_ms > allowance.limit_ms(bytes) {
                    clock.advance_ms(allowance.limit_ms(bytes));
                    std::future::pending::<()>().await;
                }
                clock.advance_ms(needs_ms);
                Ok(())
            };
            match uplink.in_time(allowance, bytes, &clock, call).await {
                Ok(()) => sent += bytes,
                Err(error) => {
                    assert!(matches!(error, CallError::Slow(_)), "{error:?}");
                    lost += 1;
                }
            }
        }
        (sent, lost)
    }

    #[tokio::test]
    async fn slow_network_shrinks_calls_until_none_fails() {
        for (per_second, lost_max) in [(10_000_000, 0), (100_000, 0), (25_000, 2), (5_000, 5)] {
            let (sent, lost) = sent(per_second).await;
            assert!(lost <= lost_max, "{lost} at {per_second}");
            assert!(sent > 0, "{per_second}");
        }
    }

    #[tokio::test]
    async fn calls_grow_after_network_recovers() {
        let (uplink, clock) = (Uplink::default(), ManualClock::at(Timestamp::MIN));
        for _ in 0..2 * HALVINGS_MAX {
            uplink.timed_out(uplink.allowance());
        }
        assert_eq!(uplink.allowance().records(500), 1);
        for _ in 0..HALVINGS_MAX {
            let call = async { Ok(()) };
            let done = uplink.in_time(uplink.allowance(), MIB, &clock, call).await;
            assert_eq!(done, Ok(()));
        }
        assert_eq!(uplink.allowance().records(500), 500);
    }

    #[test]
    fn concurrent_timeouts_halve_once() {
        let uplink = Uplink::default();
        let allowance = uplink.allowance();
        for _ in 0..8 {
            uplink.timed_out(allowance);
        }
        assert_eq!(uplink.allowance().records(500), 250);
    }
}
