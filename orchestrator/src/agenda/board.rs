//! The sources of an agenda together: their due instants, and counts of their states.

use std::collections::BTreeSet;

use windlass_core::ids::{RateGroup, SourceName};
use windlass_core::time::Timestamp;

use crate::losses::Losses;
use crate::report::{Activity, SourceReport};

/// A source to plan, or a rate group whose cooldown ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Source(SourceName),
    Group(RateGroup),
}

/// Due instants and counts.
#[derive(Debug, Default)]
pub(super) struct Board {
    due: BTreeSet<(Timestamp, Due)>,
    pub(super) standing: Standing,
    pub(super) losses: Losses,
}

impl Board {
    /// Moves the instant of `what` from `before`, if it had one, to `at`.
    pub(super) fn reschedule(
        &mut self,
        what: &Due,
        before: Option<Timestamp>,
        at: Option<Timestamp>,
    ) {
        let entry = |at| (at, what.clone());
        if let Some(before) = before {
            self.due.remove(&entry(before));
        }
        if let Some(at) = at {
            self.due.insert(entry(at));
        }
    }

    /// Removes and returns the first item that is due at `now`.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Due> {
        if self.next_due()? > now {
            return None;
        }
        self.due.pop_first().map(|(_, due)| due)
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }
}

/// Counts of sources.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    all: usize,
    /// Idle, blocked or paused sources.
    resting: usize,
    /// Sources that cannot be planned and do not rest.
    failed_working: usize,
    failed: usize,
}

impl Standing {
    pub(super) fn add(&mut self, report: &SourceReport) {
        self.count(report, |count| *count += 1);
    }

    pub(super) fn remove(&mut self, report: &SourceReport) {
        self.count(report, |count| *count -= 1);
    }

    fn count(&mut self, report: &SourceReport, change: impl Fn(&mut usize)) {
        change(&mut self.all);
        let rests = match report.activity {
            Activity::Idle | Activity::Blocked | Activity::Paused => true,
            Activity::Working | Activity::Waiting(_) => false,
        };
        if rests {
            change(&mut self.resting);
        }
        if report.error.is_some() {
            change(&mut self.failed);
            if !rests {
                change(&mut self.failed_working);
            }
        }
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.resting == self.all && self.failed == 0
    }

    pub(super) fn is_stuck(&self) -> bool {
        self.failed > 0 && self.resting + self.failed_working == self.all
    }
}
