//! A split: a window gives up a part of its time, new windows cover that part, and the marks list
//! them, in one step of the store.

use crate::lease::Guard;
use crate::moves::Decision;
use crate::progress::Progress;
use crate::transition::{Event, IllegalMove};
use crate::window::Window;

/// A planned split of one window. A store applies all of it or nothing, under three conditions:
///
/// - The window is as it was read.
/// - No part exists.
/// - The stored marks are those that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowSplit {
    /// The window that gives up a part, and [`Event::Shrink`] or [`Event::Close`].
    pub parent: Decision,
    /// The new windows, ascending.
    pub parts: Vec<Window>,
    /// The lane's marks after the split. They list the parts before `open_from`, and `version` is
    /// that of the marks that they replace.
    pub marks: Progress,
}

impl WindowSplit {
    /// The parent after the split, to be stored in place of `current`.
    ///
    /// # Errors
    /// Fails if `current` is not the window that the planner read, or if the parent's event is not
    /// that of a split.
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

    /// Returns whether `current`, the parent after a lost condition, shows that an earlier attempt
    /// was applied whose response was lost. The same split by another planner counts too.
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
