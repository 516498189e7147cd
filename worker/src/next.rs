//! Finding the next ready window of a source, while there is time left.

use windlass_core::breaks::{Break, broken};
use windlass_core::task::Task;
use windlass_core::time::Timestamp;
use windlass_core::window::{Status, Window};
use windlass_state::{StateError, StateStore};

use crate::slots::Slots;

/// The window of the source of `task` that should run next: live before sweep before backfill, oldest first.
/// `None` when nothing is ready, the source may not run, its rate group is closed, or as many
/// workers as it or its group may have are at work already. Its definition is read again.
///
/// What other sources of the group have in flight in other processes is not read: that would cost
/// a read for each of them after every window. The worker that asks has just given its own slot
/// back, so the group has one worker too many only if a tick gives that slot away between the two
/// writes, and only until one of the workers ends. Turns keep the pace all the same.
pub(crate) async fn next_ready<S: StateStore>(
    store: &S,
    slots: &Slots,
    task: &Task,
    now: Timestamp,
) -> Result<Option<Window>, StateError> {
    let Task { shard, source, .. } = task;
    let name = source;
    let Some(source) = store.source(*shard, name).await? else {
        return Ok(None);
    };
    if !source.is_active() {
        return Ok(None);
    }
    let policy = &source.definition.policy;
    // A slot that came free may have gone to another source of the group meanwhile.
    if slots.taken(&policy.rate_group) >= policy.group_in_flight {
        return Ok(None);
    }
    let gate = store.rate_gate(&policy.rate_group).await?;
    let closed = gate.is_some_and(|gate| gate.closed_until(now).is_some());
    if closed && !broken(Break::IgnoreGate) {
        return Ok(None);
    }
    let mut lanes = store.progress_of(*shard, name).await?;
    lanes.retain(|progress| progress.timeline.generation == source.definition.generation);
    lanes.sort_by(|a, b| a.timeline.lane.cmp(&b.timeline.lane));
    let mut in_flight: u32 = 0;
    let mut next = None;
    for progress in &lanes {
        let behind = store
            .windows_at(&progress.timeline, &progress.behind)
            .await?;
        let open = store
            .open_windows(&progress.timeline, progress.open_from)
            .await?;
        for window in behind.into_iter().chain(open) {
            in_flight += u32::from(matches!(
                window.status,
                Status::Running | Status::Dispatched
            ));
            let ready = window.status == Status::Ready && window.is_due(now);
            if next.is_none() && ready && !window.is_exhausted() {
                next = Some(window);
            }
        }
    }
    let slots = policy.max_in_flight.min(policy.group_in_flight);
    Ok(next.filter(|_| in_flight < slots))
}
