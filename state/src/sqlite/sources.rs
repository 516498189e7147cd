//! Sources by name and by shard, and the number that reveals the writes of other processes.

use rusqlite::Connection;
use serde_json::Value as Json;
use windlass_core::ids::{InvalidId, RateGroup, SourceName};
use windlass_core::progress::Progress;
use windlass_core::shard::Shard;
use windlass_core::source::SourceRecord;

use super::error::failed;
use super::tables::{PROGRESS, SOURCES};
use crate::error::StateError;

/// A number that changes when another connection has committed:
/// <https://www.sqlite.org/pragma.html#pragma_data_version>.
pub(super) fn changes(connection: &Connection) -> Result<i64, StateError> {
    let mut statement = connection
        .prepare_cached("PRAGMA data_version")
        .map_err(|error| failed(&error))?;
    statement
        .query_row((), |row| row.get(0))
        .map_err(|error| failed(&error))
}

/// The source `name`.
pub(super) fn named(
    connection: &Connection,
    name: &SourceName,
) -> Result<Option<SourceRecord>, StateError> {
    Ok(SOURCES
        .find(connection, "source = ?1", (name.as_str(),))?
        .pop())
}

/// The rate groups of all sources.
pub(super) fn rate_groups(connection: &Connection) -> Result<Vec<RateGroup>, StateError> {
    let mut statement = connection
        .prepare_cached("SELECT DISTINCT rate_group FROM sources")
        .map_err(|error| failed(&error))?;
    let names = statement.query_map((), |row| row.get::<_, String>(0));
    let names: Result<Vec<_>, _> = names.map_err(|error| failed(&error))?.collect();
    let names = names.map_err(|error| failed(&error))?;
    let group = |name: &String| {
        name.parse()
            .map_err(|error: InvalidId| StateError::Corrupt {
                key: format!("sources with rate_group `{name}`"),
                problem: error.to_string(),
            })
    };
    names.iter().map(group).collect()
}

/// The sources of `shard`, by name. Those of other shards are not decoded: there are many shards,
/// and reading all sources once per shard would be most of the cost of a tick.
pub(super) fn of_shard(
    connection: &Connection,
    shard: Shard,
) -> Result<Vec<SourceRecord>, StateError> {
    let clause = "rate_group IN (SELECT value FROM json_each(?1)) ORDER BY source";
    SOURCES.find(connection, clause, (groups_of(connection, shard)?,))
}

/// The progress items of the sources of `shard`.
pub(super) fn progress_of_shard(
    connection: &Connection,
    shard: Shard,
) -> Result<Vec<Progress>, StateError> {
    let clause = "source IN (SELECT source FROM sources \
                  WHERE rate_group IN (SELECT value FROM json_each(?1)))";
    PROGRESS.find(connection, clause, (groups_of(connection, shard)?,))
}

/// The rate groups of `shard`, as a JSON array.
fn groups_of(connection: &Connection, shard: Shard) -> Result<String, StateError> {
    let mut groups = rate_groups(connection)?;
    groups.retain(|group| group.shard() == shard);
    let groups: Json = groups.iter().map(RateGroup::as_str).collect();
    Ok(groups.to_string())
}
