//! One store type over both kinds, by delegation only: every command behaves the same on either.

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
use windlass_state::dynamodb::DynamoStore;
use windlass_state::sqlite::SqliteStore;
use windlass_state::{Created, MoveError, SaveError, SplitError, StateError, StateStore};

/// The state of either kind. Clones share it.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    /// A file on this machine.
    Sqlite(SqliteStore),
    /// A DynamoDB table.
    DynamoDb(DynamoStore),
}

/// Delegates a call to the store of either kind.
macro_rules! on {
    ($self:ident, $store:ident => $call:expr) => {
        match $self {
            Self::Sqlite($store) => $call.await,
            Self::DynamoDb($store) => $call.await,
        }
    };
}

impl StateStore for Store {
    fn service_clock(&self) -> Option<ClockOffset> {
        match self {
            Self::Sqlite(store) => store.service_clock(),
            Self::DynamoDb(store) => store.service_clock(),
        }
    }

    async fn changes(&self) -> Result<Option<i64>, StateError> {
        on!(self, store => store.changes())
    }

    async fn shards(&self) -> Result<Vec<Shard>, StateError> {
        on!(self, store => store.shards())
    }

    async fn sources(&self, shard: Shard) -> Result<Vec<SourceRecord>, StateError> {
        on!(self, store => store.sources(shard))
    }

    async fn progress(&self, shard: Shard) -> Result<Vec<Progress>, StateError> {
        on!(self, store => store.progress(shard))
    }

    async fn all_sources(&self) -> Result<Vec<SourceRecord>, StateError> {
        on!(self, store => store.all_sources())
    }

    async fn named(&self, name: &SourceName) -> Result<Option<SourceRecord>, StateError> {
        on!(self, store => store.named(name))
    }

    async fn source(
        &self,
        shard: Shard,
        name: &SourceName,
    ) -> Result<Option<SourceRecord>, StateError> {
        on!(self, store => store.source(shard, name))
    }

    async fn apply_source(
        &self,
        definition: &SourceDefinition,
        now: Timestamp,
    ) -> Result<SourceRecord, StateError> {
        on!(self, store => store.apply_source(definition, now))
    }

    async fn block_source(
        &self,
        shard: Shard,
        name: &SourceName,
        version: u64,
        change: &BlockChange,
    ) -> Result<bool, StateError> {
        on!(self, store => store.block_source(shard, name, version, change))
    }

    async fn set_pause(
        &self,
        shard: Shard,
        name: &SourceName,
        held_since: Option<Timestamp>,
    ) -> Result<(), StateError> {
        on!(self, store => store.set_pause(shard, name, held_since))
    }

    async fn progress_of(
        &self,
        shard: Shard,
        source: &SourceName,
    ) -> Result<Vec<Progress>, StateError> {
        on!(self, store => store.progress_of(shard, source))
    }

    async fn save_progress(&self, shard: Shard, next: &Progress) -> Result<Progress, SaveError> {
        on!(self, store => store.save_progress(shard, next))
    }

    async fn create(&self, window: &Window) -> Result<Created, StateError> {
        on!(self, store => store.create(window))
    }

    async fn split(&self, shard: Shard, split: &WindowSplit) -> Result<Window, SplitError> {
        on!(self, store => store.split(shard, split))
    }

    async fn window(&self, id: &WindowId) -> Result<Option<Window>, StateError> {
        on!(self, store => store.window(id))
    }

    async fn open_windows(
        &self,
        timeline: &Timeline,
        from: Timestamp,
    ) -> Result<Vec<Window>, StateError> {
        on!(self, store => store.open_windows(timeline, from))
    }

    async fn windows_at(
        &self,
        timeline: &Timeline,
        froms: &[Timestamp],
    ) -> Result<Vec<Window>, StateError> {
        on!(self, store => store.windows_at(timeline, froms))
    }

    async fn history(
        &self,
        timeline: &Timeline,
        span: Span,
        limit: usize,
    ) -> Result<Vec<Window>, StateError> {
        on!(self, store => store.history(timeline, span, limit))
    }

    async fn move_window(&self, asked: &Move<'_>) -> Result<Window, MoveError> {
        on!(self, store => store.move_window(asked))
    }

    async fn rate_state(&self, group: &RateGroup) -> Result<RateState, StateError> {
        on!(self, store => store.rate_state(group))
    }

    async fn store_clock(
        &self,
        group: &RateGroup,
        clock: &ClockOffset,
        origin: &str,
    ) -> Result<(), StateError> {
        on!(self, store => store.store_clock(group, clock, origin))
    }

    async fn start_cooldown(&self, cooldown: &Cooldown, now: Timestamp) -> Result<(), StateError> {
        on!(self, store => store.start_cooldown(cooldown, now))
    }

    async fn reserve_requests(
        &self,
        group: &RateGroup,
        asked: &ReservationRequest,
    ) -> Result<ReservationResponse, StateError> {
        on!(self, store => store.reserve_requests(group, asked))
    }

    async fn remember(&self, page: &SeenPage) -> Result<(), StateError> {
        on!(self, store => store.remember(page))
    }

    async fn seen(
        &self,
        by: &SeenBy,
        span: Span,
        digests_max: usize,
    ) -> Result<Option<Vec<SeenPage>>, StateError> {
        on!(self, store => store.seen(by, span, digests_max))
    }

    async fn sync(&self) -> Result<(), StateError> {
        on!(self, store => store.sync())
    }

    async fn expire_history(&self, now: Timestamp) -> Result<u64, StateError> {
        on!(self, store => store.expire_history(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite() -> (Store, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("windlass.db")).unwrap();
        (Store::Sqlite(store), dir)
    }

    windlass_state::conformance_tests!(sqlite());
    windlass_state::expiry_conformance_tests!(sqlite());
}
