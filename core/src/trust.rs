//! The trusted clock: this machine's or the vendor's, and the steps that need one.
//!
//! An irreversible step (a window completes, time is skipped, settled time is swept) takes a
//! [`Trusted`] instant, which only [`Jury::judge`] makes. It is the earlier of the two clocks, or,
//! where they differ by more than a day, the one that other vendors agree with.
//!
//! The vendor's `Date` is also a lower bound on time that no later step of the machine clock moves.
//! The planner therefore takes irreversible steps by the last response and not by its own clock.

mod difference;
mod early;
mod plan_time;
mod witnesses;

use serde::{Deserialize, Serialize};

pub use self::difference::Difference;
pub use self::early::Early;
pub use self::plan_time::{Cut, PlanTime};
pub use self::witnesses::Witnesses;
use crate::limits;
use crate::time::Timestamp;
use crate::wait::Cooldown;

/// The operator's choice of the clock for a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhoseClock {
    /// The machine clock.
    Ours,
    /// The vendor clock.
    Vendor,
}

/// The offset of the vendor clock from the machine clock, as shown by one response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockOffset {
    /// The vendor clock minus the machine clock, in milliseconds; `None` without a `Date`.
    pub offset_ms: Option<i64>,
    /// The time of the response by the machine clock.
    pub observed_at: Timestamp,
}

impl ClockOffset {
    /// The offset of a response that the vendor sent at `served_at` by its clock, between
    /// `asked_at` and `now` by the machine clock. It is the least offset that explains the
    /// response, because a page can take a while. If it took longer than any request may, the
    /// machine clock has jumped.
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

    /// The vendor clock at that response, a lower bound of the vendor's time from then on.
    pub fn vendor_at(&self) -> Option<Timestamp> {
        let offset_ms = self.offset_ms?;
        Some(self.observed_at.plus_ms(offset_ms))
    }

    /// Returns whether the offset justifies a write while `stored` is stored: it differs by more
    /// than the clock skew, or the stored one is old.
    pub fn replaces(&self, stored: Option<&Self>) -> bool {
        let Some(stored) = stored else { return true };
        // A cache or a proxy can omit `Date`: the clock of an earlier response stays.
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

    /// Returns whether witnesses take part in the decision.
    pub fn needs_witnesses(&self) -> bool {
        self.offset_ms
            .is_none_or(|ms| ms.abs() > limits::CLOCK_DISPUTE_MS)
    }

    /// Returns whether `now` is so soon after the response that the machine clock is trusted in
    /// between.
    fn is_recent(&self, now: Timestamp) -> bool {
        // Another machine may have observed it by a clock that is a little ahead.
        (-limits::CLOCK_SKEW_MS..=limits::CLOCK_BELIEVED_MS)
            .contains(&now.ms_since(self.observed_at))
    }

    /// Returns whether the offset was observed at about `at`, by the same machine clock.
    pub fn is_near(&self, at: Timestamp) -> bool {
        self.observed_at.ms_since(at).abs() <= limits::CLOCK_BELIEVED_MS
    }
}

/// The stored state of a rate group, shared by all of its workers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RateState {
    /// The latest cooldown; `None` if there was none.
    pub cooldown: Option<Cooldown>,
    /// The vendor clock, as last stored.
    pub clock: Option<ClockOffset>,
    /// The origin (scheme, host and port) whose response showed that clock: rate groups of one
    /// origin are one witness.
    pub origin: Option<String>,
}

/// An instant at which an irreversible step may be taken.
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

    /// The instant that both clocks have passed, even when other vendors' clocks agree with a later
    /// one. Time is skipped only by it, because a request for dropped time costs little, and
    /// skipped records are lost.
    pub const fn passed(self) -> Timestamp {
        self.passed
    }

    const fn of(at: Timestamp) -> Self {
        Self { at, passed: at }
    }

    /// The machine clock while the vendor clock is unknown: for the search for a window whose
    /// response shows it.
    pub(crate) const fn assumed(now: Timestamp) -> Self {
        Self::of(now)
    }

    /// The instant that both clocks show.
    #[cfg(any(test, feature = "test-util"))]
    pub const fn agreed(now: Timestamp) -> Self {
        Self::of(now)
    }
}

/// The error of two clocks that differ by more than a day, without evidence for either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dispute {
    /// The machine clock.
    pub ours: Timestamp,
    /// The vendor clock.
    pub vendor: Timestamp,
}

/// The facts that decide between the two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jury<'a> {
    /// The operator's choice; `None` if none was made.
    pub choice: Option<WhoseClock>,
    /// The offsets of other vendors' clocks from the machine clock.
    pub witnesses: &'a [ClockOffset],
}

impl Jury<'_> {
    /// The instant for irreversible steps when the machine clock shows `ours` and the vendor clock
    /// `vendor`.
    ///
    /// # Errors
    /// Fails if the clocks differ by more than a day without evidence for either.
    pub fn judge(&self, ours: Timestamp, vendor: Option<Timestamp>) -> Result<Trusted, Dispute> {
        match vendor {
            Some(vendor) => self.weigh(ours, vendor).map(|(trusted, _)| trusted),
            None => Ok(Trusted::of(self.without_vendor(ours))),
        }
    }

    /// The same, with the clock that was chosen.
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
                // Nothing shows this machine's part of the skew between machines.
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

    /// Witnesses for the vendor clock minus those for the machine clock.
    fn votes(&self, ours: Timestamp, offset_ms: i64) -> i64 {
        let for_it = |seen_ms, ms| i64::from(agree(seen_ms, ms));
        let votes = |seen_ms| for_it(seen_ms, offset_ms) - for_it(seen_ms, 0);
        self.offsets(ours).map(votes).sum()
    }

    /// The clock that is `offset_ms` ahead of the machine clock, or an earlier witness that agrees
    /// with it.
    fn earliest(&self, ours: Timestamp, offset_ms: i64) -> Timestamp {
        let agreeing = self.offsets(ours).filter(|ms| agree(*ms, offset_ms));
        ours.plus_ms(agreeing.fold(offset_ms, i64::min))
    }

    /// The machine clock, for a vendor without `Date`. Another vendor's earlier clock replaces it,
    /// by more than a day only with a majority.
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

    /// Offsets of the witnesses that were observed when the machine clock showed about `ours`.
    fn offsets(&self, ours: Timestamp) -> impl Iterator<Item = i64> {
        let near = self.witnesses.iter().filter(move |it| it.is_near(ours));
        near.filter_map(|witness| witness.offset_ms)
    }
}

/// Returns whether clocks at these offsets differ by no more than two right clocks can.
fn agree(a_ms: i64, b_ms: i64) -> bool {
    a_ms.saturating_sub(b_ms).abs() <= limits::CLOCK_DISPUTE_MS
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
