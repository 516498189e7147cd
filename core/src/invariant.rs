//! Invariants by id: pure predicates that the tests of several rooms apply to stored items.

use crate::progress::Progress;
use crate::source::{Policy, SourceDefinition, SourceRecord};
use crate::time::Timestamp;
use crate::window::{Status, Window};

mod marks;
mod window;

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{id} broken: {problem}")]
pub struct Violation {
    /// The id, `INV-n`.
    pub id: &'static str,
    /// The values that break it.
    pub problem: String,
}

/// The invariants and their text, for documents and messages. Rules that the types of a window's
/// phases enforce have no number: see [`Contradiction`].
///
/// [`Contradiction`]: crate::window::Contradiction
pub const INVARIANTS: [(&str, &str); 15] = [
    ("INV-1", "a window ends after it starts"),
    (
        "INV-2",
        "window bounds are multiples of the vendor's time unit",
    ),
    (
        "INV-3",
        "every move but a checkpoint raises the epoch by one",
    ),
    (
        "INV-4",
        "page never decreases, and a checkpoint raises it by one",
    ),
    (
        "INV-5",
        "from open_from to scheduled_through the windows leave no gap",
    ),
    ("INV-6", "no two windows of a timeline overlap"),
    (
        "INV-9",
        "behind is ascending, bounded, and between start and open_from",
    ),
    ("INV-10", "no window is created past the settled edge"),
    (
        "INV-11",
        "only the end of a run marks its token as unsent, and only for its own run",
    ),
    (
        "INV-12",
        "start, open_from and scheduled_through are in this order, and the width is positive",
    ),
    (
        "INV-13",
        "unavailable spans are ascending, disjoint, and bounded in number",
    ),
    (
        "INV-14",
        "a window's counts, cursor and split are consistent with each other and with its span",
    ),
    ("INV-15", "a source's policy does not contradict itself"),
    (
        "INV-16",
        "a seen page's pieces are numbered from 0 to their count, and their digests ascend",
    ),
    (
        "INV-17",
        "a lane's summary has a time for parked windows only, and fails only with open ones",
    ),
];

fn broken(id: &'static str, problem: String) -> Result<(), Violation> {
    Err(Violation { id, problem })
}

/// An item whose parts agree with each other in every store, at every instant.
///
/// Stores check it on both sides: they reject an inconsistent item on write, and report it as
/// corrupt on read. The checks need only the item itself.
pub trait Consistent {
    /// Checks the invariants of the item, and returns the first one that it breaks.
    fn check(&self) -> Result<(), Violation>;
}

/// INV-15: [`Policy::check`].
impl Consistent for SourceDefinition {
    fn check(&self) -> Result<(), Violation> {
        self.policy.check().map_err(|error| Violation {
            id: "INV-15",
            problem: format!("source {}: {error}", self.name),
        })
    }
}

/// INV-15, for the definition of the record.
impl Consistent for SourceRecord {
    fn check(&self) -> Result<(), Violation> {
        self.definition.check()
    }
}

/// [`Consistent::check`] of one window, and INV-2, which needs its source's policy.
pub fn check_window(window: &Window, policy: &Policy) -> Result<(), Violation> {
    window.check()?;
    for bound in [window.id().from, window.to()] {
        if !bound.is_multiple_of(policy.unit_ms) {
            return broken("INV-2", format!("{} has the bound {bound}", window.id()));
        }
    }
    Ok(())
}

/// INV-3, INV-4 and INV-11 of one move.
pub fn check_move(before: &Window, after: &Window) -> Result<(), Violation> {
    let checkpoint = after.epoch() == before.epoch();
    if !checkpoint && after.epoch() != before.epoch() + 1 {
        return broken(
            "INV-3",
            format!("{}: {} to {}", before.id(), before.epoch(), after.epoch()),
        );
    }
    let completes = after.status() == Status::Done && before.status() == Status::Running;
    let steps = u64::from(checkpoint || completes);
    if after.page() != before.page() + steps {
        return broken(
            "INV-4",
            format!(
                "{}: page {} after page {}",
                before.id(),
                after.page(),
                before.page()
            ),
        );
    }
    check_unsent(before, after)
}

/// INV-11 of one move.
fn check_unsent(before: &Window, after: &Window) -> Result<(), Violation> {
    let (old, new) = (before.unsent_after(), after.unsent_after());
    let released = before.status() == Status::Running && after.status() == Status::Ready;
    let is_own = released && new == Some(after.runs()) && after.cursor().is_some();
    let is_kept = new == old && after.cursor() == before.cursor();
    if new.is_some() && !is_own && !is_kept {
        return broken("INV-11", format!("{}: {old:?} to {new:?}", before.id()));
    }
    Ok(())
}

/// [`Consistent::check`] of the marks, and INV-5 and INV-6 of their timeline. `windows` are all
/// windows from `open_from` on, ascending.
pub fn check_timeline(progress: &Progress, windows: &[Window]) -> Result<(), Violation> {
    progress.check()?;
    if let Some(gap) = progress.gaps(windows).first() {
        return broken("INV-5", format!("{} lacks {gap}", progress.timeline));
    }
    for pair in windows.windows(2) {
        if let [left, right] = pair
            && left.to() > right.id().from
        {
            return broken("INV-6", format!("{} overlaps {}", left.id(), right.id()));
        }
    }
    Ok(())
}

/// INV-5 from the start: every instant from `progress.start` to `scheduled_through` belongs to
/// exactly one of `windows` or to an unavailable span. `windows` are all windows of the timeline,
/// ascending.
pub fn check_coverage(progress: &Progress, windows: &[Window]) -> Result<(), Violation> {
    let from_start = Progress {
        open_from: progress.start,
        behind: Vec::new(),
        ..progress.clone()
    };
    check_timeline(&from_start, windows)
}

/// INV-10: none of the newly created windows ends past the settled edge at `now`.
pub fn check_settled(created: &[Window], policy: &Policy, now: Timestamp) -> Result<(), Violation> {
    let edge = crate::creation::settled_edge(policy, now);
    match created.iter().find(|window| window.to() > edge) {
        Some(window) => broken(
            "INV-10",
            format!("{} ends past the settled edge {edge}", window.id()),
        ),
        None => Ok(()),
    }
}
