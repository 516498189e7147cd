//! Splits of windows: which windows split now, into which parts, and how the marks list all of
//! them.

use super::{Situation, summary_of};
use crate::frontier::parts_of;
use crate::ids::WindowId;
use crate::limits;
use crate::moves::Decision;
use crate::progress::Progress;
use crate::source::Policy;
use crate::span::Span;
use crate::split::WindowSplit;
use crate::time::Timestamp;
use crate::transition::Event;
use crate::trust::Trusted;
use crate::window::Window;

/// A window to split, and the windows that come from it.
struct Cut {
    parent: Decision,
    /// The parent after the split.
    kept: Window,
    parts: Vec<Window>,
}

/// The splits of one plan, in order. Each stores the marks that the one before it leaves. Marks
/// that were planned before a split lose after it: they would step over the window as it was,
/// without its parts.
///
/// A split behind `open_from` for which `behind` has no room becomes a parked window, which a retry
/// splits again; it is added to `scavenge`.
pub(super) fn plan(
    situation: &Situation<'_>,
    marks: &Progress,
    max_open: usize,
    scavenge: &mut Vec<Decision>,
) -> Vec<WindowSplit> {
    let Situation {
        open, behind, now, ..
    } = *situation;
    let mut marks = marks.clone();
    let mut splits = Vec::new();
    let cuts = cuts(situation, marks.open_from, max_open);
    if cuts.is_empty() {
        return splits;
    }
    let mut windows: Vec<_> = behind.iter().chain(open).cloned().collect();
    for Cut {
        parent,
        kept,
        parts,
    } in cuts
    {
        if let Err(reason) = list(&mut marks, &parts) {
            let event = Event::Park { reason, now };
            scavenge.push(Decision { event, ..parent });
            continue;
        }
        windows.retain(|window| window.id() != kept.id());
        windows.push(kept);
        windows.extend(parts.iter().cloned());
        marks.summary = Some(summary_of(&marks, windows.iter()));
        marks.updated_at = now;
        splits.push(WindowSplit {
            parent,
            parts,
            marks: marks.clone(),
        });
        marks.version += 1;
    }
    splits
}

/// The splits that fit. In a full open range, only its oldest unfinished window may split: the
/// timeline continues, and a vendor that rejects every size adds one window per halving instead of
/// millions. Behind `open_from`, `behind` is the limit.
fn cuts(situation: &Situation<'_>, open_from: Timestamp, max_open: usize) -> Vec<Cut> {
    let Situation { open, behind, .. } = *situation;
    let ahead = || open.iter().filter(|window| window.id().from >= open_from);
    let oldest = ahead().find(|window| window.is_unfinished());
    let mut room = max_open.saturating_sub(ahead().count());
    // A part that is done must be done at a time that the vendor clock has passed too.
    let time = situation.time;
    let now = time.trusted().map_or(time.edge(), Trusted::at);
    let mut fits = |cut: &Cut| {
        let window = &cut.parent.seen;
        let fits =
            room >= cut.parts.len() || window.id().from < open_from || oldest == Some(window);
        room = room.saturating_sub(cut.parts.len());
        fits
    };
    open.iter()
        .chain(behind)
        .filter_map(|window| cut(window, situation.policy, now))
        .filter(|cut| fits(cut))
        .collect()
}

fn cut(window: &Window, policy: &Policy, now: Timestamp) -> Option<Cut> {
    let spans = parts_of(window, policy.unit_ms)?;
    let id = |span: Span| WindowId {
        timeline: window.id().timeline.clone(),
        from: span.from(),
    };
    let mut parts = Vec::new();
    for span in spans.unread {
        let fresh = Window::new(id(span), span.to(), now).ok()?;
        parts.push(fresh.adopting(window.adopted()));
    }
    if let Some(span) = spans.done {
        parts.push(window.delivered_part(span, policy.history_ms, now).ok()?);
    }
    let to = spans.kept.to();
    let history_ms = policy.history_ms;
    let event = if spans.kept_is_done {
        Event::Close {
            to,
            history_ms,
            now,
        }
    } else {
        Event::Shrink { to, now }
    };
    let kept = window.apply(&event).ok()?;
    let parent = Decision {
        seen: window.clone(),
        event,
    };
    Some(Cut {
        parent,
        kept,
        parts,
    })
}

/// Adds the `parts` behind `open_from` to `behind`. A tick finds a window there only through that
/// list, and `complete_through` would pass an unlisted one. Fails with the reason if the list has
/// no room.
fn list(marks: &mut Progress, parts: &[Window]) -> Result<(), String> {
    let unread = parts.iter().filter(|window| window.is_unfinished());
    let mut unlisted: Vec<_> = unread
        .map(|window| window.id().from)
        .filter(|at| *at < marks.open_from && !marks.behind.contains(at))
        .collect();
    if marks.behind.len() + unlisted.len() > limits::BEHIND_MAX {
        return Err(format!(
            "cannot be split: {} windows before it are unfinished, the limit; retry it when some \
             of them are done",
            marks.behind.len()
        ));
    }
    marks.behind.append(&mut unlisted);
    marks.behind.sort_unstable();
    Ok(())
}

#[cfg(test)]
#[path = "splits_tests.rs"]
mod tests;
