//! A copy of the state in a new file, taken while other processes work on it.
//!
//! The state may continue in the run in which the copy is taken, and an output folder distinguishes
//! the two only by their marks. The copy therefore has no marks: every folder of the state rejects
//! a copy in the state's place.
//!
//! The copy gets its name last, when it is whole and synced: a stop leaves at most a file with
//! another name.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, Error};

use super::SqliteStore;
use super::error::{failed, open_failed};
use crate::error::StateError;

/// Mode of the copy: only its owner reads it, because a state has the names of secrets and of
/// sources.
const MODE: u32 = 0o600;

/// Attempts while another process locks the state, each as long as any call of this store waits.
const TRIES_MAX: usize = 3;

impl SqliteStore {
    /// Copies the whole state, as of one instant, into a new file at `to`, even while other
    /// processes write, and returns the file's size in bytes. Only its owner may read the file, and
    /// it is durable when this returns. The copy has no marks of output folders.
    ///
    /// # Errors
    /// [`StateError::Refused`] if a file exists at `to`, which stays unchanged, or if none can be
    /// created. A failed copy is removed.
    pub fn backup(&self, to: &Path) -> Result<u64, StateError> {
        if to.symlink_metadata().is_ok() {
            return Err(exists(to));
        }
        let unnamed = with_end(to, ".part");
        create(&unnamed)?;
        let copied = copy(&self.connection(), &unnamed)
            .and_then(|()| sync(&unnamed))
            .and_then(|bytes| give_name(&unnamed, to).map(|()| bytes));
        if copied.is_err() {
            // The file belongs to this call, and is not a backup.
            drop(fs::remove_file(&unnamed));
        }
        copied
    }
}

fn exists(to: &Path) -> StateError {
    StateError::Refused(format!(
        "{} already exists, and a backup never replaces a file; name a new file",
        to.display()
    ))
}

fn create(unnamed: &Path) -> Result<(), StateError> {
    // Files of an interrupted backup.
    for left in ["", "-journal", "-wal", "-shm"].map(|end| with_end(unnamed, end)) {
        match fs::remove_file(&left) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                let left = left.display();
                return Err(StateError::Refused(format!(
                    "{left} cannot be removed: {error}"
                )));
            }
            _ => {}
        }
    }
    let mut options = OpenOptions::new();
    let created = options
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(unnamed);
    created.map(drop).map_err(|error| {
        StateError::Refused(format!("{} cannot be created: {error}", unnamed.display()))
    })
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Copies in one step, so that the copy is of one instant: with a write-ahead log it blocks no
/// other process.
fn copy(connection: &Connection, to: &Path) -> Result<(), StateError> {
    let there = |error: Error| open_failed(to, &error);
    let mut target = Connection::open(to).map_err(there)?;
    target
        .pragma_update(None, "synchronous", "FULL")
        .map_err(there)?;
    let backup = Backup::new(connection, &mut target).map_err(there)?;
    for _ in 0..TRIES_MAX {
        match backup.step(-1).map_err(there)? {
            StepResult::Done => {
                drop(backup);
                return finish(&target, to);
            }
            // Only without a write-ahead log: its writer locks the file.
            StepResult::More | StepResult::Busy | StepResult::Locked => {}
            other => {
                let problem = format!("the copy ended with {other:?}");
                return Err(StateError::Unavailable(problem));
            }
        }
    }
    Err(StateError::Unavailable(
        "another process has locked the state; try again".to_owned(),
    ))
}

/// Removes the marks from the copy, and its log. Fails for a copy of a damaged state, which is not
/// a backup.
fn finish(target: &Connection, to: &Path) -> Result<(), StateError> {
    let said = |pragma: &str| {
        let text = target.query_row(pragma, [], |row| row.get::<_, String>(0));
        text.map_err(|error| failed(&error))
    };
    let found = said("PRAGMA quick_check(1)")?;
    if found == "ok" {
        said("PRAGMA journal_mode = delete")?;
        let marked = target.execute("DELETE FROM folders", ());
        return marked.map(drop).map_err(|error| failed(&error));
    }
    Err(StateError::Corrupt {
        key: "state database".to_owned(),
        problem: format!("{found}; no backup was made at {}", to.display()),
    })
}

/// Makes the whole file durable, and returns its size in bytes.
fn sync(unnamed: &Path) -> Result<u64, StateError> {
    let synced = || {
        let file = File::open(unnamed)?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    };
    synced().map_err(|error: std::io::Error| {
        StateError::Unavailable(format!("{} cannot be synced: {error}", unnamed.display()))
    })
}

/// Gives the whole file its name, durably, unless a file of that name exists.
fn give_name(unnamed: &Path, to: &Path) -> Result<(), StateError> {
    // The file was absent at the start, but a copy takes long.
    if to.symlink_metadata().is_ok() {
        return Err(exists(to));
    }
    let named = || {
        fs::rename(unnamed, to)?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    named().map_err(|error: std::io::Error| {
        StateError::Unavailable(format!("{} cannot be created: {error}", to.display()))
    })
}

#[cfg(test)]
#[path = "backup_tests.rs"]
mod tests;
