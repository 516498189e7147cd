//! The identity of the state, and its output folders.

use rusqlite::{Connection, OptionalExtension};
use windlass_core::ids::{MarkId, StateId};
use windlass_core::ownership::{FolderTaken, KnownFolder, Ownership};

use super::SqliteStore;
use super::error::failed;
use super::transaction::{synced, write};
use crate::error::StateError;

impl SqliteStore {
    /// The identity of this state and the folders that it has used; created from `random` if there
    /// is none yet. A power failure does not revert it.
    pub fn identity(&self, random: u128) -> Result<Ownership, StateError> {
        let mut connection = self.connection();
        if let Some(stored) = stored(&connection)? {
            return Ok(stored);
        }
        synced(&mut connection, |connection| {
            write(connection, |connection| {
                // Read again under the write lock: another process may have been faster.
                if let Some(stored) = stored(connection)? {
                    return Ok(stored);
                }
                let fresh = Ownership {
                    state: StateId::from_random(random),
                    run: 0,
                    folders: Vec::new(),
                };
                put(connection, &fresh)?;
                Ok(fresh)
            })
        })
    }

    /// Counts a run, and stores the marks that it is about to leave in the folders `taken`; see
    /// [`Ownership::begin`]. A power failure does not revert it.
    ///
    /// # Errors
    /// [`StateError::Refused`] if the state has no identity yet.
    pub fn begin_run(&self, after: u64, taken: &[FolderTaken]) -> Result<Ownership, StateError> {
        self.change_identity(|stored| stored.begin(after, taken))
    }

    /// Stores that the folders `taken` carry their new marks.
    pub fn folders_marked(&self, taken: &[FolderTaken]) -> Result<(), StateError> {
        self.change_identity(|stored| stored.marked(taken))
            .map(drop)
    }

    fn change_identity(
        &self,
        change: impl FnOnce(Ownership) -> Ownership,
    ) -> Result<Ownership, StateError> {
        synced(&mut self.connection(), |connection| {
            write(connection, |connection| {
                let stored = stored(connection)?.ok_or_else(|| {
                    StateError::Refused(
                        "the state has no identity yet; `windlass run` creates it".to_owned(),
                    )
                })?;
                let next = change(stored);
                put(connection, &next)?;
                Ok(next)
            })
        })
    }
}

fn corrupt(problem: &dyn std::fmt::Display) -> StateError {
    StateError::Corrupt {
        key: "identity".to_owned(),
        problem: problem.to_string(),
    }
}

fn stored(connection: &Connection) -> Result<Option<Ownership>, StateError> {
    let row = connection
        .query_row("SELECT state, run FROM identity", (), |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
        })
        .optional()
        .map_err(|error| failed(&error))?;
    row.map(|(state, run)| {
        Ok(Ownership {
            state: state.parse().map_err(|error| corrupt(&error))?,
            run: u64::try_from(run).map_err(|error| corrupt(&error))?,
            folders: folders(connection)?,
        })
    })
    .transpose()
}

fn folders(connection: &Connection) -> Result<Vec<KnownFolder>, StateError> {
    let mark = |text: Option<String>| {
        let parsed = text.map(|text| text.parse::<MarkId>()).transpose();
        parsed.map_err(|error| corrupt(&error))
    };
    let sql = "SELECT place, mark, next FROM folders ORDER BY place";
    let mut statement = connection.prepare(sql).map_err(|error| failed(&error))?;
    let rows = statement
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .map_err(|error| failed(&error))?;
    let mut found = Vec::new();
    for row in rows {
        let (place, now, next) = row.map_err(|error| failed(&error))?;
        found.push(KnownFolder {
            place,
            mark: mark(now)?,
            next: mark(next)?,
        });
    }
    Ok(found)
}

fn put(connection: &Connection, identity: &Ownership) -> Result<(), StateError> {
    let run = i64::try_from(identity.run)
        .map_err(|error| StateError::Refused(format!("run {}: {error}", identity.run)))?;
    let written = || {
        connection.execute(
            "INSERT INTO identity (state, run) VALUES (?1, ?2)
             ON CONFLICT (state) DO UPDATE SET run = excluded.run",
            (identity.state.as_str(), run),
        )?;
        connection.execute("DELETE FROM folders", ())?;
        let mut insert =
            connection.prepare("INSERT INTO folders (place, mark, next) VALUES (?1, ?2, ?3)")?;
        for folder in &identity.folders {
            let [mark, next] =
                [&folder.mark, &folder.next].map(|it| it.as_ref().map(MarkId::as_str));
            insert.execute((&folder.place, mark, next))?;
        }
        Ok(())
    };
    written().map_err(|error: rusqlite::Error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::tests::begun;

    #[test]
    fn identity_persists_across_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("windlass.db");
        let made = SqliteStore::open(&path).unwrap().identity(1).unwrap();
        assert_eq!((made.run, made.state), (0, StateId::from_random(1)));
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.identity(2).unwrap().state, StateId::from_random(1));
        let other = SqliteStore::open(&dir.path().join("other.db")).unwrap();
        assert_eq!(other.identity(2).unwrap().state, StateId::from_random(2));
    }

    #[test]
    fn run_number_exceeds_previous_and_folder_runs() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("windlass.db")).unwrap();
        assert!(store.begin_run(0, &[]).is_err(), "there is no identity yet");
        store.identity(1).unwrap();
        for (after, run) in [(0, 1), (1, 2), (9, 10)] {
            assert_eq!(store.begin_run(after, &[]).unwrap().run, run);
        }
        assert_eq!(store.identity(3).unwrap().run, 10);
    }

    #[test]
    fn folder_marks_persist_before_and_after_marking() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("windlass.db");
        let store = SqliteStore::open(&path).unwrap();
        let (begun, taken) = begun(&store);
        assert_eq!(store.identity(2), Ok(begun.clone()));
        store.folders_marked(std::slice::from_ref(&taken)).unwrap();
        drop(store);
        let stored = SqliteStore::open(&path).unwrap().identity(2).unwrap();
        assert_eq!(stored, begun.marked(std::slice::from_ref(&taken)));
        assert_eq!(stored.folders[0].mark, Some(taken.next));
    }

    #[cfg(unix)]
    #[test]
    fn state_files_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("windlass.db");
        let store = SqliteStore::open(&path).unwrap();
        store.identity(1).unwrap();
        for name in ["windlass.db", "windlass.db-wal", "windlass.db-shm"] {
            let mode = std::fs::metadata(dir.path().join(name)).unwrap();
            assert_eq!(mode.permissions().mode() & 0o777, 0o600, "{name}");
        }
    }
}
