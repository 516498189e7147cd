//! A copy of the state in a new file, taken while others work on it.
//!
//! The state may go on in the run in which the copy is taken, and an output folder tells a copy from
//! its state by its mark only. The copy therefore knows no mark: in the state's place, it is refused
//! by every folder that the state has used.
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

/// Only its owner reads it: a state has the names of secrets and of what is pulled.
const MODE: u32 = 0o600;

/// Tries while another process has the state to itself, each as long as any call of this store waits.
const TRIES_MAX: usize = 3;

impl SqliteStore {
    /// Copies the whole state, as it is at one instant, into a new file at `to`, also while other
    /// processes write, and returns the file's size in bytes. Only its owner may read the file, and it
    /// is durable when this returns. The copy knows no mark of an output folder.
    ///
    /// # Errors
    /// [`StateError::Refused`] when there is a file at `to`, which is left alone, or none can be made.
    /// A copy that failed is removed.
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
            // It is this call's own, and no backup.
            drop(fs::remove_file(&unnamed));
        }
        copied
    }
}

fn exists(to: &Path) -> StateError {
    StateError::Refused(format!(
        "{} exists, and a backup replaces nothing; name a file that does not exist",
        to.display()
    ))
}

fn create(unnamed: &Path) -> Result<(), StateError> {
    // Left by a backup that was stopped.
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

/// One step, so that the copy is of one instant: with a write-ahead log it holds up nobody.
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
            // Only without a write-ahead log: its writer has the file to itself.
            StepResult::More | StepResult::Busy | StepResult::Locked => {}
            other => {
                let problem = format!("the copy ended with {other:?}");
                return Err(StateError::Unavailable(problem));
            }
        }
    }
    Err(StateError::Unavailable(
        "another process has the state to itself; try again".to_owned(),
    ))
}

/// Marks the copy as one, without a log beside it. A copy of a damaged state is no backup.
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
        problem: format!("{found}; nothing was kept in {}", to.display()),
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

/// Gives the whole file its name, durably, unless there is a file of that name.
fn give_name(unnamed: &Path, to: &Path) -> Result<(), StateError> {
    // It was not there at the start; a copy takes long.
    if to.symlink_metadata().is_ok() {
        return Err(exists(to));
    }
    let named = || {
        fs::rename(unnamed, to)?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    named().map_err(|error: std::io::Error| {
        StateError::Unavailable(format!("{} cannot be named: {error}", to.display()))
    })
}

#[cfg(test)]
#[path = "backup_tests.rs"]
mod tests;
