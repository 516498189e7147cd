//! Local files: one file of newline-delimited JSON per window.
//!
//! ```text
//! DIR/okta/live/2026-01-01/20260101T030000.000Z_20260101T032000.000Z-0123456789ab.ndjson
//! DIR/okta/live/2026-01-01/20260101T030000.000Z_20260101T032000.000Z-0123456789ab.rejects.jsonl
//! DIR/okta/live/2026-01-01/20260101T032000.000Z-0123456789ab.r0.part
//! DIR/okta/live/2026-01-01/20260101T032000.000Z-0123456789ab.r0.rejects.part
//! DIR/.windlass-owner
//! ```
//!
//! The first two are a complete file and its rejects; the next two are in progress. The directories
//! are the source, the lane and the UTC day on which the window starts. The name consists of the
//! window's bounds (only the first instant while in progress, because a split may move the end) and
//! its timeline's generation. The number after `r` counts the window's restarts. The last file
//! names the state that owns the folder, see [`Folder`]. Files and directories exist only with
//! content: a window without records leaves nothing behind. Each line of a rejects file is one JSON
//! object with `window`, `page`, `index`, `reason` and the record as received: in `raw` as text, or
//! in `raw_hex` as hex digits when it is not UTF-8.
//!
//! # Meaning of an acknowledgement
//!
//! The bytes of the page, and the directory entries of its files, have been synced to the device.
//! The position is `r<restarts>:<bytes>:<bytes of rejects>`.
//!
//! # Recovery after each stop
//!
//! `open` returns to the checkpoint, so each record is in the output exactly once:
//!
//! | stop | files found | action of `open` |
//! | --- | --- | --- |
//! | while writing a page | a part longer than the checkpoint | truncates it |
//! | before the first checkpoint | a part, checkpoint at 0 | empties it |
//! | inside `finish` | rejects final, lines a part | restores the files that the checkpoint needs |
//! | between `finish` and the state's done | a final file, no part | makes it the part again and truncates it |
//! | the same, in a window of one page | a final file, checkpoint at 0 | leaves it; `finish` replaces it |
//! | while older parts are deleted | parts with lower numbers | leaves them; `finish` deletes them |
//!
//! [`SinkError::Lost`] is returned for a part that is missing, is shorter than its checkpoint, or
//! has no line end at the checkpoint; such a part stays unchanged and is never extended. The same
//! holds for a checkpoint without a position, whose pages another sink has. The window then
//! restarts, and writes a part with the next number beside the old one. Earlier output stays until
//! the new output is complete. The new output then replaces it as a whole, even with fewer records
//! or none.
//!
//! A final file of another state never occurs here: a folder belongs to one state ([`Folder`]), and
//! unknown files in it are an error before the first window is opened.
//!
//! A part is locked (advisory) while a writer uses it, so two writers never share one: the second
//! receives [`SinkError::Unavailable`].

mod blocking;
mod config;
mod directories;
mod file_error;
mod files;
mod folder;
mod last_line;
mod layout;
mod ledger;
mod open;
mod part;
mod position;
mod scan;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use blocking::blocking;
pub use config::NdjsonConfig;
pub(crate) use file_error::error_of_kind;
pub use folder::{ClaimError, Folder};
pub use last_line::LastLine;
pub use layout::{FileName, Kind, Stage};
pub use ledger::{Agreement, compare, delivered_bytes};
pub use open::Readers;
pub(crate) use position::Position;
pub use scan::{Files, FolderFile};
use windlass_core::ids::WindowId;
use windlass_core::window::Window;

use self::directories::Directories;
use self::file_error::{FileError, IoContext};
use self::files::WindowFiles;
use self::layout::Layout;
use crate::reject_lines::reject_lines;
use crate::{Batch, Sink, SinkError, WindowWriter, Written};

/// The file that `new` creates and removes to test for write permission.
const PROBE: &str = ".windlass-write-check";

/// The position at the end of complete files with these lengths in bytes.
pub fn position(lines: u64, rejects: u64) -> String {
    let end = Position {
        restarts: 0,
        lines,
        rejects,
    };
    end.to_string()
}

/// Writes each window to a file of its own below one directory. Clones share everything.
#[derive(Debug, Clone)]
pub struct NdjsonSink {
    name: Arc<str>,
    directories: Arc<Directories>,
}

impl NdjsonSink {
    /// The sink `name` that writes below `dir`, for `readers`; creates `dir` if it does not exist.
    /// Blocks for a few file calls.
    ///
    /// # Errors
    /// [`SinkError::Unusable`] if nothing can be written there, [`SinkError::Full`] if the device is
    /// full.
    pub fn new(name: String, dir: PathBuf, readers: Readers) -> Result<Self, SinkError> {
        match prepare(&dir, readers) {
            Ok(()) => Ok(Self {
                name: name.into(),
                directories: Arc::new(Directories::below(dir, readers)),
            }),
            Err(error) => Err(error.into_sink_error(&name)),
        }
    }

    /// The file with the lines of `window` once it is done; absent if the window has none.
    pub fn output_path(&self, window: &Window) -> PathBuf {
        self.layout(window).output(Kind::Lines)
    }

    /// The file with the rejects of `window` once it is done; absent if the window has none.
    pub fn rejects_path(&self, window: &Window) -> PathBuf {
        self.layout(window).output(Kind::Rejects)
    }

    fn layout(&self, window: &Window) -> Layout {
        Layout::new(self.directories.base(), window.id(), window.to())
    }
}

/// Creates `dir` and tests that files can be created in it.
fn prepare(dir: &Path, readers: Readers) -> Result<(), FileError> {
    directories::create_base(dir, readers)?;
    write_probe(&dir.join(PROBE), readers)
        .map_err(|error| error.of_folder("write into output folder", dir))
}

/// Creates and removes the file `probe`.
fn write_probe(probe: &Path, readers: Readers) -> Result<(), FileError> {
    // Left by a process that was stopped, or created by another program.
    directories::remove(probe)?;
    match readers.create_new(probe) {
        // Another process tests at the same moment, and could write.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        created => drop(created.doing("create", probe)?),
    }
    directories::remove(probe).map(drop)
}

impl Sink for NdjsonSink {
    type Writer = NdjsonWriter;

    async fn open(&self, window: &Window) -> Result<NdjsonWriter, SinkError> {
        // A sink without positions has the first pages; the file would begin in the middle.
        if window.cursor().is_some() && window.sink_position().is_none() {
            return Err(SinkError::Lost {
                sink: self.name.to_string(),
                problem: format!(
                    "the first pages of {} were delivered to another sink",
                    window.id()
                ),
            });
        }
        let directories = Arc::clone(&self.directories);
        let (layout, restarts) = (self.layout(window), window.restarts());
        let position = window.sink_position().map(str::to_owned);
        let may_have_older = window.runs() > 1;
        let opened = blocking(&self.name, move || {
            let position = position.as_deref();
            WindowFiles::open(directories, layout, restarts, position, may_have_older)
        })
        .await?;
        let files = opened.map_err(|error| error.into_sink_error(&self.name))?;
        let name = Arc::clone(&self.name);
        Ok(NdjsonWriter {
            name,
            window: window.id().clone(),
            progress: Progress::Open(Box::new(files)),
        })
    }
}

/// Writes the file of one window.
///
/// A call must be awaited to its end: a dropped call continues in the background and leaves the
/// writer unusable, like a failed one.
#[derive(Debug)]
pub struct NdjsonWriter {
    name: Arc<str>,
    window: WindowId,
    progress: Progress,
}

#[derive(Debug)]
enum Progress {
    Open(Box<WindowFiles>),
    Finished,
    /// A call failed or was dropped: only the next `open` can determine the content of the files.
    Broken,
}

impl NdjsonWriter {
    /// Runs `work` on the files where blocking is allowed. Returns the files only on success.
    async fn with_files<T, F>(&mut self, work: F) -> Result<(Box<WindowFiles>, T), SinkError>
    where
        T: Send + 'static,
        F: FnOnce(&mut WindowFiles) -> Result<T, FileError> + Send + 'static,
    {
        let Progress::Open(mut files) = std::mem::replace(&mut self.progress, Progress::Broken)
        else {
            return Err(SinkError::Unavailable {
                sink: self.name.to_string(),
                problem: format!(
                    "the writer of {} has ended; open the window again",
                    self.window
                ),
            });
        };
        let done = blocking(&self.name, move || {
            work(&mut files).map(|done| (files, done))
        })
        .await?;
        done.map_err(|error| error.into_sink_error(&self.name))
    }
}

impl WindowWriter for NdjsonWriter {
    async fn write(&mut self, batch: &Batch) -> Result<Written, SinkError> {
        debug_assert_eq!(batch.window, self.window, "a page goes to its own window");
        debug_assert!(
            batch.lines.last().is_none_or(|byte| *byte == b'\n'),
            "every line of a page has its end"
        );
        let (window, page) = (batch.window.clone(), batch.page);
        let (lines, rejects) = (batch.lines.clone(), batch.rejects.clone());
        let append = move |files: &mut WindowFiles| {
            let rejects = reject_lines(&window, page, &rejects);
            files.append(&lines, &rejects)
        };
        let (files, position) = self.with_files(append).await?;
        self.progress = Progress::Open(files);
        Ok(Written::Durable(Some(position.to_string())))
    }

    fn makes_final(&self) -> bool {
        match &self.progress {
            Progress::Open(files) => !files.is_empty(),
            Progress::Finished | Progress::Broken => false,
        }
    }

    async fn finish(&mut self) -> Result<(), SinkError> {
        if !matches!(self.progress, Progress::Finished) {
            self.with_files(WindowFiles::finish).await?;
            self.progress = Progress::Finished;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "ndjson/crash_tests.rs"]
mod crash_tests;
#[cfg(test)]
#[path = "ndjson/tamper_tests.rs"]
mod tamper_tests;
#[cfg(test)]
#[path = "ndjson/tests.rs"]
mod tests;
