//! Where the delivered part of a window ends, and how a window that cannot finish is split there.
//!
//! Only where the vendor documents an order that held on every page so far: then everything on one
//! side of the last record is delivered, and the rest can be read by others. The instant of that
//! last record belongs to the rest, for the next page may hold more of it; so at most the records
//! of one time unit are delivered again.

use crate::breaks::{Break, broken};
use crate::limits;
use crate::source::{Order, Policy};
use crate::span::Span;
use crate::time::Timestamp;
use crate::window::{Delivered, Status, Window};

pub use crate::window::Split;

/// Where the delivered part of `window` ends; `None` when that is not known, or nothing or
/// everything is, or the window is a sweep's.
///
/// Also `None` for a window whose sink keeps a position: such a sink goes back to it, and makes
/// output final only at the window's end. Beginning again at page one would take back what this
/// split calls delivered, and a part that is closed here would never be made final.
pub fn frontier(window: &Window, policy: &Policy) -> Option<Split> {
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
        // Everything later than the unit of the oldest record is delivered.
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
    (window.id().from < at && at < window.to()).then_some(Split { at, delivered })
}

/// Where `window` is split when one more run of it has ended with pages and without the end, so
/// that it counts `overruns` of those; `None` while it may well finish on its own.
pub fn overdue(window: &Window, overruns: u32, policy: &Policy) -> Option<Split> {
    if overruns < limits::OVERRUNS_BEFORE_SPLIT {
        return None;
    }
    let split = frontier(window, policy)?;
    let (_, rest) = parts(window, split)?;
    (runs_left(window, split, rest, overruns) > 1).then_some(split)
}

/// Where a running `window` is halved that has to begin again at page one; `None` when it has to
/// begin again as it is.
///
/// It is halved when it has shown that it does not fit: it has run out of time before, or what it
/// cannot go on with was left by an earlier run. Otherwise it would come to the same point again, and
/// never end. A pager that is broken within one run says nothing about the width, so a window
/// that meets one stays whole, and parks after a few restarts. So does a sweep's.
pub fn halved(window: &Window, unit_ms: i64) -> Option<Timestamp> {
    let was_left = window.cursor().is_some() && window.attempts() > 0;
    let fits = window.overruns() == 0 && !was_left;
    (!fits && window.is_splittable()).then(|| window.span().midpoint(unit_ms))?
}

/// The delivered part of `window` and the rest.
fn parts(window: &Window, split: Split) -> Option<(Option<Span>, Span)> {
    let before = Span::new(window.id().from, split.at).ok()?;
    let after = Span::new(split.at, window.to()).ok()?;
    Some(match split.delivered {
        Delivered::Nothing => (None, window.span()),
        Delivered::Before => (Some(before), after),
        Delivered::After => (Some(after), before),
    })
}

/// About how many more runs `rest` needs, if it is as dense as what `overruns` runs have delivered.
fn runs_left(window: &Window, split: Split, rest: Span, overruns: u32) -> i64 {
    let covered_ms = (window.span().width_ms() - rest.width_ms()).max(1);
    debug_assert!(split.delivered != Delivered::Nothing);
    let runs = i64::from(overruns.max(1));
    (rest.width_ms().saturating_mul(runs) + covered_ms - 1) / covered_ms
}

/// What a split makes of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// What the window itself keeps.
    pub kept: Span,
    /// Whether that is delivered, so that the window is done.
    pub kept_is_done: bool,
    /// The delivered part where it gets a window of its own, which is done from the start.
    pub done: Option<Span>,
    /// The windows to create that are still to be read, ascending.
    pub unread: Vec<Span>,
}

/// The parts of a window that waits to be split; `None` when it does not. A function of the stored
/// window and the unit alone, so that planners which have read the same window split it alike.
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

fn pieces(window: &Window, split: Split, rest: Span) -> i64 {
    runs_left(window, split, rest, window.overruns()).clamp(1, limits::SPLIT_PIECES_MAX)
}

/// `span` in at most `pieces` parts of about the same width, never empty.
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
