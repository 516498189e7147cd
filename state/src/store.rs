//! The contract of a state store.

use std::future::Future;

use windlass_core::checkpoint::Checkpoint;
use windlass_core::ids::{RateGroup, SourceName, Timeline, WindowId};
use windlass_core::lease::Lease;
use windlass_core::moves::Move;
use windlass_core::progress::Progress;
use windlass_core::reservation::{ReservationRequest, ReservationResponse};
use windlass_core::seen::{SeenBy, SeenPage};
use windlass_core::shard::Shard;
use windlass_core::source::{BlockChange, SourceDefinition, SourceRecord};
use windlass_core::span::Span;
use windlass_core::split::WindowSplit;
use windlass_core::time::Timestamp;
use windlass_core::transition::{Claim, Event, Release};
use windlass_core::trust::{ClockOffset, RateState};
use windlass_core::wait::Cooldown;
use windlass_core::window::Window;

use crate::apply::lease;
use crate::error::{MoveError, SaveError, SplitError, StateError};

/// The outcome of creating a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The window is new.
    New,
    /// A window of that timeline already starts there: this one. The caller adopts its `to`.
    Exists(Box<Window>),
}

/// The state store of windlass.
///
/// Every write is one atomic conditional step; only a very large seen page takes several. Every
/// read except the two listings of a shard is consistent with all earlier acknowledged writes. A
/// write that returns [`StateError::Unknown`] may have been applied. The caller then repeats the
/// same call, and [`MoveError::Refused`] carries the window that decides (see [`Move::was_made`]).
/// Calls are safe from many tasks and processes.
pub trait StateStore: Send + Sync {
    /// A number that changes when another process has written to the state; `None` if the store
    /// cannot detect that. Writes of this store itself do not change it.
    fn changes(&self) -> impl Future<Output = Result<Option<i64>, StateError>> + Send {
        async { Ok(None) }
    }

    /// The offset of the service's clock from the machine clock, as shown by its last response;
    /// `None` if the state is on this machine. It is a witness when the vendor clock differs.
    fn service_clock(&self) -> Option<ClockOffset> {
        None
    }

    /// The shards that hold sources, or once held some; ascending.
    fn shards(&self) -> impl Future<Output = Result<Vec<Shard>, StateError>> + Send;

    /// The sources of `shard`, by name. May lag behind a write by a moment.
    fn sources(
        &self,
        shard: Shard,
    ) -> impl Future<Output = Result<Vec<SourceRecord>, StateError>> + Send;

    /// The progress items of every source of `shard`, by timeline. May lag behind a write by a
    /// moment: callers that act on one write it back by compare-and-set.
    fn progress(
        &self,
        shard: Shard,
    ) -> impl Future<Output = Result<Vec<Progress>, StateError>> + Send;

    /// Every source of every shard, by name, for operators.
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

    /// The source `name`, on any shard.
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

    /// The source `name` of `shard`; `None` if it is not there.
    fn source(
        &self,
        shard: Shard,
        name: &SourceName,
    ) -> impl Future<Output = Result<Option<SourceRecord>, StateError>> + Send;

    /// Stores `definition` under its name, clears `blocked`, and raises the version. The last
    /// writer wins, because a definition is the operator's latest decision. If its rate group is
    /// now on another shard, the source moves there with its progress. `held_since` stays.
    fn apply_source(
        &self,
        definition: &SourceDefinition,
        now: Timestamp,
    ) -> impl Future<Output = Result<SourceRecord, StateError>> + Send;

    /// Changes the stored block of a source, and returns whether that was done. It is not done if:
    ///
    /// - the source does not exist,
    /// - its definition's version is not `version`,
    /// - or the change does not [apply](BlockChange::applies_to).
    fn block_source(
        &self,
        shard: Shard,
        name: &SourceName,
        version: u64,
        change: &BlockChange,
    ) -> impl Future<Output = Result<bool, StateError>> + Send;

    /// Pauses a source for an operator, or resumes it. The first instant stays until it is cleared,
    /// and a missing source is ignored. The version and all other attributes stay.
    fn set_pause(
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

    /// Compare-and-set: stores `next` with version `next.version + 1` if the stored version is
    /// `next.version` (0: if nothing is stored). Returns the stored item. `shard` is that of its
    /// source.
    fn save_progress(
        &self,
        shard: Shard,
        next: &Progress,
    ) -> impl Future<Output = Result<Progress, SaveError>> + Send;

    /// Creates `window` unless its timeline already has one that starts there.
    fn create(&self, window: &Window) -> impl Future<Output = Result<Created, StateError>> + Send;

    /// Splits a window in one atomic step: moves the parent by [`WindowSplit::apply`], creates
    /// every part, and stores the marks like [`Self::save_progress`]. Returns the parent after the
    /// split. After [`StateError::Unknown`], a second attempt is a conflict if the first was
    /// applied; [`WindowSplit::was_made`] decides that by the stored parent.
    fn split(
        &self,
        shard: Shard,
        split: &WindowSplit,
    ) -> impl Future<Output = Result<Window, SplitError>> + Send;

    /// The window `id`; `None` if it is not stored.
    fn window(
        &self,
        id: &WindowId,
    ) -> impl Future<Output = Result<Option<Window>, StateError>> + Send;

    /// Every window of `timeline` that starts at or after `from`, ascending: the tick's read.
    fn open_windows(
        &self,
        timeline: &Timeline,
        from: Timestamp,
    ) -> impl Future<Output = Result<Vec<Window>, StateError>> + Send;

    /// The windows of `timeline` that start at these instants, ascending; missing ones are left
    /// out.
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

    /// Moves a window as one atomic step: reads it, applies [`Move::apply`], and writes the result.
    /// [`MoveError::Refused`] carries the stored window, by which [`Move::was_made`] decides
    /// whether an earlier attempt was applied whose response was lost.
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

    /// The stored state of a rate group: its cooldown, and the clock of its vendor.
    fn rate_state(
        &self,
        group: &RateGroup,
    ) -> impl Future<Output = Result<RateState, StateError>> + Send;

    /// The latest cooldown of a rate group; `None` if there was none.
    fn cooldown(
        &self,
        group: &RateGroup,
    ) -> impl Future<Output = Result<Option<Cooldown>, StateError>> + Send {
        async { Ok(self.rate_state(group).await?.cooldown) }
    }

    /// Stores the clock of a group's vendor and the origin whose response showed it. The last
    /// writer wins; the cooldown and the reservations stay.
    fn store_clock(
        &self,
        group: &RateGroup,
        clock: &ClockOffset,
        origin: &str,
    ) -> impl Future<Output = Result<(), StateError>> + Send;

    /// Starts a cooldown of a rate group until `cooldown.not_before`, unless the stored one ends later.
    /// A stored one that ends later than is plausible at `now` comes from a wrong clock, and is
    /// replaced.
    fn start_cooldown(
        &self,
        cooldown: &Cooldown,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StateError>> + Send;

    /// Reserves requests to the vendor of `group`: computes [`give`], reads and writes in one step,
    /// so that no two callers get the same reservation, and none gets one during a cooldown.
    ///
    /// # Errors
    /// - [`StateError::Unknown`] if the requests may have been reserved: the caller tries again,
    ///   and those reservations are lost.
    /// - [`StateError::Unavailable`] also while other workers reserve requests all the time.
    ///
    /// [`give`]: windlass_core::reservation::give
    fn reserve_requests(
        &self,
        group: &RateGroup,
        asked: &ReservationRequest,
    ) -> impl Future<Output = Result<ReservationResponse, StateError>> + Send;

    /// Stores a seen page in place of its earlier version: the one with these `by`, `at`, `from`,
    /// `lane` and `page`. Digests are read back ascending and without repetition. A failed call may
    /// have replaced a part; the caller repeats it before it continues.
    fn remember(&self, page: &SeenPage) -> impl Future<Output = Result<(), StateError>> + Send;

    /// The seen pages of `by` whose `at` lies inside `span`, ascending by it; a page may come in
    /// several pieces. `None` if they hold more than `digests_max` digests.
    fn seen(
        &self,
        by: &SeenBy,
        span: Span,
        digests_max: usize,
    ) -> impl Future<Output = Result<Option<Vec<SeenPage>>, StateError>> + Send;

    /// Makes every acknowledged write survive a power failure. Does nothing in a store whose writes
    /// always do.
    fn sync(&self) -> impl Future<Output = Result<(), StateError>> + Send {
        async { Ok(()) }
    }

    /// Deletes expired items, perhaps not all in one call, and returns their number:
    ///
    /// - done windows whose history expired before `now`, which end before their timeline's
    ///   `open_from` and are not listed in its `behind`,
    /// - seen pages that no sweep needs any more.
    ///
    /// A store that expires items on its own does nothing.
    fn expire_history(
        &self,
        now: Timestamp,
    ) -> impl Future<Output = Result<u64, StateError>> + Send;
}
