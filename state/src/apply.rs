//! What every store does between reading a window and writing it back: check who may move it, then
//! let the protocol move it. A store only makes the two one atomic step.

use windlass_core::checkpoint::Checkpoint;
use windlass_core::ids::{Owner, WindowId};
use windlass_core::invariant::Consistent;
use windlass_core::lease::{Guard, Lease};
use windlass_core::limits;
use windlass_core::source::{RateGate, SourceDefinition, SourceRecord};
use windlass_core::time::Timestamp;
use windlass_core::transition::{Claim, Event, IllegalMove, Release};
use windlass_core::window::Window;

use crate::error::{MoveError, StateError};

/// A move somebody asks for, with the condition under which it is theirs to make.
pub(crate) struct Move<'a> {
    id: &'a WindowId,
    guard: Guard,
    event: Event,
    holder: Option<&'a Lease>,
}

impl<'a> Move<'a> {
    pub(crate) fn claim(id: &'a WindowId, claim: &Claim) -> Self {
        let guard = Guard::Claim { epoch: claim.epoch };
        Self {
            id,
            guard,
            event: Event::Claim(claim.clone()),
            holder: None,
        }
    }

    pub(crate) fn checkpoint(lease: &'a Lease, checkpoint: &Checkpoint) -> Self {
        Self::held(lease, Event::Checkpoint(checkpoint.clone()))
    }

    pub(crate) fn complete(lease: &'a Lease, last: &Checkpoint, history_ms: i64) -> Self {
        Self::held(
            lease,
            Event::Complete {
                last: last.clone(),
                history_ms,
            },
        )
    }

    pub(crate) fn release(lease: &'a Lease, release: &Release) -> Self {
        Self::held(lease, Event::Release(release.clone()))
    }

    pub(crate) fn decide(seen: &'a Window, event: &Event) -> Self {
        let guard = Guard::planner(seen);
        Self {
            id: &seen.id,
            guard,
            event: event.clone(),
            holder: None,
        }
    }

    fn held(lease: &'a Lease, event: Event) -> Self {
        Self {
            id: &lease.window().id,
            guard: Guard::holder(lease),
            event,
            holder: Some(lease),
        }
    }

    /// The window that is to move.
    pub(crate) fn id(&self) -> &'a WindowId {
        self.id
    }

    /// The window after the move, to be stored in place of `current`.
    pub(crate) fn apply(&self, current: Window) -> Result<Window, MoveError> {
        match self
            .permitted(&current)
            .and_then(|()| current.apply(&self.event))
        {
            Ok(next) => {
                check(&next)?;
                Ok(next)
            }
            Err(why) => Err(MoveError::Refused {
                current: Box::new(current),
                why,
            }),
        }
    }

    fn permitted(&self, current: &Window) -> Result<(), IllegalMove> {
        self.guard.check(current)?;
        match (self.holder, &self.guard) {
            // An epoch has one owner, so this fails only when somebody edited the item by hand.
            (Some(lease), _) if !lease.still_holds(current) => Err(IllegalMove::Epoch {
                given: lease.window().epoch,
                current: current.epoch,
            }),
            (_, Guard::Planner { .. }) if !is_planners(&self.event) => Err(IllegalMove::Edge {
                status: current.status,
                event: self.event.name(),
            }),
            _ => Ok(()),
        }
    }
}

/// Whether `event` is the tick's or an operator's to cause. A worker's moves need its lease.
fn is_planners(event: &Event) -> bool {
    match event {
        Event::Dispatch { .. }
        | Event::Expire { .. }
        | Event::Recover { .. }
        | Event::Park { .. }
        | Event::Shrink { .. }
        | Event::Close { .. }
        | Event::Lapse { .. }
        | Event::Probe { .. }
        | Event::Retry { .. } => true,
        Event::Claim(_) | Event::Checkpoint(_) | Event::Complete { .. } | Event::Release(_) => {
            false
        }
    }
}

/// The record that applying `definition` makes of what is stored under its name.
pub(crate) fn applied(
    definition: &SourceDefinition,
    stored: Option<&SourceRecord>,
    now: Timestamp,
) -> SourceRecord {
    SourceRecord {
        definition: definition.clone(),
        version: stored.map_or(0, |record| record.version) + 1,
        blocked: None,
        held_since: stored.and_then(|record| record.held_since),
        applied_at: now,
    }
}

/// The lease on a window that was just claimed or checkpointed by `owner`.
pub(crate) fn lease(window: Window, owner: &Owner) -> Lease {
    Lease::held(window, owner)
        .expect("an applied claim or checkpoint leaves its owner on the window")
}

/// The latest `not_before` of a gate that is believed at `now`: nobody may wait for longer, so one
/// that is closed until later was closed by a wrong clock.
pub(crate) fn latest_gate(now: Timestamp) -> Timestamp {
    now.plus_ms(limits::WAIT_MS_MAX)
        .plus_ms(limits::CLOCK_SKEW_MS)
}

/// Whether a rate group that is closed as `current` says stays so, when at `now` it is to be closed
/// as `gate` says.
pub(crate) fn stays_closed(current: Option<&RateGate>, gate: &RateGate, now: Timestamp) -> bool {
    current.is_some_and(|current| {
        current.not_before >= gate.not_before && current.not_before <= latest_gate(now)
    })
}

/// Refuses an item that contradicts itself: it could not be read back.
pub(crate) fn check(item: &impl Consistent) -> Result<(), StateError> {
    let refused = |violation| StateError::Refused(format!("nothing was stored: {violation}"));
    item.check().map_err(refused)
}

#[cfg(test)]
mod tests {
    use windlass_core::time::Timestamp;

    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_000);

    fn ready() -> Window {
        let id = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
            .parse()
            .unwrap();
        Window::new(id, Timestamp::MAX, NOW).unwrap()
    }

    fn claim_by(owner: u128) -> Claim {
        let owner = Owner::from_random(owner);
        Claim {
            epoch: 1,
            owner,
            lease_until: NOW.plus_ms(1_000),
            now: NOW,
        }
    }

    #[test]
    fn a_refused_move_hands_back_the_window_as_it_stands() {
        let window = ready();
        let claim = Claim {
            epoch: 7,
            ..claim_by(1)
        };
        let refused = Move::claim(&window.id, &claim).apply(window.clone());
        let why = IllegalMove::Epoch {
            given: 7,
            current: 1,
        };
        assert_eq!(
            refused,
            Err(MoveError::Refused {
                current: Box::new(window.clone()),
                why
            })
        );
    }

    #[test]
    fn a_planner_cannot_make_a_workers_move() {
        let window = ready();
        let refused = Move::decide(&window, &Event::Claim(claim_by(1))).apply(window.clone());
        let Err(MoveError::Refused { why, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(
            why,
            IllegalMove::Edge {
                status: window.status,
                event: "claim"
            }
        );
    }

    #[test]
    fn an_owner_that_was_edited_by_hand_ends_the_lease() {
        let window = ready();
        let claim = claim_by(1);
        let claimed = Move::claim(&window.id, &claim)
            .apply(window.clone())
            .unwrap();
        let lease = lease(claimed.clone(), &claim.owner);
        let edited = Window {
            owner: Some(Owner::from_random(2)),
            ..claimed
        };
        let release = Release {
            cause: windlass_core::transition::Cause::Yielded,
            not_before: None,
            error: None,
            now: NOW,
        };
        assert!(Move::release(&lease, &release).apply(edited).is_err());
    }

    #[test]
    fn a_window_that_ends_where_it_starts_is_refused_before_it_is_stored() {
        let window = ready();
        assert_eq!(check(&window), Ok(()));
        let empty = Window {
            to: window.id.from,
            ..window
        };
        assert!(matches!(check(&empty), Err(StateError::Refused(_))));
    }
}
