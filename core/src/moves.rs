//! A move that a caller requests of a store: the window, the condition and the event. A store makes
//! "read, [`Move::apply`], write back" one atomic step, and adds nothing.

use crate::checkpoint::Checkpoint;
use crate::ids::WindowId;
use crate::lease::{Guard, Lease};
use crate::transition::{Claim, Event, IllegalMove, Release};
use crate::window::{Status, Window};

/// A window as read, and the event to apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The window as read; the write is conditional on its epoch and status.
    pub seen: Window,
    /// The event to apply.
    pub event: Event,
}

/// One move of one window, with the caller's knowledge of the window.
#[derive(Debug, Clone, Copy)]
pub enum Move<'a> {
    /// A worker claims a window that it may not have read.
    Claim(&'a WindowId, &'a Claim),
    /// The holder makes one page durable, after the sink has acknowledged every record of it.
    Checkpoint(&'a Lease, &'a Checkpoint),
    /// The holder makes the last page durable and finishes the window, whose history stays for this
    /// many milliseconds.
    Complete(&'a Lease, &'a Checkpoint, i64),
    /// The holder releases the window.
    Release(&'a Lease, &'a Release),
    /// The tick or an operator moves a window that it has read. [`Move::apply`] rejects an event
    /// that only a worker may cause, or that is part of a `WindowSplit`.
    Decide(&'a Window, &'a Event),
}

impl<'a> Move<'a> {
    /// The id of the window to move.
    pub fn id(&self) -> &'a WindowId {
        match *self {
            Self::Claim(id, _) => id,
            Self::Decide(seen, _) => seen.id(),
            Self::Checkpoint(lease, _) | Self::Complete(lease, ..) | Self::Release(lease, _) => {
                lease.window().id()
            }
        }
    }

    /// The event of the move.
    pub fn event(&self) -> Event {
        match *self {
            Self::Claim(_, claim) => Event::Claim(claim.clone()),
            Self::Checkpoint(_, checkpoint) => Event::Checkpoint(checkpoint.clone()),
            Self::Complete(_, last, history_ms) => Event::Complete {
                last: last.clone(),
                history_ms,
            },
            Self::Release(_, release) => Event::Release(release.clone()),
            Self::Decide(_, event) => event.clone(),
        }
    }

    /// The window after the move, to be stored in place of `current`.
    ///
    /// # Errors
    /// Fails if this caller may not make the move from `current`.
    pub fn apply(&self, current: &Window) -> Result<Window, IllegalMove> {
        self.guard().check(current)?;
        match *self {
            // An epoch has one owner, so this fails only after a manual edit of the item.
            Self::Checkpoint(lease, _) | Self::Complete(lease, ..) | Self::Release(lease, _)
                if !lease.still_holds(current) =>
            {
                Err(IllegalMove::Epoch {
                    given: lease.window().epoch(),
                    current: current.epoch(),
                })
            }
            Self::Decide(_, event) if !is_planners(event) => Err(IllegalMove::Edge {
                status: current.status(),
                event: event.name(),
            }),
            _ => current.apply(&self.event()),
        }
    }

    /// Returns whether `current`, which fails this move's condition, shows that an earlier attempt
    /// was applied. Decides after a write whose response was lost.
    pub fn was_made(&self, current: &Window) -> bool {
        match *self {
            Self::Claim(_, claim) => Lease::held(current.clone(), &claim.owner).is_some(),
            Self::Checkpoint(lease, page) => {
                lease.confirms_page(current, page.to()) && current.cursor() == page.cursor.as_ref()
            }
            // Only the holder completes a running window. A ready window at the next epoch comes
            // from the holder's release or from an expired lease: in both cases the holder has
            // nothing left to write.
            Self::Complete(lease, ..) => was_handed_over(lease, current, Status::Done),
            Self::Release(lease, _) => was_handed_over(lease, current, Status::Ready),
            Self::Decide(seen, event) => seen.apply(event).as_ref() == Ok(current),
        }
    }

    fn guard(&self) -> Guard {
        match *self {
            Self::Claim(_, claim) => Guard::Claim { epoch: claim.epoch },
            Self::Checkpoint(lease, _) | Self::Complete(lease, ..) | Self::Release(lease, _) => {
                Guard::holder(lease)
            }
            Self::Decide(seen, _) => Guard::planner(seen),
        }
    }
}

/// Returns whether `current` is the window of `lease` one change of ownership later, in `status`.
fn was_handed_over(lease: &Lease, current: &Window, status: Status) -> bool {
    current.status() == status && current.epoch() == lease.window().epoch() + 1
}

/// Returns whether the tick or an operator may cause `event` alone. A worker's moves need its
/// lease, and a window gives up a part only in the step that creates the windows for that part.
fn is_planners(event: &Event) -> bool {
    match event {
        Event::Dispatch { .. }
        | Event::Expire { .. }
        | Event::Recover { .. }
        | Event::Park { .. }
        | Event::Lapse { .. }
        | Event::Probe { .. }
        | Event::Retry { .. } => true,
        Event::Shrink { .. }
        | Event::Close { .. }
        | Event::Claim(_)
        | Event::Checkpoint(_)
        | Event::Complete { .. }
        | Event::Release(_) => false,
    }
}

#[cfg(test)]
#[path = "moves_tests.rs"]
mod tests;
