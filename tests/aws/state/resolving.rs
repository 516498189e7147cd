//! A store wrapper that repeats a write with unknown outcome and decides by the result, as the
//! planner and the worker do.

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
use windlass_state::{Created, MoveError, SaveError, SplitError, StateError, StateStore};

/// Repeats writes with unknown outcome.
pub(crate) struct Resolving<S>(pub(crate) S);

fn is_unknown<T>(result: &Result<T, MoveError>) -> bool {
    matches!(result, Err(MoveError::Store(StateError::Unknown(_))))
}

impl<S: StateStore> StateStore for Resolving<S> {
    async fn create(&self, window: &Window) -> Result<Created, StateError> {
        match self.0.create(window).await {
            Err(StateError::Unknown(_)) => match self.0.create(window).await? {
                Created::Exists(existing) if *existing == *window => Ok(Created::New),
                other => Ok(other),
            },
            known => known,
        }
    }

    async fn move_window(&self, asked: &Move<'_>) -> Result<Window, MoveError> {
        let first = self.0.move_window(asked).await;
        if !is_unknown(&first) {
            return first;
        }
        match self.0.move_window(asked).await {
            Err(MoveError::Refused { current, .. }) if asked.was_made(&current) => Ok(*current),
            other => other,
        }
    }

    async fn split(&self, shard: Shard, split: &WindowSplit) -> Result<Window, SplitError> {
        let first = self.0.split(shard, split).await;
        if !matches!(first, Err(SplitError::Store(StateError::Unknown(_)))) {
            return first;
        }
        let again = self.0.split(shard, split).await;
        let Err(SplitError::Conflict(_)) = again else {
            return again;
        };
        let parent = self.0.window(split.parent.seen.id()).await?;
        parent.filter(|it| split.was_made(it)).map_or(again, Ok)
    }

    async fn save_progress(&self, shard: Shard, next: &Progress) -> Result<Progress, SaveError> {
        let first = self.0.save_progress(shard, next).await;
        if !matches!(first, Err(SaveError::Store(StateError::Unknown(_)))) {
            return first;
        }
        let stored = Progress {
            version: next.version + 1,
            ..next.clone()
        };
        match self.0.save_progress(shard, next).await {
            Err(SaveError::Conflict(Some(current))) if *current == stored => Ok(stored),
            other => other,
        }
    }

    async fn shards(&self) -> Result<Vec<Shard>, StateError> {
        self.0.shards().await
    }

    async fn sources(&self, shard: Shard) -> Result<Vec<SourceRecord>, StateError> {
        self.0.sources(shard).await
    }

    async fn progress(&self, shard: Shard) -> Result<Vec<Progress>, StateError> {
        self.0.progress(shard).await
    }

    async fn source(
        &self,
        shard: Shard,
        name: &SourceName,
    ) -> Result<Option<SourceRecord>, StateError> {
        self.0.source(shard, name).await
    }

    async fn apply_source(
        &self,
        definition: &SourceDefinition,
        now: Timestamp,
    ) -> Result<SourceRecord, StateError> {
        self.0.apply_source(definition, now).await
    }

    async fn block_source(
        &self,
        shard: Shard,
        name: &SourceName,
        version: u64,
        change: &BlockChange,
    ) -> Result<bool, StateError> {
        self.0.block_source(shard, name, version, change).await
    }

    async fn set_pause(
        &self,
        shard: Shard,
        name: &SourceName,
        held_since: Option<Timestamp>,
    ) -> Result<(), StateError> {
        self.0.set_pause(shard, name, held_since).await
    }

    async fn progress_of(
        &self,
        shard: Shard,
        source: &SourceName,
    ) -> Result<Vec<Progress>, StateError> {
        self.0.progress_of(shard, source).await
    }

    async fn window(&self, id: &WindowId) -> Result<Option<Window>, StateError> {
        self.0.window(id).await
    }

    async fn open_windows(
        &self,
        timeline: &Timeline,
        from: Timestamp,
    ) -> Result<Vec<Window>, StateError> {
        self.0.open_windows(timeline, from).await
    }

    async fn windows_at(
        &self,
        timeline: &Timeline,
        froms: &[Timestamp],
    ) -> Result<Vec<Window>, StateError> {
        self.0.windows_at(timeline, froms).await
    }

    async fn history(
        &self,
        timeline: &Timeline,
        span: Span,
        limit: usize,
    ) -> Result<Vec<Window>, StateError> {
        self.0.history(timeline, span, limit).await
    }

    async fn rate_state(&self, group: &RateGroup) -> Result<RateState, StateError> {
        self.0.rate_state(group).await
    }

    async fn store_clock(
        &self,
        group: &RateGroup,
        clock: &ClockOffset,
        origin: &str,
    ) -> Result<(), StateError> {
        self.0.store_clock(group, clock, origin).await
    }

    async fn start_cooldown(&self, cooldown: &Cooldown, now: Timestamp) -> Result<(), StateError> {
        self.0.start_cooldown(cooldown, now).await
    }

    async fn reserve_requests(
        &self,
        group: &RateGroup,
        asked: &ReservationRequest,
    ) -> Result<ReservationResponse, StateError> {
        self.0.reserve_requests(group, asked).await
    }

    async fn remember(&self, page: &SeenPage) -> Result<(), StateError> {
        match self.0.remember(page).await {
            Err(StateError::Unknown(_)) => self.0.remember(page).await,
            known => known,
        }
    }

    async fn seen(
        &self,
        by: &SeenBy,
        span: Span,
        digests_max: usize,
    ) -> Result<Option<Vec<SeenPage>>, StateError> {
        self.0.seen(by, span, digests_max).await
    }

    async fn expire_history(&self, now: Timestamp) -> Result<u64, StateError> {
        self.0.expire_history(now).await
    }
}
