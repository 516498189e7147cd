//! Accessors of a window, and the predicates of planners and workers.

use super::parts::{Place, Stage, Wait};
use super::{Phase, SplitPoint, Status, Window};
use crate::checkpoint::Cursor;
use crate::ids::{Lane, Owner, WindowId};
use crate::limits;
use crate::span::Span;
use crate::time::Timestamp;
use crate::wait;

impl Window {
    /// Timeline and first instant.
    pub fn id(&self) -> &WindowId {
        &self.id
    }

    /// First instant after the window; always later than its first.
    pub fn to(&self) -> Timestamp {
        self.to
    }

    /// The name of its phase.
    pub fn status(&self) -> Status {
        match &self.phase {
            Phase::Done { .. } => Status::Done,
            Phase::Open { stage, .. } => match stage {
                Stage::Ready(_) => Status::Ready,
                Stage::Dispatched { .. } => Status::Dispatched,
                Stage::Running { .. } => Status::Running,
                Stage::Parked { .. } => Status::Parked,
            },
        }
    }

    /// The fence: rises with every change of ownership, from 1.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The nonce of the claim that holds it; `None` unless it is running.
    pub fn owner(&self) -> Option<&Owner> {
        match self.stage()? {
            Stage::Running { owner, .. } => Some(owner),
            _ => None,
        }
    }

    /// The end of the lease; `None` unless it is running.
    pub fn lease_until(&self) -> Option<Timestamp> {
        match self.stage()? {
            Stage::Running { lease_until, .. } => Some(*lease_until),
            _ => None,
        }
    }

    /// The instant at which the dispatch counts as lost; `None` unless it is dispatched.
    pub fn dispatched_until(&self) -> Option<Timestamp> {
        match self.stage()? {
            Stage::Dispatched { until } => Some(*until),
            _ => None,
        }
    }

    /// The end of the lease or of the dispatch; `None` for a window that is not in flight.
    pub fn in_flight_until(&self) -> Option<Timestamp> {
        self.lease_until().or(self.dispatched_until())
    }

    /// The vendor's token for the next page and the request that it belongs to; `None` at page one
    /// and once done.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.place().map(|place| &place.cursor)
    }

    /// The run that ended without having sent the stored one-time page token.
    pub fn unsent_after(&self) -> Option<u32> {
        self.place()?.unsent_after
    }

    /// The instant of its completion; `None` while it is not done.
    pub fn done_at(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Done { at, .. } => Some(at),
            Phase::Open { .. } => None,
        }
    }

    /// The instant from which its history may be deleted; `None` while it is not done.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Done { expires_at, .. } => Some(expires_at),
            Phase::Open { .. } => None,
        }
    }

    /// The earliest next claim of a ready window, or the next probe of a parked suspect.
    pub fn not_before(&self) -> Option<Timestamp> {
        match self.stage()? {
            Stage::Ready(Wait { not_before, .. }) => *not_before,
            Stage::Parked { retry_at, .. } => *retry_at,
            Stage::Dispatched { .. } | Stage::Running { .. } => None,
        }
    }

    /// The pending split.
    pub fn split(&self) -> Option<SplitPoint> {
        match self.stage()? {
            Stage::Ready(Wait { split, .. }) | Stage::Parked { split, .. } => *split,
            Stage::Dispatched { .. } | Stage::Running { .. } => None,
        }
    }

    pub(super) fn stage(&self) -> Option<&Stage> {
        match &self.phase {
            Phase::Open { stage, .. } => Some(stage),
            Phase::Done { .. } => None,
        }
    }

    fn place(&self) -> Option<&Place> {
        match &self.phase {
            Phase::Open { place, .. } => place.as_ref(),
            Phase::Done { .. } => None,
        }
    }
}

impl Window {
    /// The time that the window covers.
    ///
    /// # Panics
    /// Never: every constructor and store rejects a window that ends before it starts (INV-1).
    pub fn span(&self) -> Span {
        Span::new(self.id.from, self.to).expect("INV-1: a window ends after it starts")
    }

    /// Returns whether work remains, in any status but done. A parked window is unfinished.
    pub fn is_unfinished(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    /// Returns whether a worker may claim it now: dispatched, or ready and due with no split
    /// pending.
    pub fn is_claimable(&self, now: Timestamp) -> bool {
        match self.status() {
            Status::Dispatched => true,
            Status::Ready => self.is_due(now),
            Status::Running | Status::Done | Status::Parked => false,
        }
    }

    /// Returns whether it may be split. A sweep's window may not: it joins whole live windows, each
    /// of which the vendor has served, and delays nothing while it is parked.
    pub fn is_splittable(&self) -> bool {
        !matches!(self.id.timeline.lane, Lane::Sweep(_))
    }

    /// Returns whether it waits only for a worker: `not_before` has passed and no split is pending.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.split().is_none() && self.waits_until(now).is_none()
    }

    /// Whether a planner may dispatch it now, or a worker take it up without one: ready, due and with
    /// tries left.
    pub fn is_dispatchable(&self, now: Timestamp) -> bool {
        self.status() == Status::Ready && self.is_due(now) && !self.is_exhausted()
    }

    /// Whether a worker has it or is about to: running or dispatched.
    pub fn is_in_flight(&self) -> bool {
        matches!(self.status(), Status::Running | Status::Dispatched)
    }

    /// Its `not_before`, if that is in the future and plausible.
    pub fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.not_before()
            .and_then(|not_before| wait::until(not_before, now))
    }

    /// Returns whether the stored page token of a running window was unsent when this run got it:
    /// this run received it from the vendor, or the previous run ended without having sent it. The
    /// worker itself tracks the sends of this run.
    pub fn token_is_unsent(&self) -> bool {
        // A checkpoint resets the count that the claim has raised.
        let is_own = self.attempts() == 0;
        let before = self.runs().checked_sub(1);
        let is_left = self.unsent_after().is_some() && self.unsent_after() == before;
        self.cursor().is_some() && (is_own || is_left)
    }

    /// Returns whether its latest run failed: it delivered no page and ended in an outage, an
    /// unusable page, a restart from page one, or the death of its process. A wait that the vendor
    /// asked for is not a failure.
    pub fn is_failing(&self) -> bool {
        let is_open = !matches!(self.status(), Status::Done | Status::Parked);
        let begins_again = self.restarts() > self.restarts_forgiven() && self.cursor().is_none();
        is_open && (self.setbacks() > 0 || self.is_suspect() || begins_again)
    }

    /// Returns whether its pages may kill the process: it was in flight at the last death and has
    /// had no page since. A process has one such window in flight at a time.
    pub fn is_suspect(&self) -> bool {
        self.deaths() > 0
    }

    /// Returns whether it has been the only suspect in flight at too many deaths.
    pub fn is_convicted(&self) -> bool {
        self.deaths() > limits::SUSPECT_DEATHS_MAX
    }

    /// The next probe of a window that parked as a suspect; `None` for any other.
    pub fn tried_again_at(&self) -> Option<Timestamp> {
        match self.stage()? {
            Stage::Parked { retry_at, .. } if self.is_convicted() => *retry_at,
            _ => None,
        }
    }

    /// Returns whether it has reached a retry limit, so that the next tick parks it.
    pub fn is_exhausted(&self) -> bool {
        self.is_convicted()
            || self.attempts() >= limits::ATTEMPTS_MAX
            || self.restarts().saturating_sub(self.restarts_forgiven()) > limits::RESTARTS_MAX
    }
}
