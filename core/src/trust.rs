//! Which clock is right, this machine's or the vendor's, and what may be done while that is open.
//!
//! A step that cannot be taken back (a window completes, time is passed over, settled time is swept)
//! takes a [`Trusted`] instant, which only [`Jury::judge`] makes: the earlier of the two clocks, or,
//! where they differ by more than a day, the one that other vendors agree with. The vendor's `Date` is
//! also a lower bound on time that no later step of this machine's clock moves, so the planner takes
//! irreversible steps by the last response and not by its own clock.

mod difference;
mod early;
mod plan_time;

use serde::{Deserialize, Serialize};

pub use self::difference::Difference;
pub use self::early::Early;
pub use self::plan_time::{Cut, PlanTime};
use crate::limits;
use crate::time::Timestamp;
use crate::wait::RateGate;

/// The clock that a source goes by, where its operator has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhoseClock {
    /// This machine's.
    Ours,
    /// The vendor's.
    Vendor,
}

/// The vendor's clock against this machine's, as one response showed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockOffset {
    /// The vendor's clock minus this machine's, in milliseconds; `None` without a `Date`.
    pub offset_ms: Option<i64>,
    /// The time of the response by this machine's clock.
    pub observed_at: Timestamp,
}

impl ClockOffset {
    /// A response that the vendor sent at `served_at` by its clock, between `asked_at` and `now` by ours.
    /// The offset is the least that explains it, for a page can take a while to come; but our clock has
    /// jumped when that was longer than any may.
    pub fn of(served_at: Option<Timestamp>, asked_at: Timestamp, now: Timestamp) -> Self {
        let may_last = 0..=limits::REQUEST_TIMEOUT_MS.cast_signed();
        let has_lasted = may_last.contains(&now.ms_since(asked_at));
        let asked_at = if has_lasted { asked_at } else { now };
        let offset_ms = |served_at: Timestamp| {
            let ahead_ms = served_at.ms_since(now).max(0);
            ahead_ms + served_at.ms_since(asked_at).min(0)
        };
        Self {
            offset_ms: served_at.map(offset_ms),
            observed_at: now,
        }
    }

    /// The vendor's clock at that response: the vendor's time is never before it any more.
    pub fn vendor_at(&self) -> Option<Timestamp> {
        let offset_ms = self.offset_ms?;
        Some(self.observed_at.plus_ms(offset_ms))
    }

    /// Whether it is worth a write while `stored` is stored: it differs by more than clocks do, or the
    /// stored one gets old.
    pub fn replaces(&self, stored: Option<&Self>) -> bool {
        let Some(stored) = stored else { return true };
        // A cache or a proxy can leave `Date` out: the clock that an earlier response showed stays.
        if self.offset_ms.is_none() && stored.offset_ms.is_some() {
            return false;
        }
        let age_ms = self.observed_at.ms_since(stored.observed_at);
        if !(-limits::CLOCK_SKEW_MS..limits::CLOCK_STORED_MS).contains(&age_ms) {
            return true;
        }
        match (self.offset_ms, stored.offset_ms) {
            (Some(new), Some(old)) => new.saturating_sub(old).abs() > limits::CLOCK_SKEW_MS,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    /// Whether other vendors have a say in what is believed.
    pub fn needs_witnesses(&self) -> bool {
        self.offset_ms
            .is_none_or(|ms| ms.abs() > limits::CLOCK_DISPUTE_MS)
    }

    /// Whether `now` is so soon after it that this machine's clock is believed in between.
    fn is_recent(&self, now: Timestamp) -> bool {
        // Another machine may have observed it by a clock that is a little ahead.
        (-limits::CLOCK_SKEW_MS..=limits::CLOCK_BELIEVED_MS)
            .contains(&now.ms_since(self.observed_at))
    }

    /// Whether it was observed at about `at`, by the same clock of ours.
    pub fn is_near(&self, at: Timestamp) -> bool {
        self.observed_at.ms_since(at).abs() <= limits::CLOCK_BELIEVED_MS
    }
}

/// What is stored of a rate group for all who work on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RateState {
    /// Its gate, if it was ever closed.
    pub gate: Option<RateGate>,
    /// Its vendor's clock, as last stored.
    pub clock: Option<ClockOffset>,
    /// The origin (scheme, host and port) whose response showed that clock: rate groups of one origin
    /// are one witness.
    pub origin: Option<String>,
}

/// An instant at which a step may be taken that cannot be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trusted {
    at: Timestamp,
    passed: Timestamp,
}

impl Trusted {
    /// The instant at which windows complete and settled time is swept.
    pub const fn at(self) -> Timestamp {
        self.at
    }

    /// The instant that both clocks have passed, whatever other vendors' clocks show: time is skipped
    /// by it alone, because a request for time that the vendor has dropped costs little, and skipped
    /// records are lost.
    pub const fn passed(self) -> Timestamp {
        self.passed
    }

    const fn of(at: Timestamp) -> Self {
        Self { at, passed: at }
    }

    /// Our clock while the vendor's is not known: for the search for a window whose response shows it.
    pub(crate) const fn assumed(now: Timestamp) -> Self {
        Self::of(now)
    }

    /// Both clocks show `now`.
    #[cfg(any(test, feature = "test-util"))]
    pub const fn agreed(now: Timestamp) -> Self {
        Self::of(now)
    }
}

/// The two clocks differ by more than a day, and nothing shows which one is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dispute {
    /// This machine's clock.
    pub ours: Timestamp,
    /// The vendor's.
    pub vendor: Timestamp,
}

/// Who decides between the two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jury<'a> {
    /// The operator's choice, if one was made.
    pub choice: Option<WhoseClock>,
    /// The clocks of other vendors against this machine's.
    pub witnesses: &'a [ClockOffset],
}

impl Jury<'_> {
    /// The instant by which an irreversible step may be taken when this machine's clock shows `ours`
    /// and the vendor's `vendor`.
    ///
    /// # Errors
    /// When they differ by more than a day and nothing shows which one is right.
    pub fn judge(&self, ours: Timestamp, vendor: Option<Timestamp>) -> Result<Trusted, Dispute> {
        match vendor {
            Some(vendor) => self.weigh(ours, vendor).map(|(trusted, _)| trusted),
            None => Ok(Trusted::of(self.without_vendor(ours))),
        }
    }

    /// The same, and the clock that it goes by.
    fn weigh(&self, ours: Timestamp, vendor: Timestamp) -> Result<(Trusted, WhoseClock), Dispute> {
        let offset_ms = vendor.ms_since(ours);
        let (trusted, whose) = match self.choice {
            Some(WhoseClock::Ours) => (ours, WhoseClock::Ours),
            Some(WhoseClock::Vendor) => (vendor, WhoseClock::Vendor),
            // Machines agree no better than this, and the records carry the vendor's time.
            None if offset_ms.abs() <= limits::CLOCK_SKEW_MS => (vendor, WhoseClock::Vendor),
            None if agree(offset_ms, 0) && offset_ms < 0 => (vendor, WhoseClock::Vendor),
            None if agree(offset_ms, 0) => (ours, WhoseClock::Ours),
            None => match self.votes(ours, offset_ms) {
                votes if votes > 0 => (self.earliest(ours, offset_ms), WhoseClock::Vendor),
                // Nothing shows this machine's share of what machines differ by.
                votes if votes < 0 => (
                    self.earliest(ours, -limits::CLOCK_SKEW_MS),
                    WhoseClock::Ours,
                ),
                _ => return Err(Dispute { ours, vendor }),
            },
        };
        let is_decided = self.choice.is_some() || offset_ms.abs() <= limits::CLOCK_SKEW_MS;
        let passed = if is_decided {
            trusted
        } else {
            trusted.min(ours).min(vendor)
        };
        let at = trusted;
        Ok((Trusted { at, passed }, whose))
    }

    /// Witnesses for the vendor's clock minus those for ours.
    fn votes(&self, ours: Timestamp, offset_ms: i64) -> i64 {
        let for_it = |seen_ms, ms| i64::from(agree(seen_ms, ms));
        let votes = |seen_ms| for_it(seen_ms, offset_ms) - for_it(seen_ms, 0);
        self.offsets(ours).map(votes).sum()
    }

    /// The clock that is `offset_ms` ahead of ours; earlier if a witness that agrees with it is.
    fn earliest(&self, ours: Timestamp, offset_ms: i64) -> Timestamp {
        let agreeing = self.offsets(ours).filter(|ms| agree(*ms, offset_ms));
        ours.plus_ms(agreeing.fold(offset_ms, i64::min))
    }

    /// Our clock, where the vendor shows none; earlier if another vendor's is, and by more than a day
    /// only if most of them say so.
    fn without_vendor(&self, ours: Timestamp) -> Timestamp {
        if self.choice == Some(WhoseClock::Ours) {
            return ours;
        }
        let earliest_ms = self.offsets(ours).fold(0, i64::min);
        if agree(earliest_ms, 0) || self.votes(ours, earliest_ms) > 0 {
            ours.plus_ms(earliest_ms)
        } else {
            self.earliest(ours, 0)
        }
    }

    /// How far ahead of ours the clocks of the witnesses are that were seen when it showed about `ours`.
    fn offsets(&self, ours: Timestamp) -> impl Iterator<Item = i64> {
        let near = self.witnesses.iter().filter(move |it| it.is_near(ours));
        near.filter_map(|witness| witness.offset_ms)
    }
}

/// Whether clocks that are so far ahead of ours differ by no more than clocks of which none is far off.
fn agree(a_ms: i64, b_ms: i64) -> bool {
    a_ms.saturating_sub(b_ms).abs() <= limits::CLOCK_DISPUTE_MS
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
