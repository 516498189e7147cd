//! Counters of accepted and billed data, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one sink. Only acknowledged records count as sent: a call with a lost response may
/// also have been billed.
#[derive(Debug, Default)]
pub struct Usage {
    lines: AtomicU64,
    bytes_sent: AtomicU64,
    bytes_billed: AtomicU64,
    calls: AtomicU64,
    entries_resent: AtomicU64,
    rejected: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsageSnapshot {
    /// Lines that the stream has acknowledged.
    pub lines: u64,
    /// Total size of these lines in bytes.
    pub bytes_sent: u64,
    /// The same size, rounded up to the service's billing steps.
    pub bytes_billed: u64,
    /// Calls to the stream, failed ones included.
    pub calls: u64,
    /// Records that were put again after they, or their call, had failed.
    pub entries_resent: u64,
    /// Records stored as rejects.
    pub rejected: u64,
}

impl Usage {
    /// The counters now.
    pub fn snapshot(&self) -> UsageSnapshot {
        self.read(|counter| counter.load(Ordering::Relaxed))
    }

    /// The counters since the last call of this function. Each counter is read and reset
    /// separately: an increment meanwhile is in this snapshot or in the next one, never in both.
    pub fn take(&self) -> UsageSnapshot {
        self.read(|counter| counter.swap(0, Ordering::Relaxed))
    }

    fn read(&self, read: impl Fn(&AtomicU64) -> u64) -> UsageSnapshot {
        UsageSnapshot {
            lines: read(&self.lines),
            bytes_sent: read(&self.bytes_sent),
            bytes_billed: read(&self.bytes_billed),
            calls: read(&self.calls),
            entries_resent: read(&self.entries_resent),
            rejected: read(&self.rejected),
        }
    }

    /// Counts a call, and its entries that were put before.
    pub(crate) fn called(&self, resent: usize) {
        add(&self.calls, 1);
        add(&self.entries_resent, resent);
    }

    /// Counts a record with this number of lines and bytes that the stream has accepted.
    pub(crate) fn sent(&self, lines: usize, bytes: usize, billed_bytes: usize) {
        add(&self.lines, lines);
        add(&self.bytes_sent, bytes);
        add(&self.bytes_billed, billed_bytes);
    }

    /// Counts records stored as rejects.
    pub(crate) fn rejected(&self, count: usize) {
        add(&self.rejected, count);
    }
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_usage_resets_counts() {
        let usage = Usage::default();
        usage.called(0);
        usage.sent(3, 300, 5_120);
        usage.rejected(2);
        let expected = UsageSnapshot {
            lines: 3,
            bytes_sent: 300,
            bytes_billed: 5_120,
            calls: 1,
            entries_resent: 0,
            rejected: 2,
        };
        assert_eq!(usage.snapshot(), expected);
        assert_eq!(usage.take(), expected);
        usage.called(4);
        let since = UsageSnapshot {
            calls: 1,
            entries_resent: 4,
            ..UsageSnapshot::default()
        };
        assert_eq!(usage.snapshot(), since);
    }
}
