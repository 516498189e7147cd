//! Seen pages.

use rusqlite::Connection;
use windlass_core::seen::{SeenBy, SeenPage};
use windlass_core::span::Span;
use windlass_core::time::Timestamp;

use super::error::failed;
use super::tables::SEEN;
use crate::error::StateError;
use crate::item::{SeenPiece, pieces};

/// Items that one call deletes: with a thousand records each, 80 MB.
pub(super) const EXPIRED_PER_CALL_MAX: i64 = 10_000;

const FORGET: &str = r#"DELETE FROM seen WHERE source = ?1 AND generation = ?2 AND at = ?3
    AND "from" = ?4 AND lane = ?5 AND page = ?6"#;
const INSIDE: &str = "source = ?1 AND generation = ?2 AND at >= ?3 AND at < ?4";
const EXPIRE: &str = "DELETE FROM seen WHERE rowid IN (
    SELECT rowid FROM seen WHERE expires_at < ?1 LIMIT ?2)";

/// Stores `page` in place of its earlier version, in a transaction of the caller's.
pub(super) fn remember(connection: &Connection, page: &SeenPage) -> Result<(), StateError> {
    let Ok(number) = i64::try_from(page.page) else {
        let text = format!("page {} is more than SQLite can hold", page.page);
        return Err(StateError::Refused(text));
    };
    let key = (
        page.by.source.as_str(),
        page.by.generation.as_str(),
        page.at.to_string(),
        page.from.to_string(),
        page.lane.to_string(),
        number,
    );
    let mut statement = connection
        .prepare_cached(FORGET)
        .map_err(|error| failed(&error))?;
    statement.execute(key).map_err(|error| failed(&error))?;
    pieces(page)
        .iter()
        .try_for_each(|piece| SEEN.put(connection, piece))
}

/// The pages of `by` inside `span`; `None` if they hold more than `digests_max` digests. The limit
/// is checked by their lengths, before any is read.
pub(super) fn inside(
    connection: &Connection,
    by: &SeenBy,
    span: Span,
    digests_max: usize,
) -> Result<Option<Vec<SeenPage>>, StateError> {
    let (from, to) = (span.from().to_string(), span.to().to_string());
    let params = (by.source.as_str(), by.generation.as_str(), from, to);
    let sql = format!("SELECT coalesce(sum(length(digests)), 0) / 8 FROM seen WHERE {INSIDE}");
    let mut statement = connection
        .prepare_cached(&sql)
        .map_err(|error| failed(&error))?;
    let digests: i64 = statement
        .query_row(params.clone(), |row| row.get(0))
        .map_err(|error| failed(&error))?;
    if usize::try_from(digests).is_ok_and(|digests| digests > digests_max) {
        return Ok(None);
    }
    let clause = format!(r#"{INSIDE} ORDER BY at, "from", lane, page, piece"#);
    let found: Vec<SeenPiece> = SEEN.find(connection, &clause, params)?;
    Ok(Some(found.into_iter().map(|piece| piece.page).collect()))
}

/// Deletes pages that no sweep needs any more, and returns the number of items.
pub(super) fn expire(connection: &Connection, now: Timestamp) -> Result<usize, StateError> {
    let mut statement = connection
        .prepare_cached(EXPIRE)
        .map_err(|error| failed(&error))?;
    statement
        .execute((now.to_string(), EXPIRED_PER_CALL_MAX))
        .map_err(|error| failed(&error))
}
