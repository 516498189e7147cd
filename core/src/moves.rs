//! A move that somebody asks a store for: of which window, under which condition, and what happens
//! to it. A store makes "read, [`Move::apply`], write back" one atomic step, and adds nothing.

use crate::checkpoint::Checkpoint;
use crate::ids::WindowId;
use crate::lease::{Guard, Lease};
use crate::transition::{Claim, Event, IllegalMove, Release};
use crate::window::{Status, Window};

/// A window as read, and what is to happen to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// As read; the write is conditional on its epoch and status.
    pub seen: Window,
    /// What happens.
    pub event: Event,
}

/// One move of one window, and who asks for it with what they know of the window.
#[derive(Debug, Clone, Copy)]
pub enum Move<'a> {
    /// A worker takes a window, which it has perhaps not read.
    Claim(&'a WindowId, &'a Claim),
    /// The holder makes one page durable, after the sink has acknowledged every record of it.
    Checkpoint(&'a Lease, &'a Checkpoint),
    /// The holder makes the last page durable and finishes the window, whose history then stays for
    /// so many milliseconds.
    Complete(&'a Lease, &'a Checkpoint, i64),
    /// The holder gives the window back.
    Release(&'a Lease, &'a Release),
    /// The tick or an operator moves a window that they have read. [`Move::apply`] refuses an event
    /// that is a worker's to cause, or part of a `WindowSplit`.
    Decide(&'a Window, &'a Event),
}

impl<'a> Move<'a> {
    /// The window that is to move.
    pub fn id(&self) -> &'a WindowId {
        match *self {
            Self::Claim(id, _) => id,
            Self::Decide(seen, _) => seen.id(),
            Self::Checkpoint(lease, _) | Self::Complete(lease, ..) | Self::Release(lease, _) => {
                lease.window().id()
            }
        }
    }

    /// What happens to the window.
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
    /// When it is not this caller's to make of `current`.
    pub fn apply(&self, current: &Window) -> Result<Window, IllegalMove> {
        self.guard().check(current)?;
        match *self {
            // An epoch has one owner, so this fails only when somebody edited the item by hand.
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

    /// Whether `current`, which has refused this move, shows that an earlier try of it was made: the
    /// answer to a write whose reply was lost.
    pub fn was_made(&self, current: &Window) -> bool {
        match *self {
            Self::Claim(_, claim) => Lease::held(current.clone(), &claim.owner).is_some(),
            Self::Checkpoint(lease, page) => {
                lease.confirms_page(current, page.to()) && current.cursor() == page.cursor.as_ref()
            }
            // Only the holder hands a running window to `done`, and nobody else can have raised the
            // epoch by one and left it ready without the holder's release, unless the lease ran out:
            // then there is nothing left to write.
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

/// Whether `current` is what the window of `lease` becomes by being handed over once.
fn was_handed_over(lease: &Lease, current: &Window, status: Status) -> bool {
    current.status() == status && current.epoch() == lease.window().epoch() + 1
}

/// Whether `event` is the tick's or an operator's to cause, by itself. A worker's moves need its lease,
/// and a window gives a part up only in the step that creates the windows for that part.
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
