//! Blocked sources and their probes. A probe is one window of the blocked source. Time cures most
//! causes (a credential is renewed, a policy deployed, a disk cleared), and an occasional request
//! notices that without an operator.

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::time::Timestamp;

/// The block of a source, set when its vendor, its secret store or its sink rejects it. Its windows
/// keep their progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// The latest rejection, and its cure.
    pub reason: String,
    /// The first rejection.
    pub since: Timestamp,
    /// The earliest instant of the next probe.
    pub probe_at: Timestamp,
}

/// Causes of a block, by how soon they can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockCause {
    /// Credentials, permissions, a name or the configuration are wrong.
    Refused,
    /// A trouble of this machine, such as a full disk or a folder that cannot be written. The machine
    /// shows its end, so a probe may come often.
    Local,
}

/// The work that may start for a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Work {
    /// No work: the source is paused, or blocked and no probe is due.
    Nothing,
    /// One window, while no other window of the source is in flight.
    Probe,
    /// All work that the policy allows.
    Everything,
}

impl Blocked {
    /// A block for `cause` that is stored at `now` and began at `since`.
    pub fn new(reason: String, cause: BlockCause, since: Timestamp, now: Timestamp) -> Self {
        Self {
            reason,
            since,
            probe_at: now.plus_ms(probe_wait_ms(cause, now.ms_since(since))),
        }
    }

    /// The same block after a probe that began at `now`. The next probe follows even if the worker
    /// of this one is killed.
    pub fn probed(&self, now: Timestamp) -> Self {
        let wait_ms = probe_wait_ms(BlockCause::Refused, now.ms_since(self.since));
        Self {
            probe_at: now.plus_ms(wait_ms),
            ..self.clone()
        }
    }

    /// The same block with a probe that is due at `now`, because the cause has been removed.
    pub fn due(&self, now: Timestamp) -> Self {
        Self {
            probe_at: now,
            ..self.clone()
        }
    }

    /// Returns whether a probe is due at `now`. A probe further off than the longest wait was set
    /// by a wrong clock, and is due.
    pub fn is_probe_due(&self, now: Timestamp) -> bool {
        let latest = now
            .plus_ms(limits::PROBE_SLOW_MS)
            .plus_ms(limits::CLOCK_SKEW_MS);
        self.probe_at <= now || self.probe_at > latest
    }
}

/// A change of a source's stored block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockChange {
    /// The source is rejected. A stored block keeps its first instant, and takes the new reason and
    /// probe.
    Block(Blocked),
    /// A worker takes the due probe, or an operator makes it due.
    Probe {
        /// The block as read: the change applies only while this block is stored.
        seen: Blocked,
        /// The same block with its next probe.
        probed: Blocked,
    },
    /// A page of the source was delivered: the block ends.
    Clear,
}

impl BlockChange {
    /// Returns whether the change applies while `stored` is there. A worker that does not know the
    /// outcome of its probe's write repeats it, loses, and waits for the next probe.
    pub fn applies_to(&self, stored: Option<&Blocked>) -> bool {
        match self {
            Self::Block(_) | Self::Clear => true,
            Self::Probe { seen, .. } => stored.is_some_and(|stored| {
                stored.since == seen.since && stored.probe_at == seen.probe_at
            }),
        }
    }

    /// The block that the change leaves in place of `stored`; `None` if the source is no longer
    /// blocked.
    pub fn after(&self, stored: Option<&Blocked>) -> Option<Blocked> {
        match self {
            Self::Block(new) => Some(Blocked {
                since: stored.map_or(new.since, |stored| stored.since),
                ..new.clone()
            }),
            Self::Probe { probed, .. } => Some(probed.clone()),
            Self::Clear => None,
        }
    }
}

/// The wait before the next probe of a source that has been blocked for `blocked_ms`, in milliseconds.
pub fn probe_wait_ms(cause: BlockCause, blocked_ms: i64) -> i64 {
    match cause {
        BlockCause::Local => limits::PROBE_LOCAL_MS,
        BlockCause::Refused if blocked_ms < limits::PROBE_SLOW_AFTER_MS => limits::PROBE_MS,
        BlockCause::Refused => limits::PROBE_SLOW_MS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::MINUTE_MS;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_ms(minutes * MINUTE_MS)
    }

    #[test]
    fn blocked_source_probes_every_10_minutes_then_hourly() {
        let mut blocked = Blocked::new("403".to_owned(), BlockCause::Refused, at(0), at(0));
        let mut probes = Vec::new();
        for minute in 0..=10 * 60 {
            if blocked.is_probe_due(at(minute)) {
                probes.push(minute);
                blocked = blocked.probed(at(minute));
            }
        }
        let often = (1..=36).map(|probe| probe * 10);
        let rarely = (7..=10).map(|hour| hour * 60);
        assert_eq!(probes, often.chain(rarely).collect::<Vec<_>>());
    }

    #[test]
    fn full_disk_is_probed_every_minute() {
        for minutes in [0, 1, 60 * 24 * 30] {
            let now = at(minutes);
            let blocked = Blocked::new("full".to_owned(), BlockCause::Local, at(0), now);
            assert_eq!(blocked.probe_at, now.plus_ms(MINUTE_MS));
            assert!(!blocked.is_probe_due(now) && blocked.is_probe_due(blocked.probe_at));
        }
    }

    #[test]
    fn implausibly_late_probe_is_due() {
        let far_off = Blocked::new("403".to_owned(), BlockCause::Refused, at(0), at(1_000_000));
        assert!(far_off.is_probe_due(at(5)));
        let latest = limits::PROBE_SLOW_MS + limits::CLOCK_SKEW_MS;
        let edge = Blocked {
            probe_at: at(5).plus_ms(latest),
            ..far_off
        };
        assert!(!edge.is_probe_due(at(5)));
        assert!(edge.is_probe_due(at(5).minus_ms(1)));
    }
}
