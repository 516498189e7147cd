//! A copy of the state in a new file, taken while others work on it.
//!
//! The state may go on in the very run in which the copy is taken, and an output folder tells a copy
//! from its state by the number of runs only. So a copy counts one run less: put back in the state's
//! place, it is behind every folder that the state has used.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

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
    /// is durable when this returns. The copy counts one run less than the state.
    ///
    /// # Errors
    /// [`StateError::Refused`] when there is a file at `to`, which is left alone, or none can be made.
    /// A copy that failed is removed.
    pub fn backup(&self, to: &Path) -> Result<u64, StateError> {
        create(to)?;
        let copied = copy(&self.connection(), to).and_then(|()| make_durable(to));
        if copied.is_err() {
            // It is this call's own, and no backup.
            drop(fs::remove_file(to));
        }
        copied
    }
}

fn create(to: &Path) -> Result<(), StateError> {
    let mut options = OpenOptions::new();
    let created = options.write(true).create_new(true).mode(MODE).open(to);
    created.map(drop).map_err(|error| {
        let to = to.display();
        StateError::Refused(match error.kind() {
            ErrorKind::AlreadyExists => {
                format!(
                    "{to} exists, and a backup replaces nothing; name a file that does not exist"
                )
            }
            _ => format!("{to} cannot be created: {error}"),
        })
    })
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
        let marked = target.execute("UPDATE identity SET run = run - 1 WHERE run > 0", ());
        return marked.map(drop).map_err(|error| failed(&error));
    }
    Err(StateError::Corrupt {
        key: "state database".to_owned(),
        problem: format!("{found}; nothing was kept in {}", to.display()),
    })
}

/// The file and its name in the folder are on disk when this returns.
fn make_durable(to: &Path) -> Result<u64, StateError> {
    let synced = || {
        let file = File::open(to)?;
        file.sync_all()?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(file.metadata()?.len())
    };
    synced().map_err(|error: std::io::Error| {
        StateError::Unavailable(format!("{} cannot be synced: {error}", to.display()))
    })
}
