//! The in-memory store: the reference for every other one, for tests and simulations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use windlass_core::ids::{Lane, RateGroup, SourceName, Timeline, WindowId};
use windlass_core::moves::Move;
use windlass_core::progress::Progress;
use windlass_core::reservation::{ReservationRequest, ReservationResponse, give};
use windlass_core::seen::{SeenBy, SeenPage};
use windlass_core::shard::Shard;
use windlass_core::source::{BlockChange, SourceDefinition, SourceRecord};
use windlass_core::span::Span;
use windlass_core::split::WindowSplit;
use windlass_core::time::Timestamp;
use windlass_core::trust::{ClockOffset, RateState};
use windlass_core::wait::Cooldown;
use windlass_core::window::Window;

use crate::apply::{applied, check, moved, next_version, split, stays_closed};
use crate::error::{MoveError, SaveError, SplitError, StateError};
use crate::item::pieces;
use crate::store::{Created, StateStore};

/// A store in memory. Clones share its content.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
}

#[derive(Debug, Clone, Default)]
struct Tables {
    sources: BTreeMap<SourceName, SourceRecord>,
    progress: BTreeMap<Timeline, Progress>,
    windows: BTreeMap<WindowId, Window>,
    cooldowns: BTreeMap<RateGroup, Cooldown>,
    next_reservations: BTreeMap<RateGroup, Timestamp>,
    clocks: BTreeMap<RateGroup, (ClockOffset, String)>,
    seen: BTreeMap<SeenBy, BTreeMap<Place, Vec<SeenPage>>>,
}

/// The content of a store at one instant.
#[cfg(feature = "test-util")]
#[derive(Debug, Clone)]
pub struct Snapshot(Tables);

/// The key of a page within a generation: its place in time, the start and lane of its window, and
/// its number there.
type Place = (Timestamp, Timestamp, Lane, u64);

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Deletes `id`, as a table with a time to live does with expired history. Returns whether it
    /// was stored.
    #[cfg(feature = "test-util")]
    pub fn lose(&self, id: &WindowId) -> bool {
        self.tables().windows.remove(id).is_some()
    }

    /// Stores `window` without a condition, which no operation of a store does.
    #[cfg(feature = "test-util")]
    pub fn put(&self, window: &Window) {
        let mut tables = self.tables();
        tables.windows.insert(window.id().clone(), window.clone());
    }

    /// The present content.
    #[cfg(feature = "test-util")]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.tables().clone())
    }

    /// Reverts to `snapshot`, like a file that loses unsynced writes. Request reservations stay:
    /// they exist only where several machines share a table, which loses nothing.
    #[cfg(feature = "test-util")]
    pub fn revert_to(&self, snapshot: &Snapshot) {
        let mut tables = self.tables();
        let next_reservations = std::mem::take(&mut tables.next_reservations);
        *tables = Tables {
            next_reservations,
            ..snapshot.0.clone()
        };
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // Every change below begins once nothing can fail any more, so a panic elsewhere leaves no
        // partial change.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn between(&self, timeline: &Timeline, from: Timestamp, last: Timestamp) -> Vec<Window> {
        let id = |from| WindowId {
            timeline: timeline.clone(),
            from,
        };
        let tables = self.tables();
        tables
            .windows
            .range(id(from)..=id(last))
            .map(|(_, window)| window.clone())
            .collect()
    }
}

impl StateStore for MemoryStore {
    async fn shards(&self) -> Result<Vec<Shard>, StateError> {
        let tables = self.tables();
        let shards: BTreeSet<_> = tables.sources.values().map(SourceRecord::shard).collect();
        Ok(shards.into_iter().collect())
    }

    async fn sources(&self, shard: Shard) -> Result<Vec<SourceRecord>, StateError> {
        let tables = self.tables();
        let of_shard = tables.sources.values().filter(|it| it.shard() == shard);
        Ok(of_shard.cloned().collect())
    }

    async fn progress(&self, shard: Shard) -> Result<Vec<Progress>, StateError> {
        let tables = self.tables();
        let of_shard = |item: &&Progress| {
            let source = tables.sources.get(&item.timeline.source);
            source.is_some_and(|source| source.shard() == shard)
        };
        Ok(tables.progress.values().filter(of_shard).cloned().collect())
    }

    async fn source(
        &self,
        shard: Shard,
        name: &SourceName,
    ) -> Result<Option<SourceRecord>, StateError> {
        let tables = self.tables();
        let record = tables.sources.get(name);
        Ok(record.filter(|record| record.shard() == shard).cloned())
    }

    async fn apply_source(
        &self,
        definition: &SourceDefinition,
        now: Timestamp,
    ) -> Result<SourceRecord, StateError> {
        check(definition)?;
        let mut tables = self.tables();
        let record = applied(definition, tables.sources.get(&definition.name), now);
        tables
            .sources
            .insert(record.definition.name.clone(), record.clone());
        Ok(record)
    }

    async fn block_source(
        &self,
        shard: Shard,
        name: &SourceName,
        version: u64,
        change: &BlockChange,
    ) -> Result<bool, StateError> {
        let mut tables = self.tables();
        let record = tables
            .sources
            .get_mut(name)
            .filter(|record| record.shard() == shard && record.version == version);
        let record = record.filter(|record| change.applies_to(record.blocked.as_ref()));
        let applies = record.is_some();
        if let Some(record) = record {
            record.blocked = change.after(record.blocked.as_ref());
        }
        Ok(applies)
    }

    async fn set_pause(
        &self,
        shard: Shard,
        name: &SourceName,
        held_since: Option<Timestamp>,
    ) -> Result<(), StateError> {
        let mut tables = self.tables();
        let record = tables.sources.get_mut(name);
        if let Some(record) = record.filter(|record| record.shard() == shard) {
            record.held_since = held_since.map(|since| record.held_since.unwrap_or(since));
        }
        Ok(())
    }

    async fn progress_of(
        &self,
        _shard: Shard,
        source: &SourceName,
    ) -> Result<Vec<Progress>, StateError> {
        let tables = self.tables();
        let of_source = tables
            .progress
            .values()
            .filter(|item| item.timeline.source == *source);
        Ok(of_source.cloned().collect())
    }

    async fn save_progress(&self, _shard: Shard, next: &Progress) -> Result<Progress, SaveError> {
        check(next)?;
        let mut tables = self.tables();
        let current = tables.progress.get(&next.timeline);
        if current.map_or(0, |current| current.version) != next.version {
            return Err(SaveError::Conflict(current.cloned().map(Box::new)));
        }
        let stored = next_version(next);
        tables
            .progress
            .insert(stored.timeline.clone(), stored.clone());
        Ok(stored)
    }

    async fn create(&self, window: &Window) -> Result<Created, StateError> {
        check(window)?;
        let mut tables = self.tables();
        if let Some(existing) = tables.windows.get(window.id()) {
            return Ok(Created::Exists(Box::new(existing.clone())));
        }
        tables.windows.insert(window.id().clone(), window.clone());
        Ok(Created::New)
    }

    async fn split(&self, _shard: Shard, asked: &WindowSplit) -> Result<Window, SplitError> {
        let mut tables = self.tables();
        let parent = tables.windows.get(asked.parent.seen.id());
        let marks = tables.progress.get(&asked.marks.timeline);
        let exists = |part: &Window| Ok(tables.windows.contains_key(part.id()));
        let (kept, marks) = split(asked, parent, marks, exists)?;
        tables.progress.insert(marks.timeline.clone(), marks);
        for window in asked.parts.iter().chain([&kept]) {
            tables.windows.insert(window.id().clone(), window.clone());
        }
        Ok(kept)
    }

    async fn window(&self, id: &WindowId) -> Result<Option<Window>, StateError> {
        Ok(self.tables().windows.get(id).cloned())
    }

    async fn open_windows(
        &self,
        timeline: &Timeline,
        from: Timestamp,
    ) -> Result<Vec<Window>, StateError> {
        Ok(self.between(timeline, from, Timestamp::MAX))
    }

    async fn windows_at(
        &self,
        timeline: &Timeline,
        froms: &[Timestamp],
    ) -> Result<Vec<Window>, StateError> {
        let tables = self.tables();
        let ascending: BTreeSet<_> = froms.iter().collect();
        let id = |from: &Timestamp| WindowId {
            timeline: timeline.clone(),
            from: *from,
        };
        Ok(ascending
            .into_iter()
            .filter_map(|from| tables.windows.get(&id(from)).cloned())
            .collect())
    }

    async fn history(
        &self,
        timeline: &Timeline,
        span: Span,
        limit: usize,
    ) -> Result<Vec<Window>, StateError> {
        let mut windows = self.between(timeline, span.from(), span.to().minus_ms(1));
        windows.truncate(limit);
        Ok(windows)
    }

    async fn move_window(&self, asked: &Move<'_>) -> Result<Window, MoveError> {
        let mut tables = self.tables();
        let current = tables.windows.get(asked.id()).cloned();
        let current = current.ok_or_else(|| MoveError::NotFound(asked.id().clone()))?;
        let next = moved(asked, current)?;
        tables.windows.insert(next.id().clone(), next.clone());
        Ok(next)
    }

    async fn rate_state(&self, group: &RateGroup) -> Result<RateState, StateError> {
        let tables = self.tables();
        let (clock, origin) = tables.clocks.get(group).cloned().unzip();
        Ok(RateState {
            cooldown: tables.cooldowns.get(group).cloned(),
            clock,
            origin,
        })
    }

    async fn store_clock(
        &self,
        group: &RateGroup,
        clock: &ClockOffset,
        origin: &str,
    ) -> Result<(), StateError> {
        let shown = (*clock, origin.to_owned());
        self.tables().clocks.insert(group.clone(), shown);
        Ok(())
    }

    async fn start_cooldown(&self, cooldown: &Cooldown, now: Timestamp) -> Result<(), StateError> {
        let mut tables = self.tables();
        if !stays_closed(tables.cooldowns.get(&cooldown.group), cooldown, now) {
            tables
                .cooldowns
                .insert(cooldown.group.clone(), cooldown.clone());
        }
        Ok(())
    }

    async fn reserve_requests(
        &self,
        group: &RateGroup,
        asked: &ReservationRequest,
    ) -> Result<ReservationResponse, StateError> {
        let mut tables = self.tables();
        let next = tables.next_reservations.get(group).copied();
        let (given, next) = give(tables.cooldowns.get(group), next, asked);
        if let Some(next) = next {
            tables.next_reservations.insert(group.clone(), next);
        }
        Ok(given)
    }

    async fn remember(&self, page: &SeenPage) -> Result<(), StateError> {
        let mut tables = self.tables();
        let place = (page.at, page.from, page.lane.clone(), page.page);
        let of_generation = tables.seen.entry(page.by.clone()).or_default();
        of_generation.insert(place, pieces(page).into_iter().map(|it| it.page).collect());
        Ok(())
    }

    async fn seen(
        &self,
        by: &SeenBy,
        span: Span,
        digests_max: usize,
    ) -> Result<Option<Vec<SeenPage>>, StateError> {
        let tables = self.tables();
        let Some(of_generation) = tables.seen.get(by) else {
            return Ok(Some(Vec::new()));
        };
        let first = (span.from(), Timestamp::MIN, Lane::Live, 0);
        let inside = of_generation
            .range(first..)
            .take_while(|(place, _)| place.0 < span.to())
            .flat_map(|(_, pieces)| pieces);
        let mut found = Vec::new();
        let mut digests = 0;
        for page in inside {
            digests += page.digests.len();
            if digests > digests_max {
                return Ok(None);
            }
            found.push(page.clone());
        }
        Ok(Some(found))
    }

    async fn expire_history(&self, now: Timestamp) -> Result<u64, StateError> {
        let mut tables = self.tables();
        let Tables {
            windows,
            progress,
            seen,
            ..
        } = &mut *tables;
        let items = |seen: &BTreeMap<SeenBy, BTreeMap<Place, Vec<SeenPage>>>| -> usize {
            seen.values().flat_map(BTreeMap::values).map(Vec::len).sum()
        };
        let before = windows.len() + items(seen);
        windows.retain(|id, window| {
            let ran_out = window.expires_at().is_some_and(|at| at < now);
            let passed = progress.get(&id.timeline).is_some_and(|progress| {
                window.to() <= progress.open_from && !progress.behind.contains(&id.from)
            });
            window.is_unfinished() || !ran_out || !passed
        });
        seen.retain(|_, of_generation| {
            of_generation.retain(|_, pieces| pieces.iter().any(|it| it.expires_at >= now));
            !of_generation.is_empty()
        });
        let after = windows.len() + items(seen);
        Ok(u64::try_from(before - after).unwrap_or(u64::MAX))
    }
}
