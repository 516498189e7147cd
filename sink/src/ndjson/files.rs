//! The files of one window between two restarts, which change together. Every call here blocks.

use std::sync::Arc;

use super::directories::{self, Directories};
use super::file_error::FileError;
use super::layout::{Kind, Layout};
use super::part::Part;
use super::position::Position;

/// Lines and rejects of one window between two restarts.
#[derive(Debug)]
pub(super) struct WindowFiles {
    directories: Arc<Directories>,
    layout: Layout,
    restarts: u32,
    lines: Part,
    rejects: Part,
    /// True if an earlier run may have left complete files with another end in their name.
    may_have_older: bool,
}

impl WindowFiles {
    /// The files at `layout` after `restarts` restarts, at the `stored` position. `may_have_older`
    /// is false in the first run of a window.
    pub(super) fn open(
        directories: Arc<Directories>,
        layout: Layout,
        restarts: u32,
        stored: Option<&str>,
        may_have_older: bool,
    ) -> Result<Self, FileError> {
        let position = Position::read(stored, restarts).map_err(FileError::Lost)?;
        let resume = |kind, offset| {
            let (part, output) = (layout.part(kind, restarts), layout.output(kind));
            Part::resume(part, output, offset, &directories)
        };
        let lines = resume(Kind::Lines, position.lines)?;
        let rejects = resume(Kind::Rejects, position.rejects)?;
        Ok(Self {
            directories,
            layout,
            restarts,
            lines,
            rejects,
            may_have_older,
        })
    }

    /// Appends one page; returns the position after it once all data up to there is durable.
    pub(super) fn append(&mut self, lines: &[u8], rejects: &[u8]) -> Result<Position, FileError> {
        self.lines.append(lines, &self.directories)?;
        self.rejects.append(rejects, &self.directories)?;
        Ok(Position {
            restarts: self.restarts,
            lines: self.lines.len(),
            rejects: self.rejects.len(),
        })
    }

    /// Returns true if both are empty, so that neither becomes a file.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.len() == 0 && self.rejects.len() == 0
    }

    /// Makes both files final, then removes older files of the window.
    ///
    /// Rejects go first: a reader that sees the final lines also sees the final rejects. Older
    /// parts go last, and only after the new files are durable under their final names.
    pub(super) fn finish(&mut self) -> Result<(), FileError> {
        let rejects_changed = self.rejects.finish()?;
        if self.lines.finish()? | rejects_changed {
            directories::sync(&self.layout.directory())?;
        }
        let mut removed = false;
        for older in 0..self.restarts {
            for kind in [Kind::Lines, Kind::Rejects] {
                removed |= directories::remove(&self.layout.part(kind, older))?;
            }
        }
        if self.may_have_older {
            for older in self.layout.other_outputs()? {
                removed |= directories::remove(&older)?;
            }
        }
        if removed {
            directories::sync(&self.layout.directory())?;
        }
        Ok(())
    }
}
