//! Writes: each whole or not at all, and some of them safe from a power failure at once.

use rusqlite::{Connection, TransactionBehavior};

use super::error::{commit_failed, failed};
use crate::error::StateError;

/// The value of `PRAGMA synchronous` at which each commit is on disk before it is acknowledged,
/// with all earlier commits: <https://www.sqlite.org/pragma.html#pragma_synchronous>.
const FULL: i64 = 2;

/// Runs `change` in a transaction of its own: all of it, or nothing if it fails.
pub(super) fn write<T, E: From<StateError>>(
    connection: &mut Connection,
    change: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<T, E> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| failed(&error))?;
    let changed = change(&transaction)?;
    transaction
        .commit()
        .map_err(|error| commit_failed(&error))?;
    Ok(changed)
}

/// Runs `write`, whose commits are synced before it returns.
///
/// Usually only some commits are synced (see [`super::open`]), and a power failure may revert the
/// last ones: those pages are fetched again. The claim of a window with an unsent one-time token
/// must not be reverted, because the worker may send the token after it, and the state would again
/// record it as unsent.
pub(super) fn synced<T, E: From<StateError>>(
    connection: &mut Connection,
    write: impl FnOnce(&mut Connection) -> Result<T, E>,
) -> Result<T, E> {
    let usual = synchronous(connection).map_err(|error| failed(&error))?;
    set(connection, usual.max(FULL)).map_err(|error| failed(&error))?;
    let written = write(connection);
    // If that fails, all later commits are synced at once too: slower, and as safe.
    drop(set(connection, usual));
    written
}

/// Syncs all earlier commits. SQLite syncs its log only after a commit with a write, so one page is
/// rewritten unchanged.
pub(super) fn sync(connection: &mut Connection) -> Result<(), StateError> {
    synced(connection, |connection| {
        write(connection, |connection| {
            let version: i64 = connection
                .pragma_query_value(None, "user_version", |row| row.get(0))
                .map_err(|error| failed(&error))?;
            connection
                .pragma_update(None, "user_version", version)
                .map_err(|error| failed(&error))
        })
    })
}

fn synchronous(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.pragma_query_value(None, "synchronous", |row| row.get(0))
}

fn set(connection: &Connection, level: i64) -> Result<(), rusqlite::Error> {
    connection.pragma_update(None, "synchronous", level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_writes_inside_are_synced() {
        let mut connection = Connection::open_in_memory().unwrap();
        for usual in [1, 2, 3] {
            set(&connection, usual).unwrap();
            let inside = synced(&mut connection, |connection| {
                Ok::<_, StateError>(synchronous(connection).unwrap())
            });
            assert_eq!(inside, Ok(usual.max(FULL)));
            assert_eq!(synchronous(&connection), Ok(usual));
        }
    }

    #[test]
    fn failed_write_restores_sync_mode() {
        let mut connection = Connection::open_in_memory().unwrap();
        set(&connection, 1).unwrap();
        let refused = StateError::Refused("no".to_owned());
        let failed = synced(&mut connection, |_| Err::<(), _>(refused.clone()));
        assert_eq!(failed, Err(refused));
        assert_eq!(synchronous(&connection), Ok(1));
    }

    #[test]
    fn syncing_appends_to_log_without_change() {
        let dir = tempfile::tempdir().unwrap();
        let mut connection = Connection::open(dir.path().join("windlass.db")).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = wal; PRAGMA user_version = 7")
            .unwrap();
        let log = dir.path().join("windlass.db-wal");
        let len = || std::fs::metadata(&log).unwrap().len();
        let before = len();
        sync(&mut connection).unwrap();
        assert!(len() > before, "a commit without a page is not synced");
        let version: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap();
        assert_eq!(version, 7);
    }
}
