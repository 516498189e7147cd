//! The one place where a window's status changes.

mod cause;
mod death;
mod illegal;
mod release;

pub use self::cause::{Cause, Kept, Release};
pub use self::illegal::IllegalMove;

use crate::checkpoint::{Checkpoint, earliest};
use crate::frontier::Split;
use crate::ids::Owner;
use crate::time::Timestamp;
use crate::window::{Delivered, Status, Window};

/// A worker asks for a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The epoch the worker was told, or read.
    pub epoch: u64,
    /// A fresh nonce, one per call.
    pub owner: Owner,
    /// When the lease ends: the worker's deadline plus the skew allowance.
    pub lease_until: Timestamp,
    /// When.
    pub now: Timestamp,
}

/// Everything that can happen to a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Tick: a task that names the window is sent.
    Dispatch {
        /// When the dispatch counts as lost.
        until: Timestamp,
        /// When.
        now: Timestamp,
    },
    /// Worker: takes it.
    Claim(Claim),
    /// Holder: one page is durable.
    Checkpoint(Checkpoint),
    /// Holder: the last page is durable.
    Complete {
        /// The last page.
        last: Checkpoint,
        /// How long its history stays, in milliseconds.
        history_ms: i64,
    },
    /// Holder: gives it back.
    Release(Release),
    /// Tick: a lease or a dispatch ran out.
    Expire {
        /// Where to split, if the window has run out of time too often.
        split: Option<Split>,
        /// When.
        now: Timestamp,
    },
    /// A new process takes it back from one that was stopped on the same machine. Excused: it may not
    /// have been this window that stopped the process, but without a page it is a suspect.
    Recover {
        /// When.
        now: Timestamp,
    },
    /// Tick: gives it up.
    Park {
        /// Why.
        reason: String,
        /// When.
        now: Timestamp,
    },
    /// Tick: what lies at and after `to` has windows of its own now.
    Shrink {
        /// The new end.
        to: Timestamp,
        /// When.
        now: Timestamp,
    },
    /// Tick: what it has delivered ends at `to`, and the rest has windows of its own now.
    Close {
        /// The new end.
        to: Timestamp,
        /// How long its history stays, in milliseconds.
        history_ms: i64,
        /// When.
        now: Timestamp,
    },
    /// Tick: the vendor no longer keeps what it covers, and nothing of it was read. Its span is
    /// among the unavailable ones by now.
    Lapse {
        /// How long its history stays, in milliseconds.
        history_ms: i64,
        /// When.
        now: Timestamp,
    },
    /// Tick: tries a window once more that parked as a suspect.
    Probe {
        /// When.
        now: Timestamp,
    },
    /// Operator: tries a parked window again.
    Retry {
        /// When.
        now: Timestamp,
    },
}

impl Event {
    /// The name in the state diagram and in logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Dispatch { .. } => "dispatch",
            Self::Claim(_) => "claim",
            Self::Checkpoint(_) => "checkpoint",
            Self::Complete { .. } => "complete",
            Self::Release(_) => "release",
            Self::Expire { .. } => "expire",
            Self::Recover { .. } => "recover",
            Self::Park { .. } => "park",
            Self::Shrink { .. } => "shrink",
            Self::Close { .. } => "close",
            Self::Lapse { .. } => "lapse",
            Self::Probe { .. } => "probe",
            Self::Retry { .. } => "retry",
        }
    }
}

impl Window {
    /// The window after `event`, or why that may not happen. Pure; `self` is unchanged.
    ///
    /// Every move except a checkpoint raises the epoch (INV-3), and `page` never decreases (INV-4).
    pub fn apply(&self, event: &Event) -> Result<Self, IllegalMove> {
        let mut next = self.clone();
        match (self.status, event) {
            (Status::Ready, Event::Dispatch { until, now }) => {
                if !self.is_due(*now) {
                    return Err(IllegalMove::NotDue);
                }
                next.hand_over(Status::Dispatched, *now);
                next.lease_until = Some(*until);
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
                // A clock of ours that was ahead has created it later than it was read: the sweeps
                // tell by this how old its time was then.
                next.created_at = self.created_at.min(last.now);
                next.finish(*history_ms, last.now);
            }
            (Status::Running, Event::Release(release)) => next.release(release)?,
            (Status::Dispatched, Event::Expire { now, .. } | Event::Recover { now }) => {
                next.hand_over(Status::Ready, *now);
            }
            (Status::Running, Event::Expire { split, now }) => {
                next.hand_over(Status::Ready, *now);
                // Where to split was read from the window, and a worker that outlives its lease may
                // have written down a page since. Only one that broke the order makes that unsafe.
                next.overrun(split.filter(|_| self.ordered))?;
                if self.attempts > 0 {
                    next.died(*now);
                }
            }
            (Status::Running, Event::Recover { now }) => {
                next.hand_over(Status::Ready, *now);
                next.attempts = self.attempts.saturating_sub(1);
                if self.attempts > 0 {
                    next.died(*now);
                }
            }
            (Status::Ready | Status::Dispatched | Status::Running, Event::Park { reason, now }) => {
                next.park(reason, *now);
            }
            (Status::Parked, Event::Probe { now }) if self.is_convicted() => next.probe(*now),
            (Status::Ready, Event::Shrink { to, now }) => {
                next.check_inside(*to)?;
                next.hand_over(Status::Ready, *now);
                next.to = *to;
                next.is_split();
                // What it had delivered is not in here any more.
                next.begin_again();
            }
            (
                Status::Ready,
                Event::Close {
                    to,
                    history_ms,
                    now,
                },
            ) => {
                next.check_inside(*to)?;
                if self.split_at != Some(*to) || self.split_delivered != Delivered::Before {
                    return Err(IllegalMove::NotDelivered { at: *to });
                }
                next.to = *to;
                next.is_split();
                next.finish(*history_ms, *now);
            }
            (Status::Ready, Event::Lapse { history_ms, now }) => {
                if self.page > 0 {
                    return Err(IllegalMove::Begun);
                }
                next.is_split();
                next.finish(*history_ms, *now);
                next.last_error = Some("the vendor no longer keeps what it covers".to_owned());
            }
            (Status::Parked, Event::Retry { now }) => {
                next.hand_over(Status::Ready, *now);
                next.attempts = 0;
                next.deaths = 0;
                next.setbacks = 0;
                next.restarts_forgiven = self.restarts;
                next.not_before = None;
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

    fn hand_over(&mut self, status: Status, now: Timestamp) {
        self.status = status;
        self.epoch += 1;
        self.owner = None;
        self.lease_until = None;
        self.updated_at = now;
    }

    fn finish(&mut self, history_ms: i64, now: Timestamp) {
        self.hand_over(Status::Done, now);
        self.cursor = None;
        self.unsent_after = None;
        self.not_before = None;
        self.last_error = None;
        self.done_at = Some(now);
        self.expires_at = Some(now.plus_ms(history_ms));
    }

    fn is_split(&mut self) {
        self.split_at = None;
        self.split_delivered = Delivered::Nothing;
        self.overruns = 0;
    }

    /// Counts a run that delivered something and did not finish, and notes where to split.
    fn overrun(&mut self, split: Option<Split>) -> Result<(), IllegalMove> {
        self.overruns = self.overruns.saturating_add(u32::from(self.attempts == 0));
        split.map_or(Ok(()), |split| self.split(split))
    }

    fn split(&mut self, split: Split) -> Result<(), IllegalMove> {
        self.check_inside(split.at)?;
        self.split_at = Some(split.at);
        self.split_delivered = split.delivered;
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
        self.hand_over(Status::Running, claim.now);
        self.owner = Some(claim.owner.clone());
        self.lease_until = Some(claim.lease_until);
        self.not_before = None;
        // Counted on the way in, because a crash leaves nobody to count it on the way out.
        self.attempts = before.attempts.saturating_add(1);
        self.runs = before.runs.saturating_add(1);
        Ok(())
    }

    fn advance(&mut self, checkpoint: &Checkpoint) -> Result<(), IllegalMove> {
        if checkpoint.from != self.page {
            return Err(IllegalMove::Page {
                given: checkpoint.from,
                current: self.page,
            });
        }
        self.page = checkpoint.to();
        self.cursor.clone_from(&checkpoint.cursor);
        self.sink_position.clone_from(&checkpoint.sink_position);
        self.records = self.records.saturating_add(checkpoint.totals.records);
        self.bytes = self.bytes.saturating_add(checkpoint.totals.bytes);
        self.rejected = self.rejected.saturating_add(checkpoint.totals.rejected);
        self.known = self.known.saturating_add(checkpoint.totals.known);
        self.oldest = earliest(self.oldest, checkpoint.totals.oldest);
        self.newest = self.newest.max(checkpoint.totals.newest);
        self.ordered &= checkpoint.ordered;
        self.remembered &= checkpoint.remembered;
        // One page that was held up must not shorten every run that follows.
        self.slowest_page_ms = checkpoint.page_ms.max(self.slowest_page_ms / 2);
        self.attempts = 0;
        self.deaths = 0;
        self.setbacks = 0;
        // The token is another one now, and this run's own.
        self.unsent_after = None;
        self.updated_at = checkpoint.now;
        Ok(())
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
#[path = "transition_tests.rs"]
mod tests;
