//! Deletion of expired history.

use rusqlite::Connection;
use windlass_core::time::Timestamp;

use super::error::failed;
use super::seen;
use crate::error::StateError;

/// Windows that one call deletes, so that no write blocks the others for long.
pub(super) const EXPIRED_PER_CALL_MAX: i64 = 10_000;

// A window that `behind` still lists stays: a missing one there counts as unfinished.
const EXPIRE_HISTORY: &str = r#"
    DELETE FROM window_items WHERE rowid IN (
        SELECT window_items.rowid FROM window_items JOIN progress USING (source, generation, lane)
        WHERE window_items.expires_at < ?1 AND window_items.status = 'done'
          AND window_items."to" <= progress.open_from
          AND window_items."from" NOT IN (SELECT value FROM json_each(progress.behind))
        LIMIT ?2
    )"#;

/// Deletes a limited number of items that expired before `now`, and returns that number.
pub(super) fn expire(connection: &Connection, now: Timestamp) -> Result<u64, StateError> {
    let mut statement = connection
        .prepare_cached(EXPIRE_HISTORY)
        .map_err(|error| failed(&error))?;
    let deleted = statement.execute((now.to_string(), EXPIRED_PER_CALL_MAX));
    let windows = deleted.map_err(|error| failed(&error))?;
    let pages = seen::expire(connection, now)?;
    Ok(u64::try_from(windows + pages).unwrap_or(u64::MAX))
}
