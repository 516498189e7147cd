//! Splitting windows: which ones now, what is created first, and how the marks keep all of it in sight.

use super::{Decision, Situation, Split};
use crate::breaks::{Break, broken};
use crate::frontier::parts_of;
use crate::ids::WindowId;
use crate::limits;
use crate::progress::Progress;
use crate::source::Policy;
use crate::span::Span;
use crate::time::Timestamp;
use crate::transition::Event;
use crate::trust::Trusted;
use crate::window::Window;

/// The splits there is room for. When the open range is full, only its oldest unfinished window may
/// split: the timeline goes on, and a vendor that refuses every size adds one window a halving and
/// not millions. Behind `open_from`, the list there is the bound.
pub(super) fn splits(
    situation: &Situation<'_>,
    open_from: Timestamp,
    max_open: usize,
) -> Vec<Split> {
    let Situation { open, behind, .. } = *situation;
    let ahead = || open.iter().filter(|window| window.id.from >= open_from);
    let oldest = ahead().find(|window| window.is_unfinished());
    let mut room = max_open.saturating_sub(ahead().count());
    // What is done is done at a time that the vendor has passed too.
    let time = situation.time;
    let now = time.trusted().map_or(time.edge(), Trusted::at);
    let mut fits = |split: &Split| {
        let window = &split.left.seen;
        let fits =
            room >= split.right.len() || window.id.from < open_from || oldest == Some(window);
        room = room.saturating_sub(split.right.len());
        fits
    };
    open.iter()
        .chain(behind)
        .filter_map(|window| split(window, situation.policy, now))
        .filter(|split| fits(split))
        .collect()
}

fn split(window: &Window, policy: &Policy, now: Timestamp) -> Option<Split> {
    let parts = parts_of(window, policy.unit_ms)?;
    let id = |span: Span| WindowId {
        timeline: window.id.timeline.clone(),
        from: span.from(),
    };
    let mut right = Vec::new();
    for span in parts.unread {
        right.push(Window {
            adopted: window.adopted,
            ..Window::new(id(span), span.to(), now).ok()?
        });
    }
    if let Some(span) = parts.done {
        let done = Window::done(id(span), span.to(), policy.history_ms, now).ok()?;
        right.push(Window {
            records: window.records,
            bytes: window.bytes,
            rejected: window.rejected,
            known: window.known,
            oldest: window.oldest,
            newest: window.newest,
            remembered: window.remembered,
            created_at: window.created_at,
            ..done
        });
    }
    if broken(Break::ShrinkBeforeCreate) {
        right.clear();
    }
    let to = parts.kept.to();
    let history_ms = policy.history_ms;
    let event = if parts.kept_is_done {
        Event::Close {
            to,
            history_ms,
            now,
        }
    } else {
        Event::Shrink { to, now }
    };
    let left = Decision {
        seen: window.clone(),
        event,
    };
    Some(Split { left, right })
}

/// Names in `behind` the new windows of each one that is split behind `open_from`: a tick finds a
/// window there only by its name in that list, and `complete_through` would pass one it does not
/// name. A split for which the list has no room becomes a hole, which a retry takes up again.
pub(super) fn keep_in_sight(
    splits: Vec<Split>,
    next: &mut Progress,
    scavenge: &mut Vec<Decision>,
    now: Timestamp,
) -> Vec<Split> {
    let mut kept = Vec::with_capacity(splits.len());
    for split in splits {
        let unread = split.right.iter().filter(|window| window.is_unfinished());
        let mut unlisted: Vec<_> = unread
            .map(|window| window.id.from)
            .filter(|at| *at < next.open_from && !next.behind.contains(at))
            .collect();
        if next.behind.len() + unlisted.len() > limits::BEHIND_MAX {
            let reason = format!(
                "has to be split, but {} windows before it are unfinished already; \
                 retry it when some of them are done",
                next.behind.len()
            );
            let event = Event::Park { reason, now };
            scavenge.push(Decision {
                seen: split.left.seen,
                event,
            });
            continue;
        }
        next.behind.append(&mut unlisted);
        next.behind.sort_unstable();
        kept.push(split);
    }
    kept
}

#[cfg(test)]
#[path = "splits_tests.rs"]
mod tests;
