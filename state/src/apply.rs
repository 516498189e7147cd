//! The decisions that every store shares between the read of an item and its write: `windlass-core`
//! decides, and inconsistent items are rejected. A store only makes that one atomic step.

use windlass_core::ids::{Owner, WindowId};
use windlass_core::invariant::Consistent;
use windlass_core::lease::Lease;
use windlass_core::moves::Move;
use windlass_core::progress::Progress;
use windlass_core::source::{SourceDefinition, SourceRecord};
use windlass_core::split::WindowSplit;
use windlass_core::time::Timestamp;
use windlass_core::wait::{self, Cooldown};
use windlass_core::window::Window;

use crate::error::{MoveError, SplitError, StateError};

/// The window after `asked`, to be stored in place of `current`.
pub(crate) fn moved(asked: &Move<'_>, current: Window) -> Result<Window, MoveError> {
    match asked.apply(&current) {
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

/// The parent and the marks that `asked` stores beside the parts, in place of `parent` and `marks`.
/// `exists` returns whether a window is stored.
pub(crate) fn split(
    asked: &WindowSplit,
    parent: Option<&Window>,
    marks: Option<&Progress>,
    mut exists: impl FnMut(&Window) -> Result<bool, StateError>,
) -> Result<(Window, Progress), SplitError> {
    let changed = |id: &WindowId| SplitError::Conflict(format!("window {id}"));
    let kept = parent.and_then(|parent| asked.apply(parent).ok());
    let kept = kept.ok_or_else(|| changed(asked.parent.seen.id()))?;
    for part in &asked.parts {
        check(part)?;
        if exists(part)? {
            return Err(changed(part.id()));
        }
    }
    if marks.map_or(0, |marks| marks.version) != asked.marks.version {
        let timeline = &asked.marks.timeline;
        return Err(SplitError::Conflict(format!("marks of {timeline}")));
    }
    check(&kept)?;
    check(&asked.marks)?;
    Ok((kept, next_version(&asked.marks)))
}

/// `marks` with the version under which a write stores them.
pub(crate) fn next_version(marks: &Progress) -> Progress {
    Progress {
        version: marks.version + 1,
        ..marks.clone()
    }
}

/// The record after `definition` is applied over the stored one of its name.
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

/// The lease on a window that `owner` has just claimed or checkpointed.
pub(crate) fn lease(window: Window, owner: &Owner) -> Lease {
    Lease::held(window, owner)
        .expect("an applied claim or checkpoint leaves its owner on the window")
}

/// Returns whether the cooldown `current` outlasts `cooldown` at `now`, so that it stays.
pub(crate) fn stays_closed(
    current: Option<&Cooldown>,
    cooldown: &Cooldown,
    now: Timestamp,
) -> bool {
    current.is_some_and(|current| {
        current.not_before >= cooldown.not_before && current.not_before <= wait::latest(now)
    })
}

/// Rejects an inconsistent item: it could not be read back.
pub(crate) fn check(item: &impl Consistent) -> Result<(), StateError> {
    let refused = |violation| {
        StateError::Refused(format!("an inconsistent item was not stored: {violation}"))
    };
    item.check().map_err(refused)
}

#[cfg(test)]
mod tests {
    use windlass_core::progress::Progress;
    use windlass_core::transition::{Claim, IllegalMove};

    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_000);

    fn ready() -> Window {
        let id = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
            .parse()
            .unwrap();
        Window::new(id, Timestamp::MAX, NOW).unwrap()
    }

    fn marks() -> Progress {
        Progress {
            timeline: ready().id().timeline.clone(),
            start: NOW,
            end: None,
            scheduled_through: NOW,
            open_from: NOW,
            behind: Vec::new(),
            unavailable: Vec::new(),
            width_ms: 1,
            records_per_hour: None,
            late: 0,
            known: 0,
            summary: None,
            version: 0,
            updated_at: NOW,
        }
    }

    #[test]
    fn illegal_move_returns_current_window() {
        let window = ready();
        let claim = Claim {
            epoch: 7,
            owner: Owner::from_random(1),
            lease_until: NOW.plus_ms(1_000),
            now: NOW,
        };
        let refused = moved(&Move::Claim(window.id(), &claim), window.clone());
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
    fn contradictory_item_is_never_stored() {
        let marks = marks();
        assert_eq!(check(&marks), Ok(()));
        let without_width = Progress {
            width_ms: 0,
            ..marks
        };
        assert!(matches!(check(&without_width), Err(StateError::Refused(_))));
    }
}
