//! The table: windows and marks, each moved by one conditional write at a time.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::breaks::{Break, broken};
use windlass_core::invariant::check_move;
use windlass_core::lease::Guard;
use windlass_core::seen::SeenPage;
use windlass_core::split::WindowSplit;
use windlass_core::transition::{Claim, Event};
use windlass_core::{Progress, Timestamp, Window};

use crate::row::{Marks, Row};

/// One lane: its marks and its windows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Lane {
    pub(crate) marks: Marks,
    pub(crate) windows: BTreeMap<Timestamp, Row>,
}

/// All lanes. The live lane has number 0, a sweep lane number 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    pub(crate) lanes: Vec<Lane>,
    pub(crate) seen: BTreeSet<SeenPage>,
    /// True to store the creation time of windows.
    pub(crate) ages: bool,
    /// The first move that violated an invariant of moves.
    pub(crate) fault: Option<&'static str>,
}

impl Store {
    pub(crate) fn window(&self, lane: usize, from: Timestamp) -> Option<&Window> {
        self.lanes[lane].windows.get(&from).map(Row::window)
    }

    pub(crate) fn progress(&self, lane: usize) -> &Progress {
        self.lanes[lane].marks.progress()
    }

    /// The windows of a lane from `from` on.
    pub(crate) fn from(&self, lane: usize, from: Timestamp) -> Vec<Window> {
        let rows = self.lanes[lane].windows.range(from..);
        rows.map(|(_, row)| row.window().clone()).collect()
    }

    pub(crate) fn all(&self, lane: usize) -> impl Iterator<Item = &Window> {
        self.lanes[lane].windows.values().map(Row::window)
    }

    /// The windows that `progress` lists in `behind`.
    pub(crate) fn behind(&self, lane: usize, progress: &Progress) -> Vec<Window> {
        let at = |from: &Timestamp| self.window(lane, *from).cloned();
        progress.behind.iter().filter_map(at).collect()
    }

    /// Watermark of a lane.
    pub(crate) fn complete_through(&self, lane: usize) -> Timestamp {
        let progress = self.progress(lane);
        let open = self.from(lane, progress.open_from);
        progress.complete_through(&open, &self.behind(lane, progress))
    }

    /// Makes one conditional write. The error is the stored window.
    pub(crate) fn make(
        &mut self,
        (lane, from): (usize, Timestamp),
        guard: &Guard,
        event: &Event,
    ) -> Result<Window, Option<Box<Window>>> {
        let Some(current) = self.window(lane, from) else {
            return Err(None);
        };
        let (guard, event) = mistaken(guard, event, current);
        let moved = guard.check(current).and_then(|()| current.apply(&event));
        let Ok(next) = moved else {
            return Err(Some(Box::new(current.clone())));
        };
        Ok(self.put(lane, from, next))
    }

    /// Stores `next` in place of the current window, if there is one.
    pub(crate) fn put(&mut self, lane: usize, from: Timestamp, next: Window) -> Window {
        if let Some(current) = self.window(lane, from)
            && let Err(violation) = check_move(current, &next)
        {
            self.fault = self.fault.or(Some(violation.id));
        }
        let row = Row::new(next, self.ages);
        let next = row.window().clone();
        self.lanes[lane].windows.insert(from, row);
        next
    }

    /// Creates `window` if none starts there. Returns true if it did.
    pub(crate) fn create(&mut self, lane: usize, window: &Window) -> bool {
        let is_new = self.window(lane, window.id().from).is_none();
        if is_new {
            let row = Row::new(window.clone(), self.ages);
            self.lanes[lane].windows.insert(window.id().from, row);
        }
        is_new
    }

    /// Applies the whole of `split`, or nothing if a part has changed since the plan. Returns true
    /// if it did. With that rule broken, the last part is left out.
    pub(crate) fn split(&mut self, lane: usize, mut split: WindowSplit) -> bool {
        if broken(Break::SplitLosesPart) {
            split.parts.pop();
        }
        let from = split.parent.seen.id().from;
        let parent = self.window(lane, from);
        let kept = parent.and_then(|parent| split.apply(parent).ok());
        let mut parts = split.parts.iter();
        let is_free = parts.all(|part| self.window(lane, part.id().from).is_none());
        if !is_free || kept.is_none() || !self.save(lane, &split.marks) {
            return false;
        }
        let guard = Guard::planner(&split.parent.seen);
        let made = self.make((lane, from), &guard, &split.parent.event);
        made.is_ok() && split.parts.iter().all(|part| self.create(lane, part))
    }

    /// Compares and sets the marks.
    pub(crate) fn save(&mut self, lane: usize, next: &Progress) -> bool {
        if self.progress(lane).version != next.version {
            return false;
        }
        self.lanes[lane].marks = Marks::new(Progress {
            version: next.version + 1,
            ..next.clone()
        });
        true
    }
}

/// The condition of a store that does not compare epochs, and the event that follows.
fn mistaken(guard: &Guard, event: &Event, current: &Window) -> (Guard, Event) {
    if !broken(Break::NoEpochCheck) {
        return (guard.clone(), event.clone());
    }
    let epoch = current.epoch();
    let guard = match *guard {
        Guard::Claim { .. } => Guard::Claim { epoch },
        Guard::Holder { page, .. } => Guard::Holder { epoch, page },
        Guard::Planner { status, .. } => Guard::Planner { epoch, status },
    };
    let event = match event {
        Event::Claim(claim) => Event::Claim(Claim {
            epoch,
            ..claim.clone()
        }),
        event => event.clone(),
    };
    (guard, event)
}
