//! Blocking a source, and probing a blocked one.

use windlass_core::lease::Lease;
use windlass_core::source::{BlockCause, BlockChange, Blocked, SourceRecord};
use windlass_core::time::Timestamp;
use windlass_core::transition::Cause;
use windlass_state::StateStore;

use crate::log_once::Trouble;
use crate::persist::NotWritten;
use crate::{AdapterFactory, Outcome, Worker};

/// A rejection that blocks a source.
pub(crate) struct Block<'a> {
    pub(crate) source: &'a SourceRecord,
    pub(crate) cause: BlockCause,
    /// Start of the block; `None` when the source was not blocked yet.
    pub(crate) since: Option<Timestamp>,
    pub(crate) why: &'a str,
}

impl<S: StateStore, O: AdapterFactory> Worker<S, O> {
    /// Returns true if `source` is not blocked, or if this worker has taken its probe.
    pub(crate) async fn may_probe(&self, source: &SourceRecord) -> Result<bool, NotWritten> {
        let Some(seen) = &source.blocked else {
            return Ok(true);
        };
        let change = BlockChange::Probe {
            seen: seen.clone(),
            probed: seen.probed(self.now()),
        };
        let is_taken = self.change_block(source, &change).await?;
        if is_taken {
            tracing::info!(source = %source.definition.name, since = %seen.since, "blocked source probed");
        }
        Ok(is_taken)
    }

    /// Changes the block of `source`. Returns true if the conditional write applied.
    pub(crate) async fn change_block(
        &self,
        source: &SourceRecord,
        change: &BlockChange,
    ) -> Result<bool, NotWritten> {
        let (shard, name, version) = (source.shard(), &source.definition.name, source.version);
        let write = || self.store.block_source(shard, name, version, change);
        self.holder().insist(write).await
    }

    /// Blocks a source, or keeps it blocked, and releases the window.
    pub(crate) async fn block(
        &self,
        lease: &Lease,
        block: Block<'_>,
        cause: Cause,
    ) -> Result<Outcome, NotWritten> {
        let (name, why) = (&block.source.definition.name, block.why);
        if self.log_once.is_news(name, Trouble::Blocked) {
            tracing::error!(source = %name, why, "source blocked; it is probed regularly");
        }
        let now = self.now();
        let since = block.since.unwrap_or(now);
        let blocked = Blocked::new(why.to_owned(), block.cause, since, now);
        self.change_block(block.source, &BlockChange::Block(blocked))
            .await?;
        self.give_back(lease, cause, None, why).await?;
        Ok(Outcome::Blocked {
            why: why.to_owned(),
        })
    }
}
