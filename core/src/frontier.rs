//! The frontier of a window, and splits there of a window that cannot finish.
//!
//! A frontier needs a documented order that held on every page so far: then every record on one
//! side of the last one is delivered, and other workers can read the rest. The instant of the last
//! record belongs to the rest, because the next page may hold more records of it. At most the
//! records of one time unit are therefore delivered again.

use crate::breaks::{Break, broken};
use crate::limits;
use crate::source::{Order, Policy};
use crate::span::Span;
use crate::time::Timestamp;
use crate::window::{Delivered, Status, Window};

pub use crate::window::SplitPoint;

/// The frontier of `window`; `None` if it is unknown, if nothing or everything is delivered, or for
/// a window of a sweep.
///
/// Also `None` for a window whose sink keeps a position: such a sink truncates to it, and makes
/// output final only at the window's end. A restart at page one would remove output that this split
/// counts as delivered, and a part that is closed here would never become final.
pub fn frontier(window: &Window, policy: &Policy) -> Option<SplitPoint> {
    let is_known =
        window.ordered() && window.cursor().is_some() && window.sink_position().is_none();
    if !is_known || !window.is_splittable() {
        return None;
    }
    let (at, delivered) = match policy.strict_order? {
        Order::OldestFirst => {
            let newest = window.newest()?.floor_to(policy.unit_ms);
            (newest, Delivered::Before)
        }
        // All records after the time unit of the oldest one are delivered.
        Order::NewestFirst => {
            let oldest = window.oldest()?.floor_to(policy.unit_ms);
            (oldest.plus_ms(policy.unit_ms), Delivered::After)
        }
    };
    let at = match delivered {
        Delivered::Before if broken(Break::SplitPastFrontier) => {
            at.plus_ms(4 * policy.unit_ms.max(30_000))
        }
        Delivered::After if broken(Break::SplitPastFrontier) => {
            at.minus_ms(4 * policy.unit_ms.max(30_000))
        }
        _ => at,
    };
    (window.id().from < at && at < window.to()).then_some(SplitPoint { at, delivered })
}

/// The split point of `window` after one more overrun, which makes `overruns` of them; `None` while
/// it can still finish as one window.
pub fn overdue(window: &Window, overruns: u32, policy: &Policy) -> Option<SplitPoint> {
    if overruns < limits::OVERRUNS_BEFORE_SPLIT {
        return None;
    }
    let split = frontier(window, policy)?;
    let (_, rest) = parts(window, split)?;
    (runs_left(window, split, rest, overruns) > 1).then_some(split)
}

/// The split point of a running window that must restart at page one; `None` if it restarts whole.
///
/// A window is halved once it has shown that it does not fit: it has an earlier overrun, or an
/// earlier run left the cursor that fails. Otherwise it would fail at the same point again and
/// never end.
///
/// A pager that fails within one run is no evidence about the width. Such a window stays whole and
/// parks after a few restarts, as does a window of a sweep.
pub fn halved(window: &Window, unit_ms: i64) -> Option<Timestamp> {
    let was_left = window.cursor().is_some() && window.attempts() > 0;
    let fits = window.overruns() == 0 && !was_left;
    (!fits && window.is_splittable()).then(|| window.span().midpoint(unit_ms))?
}

/// The delivered part of `window` and the rest.
fn parts(window: &Window, split: SplitPoint) -> Option<(Option<Span>, Span)> {
    let before = Span::new(window.id().from, split.at).ok()?;
    let after = Span::new(split.at, window.to()).ok()?;
    Some(match split.delivered {
        Delivered::Nothing => (None, window.span()),
        Delivered::Before => (Some(before), after),
        Delivered::After => (Some(after), before),
    })
}

/// The estimated number of further runs for `rest`, at the density that `overruns` runs have
/// delivered.
fn runs_left(window: &Window, split: SplitPoint, rest: Span, overruns: u32) -> i64 {
    let covered_ms = (window.span().width_ms() - rest.width_ms()).max(1);
    debug_assert!(split.delivered != Delivered::Nothing);
    let runs = i64::from(overruns.max(1));
    (rest.width_ms().saturating_mul(runs) + covered_ms - 1) / covered_ms
}

/// The parts of a split window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The span of the window itself after the split.
    pub kept: Span,
    /// True if `kept` is delivered, so that the window is done.
    pub kept_is_done: bool,
    /// The delivered part where it becomes a window of its own, done from the start; `None` if the
    /// window itself keeps it or there is none.
    pub done: Option<Span>,
    /// The windows to create and read, ascending.
    pub unread: Vec<Span>,
}

/// The parts of a window that waits for its split; `None` if it does not. Depends on the stored
/// window and the time unit alone, so that all planners of that window compute the same split.
pub fn parts_of(window: &Window, unit_ms: i64) -> Option<Parts> {
    let split = window
        .split()
        .filter(|_| window.status() == Status::Ready)?;
    let at = split.at;
    let (done, rest) = parts(window, split)?;
    match split.delivered {
        Delivered::Nothing => Some(Parts {
            kept: Span::new(window.id().from, at).ok()?,
            kept_is_done: false,
            done: None,
            unread: vec![Span::new(at, window.to()).ok()?],
        }),
        Delivered::Before => Some(Parts {
            kept: done?,
            kept_is_done: true,
            done: None,
            unread: cut(rest, pieces(window, split, rest), unit_ms),
        }),
        Delivered::After => {
            let mut unread = cut(rest, pieces(window, split, rest), unit_ms);
            let kept = unread.remove(0);
            Some(Parts {
                kept,
                kept_is_done: false,
                done,
                unread,
            })
        }
    }
}

fn pieces(window: &Window, split: SplitPoint, rest: Span) -> i64 {
    runs_left(window, split, rest, window.overruns()).clamp(1, limits::SPLIT_PIECES_MAX)
}

/// `span` in at most `pieces` parts of about the same width, none of them empty.
fn cut(span: Span, pieces: i64, unit_ms: i64) -> Vec<Span> {
    let mut parts = Vec::new();
    let mut from = span.from();
    for piece in 1..=pieces {
        let to = if piece == pieces {
            span.to()
        } else {
            let width_ms = i128::from(span.width_ms()) * i128::from(piece) / i128::from(pieces);
            let width_ms = i64::try_from(width_ms).unwrap_or(i64::MAX);
            span.from().plus_ms(width_ms).floor_to(unit_ms)
        };
        if let Ok(part) = Span::new(from, to) {
            parts.push(part);
            from = to;
        }
    }
    parts
}

#[cfg(test)]
#[path = "frontier_tests.rs"]
mod tests;
