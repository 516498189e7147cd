//! The number of requests in the last minute, and its limit.

use std::collections::VecDeque;

use windlass_core::Timestamp;
use windlass_core::time::MINUTE_MS;

/// Counts requests in a sliding minute.
#[derive(Debug, Default)]
pub(super) struct SlidingMinute {
    arrived: VecDeque<Timestamp>,
}

impl SlidingMinute {
    /// Counts a request that arrives `now`. Returns the number of requests in the minute before it,
    /// itself included.
    pub(super) fn arrive(&mut self, now: Timestamp) -> usize {
        while self
            .arrived
            .front()
            .is_some_and(|first| now.ms_since(*first) >= MINUTE_MS)
        {
            self.arrived.pop_front();
        }
        self.arrived.push_back(now);
        self.arrived.len()
    }

    /// Milliseconds from `now` until the limit allows one request more than at present.
    pub(super) fn reset_ms(&self, now: Timestamp) -> i64 {
        let first = self.arrived.front().copied().unwrap_or(now);
        first.plus_ms(MINUTE_MS).ms_since(now)
    }

    /// Remaining requests of `per_minute`.
    pub(super) fn left(&self, per_minute: u32) -> usize {
        let per_minute = usize::try_from(per_minute).unwrap_or(usize::MAX);
        per_minute.saturating_sub(self.arrived.len())
    }
}
