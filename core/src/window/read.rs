//! Reading a window: its accessors, and the questions that planners and workers ask.

use super::parts::{Place, Stage, Wait};
use super::{Phase, Split, Status, Window};
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

    /// The fence: rises with every change of hands, from 1.
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

    /// The vendor's token for the next page and the request it belongs to; `None` at page one and once
    /// done.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.place().map(|place| &place.cursor)
    }

    /// The run that ended without having sent the stored page token, where that works once only.
    pub fn unsent_after(&self) -> Option<u32> {
        self.place()?.unsent_after
    }

    /// When it was done; `None` while it is not.
    pub fn done_at(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Done { at, .. } => Some(at),
            Phase::Open { .. } => None,
        }
    }

    /// When its history may be deleted; `None` while it is not done.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Done { expires_at, .. } => Some(expires_at),
            Phase::Open { .. } => None,
        }
    }

    /// The earliest next claim of a ready window, or the next try of a parked suspect.
    pub fn not_before(&self) -> Option<Timestamp> {
        match self.stage()? {
            Stage::Ready(Wait { not_before, .. }) => *not_before,
            Stage::Parked { retry_at, .. } => *retry_at,
            Stage::Dispatched { .. } | Stage::Running { .. } => None,
        }
    }

    /// The split that it waits for.
    pub fn split(&self) -> Option<Split> {
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
    /// The time it covers.
    ///
    /// # Panics
    /// Never: every constructor and store refuses a window that ends before it starts (INV-1).
    pub fn span(&self) -> Span {
        Span::new(self.id.from, self.to).expect("INV-1: a window ends after it starts")
    }

    /// Whether work remains: anything but done. A parked window is unfinished.
    pub fn is_unfinished(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    /// Whether a worker may claim it now: dispatched, or ready and due with no split pending.
    pub fn is_claimable(&self, now: Timestamp) -> bool {
        match self.status() {
            Status::Dispatched => true,
            Status::Ready => self.is_due(now),
            Status::Running | Status::Done | Status::Parked => false,
        }
    }

    /// Whether it may be split. A sweep's window may not: it joins whole live windows, each of which the
    /// vendor has served, and holds nothing up while it is parked.
    pub fn is_splittable(&self) -> bool {
        !matches!(self.id.timeline.lane, Lane::Sweep(_))
    }

    /// Whether it waits for nothing but a slot: `not_before` has passed and no split is pending.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.split().is_none() && self.waits_until(now).is_none()
    }

    /// Its `not_before`, if that is still to come and can be true.
    pub fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.not_before()
            .and_then(|not_before| wait::until(not_before, now))
    }

    /// Whether the stored page token of a running window had not been sent when this run got it: the
    /// vendor gave it to this run, or the run just before this one ended without having sent it. What
    /// this run does with it is for its worker to know.
    pub fn token_is_unsent(&self) -> bool {
        // A checkpoint resets the count that the claim has raised.
        let is_own = self.attempts() == 0;
        let before = self.runs().checked_sub(1);
        let is_left = self.unsent_after().is_some() && self.unsent_after() == before;
        self.cursor().is_some() && (is_own || is_left)
    }

    /// Whether its latest run failed: it delivered no page and ended in an outage, a page that cannot
    /// be used, a restart from page one, or the death of its process. A wait that the vendor asked for
    /// is no failure.
    pub fn is_failing(&self) -> bool {
        let is_open = !matches!(self.status(), Status::Done | Status::Parked);
        let begins_again = self.restarts() > self.restarts_forgiven() && self.cursor().is_none();
        is_open && (self.setbacks() > 0 || self.is_suspect() || begins_again)
    }

    /// Whether it may be what the process dies of: it was in flight at the last death and has had no
    /// page since. Of such windows one at a time is in flight in a process.
    pub fn is_suspect(&self) -> bool {
        self.deaths() > 0
    }

    /// Whether it has been the only suspect in flight at too many deaths.
    pub fn is_convicted(&self) -> bool {
        self.deaths() > limits::SUSPECT_DEATHS_MAX
    }

    /// When a window that parked as a suspect is tried again; `None` for any other.
    pub fn tried_again_at(&self) -> Option<Timestamp> {
        match self.stage()? {
            Stage::Parked { retry_at, .. } if self.is_convicted() => *retry_at,
            _ => None,
        }
    }

    /// Whether it has used up its tries, so that the next tick parks it.
    pub fn is_exhausted(&self) -> bool {
        self.is_convicted()
            || self.attempts() >= limits::ATTEMPTS_MAX
            || self.restarts().saturating_sub(self.restarts_forgiven()) > limits::RESTARTS_MAX
    }
}
