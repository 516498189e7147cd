//! An output folder and the state that owns it.
//!
//! The marker in the folder holds the id of one state, and the number and the random mark of the run
//! that last wrote there: no path and no host, so folder and state can be moved, together or
//! separately. It is replaced as a whole and synced before the first record of a run. The lock of
//! the process that uses the folder lies beside it.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use windlass_core::ids::{SourceName, StateId};
use windlass_core::ownership::{Marker, Ownership, Standing};
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
/// Number of names that are tried for a file that is set aside; the last one is replaced. An
/// operator has acted long before that.
const ASIDE_MAX: u32 = 100;
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
    /// The state's last run there did not leave the folder's mark.
    #[error(
        "output folder {} has the mark of run {run}, which is not the last mark of this state: \
         the state or the folder is an older copy",
        dir.display()
    )]
    Diverged {
        /// Path of the folder.
        dir: PathBuf,
        /// The run that left the mark.
        run: u64,
    },
    /// The state has delivered at this path, and the folder has no owner.
    #[error(
        "output folder {} has no owner, but this state has delivered to it: the folder was \
         emptied or replaced",
        dir.display()
    )]
    Emptied {
        /// Path of the folder.
        dir: PathBuf,
    },
    /// The folder has no owner, and holds delivered files.
    #[error(
        "output folder {} has no owner, but holds {} of {}",
        dir.display(),
        counted(*files, "file"),
        counted(*sources, "source")
    )]
    Unknown {
        /// Path of the folder.
        dir: PathBuf,
        /// Number of delivered files.
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
    #[error("output folder {} is in use by another process", dir.display())]
    Busy {
        /// Path of the folder.
        dir: PathBuf,
    },
    /// The folder cannot be read or written.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

fn read_marker(path: &Path) -> Result<Option<Marker>, FileError> {
    let file = match Readers::default().options().read(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.doing("read", path)?,
    };
    let mut bytes = Vec::new();
    let read = file.take(MARKER_BYTES_MAX).read_to_end(&mut bytes);
    read.doing("read", path)?;
    let text = std::str::from_utf8(&bytes).ok();
    let marker = text.and_then(|text| text.strip_suffix('\n').unwrap_or(text).parse().ok());
    marker.map(Some).ok_or_else(|| FileError::Torn {
        path: path.to_owned(),
        bytes: bytes.len(),
    })
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
            .map_err(|error| error.of_folder("lock output folder", dir))
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
                let error: Result<(), _> = Err(error).doing("lock output folder", dir);
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

    /// Name of the sink that it was taken for.
    pub fn sink(&self) -> &str {
        &self.sink
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
    pub fn owner(&self) -> Result<Option<Marker>, SinkError> {
        let path = self.dir.join(MARKER);
        read_marker(&path)
            .map_err(|error| error.of_folder("read the owner of output folder", &self.dir))
            .map_err(|error| error.into_sink_error(&self.sink))
    }

    /// The absolute path under which a state knows the folder.
    pub fn place(&self) -> String {
        let place = self.dir.canonicalize();
        let place = place.unwrap_or_else(|_| self.dir.clone());
        place.to_string_lossy().into_owned()
    }

    /// Checks that `state`, as stored, may deliver here. Changes nothing.
    ///
    /// # Errors
    /// The reason why the state may not deliver here.
    pub fn check(&self, state: &Ownership) -> Result<(), ClaimError> {
        let dir = self.dir.clone();
        match state.standing(&self.place(), self.owner()?.as_ref()) {
            Standing::Owner => Ok(()),
            Standing::Foreign { owner } => Err(ClaimError::Foreign {
                dir,
                owner,
                state: state.state.clone(),
            }),
            Standing::Diverged { run } => Err(ClaimError::Diverged { dir, run }),
            Standing::Emptied => Err(ClaimError::Emptied { dir }),
            Standing::Unowned => self.check_unowned(),
        }
    }

    fn check_unowned(&self) -> Result<(), ClaimError> {
        let (mut files, mut sources) = (0, 0);
        let mut last: Option<SourceName> = None;
        for file in self.files()? {
            let Some(name) = file?.name else { continue };
            files += 1;
            // The files of one source are adjacent.
            let source = name.window.timeline.source;
            if last.as_ref() != Some(&source) {
                sources += 1;
                last = Some(source);
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

    /// Leaves `marker` here, and with it the owner. Durable on return.
    pub fn mark(&self, marker: &Marker) -> Result<(), SinkError> {
        self.write_marker(marker)
            .map_err(|error| error.of_folder("write the owner of output folder", &self.dir))
            .map_err(|error| error.into_sink_error(&self.sink))
    }

    fn write_marker(&self, content: &Marker) -> Result<(), FileError> {
        let (new, marker) = (self.dir.join(MARKER_NEW), self.dir.join(MARKER));
        // Left by a process that was stopped, or created by another program.
        directories::remove(&new)?;
        let mut file = self.readers.create_new(&new).doing("create", &new)?;
        writeln!(file, "{content}").doing("write", &new)?;
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

    /// Keeps the first `bytes` of `file`, a complete file of the folder, under the name without an end.
    /// Durable on return.
    pub fn keep_beginning(&self, file: &FolderFile, bytes: u64) -> Result<(), SinkError> {
        let Some(name) = file.name.clone() else {
            return Ok(());
        };
        let stage = Stage::Output { to: None };
        let path = self.dir.join(FileName { stage, ..name }.path());
        let kept = || {
            // The name first: a shorter file under the name with both bounds would look whole.
            if file.path != path {
                fs::rename(&file.path, &path).doing("rename", &file.path)?;
                sync(directories::parent(&path))?;
            }
            let open = self.readers.options().write(true).open(&path);
            let open = open.doing("open", &path)?;
            open.set_len(bytes).doing("truncate", &path)?;
            open.sync_all().doing("sync", &path)
        };
        kept().map_err(|error: FileError| error.into_sink_error(&self.sink))
    }

    /// Moves `file`, a complete file of the folder, to a free name that is no output. Durable on return.
    pub fn set_aside(&self, file: &FolderFile) -> Result<(), SinkError> {
        let aside = |number: u32| {
            let mut name = file.path.as_os_str().to_owned();
            name.push(match number {
                0 => ".damaged".to_owned(),
                _ => format!(".damaged-{number}"),
            });
            PathBuf::from(name)
        };
        let free = (0..ASIDE_MAX).map(aside);
        let mut free = free.filter(|path| path.symlink_metadata().is_err());
        let path = free.next().unwrap_or_else(|| aside(ASIDE_MAX));
        let moved = fs::rename(&file.path, &path).doing("rename", &file.path);
        let moved = moved.and_then(|()| sync(directories::parent(&path)));
        moved.map_err(|error: FileError| error.into_sink_error(&self.sink))
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
