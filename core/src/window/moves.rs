//! The one place in which a window moves from phase to phase.

mod death;
mod release;

use super::parts::{Attempt, Place, Stage, Wait};
use super::{Delivered, Phase, SplitPoint, Status, Window};
use crate::checkpoint::{Checkpoint, earliest};
use crate::time::Timestamp;
use crate::transition::{Claim, Event, IllegalMove};

impl Window {
    /// The window after `event`. Pure; `self` is unchanged.
    ///
    /// Every move except a checkpoint raises the epoch (INV-3), and `page` never decreases (INV-4).
    ///
    /// # Errors
    /// Fails if the event is not possible in the window's present state.
    pub fn apply(&self, event: &Event) -> Result<Self, IllegalMove> {
        let mut next = self.clone();
        match (self.status(), event) {
            (Status::Ready, Event::Dispatch { until, now }) => {
                next.dispatch(*until, *now)?;
            }
            (Status::Ready | Status::Dispatched, Event::Claim(claim)) => next.claim(self, claim)?,
            (Status::Running, Event::Checkpoint(checkpoint)) => {
                if checkpoint.cursor.is_none() {
                    return Err(IllegalMove::NoCursor);
                }
                next.advance(checkpoint)?;
            }
            (Status::Running, Event::Complete { last, history_ms }) => {
                next.advance(last)?;
                // A machine clock that was ahead has created the window later than it was read.
                // Sweeps need the age of its time at the reading.
                next.history.created_at = self.created_at().min(last.now);
                next.finish(*history_ms, last.now);
            }
            (Status::Running, Event::Release(release)) => next.release(release)?,
            (Status::Dispatched, Event::Expire { now, .. } | Event::Recover { now }) => {
                next.enter(Stage::Ready(Wait::default()), *now);
            }
            (Status::Running, Event::Expire { split, now }) => {
                // The split point was computed from the window as read, and a worker that outlives
                // its lease may have checkpointed a page since. Only a page out of order makes the
                // point unsafe.
                let split = next.overrun(split.filter(|_| self.ordered()))?;
                next.take_back(split, self.attempts() > 0, *now);
            }
            (Status::Running, Event::Recover { now }) => {
                next.history.attempts = self.attempts().saturating_sub(1);
                next.take_back(None, self.attempts() > 0, *now);
            }
            (Status::Ready | Status::Dispatched | Status::Running, Event::Park { reason, now }) => {
                next.park(reason, *now);
            }
            (Status::Parked, Event::Probe { now }) if self.is_convicted() => next.probe(*now),
            (Status::Ready, Event::Shrink { to, now }) => next.shrink(*to, *now)?,
            (
                Status::Ready,
                Event::Close {
                    to,
                    history_ms,
                    now,
                },
            ) => {
                next.close(*to)?;
                next.finish(*history_ms, *now);
            }
            (Status::Ready, Event::Lapse { history_ms, now }) => {
                next.lapse(*history_ms, *now)?;
            }
            (Status::Parked, Event::Retry { now }) => {
                next.retry(*now);
            }
            (status, event) => {
                return Err(IllegalMove::Edge {
                    status,
                    event: event.name(),
                });
            }
        }
        Ok(next)
    }

    /// Goes to a worker, which has until `until` to claim it.
    fn dispatch(&mut self, until: Timestamp, now: Timestamp) -> Result<(), IllegalMove> {
        if !self.is_due(now) {
            return Err(IllegalMove::NotDue);
        }
        self.enter(Stage::Dispatched { until }, now);
        Ok(())
    }

    /// Is done with, although nothing of it was read: the vendor has dropped it.
    fn lapse(&mut self, history_ms: i64, now: Timestamp) -> Result<(), IllegalMove> {
        if self.page() > 0 {
            return Err(IllegalMove::Begun);
        }
        self.history.overruns = 0;
        self.finish(history_ms, now);
        self.history.last_error =
            Some("the vendor's retention ended before the window was read".to_owned());
        Ok(())
    }

    /// Is ready again after it was parked, with all its tries.
    fn retry(&mut self, now: Timestamp) {
        self.unpark(now);
        self.history.attempts = 0;
        self.history.deaths = 0;
        self.history.setbacks = 0;
        self.history.restarts_forgiven = self.restarts();
    }

    /// Changes ownership of an open window.
    fn enter(&mut self, stage: Stage, now: Timestamp) {
        let place = self.take_place();
        self.phase = Phase::Open { place, stage };
        self.changed_hands(now);
    }

    fn changed_hands(&mut self, now: Timestamp) {
        self.epoch += 1;
        self.history.updated_at = now;
    }

    fn finish(&mut self, history_ms: i64, now: Timestamp) {
        self.phase = Phase::Done {
            at: now,
            expires_at: now.plus_ms(history_ms),
        };
        self.history.last_error = None;
        self.changed_hands(now);
    }

    fn take_place(&mut self) -> Option<Place> {
        match &mut self.phase {
            Phase::Open { place, .. } => place.take(),
            Phase::Done { .. } => None,
        }
    }

    fn set_place(&mut self, now_at: Option<Place>) {
        if let Phase::Open { place, .. } = &mut self.phase {
            *place = now_at;
        }
    }

    /// Takes the window back after its lease has expired or its process was stopped; `without_page`
    /// if that was before the first page of the run.
    fn take_back(&mut self, split: Option<SplitPoint>, without_page: bool, now: Timestamp) {
        let not_before = without_page.then(|| self.died(now)).flatten();
        self.enter(Stage::Ready(Wait { not_before, split }), now);
    }

    /// Counts a run that delivered pages and did not finish, and returns the split that follows.
    fn overrun(&mut self, split: Option<SplitPoint>) -> Result<Option<SplitPoint>, IllegalMove> {
        let delivered = u32::from(self.attempts() == 0);
        self.history.overruns = self.overruns().saturating_add(delivered);
        split.map(|split| self.inside(split)).transpose()
    }

    /// New windows now cover the time from `to` on, and the rest restarts: its delivered part is no
    /// longer in this window.
    fn shrink(&mut self, to: Timestamp, now: Timestamp) -> Result<(), IllegalMove> {
        self.check_inside(to)?;
        let not_before = self.not_before();
        self.to = to;
        self.history.overruns = 0;
        self.begin_again();
        let split = None;
        self.enter(Stage::Ready(Wait { not_before, split }), now);
        Ok(())
    }

    /// Ends the window at its frontier.
    fn close(&mut self, to: Timestamp) -> Result<(), IllegalMove> {
        self.check_inside(to)?;
        let delivered = SplitPoint {
            at: to,
            delivered: Delivered::Before,
        };
        if self.split() != Some(delivered) {
            return Err(IllegalMove::NotDelivered { at: to });
        }
        self.to = to;
        self.history.overruns = 0;
        Ok(())
    }

    fn claim(&mut self, before: &Self, claim: &Claim) -> Result<(), IllegalMove> {
        if claim.epoch != before.epoch {
            return Err(IllegalMove::Epoch {
                given: claim.epoch,
                current: before.epoch,
            });
        }
        if !before.is_claimable(claim.now) {
            return Err(IllegalMove::NotDue);
        }
        let stage = Stage::Running {
            owner: claim.owner.clone(),
            lease_until: claim.lease_until,
        };
        self.enter(stage, claim.now);
        // Counted at the claim, because a crashed worker cannot count at the end.
        self.history.attempts = before.attempts().saturating_add(1);
        self.history.runs = before.runs().saturating_add(1);
        Ok(())
    }

    fn advance(&mut self, checkpoint: &Checkpoint) -> Result<(), IllegalMove> {
        let page = self.page();
        if checkpoint.from != page {
            return Err(IllegalMove::Page {
                given: checkpoint.from,
                current: page,
            });
        }
        // The token is a new one, received by this run.
        self.set_place(checkpoint.cursor.clone().map(|cursor| Place {
            cursor,
            unsent_after: None,
        }));
        let Attempt {
            totals,
            sink_position,
            ordered,
            remembered,
        } = &mut self.attempt;
        let added = &checkpoint.totals;
        totals.records = totals.records.saturating_add(added.records);
        totals.bytes = totals.bytes.saturating_add(added.bytes);
        totals.rejected = totals.rejected.saturating_add(added.rejected);
        totals.known = totals.known.saturating_add(added.known);
        totals.oldest = earliest(totals.oldest, added.oldest);
        totals.newest = totals.newest.max(added.newest);
        sink_position.clone_from(&checkpoint.sink_position);
        *ordered &= checkpoint.ordered;
        *remembered &= checkpoint.remembered;
        let history = &mut self.history;
        history.page = checkpoint.to();
        // One slow page must not shorten every later run.
        history.slowest_page_ms = checkpoint.page_ms.max(history.slowest_page_ms / 2);
        history.attempts = 0;
        history.deaths = 0;
        history.setbacks = 0;
        history.updated_at = checkpoint.now;
        Ok(())
    }

    /// Resets the attempt. `page` stays: a delayed checkpoint of the old attempt must not fit.
    fn begin_again(&mut self) {
        self.set_place(None);
        self.attempt = Attempt::new();
    }

    /// `split`, if its point is inside the window.
    fn inside(&self, split: SplitPoint) -> Result<SplitPoint, IllegalMove> {
        self.check_inside(split.at).map(|()| split)
    }

    fn check_inside(&self, at: Timestamp) -> Result<(), IllegalMove> {
        if self.id.from < at && at < self.to {
            Ok(())
        } else {
            Err(IllegalMove::OutOfSpan {
                at,
                from: self.id.from,
                to: self.to,
            })
        }
    }
}

#[cfg(test)]
#[path = "moves_tests.rs"]
mod tests;
