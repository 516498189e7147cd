//! Where a source stands, from its windows as read: for the tick's report and for people.

use windlass_core::checkpoint::earliest;
use windlass_core::time::Timestamp;
use windlass_core::window::Status;
use windlass_state::{StateError, StateStore};

use crate::report::{Activity, SourceReport, TickReport};
use crate::view::{SourceView, read_source};

/// Fills in what `view` shows at `now`, while the rate group is closed until `gate`.
pub(crate) fn survey(
    view: &SourceView,
    gate: Option<Timestamp>,
    now: Timestamp,
    report: &mut SourceReport,
) {
    let mut wakes_at: Option<Timestamp> = None;
    let mut busy = false;
    for window in view.lanes.iter().flat_map(|lane| lane.windows()) {
        match window.status {
            Status::Running | Status::Dispatched => busy = true,
            Status::Ready => match window.not_before.max(gate) {
                Some(at) if at > now => wakes_at = earliest(wakes_at, Some(at)),
                _ => busy = true,
            },
            Status::Parked => report.holes += 1,
            Status::Done => {}
        }
    }
    report.complete_through = view.complete_through();
    report.activity = match wakes_at {
        _ if view.record.blocked.is_some() => Activity::Blocked,
        _ if view.record.definition.paused => Activity::Paused,
        _ if busy => Activity::Working,
        Some(until) => Activity::Waiting(until),
        None => Activity::Idle,
    };
}

/// A report on every source that changes nothing.
///
/// # Errors
/// When the state cannot be read.
pub async fn look<S: StateStore>(store: &S, now: Timestamp) -> Result<TickReport, StateError> {
    let mut report = TickReport::default();
    for record in store.sources().await? {
        let mut source = SourceReport::of(&record.definition.name, record.definition.start);
        let gate = store
            .rate_gate(&record.definition.policy.rate_group)
            .await?;
        let view = read_source(store, record, now).await?;
        let gate = gate
            .map(|gate| gate.not_before)
            .filter(|until| *until > now);
        survey(&view, gate, now, &mut source);
        report.sources.push(source);
    }
    Ok(report)
}
