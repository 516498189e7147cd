//! History that has run out.

use rusqlite::Connection;
use windlass_core::time::Timestamp;

use super::error::failed;
use super::seen;
use crate::error::StateError;

/// Windows that one call deletes, so that no write holds up the others for long.
pub(super) const EXPIRED_PER_CALL_MAX: i64 = 10_000;

// A window that `behind` still lists stays: there, a missing one counts as unfinished.
const EXPIRE_HISTORY: &str = r#"
    DELETE FROM windows WHERE rowid IN (
        SELECT windows.rowid FROM windows JOIN progress USING (source, generation, lane)
        WHERE windows.expires_at < ?1 AND windows.status = 'done'
          AND windows."to" <= progress.open_from
          AND windows."from" NOT IN (SELECT value FROM json_each(progress.behind))
        LIMIT ?2
    )"#;

/// Deletes what ran out before `now`, at most so much; how many items that were.
pub(super) fn expire(connection: &Connection, now: Timestamp) -> Result<u64, StateError> {
    let mut statement = connection
        .prepare_cached(EXPIRE_HISTORY)
        .map_err(|error| failed(&error))?;
    let deleted = statement.execute((now.to_string(), EXPIRED_PER_CALL_MAX));
    let windows = deleted.map_err(|error| failed(&error))?;
    let pages = seen::expire(connection, now)?;
    Ok(u64::try_from(windows + pages).unwrap_or(u64::MAX))
}
