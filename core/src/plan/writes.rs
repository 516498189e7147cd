//! A plan as a list of writes. Their order is decided only here; the orchestrator follows it.

use crate::breaks::{Break, broken};
use crate::moves::Decision;
use crate::progress::Progress;
use crate::split::WindowSplit;
use crate::transition::Event;
use crate::window::{Status, Window};

/// One write of a plan, conditional on the planner's reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Moves a window.
    Move(Decision),
    /// Splits a window, and stores marks with it.
    Split(Box<WindowSplit>),
    /// Creates a window where none starts yet.
    Create(Window),
    /// Stores marks.
    Save(Progress),
}

impl Write {
    /// Returns whether the loss of this write voids the writes after it: another planner has
    /// changed their basis. A window that has moved since it was read affects no other write.
    pub const fn carries_the_rest(&self) -> bool {
        !matches!(self, Self::Move(_))
    }

    /// Returns whether this write dispatches its window.
    pub fn dispatches(&self) -> bool {
        match self {
            Self::Move(moved) => matches!(moved.event, Event::Dispatch { .. }),
            Self::Create(window) => window.status() == Status::Dispatched,
            Self::Split(_) | Self::Save(_) => false,
        }
    }
}

/// The writes for one timeline, in this order, up to the first lost one that [carries the
/// rest](Write::carries_the_rest).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    writes: Vec<Write>,
}

impl Plan {
    /// The writes of a plan that splits: windows are parked or taken back, then split. Each split
    /// changes the set of windows, so the next plan covers the rest.
    pub(super) fn of_splits(moves: Vec<Decision>, splits: Vec<WindowSplit>) -> Self {
        let splits = splits
            .into_iter()
            .map(|split| Write::Split(Box::new(split)));
        Self {
            writes: moves.into_iter().map(Write::Move).chain(splits).collect(),
        }
    }

    /// The writes of a plan that does not split, from its `steps`.
    pub(super) fn of(steps: Steps) -> Self {
        let Steps {
            scavenge,
            create,
            marks,
            lapse,
            dispatch,
        } = steps;
        let mut writes: Vec<_> = scavenge.into_iter().map(Write::Move).collect();
        // A mark passes only existing windows: a stop in between leaves windows for the next
        // planner to adopt, and no gap.
        writes.extend(create.into_iter().map(Write::Create));
        writes.extend(marks.map(Write::Save));
        // A window lapses only once the marks list its span as unavailable.
        writes.extend(lapse.into_iter().chain(dispatch).map(Write::Move));
        if broken(Break::MarkBeforeWindows) {
            writes.sort_by_key(|write| !matches!(write, Write::Save(_)));
        }
        Self { writes }
    }

    /// Returns whether the plan has no writes.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// The writes, in order.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// The writes, in order.
    pub fn into_writes(self) -> Vec<Write> {
        self.writes
    }

    /// Returns whether the plan creates windows outside of splits, from time that no window covers.
    pub fn creates(&self) -> bool {
        let mut writes = self.writes.iter();
        writes.any(|write| matches!(write, Write::Create(_)))
    }
}

/// The writes of a plan that does not split, by kind.
#[derive(Debug, Default)]
pub(super) struct Steps {
    /// Windows to take back or park.
    pub(super) scavenge: Vec<Decision>,
    /// Windows to create, in chain order; some are created as dispatched.
    pub(super) create: Vec<Window>,
    /// The marks to store once all of these windows exist; `None` when nothing moved.
    pub(super) marks: Option<Progress>,
    /// Windows to end as lapsed, because the vendor has dropped their time.
    pub(super) lapse: Vec<Decision>,
    /// Ready windows to dispatch.
    pub(super) dispatch: Vec<Decision>,
}

/// The writes by kind, for tests.
#[cfg(test)]
impl Plan {
    pub(crate) fn created(&self) -> Vec<Window> {
        let window = |write: &Write| match write {
            Write::Create(window) => Some(window.clone()),
            _ => None,
        };
        self.writes.iter().filter_map(window).collect()
    }

    pub(crate) fn splits(&self) -> Vec<WindowSplit> {
        let split = |write: &Write| match write {
            Write::Split(split) => Some(WindowSplit::clone(split)),
            _ => None,
        };
        self.writes.iter().filter_map(split).collect()
    }

    /// The moves whose event has this name.
    pub(crate) fn moves(&self, event: &str) -> Vec<Decision> {
        let moved = |write: &Write| match write {
            Write::Move(moved) if moved.event.name() == event => Some(moved.clone()),
            _ => None,
        };
        self.writes.iter().filter_map(moved).collect()
    }

    /// The marks that the plan stores last; `None` if it stores none.
    pub(crate) fn marks(&self) -> Option<Progress> {
        let marks = |write: &Write| match write {
            Write::Save(marks) => Some(marks.clone()),
            Write::Split(split) => Some(split.marks.clone()),
            _ => None,
        };
        self.writes.iter().rev().find_map(marks)
    }
}
