//! The ledger of a sweep lane: the windows of the live lane that it reads again.

use windlass_core::ids::{Lane, Timeline};
use windlass_core::limits;
use windlass_core::progress::Progress;
use windlass_core::source::SourceRecord;
use windlass_core::sweep::{self, Ledger};
use windlass_core::time::Timestamp;
use windlass_core::window::Window;
use windlass_state::{StateError, StateStore};

/// Windows of the live lane from a sweep's mark on, as read.
#[derive(Debug)]
pub(crate) struct LedgerRead {
    live: Vec<Window>,
    whole: bool,
    through: Timestamp,
    after_ms: i64,
}

impl LedgerRead {
    pub(crate) fn as_ledger(&self) -> Ledger<'_> {
        Ledger {
            live: &self.live,
            whole: self.whole,
            through: self.through,
            after_ms: self.after_ms,
        }
    }
}

/// Reads the ledger for the lane of `progress`, if it is due at `at`.
pub(crate) async fn read<S: StateStore>(
    store: &S,
    record: &SourceRecord,
    progress: &Progress,
    through: Timestamp,
    at: Option<Timestamp>,
) -> Result<Option<LedgerRead>, StateError> {
    let span = at.and_then(|at| sweep::readable(record, progress, through, at));
    let after_ms = sweep::after_ms(&record.definition.policy, &progress.timeline.lane);
    let (Some(span), Some(after_ms)) = (span, after_ms) else {
        return Ok(None);
    };
    let timeline = Timeline {
        lane: Lane::Live,
        ..progress.timeline.clone()
    };
    let live = store
        .history(&timeline, span, limits::SWEEP_LEDGER_MAX)
        .await?;
    Ok(Some(LedgerRead {
        whole: live.len() < limits::SWEEP_LEDGER_MAX,
        live,
        through,
        after_ms,
    }))
}
