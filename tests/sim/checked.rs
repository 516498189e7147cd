//! The store of a world with a check of every write: violations, and the books for the checks at
//! the end.

mod looks;
mod mistakes;

use std::sync::Arc;

use windlass_core::breaks::{Break, broken};
use windlass_core::ids::{RateGroup, SourceName, Timeline, WindowId};
use windlass_core::moves::{Decision, Move};
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
use windlass_state::{
    Created, MemoryStore, MoveError, SaveError, SplitError, StateError, StateStore,
};

use self::mistakes::Reader;
use crate::truth::Truths;
use crate::world::World;

/// A store that checks each write. Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct CheckedStore {
    world: Arc<World>,
    truths: Arc<Truths>,
}

impl CheckedStore {
    /// The store of `world`, whose sources deliver the records of `truths`.
    pub(crate) fn new(world: Arc<World>, truths: Arc<Truths>) -> Self {
        Self { world, truths }
    }

    fn inner(&self) -> &MemoryStore {
        &self.world.store
    }

    fn note_marks(&self, progress: &Progress) {
        self.world.note(format_args!(
            "marks {} scheduled {} open {} behind {}",
            progress.timeline,
            progress.scheduled_through,
            progress.open_from,
            progress.behind.len()
        ));
    }

    async fn stored(&self, id: &WindowId) -> Option<Window> {
        self.inner().window(id).await.ok().flatten()
    }

    /// Fails with an unknown outcome if the request is lost, so that nothing is written.
    fn never_arrives(&self, what: &'static str) -> Result<(), StateError> {
        let percent = |what: &crate::op::What| match what {
            crate::op::What::StoreFaults { percent } => Some(percent / 3),
            _ => None,
        };
        if !self.world.chance(percent) {
            return Ok(());
        }
        self.world.count("state_request_lost");
        Err(StateError::Unknown(format!("{what} never arrived")))
    }
}

impl StateStore for CheckedStore {
    async fn shards(&self) -> Result<Vec<Shard>, StateError> {
        self.inner().shards().await
    }

    async fn sources(&self, shard: Shard) -> Result<Vec<SourceRecord>, StateError> {
        let sources = self.inner().sources(shard).await?;
        let as_read = |record| mistakes::source(record, Reader::Tick);
        Ok(sources.into_iter().map(as_read).collect())
    }

    async fn progress(&self, shard: Shard) -> Result<Vec<Progress>, StateError> {
        self.inner().progress(shard).await
    }

    async fn source(
        &self,
        shard: Shard,
        name: &SourceName,
    ) -> Result<Option<SourceRecord>, StateError> {
        let source = self.inner().source(shard, name).await?;
        Ok(source.map(|record| mistakes::source(record, Reader::Worker)))
    }

    async fn apply_source(
        &self,
        definition: &SourceDefinition,
        now: Timestamp,
    ) -> Result<SourceRecord, StateError> {
        self.world.note(format_args!("apply {}", definition.name));
        self.inner().apply_source(definition, now).await
    }

    async fn block_source(
        &self,
        shard: Shard,
        name: &SourceName,
        version: u64,
        change: &BlockChange,
    ) -> Result<bool, StateError> {
        self.never_arrives("block")?;
        self.no_secret(&format!("{change:?}"), name.as_str());
        self.world.note(format_args!("block {name} {change:?}"));
        if mistakes::refuses(change) {
            return Ok(false);
        }
        let changed = self.inner().block_source(shard, name, version, change);
        changed.await
    }

    async fn set_pause(
        &self,
        shard: Shard,
        name: &SourceName,
        held_since: Option<Timestamp>,
    ) -> Result<(), StateError> {
        self.inner().set_pause(shard, name, held_since).await
    }

    async fn progress_of(
        &self,
        shard: Shard,
        source: &SourceName,
    ) -> Result<Vec<Progress>, StateError> {
        self.inner().progress_of(shard, source).await
    }

    async fn save_progress(&self, shard: Shard, next: &Progress) -> Result<Progress, SaveError> {
        self.never_arrives("marks")?;
        let saved = self
            .inner()
            .save_progress(shard, &mistakes::marks(next))
            .await;
        if let Ok(progress) = &saved {
            self.note_marks(progress);
            self.look_along(&progress.timeline).await;
        }
        saved
    }

    async fn create(&self, window: &Window) -> Result<Created, StateError> {
        self.never_arrives("create")?;
        let created = self.inner().create(window).await;
        if let Ok(Created::New) = created {
            self.moved("create", None, window);
        }
        created
    }

    async fn split(&self, shard: Shard, split: &WindowSplit) -> Result<Window, SplitError> {
        self.never_arrives("split")?;
        let mut asked = split.clone();
        asked.marks = mistakes::marks(&asked.marks);
        if broken(Break::SplitLosesPart) {
            asked.parts.pop();
        }
        let Decision { seen, event } = &asked.parent;
        let before = self.stored(seen.id()).await;
        let kept = self.inner().split(shard, &asked).await?;
        self.decided(seen, event, before.as_ref());
        self.moved(event.name(), before.as_ref(), &kept);
        for part in &asked.parts {
            self.moved("create", None, part);
        }
        self.note_marks(&asked.marks);
        self.look_along(&kept.id().timeline).await;
        Ok(kept)
    }

    async fn window(&self, id: &WindowId) -> Result<Option<Window>, StateError> {
        self.inner().window(id).await
    }

    async fn open_windows(
        &self,
        timeline: &Timeline,
        from: Timestamp,
    ) -> Result<Vec<Window>, StateError> {
        self.inner().open_windows(timeline, from).await
    }

    async fn windows_at(
        &self,
        timeline: &Timeline,
        froms: &[Timestamp],
    ) -> Result<Vec<Window>, StateError> {
        self.inner().windows_at(timeline, froms).await
    }

    async fn history(
        &self,
        timeline: &Timeline,
        span: Span,
        limit: usize,
    ) -> Result<Vec<Window>, StateError> {
        self.inner().history(timeline, span, limit).await
    }

    async fn move_window(&self, asked: &Move<'_>) -> Result<Window, MoveError> {
        let what = asked.event().name();
        self.never_arrives(if let Move::Decide(..) = asked {
            "decision"
        } else {
            what
        })?;
        let before = self.stored(asked.id()).await;
        if let Some(before) = before.as_ref().filter(|_| mistakes::drops(asked)) {
            return Ok(before.clone());
        }
        let next = self.make(asked, before.as_ref()).await?;
        self.judge(asked, before.as_ref(), &next);
        self.moved(what, before.as_ref(), &next);
        if let Move::Complete(..) = asked {
            Truths::is_settled(&self.world, &next);
        }
        if matches!(asked, Move::Decide(..) | Move::Complete(..)) {
            self.look_along(&next.id().timeline).await;
        }
        Ok(next)
    }

    async fn rate_state(&self, group: &RateGroup) -> Result<RateState, StateError> {
        Ok(mistakes::rate_state(self.inner().rate_state(group).await?))
    }

    async fn store_clock(
        &self,
        group: &RateGroup,
        clock: &ClockOffset,
        origin: &str,
    ) -> Result<(), StateError> {
        self.never_arrives("clock")?;
        self.inner().store_clock(group, clock, origin).await
    }

    async fn start_cooldown(&self, cooldown: &Cooldown, now: Timestamp) -> Result<(), StateError> {
        self.never_arrives("cooldown")?;
        self.no_secret(&cooldown.reason, cooldown.group.as_str());
        self.world.note(format_args!(
            "cooldown {} until {}: {}",
            cooldown.group, cooldown.not_before, cooldown.reason
        ));
        self.inner().start_cooldown(cooldown, now).await?;
        self.world.books().closed(cooldown, crate::true_time::now());
        Ok(())
    }

    async fn expire_history(&self, now: Timestamp) -> Result<u64, StateError> {
        self.inner().expire_history(now).await
    }

    async fn remember(&self, page: &SeenPage) -> Result<(), StateError> {
        self.never_arrives("remembering")?;
        self.inner().remember(page).await
    }

    async fn seen(
        &self,
        by: &SeenBy,
        span: Span,
        digests_max: usize,
    ) -> Result<Option<Vec<SeenPage>>, StateError> {
        let seen = self.inner().seen(by, span, digests_max).await?;
        Ok(seen.map(mistakes::remembered))
    }

    async fn sync(&self) -> Result<(), StateError> {
        self.world.note("sync");
        self.inner().sync().await?;
        self.world.synced();
        Ok(())
    }

    async fn reserve_requests(
        &self,
        group: &RateGroup,
        asked: &ReservationRequest,
    ) -> Result<ReservationResponse, StateError> {
        self.never_arrives("reservation")?;
        if let Some(given) = mistakes::reservations(asked) {
            return Ok(given);
        }
        let given = self.inner().reserve_requests(group, asked).await?;
        Ok(mistakes::given(given, asked))
    }
}
