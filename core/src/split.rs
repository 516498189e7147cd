//! A split: a window gives a part of its time up, new windows cover that part, and the marks keep
//! them in sight, in one step of the store.

use crate::lease::Guard;
use crate::moves::Decision;
use crate::progress::Progress;
use crate::transition::{Event, IllegalMove};
use crate::window::Window;

/// A split of one window as the planner wants it. A store makes all of it or nothing, and only while
/// the window is as it was read, no part exists, and the stored marks are those that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowSplit {
    /// The window that gives up a part, and [`Event::Shrink`] or [`Event::Close`].
    pub parent: Decision,
    /// The new windows, ascending.
    pub parts: Vec<Window>,
    /// The lane's marks after the split. They list the parts that lie before `open_from`, and
    /// `version` is that of the marks that they replace.
    pub marks: Progress,
}

impl WindowSplit {
    /// The parent after the split, to be stored in place of `current`.
    ///
    /// # Errors
    /// When `current` is not the window that the planner read, or its part of the split is no split.
    pub fn apply(&self, current: &Window) -> Result<Window, IllegalMove> {
        let Decision { seen, event } = &self.parent;
        Guard::planner(seen).check(current)?;
        match event {
            Event::Shrink { .. } | Event::Close { .. } => current.apply(event),
            _ => Err(IllegalMove::Edge {
                status: current.status(),
                event: event.name(),
            }),
        }
    }

    /// Whether `current`, the parent as it stands after a refusal, shows that an earlier try was made
    /// whose reply was lost. The same split of another planner counts too.
    pub fn was_made(&self, current: &Window) -> bool {
        self.apply(&self.parent.seen).as_ref() == Ok(current)
    }

    /// Items that the step writes: the parent, its parts and the marks.
    pub fn items(&self) -> usize {
        self.parts.len() + 2
    }
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
