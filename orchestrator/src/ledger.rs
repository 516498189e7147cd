//! The ledger of a sweep lane: the windows of the live lane that it reads again.

use windlass_core::checkpoint::earliest;
use windlass_core::ids::{Lane, Timeline};
use windlass_core::limits;
use windlass_core::progress::Progress;
use windlass_core::source::SourceRecord;
use windlass_core::span::Span;
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

/// The age at which the lane of `progress` reads time again, in milliseconds; `None` unless it is a
/// sweep.
pub(crate) fn after_ms(record: &SourceRecord, progress: &Progress) -> Option<i64> {
    let Lane::Sweep(number) = progress.timeline.lane else {
        return None;
    };
    let index = usize::from(number).checked_sub(1)?;
    record.definition.policy.sweeps_ms.get(index).copied()
}

/// The next span for the sweep lane of `progress`, if it is long enough to be due, while the live
/// lane is delivered up to `through`. Computed from facts at hand: a sweep without work costs no
/// read.
pub(crate) fn due(
    record: &SourceRecord,
    progress: &Progress,
    through: Timestamp,
    now: Timestamp,
) -> Option<Span> {
    let after_ms = after_ms(record, progress)?;
    let policy = &record.definition.policy;
    let mark = progress.scheduled_through;
    let edge = sweep::edge(policy, through, after_ms, now);
    let end = earliest(record.definition.end, progress.end);
    let due = record.is_active() && sweep::is_due(policy, mark, edge, after_ms, end);
    due.then(|| Span::new(mark, edge).ok())?
}

/// Reads the ledger for the lane of `progress`, if it is due at `at`.
pub(crate) async fn read<S: StateStore>(
    store: &S,
    record: &SourceRecord,
    progress: &Progress,
    through: Timestamp,
    at: Option<Timestamp>,
) -> Result<Option<LedgerRead>, StateError> {
    let span = at.and_then(|at| due(record, progress, through, at));
    let (Some(span), Some(after_ms)) = (span, after_ms(record, progress)) else {
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
