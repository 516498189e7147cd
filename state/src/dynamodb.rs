//! The store of many machines: one DynamoDB table, readable in its console.
//!
//! Every move is one conditional write. There is no scan, no index, and no transaction on the usual
//! path: only the split of a window and the move of a source to another shard use one. A lost write
//! returns the stored item at no further cost, and that item shows whether an earlier write without
//! a response was applied.
//!
//! | module | content |
//! | --- | --- |
//! | `attributes` | items in DynamoDB's types |
//! | `expression` | placeholders for every name and value |
//! | `conditions` | the conditions of writes |
//! | `moves`, `split` | windows: created, claimed, moved; split |
//! | `rates` | rate groups: cooldowns and request reservations |
//! | `seen` | seen pages |
//! | `sources` | sources: applied, moved to another shard, blocked, paused |
//! | `schema` | the table's own item |
//! | `served` | the service's clock |
//! | `reads`, `writes`, `table` | requests and their retries |
//! | `errors` | the meaning of failures |

mod attributes;
mod conditions;
mod errors;
mod expression;
mod moves;
mod rates;
mod reads;
mod schema;
mod seen;
mod served;
mod sources;
mod split;
mod table;
#[cfg(feature = "test-util")]
mod test_table;
#[cfg(test)]
mod testing;
mod writes;

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_dynamodb::config;
use windlass_core::clock::{Clock, Entropy};
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

use self::attributes::{item, read, read_all};
use self::errors::Failed;
use self::expression::Placeholders;
use self::reads::{Consistency, Range};
use self::table::Table;
use crate::apply::{check, next_version};
use crate::error::{MoveError, SaveError, SplitError, StateError};
use crate::item::{Key, RateItem, Stored};
use crate::store::{Created, StateStore};

/// A store in one DynamoDB table. Clones share the client and its connections.
#[derive(Debug, Clone)]
pub struct DynamoStore {
    table: Table,
}

impl DynamoStore {
    /// The state in `table`. The client is built from `config` with two changes: no retries by the
    /// SDK, because only this store knows which requests may be sent twice, and limits on the time
    /// of one request. Sends nothing yet. `clock` and `entropy` are for the waits of throttled
    /// requests.
    pub fn new(
        config: config::Builder,
        table: impl Into<String>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            table: Table::new(config, table.into(), clock, entropy),
        }
    }

    /// The state in `table`, with the configuration that all services share, an
    /// `aws_config::SdkConfig`.
    pub fn from_sdk<'a, Sdk>(
        sdk: &'a Sdk,
        table: impl Into<String>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self
    where
        config::Builder: From<&'a Sdk>,
    {
        Self::new(config::Builder::from(sdk), table, clock, entropy)
    }

    /// Reads the table's own item, to check that the table exists, is readable, and has a version
    /// that this program knows. A table without any applied source passes.
    pub async fn check(&self) -> Result<(), StateError> {
        self.table.shards(Consistency::Eventual).await.map(drop)
    }

    async fn windows_in(
        &self,
        timeline: &Timeline,
        range: Range,
        limit: usize,
    ) -> Result<Vec<Window>, StateError> {
        let partition = Key::windows(timeline);
        let found = self
            .table
            .query(&partition, range, Consistency::Consistent, limit);
        read_all(found.await?)
    }

    async fn progress_in(
        &self,
        shard: Shard,
        range: Range,
        consistency: Consistency,
    ) -> Result<Vec<Progress>, StateError> {
        let partition = Key::progress_items(shard);
        let found = self.table.query(&partition, range, consistency, usize::MAX);
        let mut found: Vec<Progress> = read_all(found.await?)?;
        // Lanes sort by kind and number, not by their text.
        found.sort_by(|one, other| one.timeline.cmp(&other.timeline));
        Ok(found)
    }

    async fn one<T: Stored>(&self, key: Key) -> Result<Option<T>, StateError> {
        let found = self.table.get(&key, Consistency::Consistent).await?;
        found.map(read).transpose()
    }
}

impl StateStore for DynamoStore {
    fn service_clock(&self) -> Option<ClockOffset> {
        self.table.service_clock()
    }

    async fn shards(&self) -> Result<Vec<Shard>, StateError> {
        self.table.shards(Consistency::Eventual).await
    }

    async fn sources(&self, shard: Shard) -> Result<Vec<SourceRecord>, StateError> {
        let partition = Key::sources(shard);
        let found = self
            .table
            .query(&partition, Range::All, Consistency::Eventual, usize::MAX);
        read_all(found.await?)
    }

    async fn progress(&self, shard: Shard) -> Result<Vec<Progress>, StateError> {
        self.progress_in(shard, Range::All, Consistency::Eventual)
            .await
    }

    async fn named(&self, name: &SourceName) -> Result<Option<SourceRecord>, StateError> {
        self.find(name).await
    }

    async fn source(
        &self,
        shard: Shard,
        name: &SourceName,
    ) -> Result<Option<SourceRecord>, StateError> {
        self.one(Key::source(shard, name)).await
    }

    async fn apply_source(
        &self,
        definition: &SourceDefinition,
        now: Timestamp,
    ) -> Result<SourceRecord, StateError> {
        self.apply(definition, now).await
    }

    async fn block_source(
        &self,
        shard: Shard,
        name: &SourceName,
        version: u64,
        change: &BlockChange,
    ) -> Result<bool, StateError> {
        self.block(shard, name, version, change).await
    }

    async fn set_pause(
        &self,
        shard: Shard,
        name: &SourceName,
        held_since: Option<Timestamp>,
    ) -> Result<(), StateError> {
        self.hold(shard, name, held_since).await
    }

    async fn progress_of(
        &self,
        shard: Shard,
        source: &SourceName,
    ) -> Result<Vec<Progress>, StateError> {
        let range = Range::Prefix(Key::progress_prefix(source));
        self.progress_in(shard, range, Consistency::Consistent)
            .await
    }

    async fn save_progress(&self, shard: Shard, next: &Progress) -> Result<Progress, SaveError> {
        check(next)?;
        let stored = next_version(next);
        let mut p = Placeholders::default();
        let condition = conditions::has_version(&mut p, next.version);
        let key = Key::progress(shard, &next.timeline);
        let new = item(&key, stored.to_attributes());
        match self.table.put(new, condition, p).await {
            Ok(()) => Ok(stored),
            Err(Failed::Condition(met)) => {
                let current = met.map(read).transpose()?;
                Err(SaveError::Conflict(current.map(Box::new)))
            }
            Err(Failed::State(error)) => Err(error.into()),
        }
    }

    async fn create(&self, window: &Window) -> Result<Created, StateError> {
        self.create_window(window).await
    }

    async fn split(&self, shard: Shard, split: &WindowSplit) -> Result<Window, SplitError> {
        self.split_window(shard, split).await
    }

    async fn window(&self, id: &WindowId) -> Result<Option<Window>, StateError> {
        self.one(Key::window(id)).await
    }

    async fn open_windows(
        &self,
        timeline: &Timeline,
        from: Timestamp,
    ) -> Result<Vec<Window>, StateError> {
        let range = Range::From(from.to_string());
        self.windows_in(timeline, range, usize::MAX).await
    }

    async fn windows_at(
        &self,
        timeline: &Timeline,
        froms: &[Timestamp],
    ) -> Result<Vec<Window>, StateError> {
        // A batch rejects a repeated key.
        let ascending: BTreeSet<_> = froms.iter().copied().collect();
        let key = |from| {
            let timeline = timeline.clone();
            Key::window(&WindowId { timeline, from })
        };
        let keys: Vec<_> = ascending.into_iter().map(key).collect();
        let mut found: Vec<Window> = read_all(self.table.batch_get(&keys).await?)?;
        found.sort_by_key(|window| window.id().from);
        Ok(found)
    }

    async fn history(
        &self,
        timeline: &Timeline,
        span: Span,
        limit: usize,
    ) -> Result<Vec<Window>, StateError> {
        let (first, last) = (span.from(), span.to().minus_ms(1));
        let range = Range::Between(first.to_string(), last.to_string());
        self.windows_in(timeline, range, limit).await
    }

    async fn move_window(&self, asked: &Move<'_>) -> Result<Window, MoveError> {
        match *asked {
            Move::Claim(_, claim) => self.claim_window(asked, claim).await,
            Move::Decide(seen, _) => self.move_seen(seen, asked).await,
            Move::Checkpoint(lease, _) | Move::Complete(lease, ..) | Move::Release(lease, _) => {
                self.move_held(lease, asked).await
            }
        }
    }

    async fn rate_state(&self, group: &RateGroup) -> Result<RateState, StateError> {
        let stored: Option<RateItem> = self.one(Key::rate(group)).await?;
        Ok(stored.map(RateState::from).unwrap_or_default())
    }

    async fn store_clock(
        &self,
        group: &RateGroup,
        clock: &ClockOffset,
        origin: &str,
    ) -> Result<(), StateError> {
        self.write_clock(group, clock, origin).await
    }

    async fn start_cooldown(&self, cooldown: &Cooldown, now: Timestamp) -> Result<(), StateError> {
        self.close(cooldown, now).await
    }

    async fn reserve_requests(
        &self,
        group: &RateGroup,
        asked: &ReservationRequest,
    ) -> Result<ReservationResponse, StateError> {
        self.take(group, asked).await
    }

    async fn remember(&self, page: &SeenPage) -> Result<(), StateError> {
        self.remember_page(page).await
    }

    async fn seen(
        &self,
        by: &SeenBy,
        span: Span,
        digests_max: usize,
    ) -> Result<Option<Vec<SeenPage>>, StateError> {
        self.seen_inside(by, span, digests_max).await
    }

    /// Does nothing: DynamoDB deletes items by their time to live, without a charge.
    async fn expire_history(&self, _now: Timestamp) -> Result<u64, StateError> {
        Ok(0)
    }
}
