//! The contract of a state store.

use std::future::Future;

use windlass_core::checkpoint::Checkpoint;
use windlass_core::ids::{RateGroup, SourceName, Timeline, WindowId};
use windlass_core::lease::Lease;
use windlass_core::moves::Move;
use windlass_core::progress::Progress;
use windlass_core::seen::{SeenBy, SeenPage};
use windlass_core::shard::Shard;
use windlass_core::source::{BlockChange, SourceDefinition, SourceRecord};
use windlass_core::span::Span;
use windlass_core::split::WindowSplit;
use windlass_core::time::Timestamp;
use windlass_core::transition::{Claim, Event, Release};
use windlass_core::trust::{ClockOffset, RateState};
use windlass_core::turns::{TurnsAsked, TurnsGiven};
use windlass_core::wait::RateGate;
use windlass_core::window::Window;

use crate::apply::lease;
use crate::error::{MoveError, SaveError, SplitError, StateError};

/// What became of a window that was to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    New,
    /// A window of that timeline already starts there: this one. Adopt its `to`.
    Exists(Box<Window>),
}

/// Where windlass remembers.
///
/// Every write is one atomic conditional step, except that a very large page is remembered in
/// several writes; every read but the two listings of a shard is consistent with the writes that were
/// acknowledged before it. A write that returns [`StateError::Unknown`] may have been applied: the
/// caller repeats the same call, and the [`MoveError::Refused`] it then gets carries the window
/// that decides (see [`Move::was_made`]). Calls are safe from many tasks and processes.
pub trait StateStore: Send + Sync {
    /// A number that differs from the one before when another process has written to the state in
    /// between; `None` where that cannot be told. Writes of this store itself do not change it.
    fn changes(&self) -> impl Future<Output = Result<Option<i64>, StateError>> + Send {
        async { Ok(None) }
    }

    /// The clock of the service that holds the state against this machine's, as its last response
    /// showed it; `None` where the state is on this machine. A witness where a vendor's differs.
    fn service_clock(&self) -> Option<ClockOffset> {
        None
    }

    /// The shards that hold sources, or held some once; ascending.
    fn shards(&self) -> impl Future<Output = Result<Vec<Shard>, StateError>> + Send;

    /// The sources of `shard`, by name. May lag behind a write by a moment.
    fn sources(
        &self,
        shard: Shard,
    ) -> impl Future<Output = Result<Vec<SourceRecord>, StateError>> + Send;

    /// The progress items of every source of `shard`, by timeline. May lag behind a write by a
    /// moment: whoever acts on one writes it back by compare-and-set.
    fn progress(
        &self,
        shard: Shard,
    ) -> impl Future<Output = Result<Vec<Progress>, StateError>> + Send;

    /// Every source of every shard, by name, for people.
    fn all_sources(&self) -> impl Future<Output = Result<Vec<SourceRecord>, StateError>> + Send {
        async {
            let mut all = Vec::new();
            for shard in self.shards().await? {
                all.extend(self.sources(shard).await?);
            }
            all.sort_by(|a, b| a.definition.name.cmp(&b.definition.name));
            Ok(all)
        }
    }

    /// The source called `name`, whatever its shard.
    fn named(
        &self,
        name: &SourceName,
    ) -> impl Future<Output = Result<Option<SourceRecord>, StateError>> + Send {
        async {
            let all = self.all_sources().await?;
            let of_name = all.into_iter().filter(|it| it.definition.name == *name);
            // A source that is moving to another shard may be listed on both.
            Ok(of_name.max_by_key(|it| it.version))
        }
    }

    /// One source.
    fn source(
        &self,
        shard: Shard,
        name: &SourceName,
    ) -> impl Future<Output = Result<Option<SourceRecord>, StateError>> + Send;

    /// Stores `definition` under its name, clears `blocked`, and raises the version. The last
    /// writer wins: a definition is what an operator said last. When its rate group has moved to
    /// another shard, the source moves there with its progress. `held_since` stays.
    fn apply_source(
        &self,
        definition: &SourceDefinition,
        now: Timestamp,
    ) -> impl Future<Output = Result<SourceRecord, StateError>> + Send;

    /// Changes what is stored of a source's block, and says whether that was done: not when the
    /// source is gone, its definition's version is not `version`, or the change does not
    /// [apply](BlockChange::applies_to).
    fn block_source(
        &self,
        shard: Shard,
        name: &SourceName,
        version: u64,
        change: &BlockChange,
    ) -> impl Future<Output = Result<bool, StateError>> + Send;

    /// An operator holds a source back, or lets it go on. The first instant stays until cleared,
    /// and nothing happens when there is no such source. Its version stays: nothing else changes.
    fn hold_source(
        &self,
        shard: Shard,
        name: &SourceName,
        held_since: Option<Timestamp>,
    ) -> impl Future<Output = Result<(), StateError>> + Send;

    /// The progress items of every lane and generation of one source, by timeline.
    fn progress_of(
        &self,
        shard: Shard,
        source: &SourceName,
    ) -> impl Future<Output = Result<Vec<Progress>, StateError>> + Send;

    /// Compare-and-set: stores `next` with version `next.version + 1`, if what is stored has
    /// version `next.version` (0: if nothing is stored). Returns what was stored. `shard` is that
    /// of its source.
    fn save_progress(
        &self,
        shard: Shard,
        next: &Progress,
    ) -> impl Future<Output = Result<Progress, SaveError>> + Send;

    /// Creates `window` unless its timeline already has one that starts there.
    fn create(&self, window: &Window) -> impl Future<Output = Result<Created, StateError>> + Send;

    /// Splits a window in one atomic step: moves the parent as [`WindowSplit::apply`] says, creates
    /// every part, and stores the marks as [`Self::save_progress`] does. Returns the parent after it.
    /// After [`StateError::Unknown`], a second try is a conflict if the first was made, and
    /// [`WindowSplit::was_made`] tells by the parent as it stands.
    fn split(
        &self,
        shard: Shard,
        split: &WindowSplit,
    ) -> impl Future<Output = Result<Window, SplitError>> + Send;

    /// One window.
    fn window(
        &self,
        id: &WindowId,
    ) -> impl Future<Output = Result<Option<Window>, StateError>> + Send;

    /// Every window of `timeline` that starts at or after `from`, ascending: what the tick reads.
    fn open_windows(
        &self,
        timeline: &Timeline,
        from: Timestamp,
    ) -> impl Future<Output = Result<Vec<Window>, StateError>> + Send;

    /// The windows of `timeline` that start at these instants, ascending; missing ones are left out.
    fn windows_at(
        &self,
        timeline: &Timeline,
        froms: &[Timestamp],
    ) -> impl Future<Output = Result<Vec<Window>, StateError>> + Send;

    /// At most `limit` windows of `timeline` that start inside `span`, ascending: the ledger.
    fn history(
        &self,
        timeline: &Timeline,
        span: Span,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Window>, StateError>> + Send;

    /// Moves a window: reads it, lets [`Move::apply`] decide, and writes what that makes of it, as one
    /// atomic step. [`MoveError::Refused`] carries the window as it stands, by which
    /// [`Move::was_made`] tells whether an earlier try was applied whose reply was lost.
    fn move_window(
        &self,
        asked: &Move<'_>,
    ) -> impl Future<Output = Result<Window, MoveError>> + Send;

    /// [`Move::Claim`]: the only source of a [`Lease`].
    fn claim(
        &self,
        id: &WindowId,
        claim: &Claim,
    ) -> impl Future<Output = Result<Lease, MoveError>> + Send {
        async {
            let window = self.move_window(&Move::Claim(id, claim)).await?;
            Ok(lease(window, &claim.owner))
        }
    }

    /// [`Move::Checkpoint`].
    fn checkpoint(
        &self,
        held: &Lease,
        checkpoint: &Checkpoint,
    ) -> impl Future<Output = Result<Lease, MoveError>> + Send {
        async {
            let window = self
                .move_window(&Move::Checkpoint(held, checkpoint))
                .await?;
            Ok(lease(window, held.owner()))
        }
    }

    /// [`Move::Complete`].
    fn complete(
        &self,
        held: &Lease,
        last: &Checkpoint,
        history_ms: i64,
    ) -> impl Future<Output = Result<Window, MoveError>> + Send {
        async move {
            let asked = Move::Complete(held, last, history_ms);
            self.move_window(&asked).await
        }
    }

    /// [`Move::Release`].
    fn release(
        &self,
        held: &Lease,
        release: &Release,
    ) -> impl Future<Output = Result<Window, MoveError>> + Send {
        async { self.move_window(&Move::Release(held, release)).await }
    }

    /// [`Move::Decide`].
    fn decide(
        &self,
        seen: &Window,
        event: &Event,
    ) -> impl Future<Output = Result<Window, MoveError>> + Send {
        async { self.move_window(&Move::Decide(seen, event)).await }
    }

    /// What is stored of a rate group: its gate, and the clock of its vendor.
    fn rate_state(
        &self,
        group: &RateGroup,
    ) -> impl Future<Output = Result<RateState, StateError>> + Send;

    /// The gate of a rate group, if one was ever set.
    fn rate_gate(
        &self,
        group: &RateGroup,
    ) -> impl Future<Output = Result<Option<RateGate>, StateError>> + Send {
        async { Ok(self.rate_state(group).await?.gate) }
    }

    /// Stores the clock of a group's vendor and the origin whose response showed it. The last writer
    /// wins; gate and turns stay.
    fn store_clock(
        &self,
        group: &RateGroup,
        clock: &ClockOffset,
        origin: &str,
    ) -> impl Future<Output = Result<(), StateError>> + Send;

    /// Closes a rate group until `gate.not_before`, or leaves it closed for longer if it is. One
    /// that is closed for longer than anybody may wait at `now` was closed by a wrong clock, and is
    /// replaced.
    fn close_rate_gate(
        &self,
        gate: &RateGate,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StateError>> + Send;

    /// Reserves turns to ask the vendor of `group`: what [`give`] says, read and written in one
    /// step, so that no two callers get the same turn, and nobody gets one behind a closed gate.
    ///
    /// [`StateError::Unknown`] when the turns may have been reserved: the caller asks again, and
    /// those are lost. [`StateError::Unavailable`] also when others reserve turns all the time.
    ///
    /// [`give`]: windlass_core::turns::give
    fn take_turns(
        &self,
        group: &RateGroup,
        asked: &TurnsAsked,
    ) -> impl Future<Output = Result<TurnsGiven, StateError>> + Send;

    /// Remembers what a page has delivered, in place of what was remembered of the same page: the
    /// one with these `by`, `at`, `from`, `lane` and `page`. Digests come back ascending and each
    /// once. A call that fails may have replaced a part; the caller repeats it before it goes on.
    fn remember(&self, page: &SeenPage) -> impl Future<Output = Result<(), StateError>> + Send;

    /// What `by` has delivered by pages that lie inside `span`, by their `at`, ascending; a page
    /// may come in several pieces. `None` when these hold more than `digests_max` digests.
    fn seen(
        &self,
        by: &SeenBy,
        span: Span,
        digests_max: usize,
    ) -> impl Future<Output = Result<Option<Vec<SeenPage>>, StateError>> + Send;

    /// Makes every write that was acknowledged so far survive a power failure. Nothing to do for a
    /// store whose writes all do.
    fn sync(&self) -> impl Future<Output = Result<(), StateError>> + Send {
        async { Ok(()) }
    }

    /// Deletes done windows whose history ran out before `now`, which lie before their timeline's
    /// `open_from` and are not listed in its `behind`, and what pages delivered that no sweep needs
    /// any more; perhaps not all in one call. Returns how many items. A store that expires items by itself does nothing.
    fn expire_history(
        &self,
        now: Timestamp,
    ) -> impl Future<Output = Result<u64, StateError>> + Send;
}
