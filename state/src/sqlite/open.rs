//! Opens the state file: checks its owner and version, and prepares it for many readers beside one
//! writer.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Error, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::error::{commit_failed, open_failed};
use super::windows_view;
use crate::error::StateError;

/// Version of the tables, in `PRAGMA user_version`.
pub(super) const SCHEMA_VERSION: i64 = 5;
/// Marks a file as a state of windlass, in `PRAGMA application_id`: "WIND".
const APPLICATION_ID: i64 = 0x5749_4e44;
/// Longest wait of a call for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Attempts at switching a new file to write-ahead logging, while other processes open it too.
const WAL_TRIES_MAX: usize = 100;
/// Size to which a checkpoint truncates the write-ahead log, so that disk use is bounded.
const WAL_BYTES_MAX: i64 = 16 * 1024 * 1024;
/// Prepared statements that are cached: there are about twenty.
const STATEMENTS_MAX: usize = 32;

const SCHEMA: &str = include_str!("schema.sql");
/// The table of seen pages.
const SEEN: &str = include_str!("seen.sql");
/// The table of the state's own identity.
const IDENTITY: &str = include_str!("identity.sql");
/// Oldest version that can be migrated. No older one was released.
const SCHEMA_VERSION_MIN: i64 = 4;
/// The columns and the index of version 5 that version 4 lacks. An added column may be empty, so
/// the existing rows stay as they are.
const SINCE_VERSION_4: &str = "
ALTER TABLE sources ADD COLUMN file TEXT;
ALTER TABLE sources ADD COLUMN probe_at TEXT;
CREATE INDEX sources_by_group ON sources (rate_group);
ALTER TABLE progress ADD COLUMN open INTEGER;
ALTER TABLE progress ADD COLUMN parked INTEGER;
ALTER TABLE progress ADD COLUMN parked_since TEXT;
ALTER TABLE progress ADD COLUMN failing_since TEXT;
ALTER TABLE windows ADD COLUMN adopted INTEGER;
ALTER TABLE windows ADD COLUMN deaths INTEGER;
ALTER TABLE rate_gates ADD COLUMN clock_offset_ms INTEGER;
ALTER TABLE rate_gates ADD COLUMN clock_observed_at TEXT;
ALTER TABLE rate_gates ADD COLUMN clock_origin TEXT;
ALTER TABLE sources ADD COLUMN clock TEXT;
ALTER TABLE sources ADD COLUMN manifest_hash TEXT;
";

/// Opens the file at `path` for reading and writing, and creates or migrates its tables if
/// necessary.
pub(super) fn writable(path: &Path) -> Result<Connection, StateError> {
    // SQLite takes these two names for databases that vanish when they are closed.
    if path.as_os_str().is_empty() || path == Path::new(":memory:") {
        let path = path.display();
        return Err(StateError::Refused(format!(
            "`{path}` does not name a file for the state"
        )));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |error: Error| open_failed(path, &error);
    make_private(path);
    let mut connection = connect(path, flags)?;
    // Without permission to write the file, SQLite silently opens it for reading.
    if connection.is_readonly("main").map_err(failed)? {
        return Err(StateError::Refused(format!(
            "{} is read-only; make it writable",
            path.display()
        )));
    }
    // Checked before anything is changed: the file may belong to another program.
    let version = schema_version(
        &begin(&mut connection, TransactionBehavior::Deferred, path)?,
        path,
    )?;
    enter_wal(&connection).map_err(failed)?;
    connection
        .pragma_update(None, "journal_size_limit", WAL_BYTES_MAX)
        .map_err(failed)?;
    if version < SCHEMA_VERSION || !windows_view::is_current(&connection).map_err(failed)? {
        bring_up_to_date(&mut connection, path)?;
    }
    Ok(connection)
}

/// Creates the file at `path`, if there is none, so that only its owner may read it, because it
/// holds cursors. SQLite gives the files beside it the same mode. Errors are left to SQLite, which
/// opens the file next.
fn make_private(path: &Path) {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    drop(options.open(path));
}

/// Opens the file at `path` for reading, beside a writer.
pub(super) fn read_only(path: &Path) -> Result<Connection, StateError> {
    let none_yet = || {
        let path = path.display();
        Err(StateError::Refused(format!(
            "there is no state at {path} yet; `windlass run` creates it"
        )))
    };
    if !path.exists() {
        return none_yet();
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = connect(path, flags)?;
    let transaction = begin(&mut connection, TransactionBehavior::Deferred, path)?;
    match schema_version(&transaction, path)? {
        0 => return none_yet(),
        SCHEMA_VERSION => {}
        _ => {
            return Err(StateError::Refused(format!(
                "{} was last written by an older windlass; start `windlass run` once to migrate it",
                path.display()
            )));
        }
    }
    drop(transaction);
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StateError> {
    let failed = |error: Error| open_failed(path, &error);
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}

fn begin<'c>(
    connection: &'c mut Connection,
    behavior: TransactionBehavior,
    path: &Path,
) -> Result<Transaction<'c>, StateError> {
    connection
        .transaction_with_behavior(behavior)
        .map_err(|error| open_failed(path, &error))
}

/// The schema version of the file, 0 if it is empty. Rejects the file of another program and an
/// unknown version. Read in a transaction, so that the three values belong together while another
/// process creates the tables.
fn schema_version(transaction: &Transaction<'_>, path: &Path) -> Result<i64, StateError> {
    let number = |sql: &str| {
        let number = transaction.query_row(sql, [], |row| row.get::<_, i64>(0));
        number.map_err(|error| open_failed(path, &error))
    };
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    match (
        number("PRAGMA application_id")?,
        number("PRAGMA user_version")?,
    ) {
        (0, 0) if tables == 0 => Ok(0),
        (APPLICATION_ID, known @ SCHEMA_VERSION_MIN..=SCHEMA_VERSION) => Ok(known),
        (APPLICATION_ID, found) => Err(StateError::Version {
            found,
            supported: SCHEMA_VERSION,
        }),
        _ => Err(StateError::Refused(format!(
            "{} is a database of another program; name another file",
            path.display()
        ))),
    }
}

/// Switches to write-ahead logging, so that readers and the writer do not wait for each other.
///
/// The switch itself does not wait for other connections (<https://www.sqlite.org/wal.html>), so
/// while several processes open a new file, an empty write transaction waits for them.
fn enter_wal(connection: &Connection) -> Result<(), Error> {
    let mut outcome = switch_to_wal(connection);
    for _ in 1..WAL_TRIES_MAX {
        match &outcome {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                connection.execute_batch("BEGIN IMMEDIATE; COMMIT")?;
                outcome = switch_to_wal(connection);
            }
            _ => break,
        }
    }
    // With the log, NORMAL syncs at checkpoints only, and a power failure may revert the last
    // moves. That loses nothing: the sink has synced a page before its checkpoint is written,
    // truncates to the stored position, and the page is fetched again. A file system that cannot
    // share the log's memory keeps the rollback journal, which needs every sync.
    let synchronous = if outcome? == "wal" { "NORMAL" } else { "FULL" };
    connection.pragma_update(None, "synchronous", synchronous)
}

fn switch_to_wal(connection: &Connection) -> Result<String, Error> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
}

fn bring_up_to_date(connection: &mut Connection, path: &Path) -> Result<(), StateError> {
    let transaction = begin(connection, TransactionBehavior::Immediate, path)?;
    // Read again under the write lock: another process may have been faster.
    let steps: &[_] = match schema_version(&transaction, path)? {
        0 => &[SCHEMA, windows_view::ITEMS, SEEN, IDENTITY],
        4 => &[SINCE_VERSION_4, IDENTITY],
        _ => &[],
    };
    let failed = |error: Error| open_failed(path, &error);
    for step in steps {
        transaction.execute_batch(step).map_err(failed)?;
    }
    if windows_view::has_columns(&transaction).map_err(failed)? {
        let step = windows_view::FROM_COLUMNS;
        transaction.execute_batch(step).map_err(failed)?;
    }
    windows_view::replace(&transaction).map_err(failed)?;
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(failed)?;
    transaction
        .pragma_update(None, "user_version", SCHEMA_VERSION)
        .map_err(failed)?;
    transaction.commit().map_err(|error| commit_failed(&error))
}
