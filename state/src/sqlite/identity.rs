//! Which state this is, and how often it has run.

use rusqlite::{Connection, OptionalExtension};
use windlass_core::ids::StateId;
use windlass_core::ownership::Ownership;

use super::SqliteStore;
use super::error::failed;
use super::transaction::{synced, write};
use crate::error::StateError;

impl SqliteStore {
    /// The identity of this state with the runs begun so far; made from `random` if it has none yet.
    /// No power failure takes it back.
    pub fn identity(&self, random: u128) -> Result<Ownership, StateError> {
        let mut connection = self.connection();
        if let Some(stored) = stored(&connection)? {
            return Ok(stored);
        }
        synced(&mut connection, |connection| {
            write(connection, |connection| {
                // Asked again under the write lock: another process may have been faster.
                if let Some(stored) = stored(connection)? {
                    return Ok(stored);
                }
                let fresh = Ownership {
                    state: StateId::from_random(random),
                    run: 0,
                };
                put(connection, &fresh)?;
                Ok(fresh)
            })
        })
    }

    /// Counts a run of this state, and returns its identity with the new number. The number is
    /// higher than `after` too, the last run known to have marked a folder. No power failure takes
    /// it back.
    ///
    /// [`StateError::Refused`] when the state has no identity yet.
    pub fn begin_run(&self, after: u64) -> Result<Ownership, StateError> {
        synced(&mut self.connection(), |connection| {
            write(connection, |connection| {
                let stored = stored(connection)?;
                let stored = stored.ok_or_else(|| {
                    StateError::Refused("the state has no identity yet".to_owned())
                })?;
                let next = Ownership {
                    run: stored.run.max(after) + 1,
                    ..stored
                };
                put(connection, &next)?;
                Ok(next)
            })
        })
    }
}

fn stored(connection: &Connection) -> Result<Option<Ownership>, StateError> {
    let row = connection
        .query_row("SELECT state, run FROM identity", (), |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
        })
        .optional()
        .map_err(|error| failed(&error))?;
    let corrupt = |problem: String| StateError::Corrupt {
        key: "identity".to_owned(),
        problem,
    };
    row.map(|(state, run)| {
        let state = state.parse::<StateId>();
        Ok(Ownership {
            state: state.map_err(|error| corrupt(error.to_string()))?,
            run: u64::try_from(run).map_err(|error| corrupt(error.to_string()))?,
        })
    })
    .transpose()
}

fn put(connection: &Connection, identity: &Ownership) -> Result<(), StateError> {
    let run = i64::try_from(identity.run)
        .map_err(|error| StateError::Refused(format!("run {}: {error}", identity.run)))?;
    connection
        .execute(
            "INSERT INTO identity (state, run) VALUES (?1, ?2)
             ON CONFLICT (state) DO UPDATE SET run = excluded.run",
            (identity.state.as_str(), run),
        )
        .map(|_| ())
        .map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_made_once_and_survives_closing() {
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
    fn each_run_is_counted_and_never_below_a_marked_folder() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("windlass.db")).unwrap();
        assert!(store.begin_run(0).is_err(), "there is no identity yet");
        store.identity(1).unwrap();
        assert_eq!(store.begin_run(0).unwrap().run, 1);
        assert_eq!(store.begin_run(1).unwrap().run, 2);
        assert_eq!(store.begin_run(9).unwrap().run, 10);
        assert_eq!(store.identity(3).unwrap().run, 10);
    }

    #[cfg(unix)]
    #[test]
    fn state_and_its_log_are_for_their_owner_alone() {
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
