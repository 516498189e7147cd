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
//! The first two are a complete file and its rejects, the next two are in progress. The directories
//! are the source, the lane and the UTC day the window starts on; the name is the window's bounds
//! (the first instant alone while in progress, because a split may move the end) and its timeline's
//! generation. The number after `r` counts the window's restarts. The last one names the state that
//! owns the folder, see [`Folder`]. A file, a rejects file and a directory exist only when something is in them: a window
//! without records leaves nothing behind. Each line of a rejects file is one JSON object with
//! `window`, `page`, `index`, `reason` and the record as received: in `raw` as text, or in
//! `raw_hex` as hex digits when it is not UTF-8.
//!
//! # What an acknowledgement means
//!
//! The bytes of the page, and the directory entries that lead to them, have been synced to the
//! device. The position is `r<restarts>:<bytes>:<bytes of rejects>`.
//!
//! # What happens at each stop
//!
//! `open` goes back to the checkpoint, so each record is in the output exactly once:
//!
//! | stopped | found | `open` does |
//! | --- | --- | --- |
//! | while writing a page | a part longer than the checkpoint | cuts it there |
//! | before the first checkpoint | a part, checkpoint at 0 | empties it |
//! | inside `finish` | rejects final, lines a part | brings back what the checkpoint needs |
//! | between `finish` and the state's done | a final file, no part | makes it the part again and cuts it |
//! | the same, in a window of one page | a final file, checkpoint at 0 | leaves it; `finish` replaces it |
//! | while an older pass is cleaned up | parts with lower numbers | leaves them; `finish` deletes them |
//!
//! A part that is missing, shorter than its checkpoint, or that has no line end where the
//! checkpoint says, is [`SinkError::Lost`] and stays as it is: it is never extended. So is a
//! checkpoint without a position, which belongs to pages that another sink has. The window
//! then restarts, and writes a part with the next number beside the old one. Whatever an older
//! pass delivered stays until the new pass is complete, which then takes its place as a whole, also
//! when it has fewer records or none.
//!
//! A final file of another state is never met here: a folder belongs to one state ([`Folder`]), and what
//! this one does not know in it is refused before the first window is opened.
//!
//! A part is locked (advisory) while a writer has it, so two writers never share one: the second
//! is told [`SinkError::Unavailable`].

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

/// The file `new` makes and removes to see whether it may write.
const PROBE: &str = ".windlass-write-check";

/// The position at the end of complete files with so many bytes of lines and of rejects.
pub fn position(lines: u64, rejects: u64) -> String {
    let end = Position {
        restarts: 0,
        lines,
        rejects,
    };
    end.to_string()
}

/// Writes each window into a file of its own below one directory. Clones share everything.
#[derive(Debug, Clone)]
pub struct NdjsonSink {
    name: Arc<str>,
    directories: Arc<Directories>,
}

impl NdjsonSink {
    /// The sink `name` that writes below `dir`, which is created when it does not exist, for
    /// `readers`. Blocks for a few file calls.
    ///
    /// [`SinkError::Refused`] when nothing can be written there, [`SinkError::Full`] when there is
    /// no room.
    pub fn new(name: String, dir: PathBuf, readers: Readers) -> Result<Self, SinkError> {
        match prepare(&dir, readers) {
            Ok(()) => Ok(Self {
                name: name.into(),
                directories: Arc::new(Directories::below(dir, readers)),
            }),
            Err(error) => Err(error.into_sink_error(&name)),
        }
    }

    /// The file with the lines of `window` once it is done; there is none when it has none.
    pub fn output_path(&self, window: &Window) -> PathBuf {
        self.layout(window).output(Kind::Lines)
    }

    /// The file with the rejects of `window` once it is done; there is none when it has none.
    pub fn rejects_path(&self, window: &Window) -> PathBuf {
        self.layout(window).output(Kind::Rejects)
    }

    fn layout(&self, window: &Window) -> Layout {
        Layout::new(self.directories.base(), &window.id, window.to)
    }
}

/// Makes `dir` and proves that files can be made in it.
fn prepare(dir: &Path, readers: Readers) -> Result<(), FileError> {
    directories::create_base(dir, readers)?;
    let probe = dir.join(PROBE);
    // Left by a process that was stopped, or put there by another program.
    directories::remove(&probe)?;
    match readers.create_new(&probe) {
        // Another process checks at the same moment, and could write.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        created => drop(created.doing("write into", dir)?),
    }
    directories::remove(&probe)?;
    Ok(())
}

impl Sink for NdjsonSink {
    type Writer = NdjsonWriter;

    async fn open(&self, window: &Window) -> Result<NdjsonWriter, SinkError> {
        // A sink without positions has the first pages; the file would begin in the middle.
        if window.cursor.is_some() && window.sink_position.is_none() {
            return Err(SinkError::Lost {
                sink: self.name.to_string(),
                problem: format!("another sink has the first pages of {}", window.id),
            });
        }
        let directories = Arc::clone(&self.directories);
        let (layout, restarts) = (self.layout(window), window.restarts);
        let position = window.sink_position.clone();
        let may_have_older = window.runs > 1;
        let opened = blocking(&self.name, move || {
            let position = position.as_deref();
            WindowFiles::open(directories, layout, restarts, position, may_have_older)
        })
        .await?;
        let files = opened.map_err(|error| error.into_sink_error(&self.name))?;
        let name = Arc::clone(&self.name);
        Ok(NdjsonWriter {
            name,
            window: window.id.clone(),
            progress: Progress::Open(Box::new(files)),
        })
    }
}

/// Writes the file of one window.
///
/// A call must be awaited to its end: one that is dropped half-way goes on in the background and
/// leaves the writer unusable, like one that failed.
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
    /// A call failed or was dropped: what the files hold is known only after the next `open`.
    Broken,
}

impl NdjsonWriter {
    /// Runs `work` on the files where blocking is allowed. They come back only if it succeeded.
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
