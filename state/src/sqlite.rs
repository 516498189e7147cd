//! The store of a single machine: one SQLite file, readable with any SQLite shell.
//!
//! Every move is one immediate transaction: read, check, write. Other processes may read, and even
//! write, at the same time; a writer waits up to five seconds for another one. Calls block for a
//! fraction of a millisecond, so they need no threads of their own. A sync takes as long as the
//! disk, and runs on a blocking thread, one for all waiting callers.

mod adopt;
mod backup;
mod error;
mod expiry;
mod identity;
mod open;
mod rates;
mod row;
mod seen;
mod shared_sync;
mod sources;
mod tables;
mod transaction;
mod windows_view;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use serde_json::Value as Json;
use windlass_core::ids::{RateGroup, SourceName, Timeline, WindowId};
use windlass_core::moves::Move;
use windlass_core::progress::Progress;
use windlass_core::reservation::{ReservationRequest, ReservationResponse};
use windlass_core::seen::{SeenBy, SeenPage};
use windlass_core::shard::Shard;
use windlass_core::source::{BlockChange, SourceDefinition, SourceRecord};
use windlass_core::span::Span;
use windlass_core::split::WindowSplit;
use windlass_core::time::Timestamp;
use windlass_core::trust::{ClockOffset, RateState};
use windlass_core::wait::Cooldown;
use windlass_core::window::Window;

use self::error::failed;
use self::shared_sync::SharedSync;
use self::tables::{PROGRESS, SOURCES, WINDOWS};
use self::transaction::{synced, write};
use crate::apply::{applied, check, moved, next_version, split};
use crate::error::{MoveError, SaveError, SplitError, StateError};
use crate::store::{Created, StateStore};

const OF_TIMELINE: &str = "source = ?1 AND generation = ?2 AND lane = ?3";

/// A store in one SQLite file. Clones share the connection.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    connection: Arc<Mutex<Connection>>,
    syncs: Arc<SharedSync>,
}

impl SqliteStore {
    /// Opens the state in the file at `path`, and creates it if there is none.
    ///
    /// # Errors
    /// - [`StateError::Refused`] if the file cannot be opened, is not a database or belongs to
    ///   another program.
    /// - [`StateError::Version`] if a newer windlass wrote it.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        open::writable(path).map(Self::over)
    }

    /// Opens the state in the file at `path` for reading, even while another process writes it.
    /// Writes fail.
    ///
    /// # Errors
    /// As in [`Self::open`], and [`StateError::Refused`] if there is no state yet.
    pub fn open_read_only(path: &Path) -> Result<Self, StateError> {
        open::read_only(path).map(Self::over)
    }

    fn over(connection: Connection) -> Self {
        Self {
            connection: Arc::new(Mutex::new(connection)),
            syncs: Arc::default(),
        }
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic inside a transaction has already rolled it back.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `change` in a transaction of its own: all of it, or nothing if it fails.
    fn write<T, E: From<StateError>>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        write(&mut self.connection(), change)
    }
}

fn make(connection: &Connection, asked: &Move<'_>) -> Result<Window, MoveError> {
    let current = window_at(connection, asked.id())?;
    let current = current.ok_or_else(|| MoveError::NotFound(asked.id().clone()))?;
    let next = moved(asked, current)?;
    WINDOWS.put(connection, &next)?;
    Ok(next)
}

/// The key columns of a timeline.
fn key(timeline: &Timeline) -> (&str, &str, String) {
    (
        timeline.source.as_str(),
        timeline.generation.as_str(),
        timeline.lane.to_string(),
    )
}

fn marks_of(connection: &Connection, timeline: &Timeline) -> Result<Option<Progress>, StateError> {
    Ok(PROGRESS.find(connection, OF_TIMELINE, key(timeline))?.pop())
}

fn window_at(connection: &Connection, id: &WindowId) -> Result<Option<Window>, StateError> {
    let (source, generation, lane) = key(&id.timeline);
    let clause = format!(r#"{OF_TIMELINE} AND "from" = ?4"#);
    let params = (source, generation, lane, id.from.to_string());
    Ok(WINDOWS.find(connection, &clause, params)?.pop())
}

impl StateStore for SqliteStore {
    async fn changes(&self) -> Result<Option<i64>, StateError> {
        sources::changes(&self.connection()).map(Some)
    }

    async fn shards(&self) -> Result<Vec<Shard>, StateError> {
        let groups = sources::rate_groups(&self.connection())?;
        let shards: BTreeSet<_> = groups.iter().map(RateGroup::shard).collect();
        Ok(shards.into_iter().collect())
    }

    async fn sources(&self, shard: Shard) -> Result<Vec<SourceRecord>, StateError> {
        sources::of_shard(&self.connection(), shard)
    }

    async fn progress(&self, shard: Shard) -> Result<Vec<Progress>, StateError> {
        let mut found = sources::progress_of_shard(&self.connection(), shard)?;
        // Lanes sort by kind and number, not by their text.
        found.sort_by(|one, other| one.timeline.cmp(&other.timeline));
        Ok(found)
    }

    async fn all_sources(&self) -> Result<Vec<SourceRecord>, StateError> {
        SOURCES.find(&self.connection(), "true ORDER BY source", ())
    }

    async fn source(
        &self,
        shard: Shard,
        name: &SourceName,
    ) -> Result<Option<SourceRecord>, StateError> {
        let record = sources::named(&self.connection(), name)?;
        Ok(record.filter(|record| record.shard() == shard))
    }

    async fn apply_source(
        &self,
        definition: &SourceDefinition,
        now: Timestamp,
    ) -> Result<SourceRecord, StateError> {
        check(definition)?;
        self.write(|connection| {
            // A new definition replaces a corrupt one, of which only the version is read.
            let stored = sources::named(connection, &definition.name).unwrap_or_default();
            let mut record = applied(definition, stored.as_ref(), now);
            let sql = "SELECT coalesce(max(version), 0) FROM sources WHERE source = ?1";
            let before: i64 = connection
                .query_row(sql, (definition.name.as_str(),), |row| row.get(0))
                .map_err(|error| failed(&error))?;
            record.version = before.unsigned_abs() + 1;
            SOURCES.put(connection, &record)?;
            Ok(record)
        })
    }

    async fn block_source(
        &self,
        shard: Shard,
        name: &SourceName,
        version: u64,
        change: &BlockChange,
    ) -> Result<bool, StateError> {
        self.write(|connection| {
            let record = sources::named(connection, name)?;
            let meant =
                |record: &SourceRecord| record.shard() == shard && record.version == version;
            let record = record.filter(meant);
            let record = record.filter(|record| change.applies_to(record.blocked.as_ref()));
            let Some(record) = record else {
                return Ok(false);
            };
            let blocked = change.after(record.blocked.as_ref());
            SOURCES.put(connection, &SourceRecord { blocked, ..record })?;
            Ok(true)
        })
    }

    async fn set_pause(
        &self,
        shard: Shard,
        name: &SourceName,
        held_since: Option<Timestamp>,
    ) -> Result<(), StateError> {
        self.write(|connection| {
            let record = sources::named(connection, name)?;
            let Some(mut record) = record.filter(|record| record.shard() == shard) else {
                return Ok(());
            };
            record.held_since = held_since.map(|since| record.held_since.unwrap_or(since));
            SOURCES.put(connection, &record)
        })
    }

    async fn progress_of(
        &self,
        _shard: Shard,
        source: &SourceName,
    ) -> Result<Vec<Progress>, StateError> {
        let mut found: Vec<Progress> =
            PROGRESS.find(&self.connection(), "source = ?1", (source.as_str(),))?;
        // Lanes sort by kind and number, not by their text.
        found.sort_by(|one, other| one.timeline.cmp(&other.timeline));
        Ok(found)
    }

    async fn save_progress(&self, _shard: Shard, next: &Progress) -> Result<Progress, SaveError> {
        check(next)?;
        self.write(|connection| {
            let current = marks_of(connection, &next.timeline)?;
            if current.as_ref().map_or(0, |current| current.version) != next.version {
                return Err(SaveError::Conflict(current.map(Box::new)));
            }
            let stored = next_version(next);
            PROGRESS.put(connection, &stored)?;
            Ok(stored)
        })
    }

    async fn create(&self, window: &Window) -> Result<Created, StateError> {
        check(window)?;
        self.write(|connection| match window_at(connection, window.id())? {
            Some(existing) => Ok(Created::Exists(Box::new(existing))),
            None => WINDOWS.put(connection, window).map(|()| Created::New),
        })
    }

    async fn split(&self, _shard: Shard, asked: &WindowSplit) -> Result<Window, SplitError> {
        self.write(|connection| {
            let parent = window_at(connection, asked.parent.seen.id())?;
            let marks = marks_of(connection, &asked.marks.timeline)?;
            let exists = |part: &Window| Ok(window_at(connection, part.id())?.is_some());
            let (kept, marks) = split(asked, parent.as_ref(), marks.as_ref(), exists)?;
            PROGRESS.put(connection, &marks)?;
            for window in asked.parts.iter().chain([&kept]) {
                WINDOWS.put(connection, window)?;
            }
            Ok(kept)
        })
    }

    async fn window(&self, id: &WindowId) -> Result<Option<Window>, StateError> {
        window_at(&self.connection(), id)
    }

    async fn open_windows(
        &self,
        timeline: &Timeline,
        from: Timestamp,
    ) -> Result<Vec<Window>, StateError> {
        let (source, generation, lane) = key(timeline);
        let clause = format!(r#"{OF_TIMELINE} AND "from" >= ?4 ORDER BY "from""#);
        let params = (source, generation, lane, from.to_string());
        WINDOWS.find(&self.connection(), &clause, params)
    }

    async fn windows_at(
        &self,
        timeline: &Timeline,
        froms: &[Timestamp],
    ) -> Result<Vec<Window>, StateError> {
        if froms.is_empty() {
            return Ok(Vec::new());
        }
        let (source, generation, lane) = key(timeline);
        let clause = format!(
            r#"{OF_TIMELINE} AND "from" IN (SELECT value FROM json_each(?4)) ORDER BY "from""#
        );
        let froms: Json = froms.iter().map(Timestamp::to_string).collect();
        let params = (source, generation, lane, froms.to_string());
        WINDOWS.find(&self.connection(), &clause, params)
    }

    async fn history(
        &self,
        timeline: &Timeline,
        span: Span,
        limit: usize,
    ) -> Result<Vec<Window>, StateError> {
        let (source, generation, lane) = key(timeline);
        let clause =
            format!(r#"{OF_TIMELINE} AND "from" >= ?4 AND "from" < ?5 ORDER BY "from" LIMIT ?6"#);
        let (from, to) = (span.from().to_string(), span.to().to_string());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let params = (source, generation, lane, from, to, limit);
        WINDOWS.find(&self.connection(), &clause, params)
    }

    async fn move_window(&self, asked: &Move<'_>) -> Result<Window, MoveError> {
        let mut connection = self.connection();
        // A claim checks the epoch, and while the epoch stays, the window has the values read here.
        let sends_its_token = |window: Window| window.unsent_after() == Some(window.runs());
        let must_last = matches!(asked, Move::Claim(..))
            && window_at(&connection, asked.id())?.is_some_and(sends_its_token);
        if must_last {
            synced(&mut connection, |connection| {
                write(connection, |connection| make(connection, asked))
            })
        } else {
            write(&mut connection, |connection| make(connection, asked))
        }
    }

    async fn rate_state(&self, group: &RateGroup) -> Result<RateState, StateError> {
        Ok(rates::of(&self.connection(), group)?.into())
    }

    async fn store_clock(
        &self,
        group: &RateGroup,
        clock: &ClockOffset,
        origin: &str,
    ) -> Result<(), StateError> {
        self.write(|connection| rates::store_clock(connection, group, clock, origin))
    }

    async fn start_cooldown(&self, cooldown: &Cooldown, now: Timestamp) -> Result<(), StateError> {
        self.write(|connection| rates::close(connection, cooldown, now))
    }

    async fn reserve_requests(
        &self,
        group: &RateGroup,
        asked: &ReservationRequest,
    ) -> Result<ReservationResponse, StateError> {
        self.write(|connection| rates::reserve_requests(connection, group, asked))
    }

    async fn remember(&self, page: &SeenPage) -> Result<(), StateError> {
        self.write(|connection| seen::remember(connection, page))
    }

    async fn seen(
        &self,
        by: &SeenBy,
        span: Span,
        digests_max: usize,
    ) -> Result<Option<Vec<SeenPage>>, StateError> {
        seen::inside(&self.connection(), by, span, digests_max)
    }

    async fn sync(&self) -> Result<(), StateError> {
        let store = self.clone();
        let sync = move || transaction::sync(&mut store.connection());
        self.syncs.run(sync).await
    }

    async fn expire_history(&self, now: Timestamp) -> Result<u64, StateError> {
        self.write(|connection| expiry::expire(connection, now))
    }
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
