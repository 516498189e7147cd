//! An output folder and the state that owns it.
//!
//! The marker in the folder holds the id of one state and the number of the run that last wrote
//! there: no path and no host, so folder and state can be moved, together or separately. It is
//! replaced as a whole and synced before the first record of a run. The lock of the process that
//! uses the folder lies beside it.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use windlass_core::ids::{Generation, InvalidId, SourceName, StateId};
use windlass_core::ownership::{Ownership, Standing};
use windlass_core::time::Timestamp;
use windlass_core::window::Window;

use super::directories::{self, sync};
use super::file_error::{FileError, IoContext};
use super::layout::{FileName, Stage};
use super::ledger::{Agreement, compare};
use super::open::Readers;
use super::scan::{Files, FolderFile};
use crate::SinkError;

/// The file that holds the owner.
const MARKER: &str = ".windlass-owner";
/// The name of the marker before it is durable.
const MARKER_NEW: &str = ".windlass-owner.new";
/// The file that the using process locks. Empty.
const LOCK: &str = ".windlass-lock";
/// Upper bound of a marker's size.
const MARKER_BYTES_MAX: u64 = 256;

/// The reason why a state may not deliver into a folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Another state owns it.
    #[error(
        "output folder {} belongs to another state (owner {owner:.8}, this state {state:.8})",
        dir.display()
    )]
    Foreign {
        /// Path of the folder.
        dir: PathBuf,
        /// Id of the owning state.
        owner: StateId,
        /// Id of the requesting state.
        state: StateId,
    },
    /// The state is an older copy of the one that last delivered there.
    #[error(
        "output folder {} was written by run {run} of this state, and the state has only {known} \
         runs: it is an older copy",
        dir.display()
    )]
    Outdated {
        /// Path of the folder.
        dir: PathBuf,
        /// The last run that wrote there.
        run: u64,
        /// The last run that the state knows.
        known: u64,
    },
    /// The folder has no owner, and holds files that this state has not delivered.
    #[error(
        "output folder {} has no owner, and this state does not know {} of {} in it",
        dir.display(),
        counted(*files, "file"),
        counted(*sources, "source")
    )]
    Unknown {
        /// Path of the folder.
        dir: PathBuf,
        /// Number of files of unknown timelines.
        files: u64,
        /// Number of sources that they belong to.
        sources: u64,
    },
    /// The state owns the folder, but has not delivered some of its files.
    #[error(
        "output folder {} holds {} of {} that this state has not delivered: it is an older copy, \
         or lost its last writes",
        dir.display(),
        counted(*files, "file"),
        counted(*sources, "source")
    )]
    Ahead {
        /// Path of the folder.
        dir: PathBuf,
        /// Number of complete files without a window in the state.
        files: u64,
        /// Number of sources that they belong to.
        sources: u64,
    },
    /// Another process delivers there.
    #[error("another process uses output folder {}", dir.display())]
    Busy {
        /// Path of the folder.
        dir: PathBuf,
    },
    /// The folder cannot be read or written.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

fn read_marker(path: &Path) -> Result<Option<Ownership>, FileError> {
    let file = match Readers::default().options().read(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.doing("open", path)?,
    };
    let mut text = String::new();
    let read = file.take(MARKER_BYTES_MAX).read_to_string(&mut text);
    read.doing("read", path)?;
    match text.strip_suffix('\n').unwrap_or(&text).parse() {
        Ok(marker) => Ok(Some(marker)),
        Err(error @ InvalidId { .. }) => Err(FileError::Unreadable {
            path: path.to_owned(),
            problem: error.to_string(),
        }),
    }
}

fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// An output folder that this process holds exclusively, until it is dropped.
#[derive(Debug)]
pub struct Folder {
    sink: String,
    dir: PathBuf,
    readers: Readers,
    _lock: File,
}

impl Folder {
    /// Locks the existing folder `dir` of the sink `sink`, for files that `readers` may read.
    /// Changes only the lock in it.
    ///
    /// # Errors
    /// [`ClaimError::Busy`] if another process holds it.
    pub fn take(sink: &str, dir: &Path, readers: Readers) -> Result<Self, ClaimError> {
        let path = dir.join(LOCK);
        let file = readers
            .options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .doing("create", &path)
            .map_err(|error| error.into_sink_error(sink))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(ClaimError::Busy {
                    dir: dir.to_owned(),
                });
            }
            // A file system without locks: the marker and the lock of the state must suffice.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => {
                let error: Result<(), _> = Err(error).doing("lock", &path);
                error.map_err(|error| error.into_sink_error(sink))?;
            }
        }
        Ok(Self {
            sink: sink.to_owned(),
            dir: dir.to_owned(),
            readers,
            _lock: file,
        })
    }

    /// Path of the folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Compares a file of the folder with `window`, see [`compare`].
    pub fn compare(
        &self,
        file: &FolderFile,
        window: Option<&Window>,
    ) -> Result<Agreement, SinkError> {
        compare(&self.sink, file, window)
    }

    /// The owner and its last run; `None` if the folder was never claimed.
    pub fn owner(&self) -> Result<Option<Ownership>, SinkError> {
        let path = self.dir.join(MARKER);
        read_marker(&path).map_err(|error| error.into_sink_error(&self.sink))
    }

    /// Checks that `state`, with the runs it has begun so far, may deliver here. `knows` is true if
    /// the state has a timeline of that source and generation. Changes nothing.
    ///
    /// # Errors
    /// The reason why the state may not deliver here.
    pub fn check(
        &self,
        state: &Ownership,
        knows: impl Fn(&SourceName, &Generation) -> bool,
    ) -> Result<(), ClaimError> {
        let dir = self.dir.clone();
        match state.standing(self.owner()?.as_ref()) {
            Standing::Owner => Ok(()),
            Standing::Foreign { owner } => Err(ClaimError::Foreign {
                dir,
                owner,
                state: state.state.clone(),
            }),
            Standing::Outdated { run } => Err(ClaimError::Outdated {
                dir,
                run,
                known: state.run,
            }),
            Standing::Unowned => self.check_unowned(knows),
        }
    }

    fn check_unowned(
        &self,
        knows: impl Fn(&SourceName, &Generation) -> bool,
    ) -> Result<(), ClaimError> {
        let (mut files, mut sources) = (0, 0);
        let mut last: Option<SourceName> = None;
        for file in self.files()? {
            let Some(name) = file?.name else { continue };
            let timeline = name.window.timeline;
            if knows(&timeline.source, &timeline.generation) {
                continue;
            }
            files += 1;
            // The files of one source are adjacent.
            if last.as_ref() != Some(&timeline.source) {
                sources += 1;
                last = Some(timeline.source);
            }
        }
        if files == 0 {
            return Ok(());
        }
        Err(ClaimError::Unknown {
            dir: self.dir.clone(),
            files,
            sources,
        })
    }

    /// Makes `state` the owner at its present run. Durable on return.
    pub fn mark(&self, state: &Ownership) -> Result<(), SinkError> {
        self.write_marker(state)
            .map_err(|error| error.into_sink_error(&self.sink))
    }

    fn write_marker(&self, state: &Ownership) -> Result<(), FileError> {
        let (new, marker) = (self.dir.join(MARKER_NEW), self.dir.join(MARKER));
        // Left by a process that was stopped, or created by another program.
        directories::remove(&new)?;
        let mut file = self.readers.create_new(&new).doing("create", &new)?;
        writeln!(file, "{state}").doing("write", &new)?;
        file.sync_all().doing("sync", &new)?;
        fs::rename(&new, &marker).doing("rename", &new)?;
        sync(&self.dir)
    }

    /// Removes `file`, which was found in the folder.
    pub fn remove(&self, file: &FolderFile) -> Result<(), SinkError> {
        directories::remove(&file.path)
            .map(|_| ())
            .map_err(|error| error.into_sink_error(&self.sink))
    }

    /// Renames `file`, a complete file of the folder, to the name of a window that ends at `to`.
    /// Does nothing if that name exists.
    pub fn rename(&self, file: &FolderFile, to: Timestamp) -> Result<(), SinkError> {
        let Some(name) = file.name.clone() else {
            return Ok(());
        };
        let stage = Stage::Output { to: Some(to) };
        let path = self.dir.join(FileName { stage, ..name }.path());
        if path.symlink_metadata().is_ok() {
            return Ok(());
        }
        fs::rename(&file.path, &path)
            .doing("rename", &file.path)
            .map_err(|error| error.into_sink_error(&self.sink))
    }

    /// All files below the folder.
    pub fn files(&self) -> Result<Files, SinkError> {
        Files::below(&self.sink, &self.dir, None)
    }

    /// The files of one source.
    pub fn files_of(&self, source: &SourceName) -> Result<Files, SinkError> {
        Files::below(&self.sink, &self.dir, Some(source))
    }
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
