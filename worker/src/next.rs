//! Finding the next ready window, of a source or of its rate group, while there is time left.

use windlass_core::ids::{Lane, SourceName, Timeline};
use windlass_core::limits;
use windlass_core::shard::Shard;
use windlass_core::task::Task;
use windlass_core::time::Timestamp;
use windlass_core::window::{Status, Window};
use windlass_state::{StateError, StateStore};

use crate::slots::Slots;

/// Where a further window is looked for.
pub(crate) struct Next<'a, S> {
    pub(crate) store: &'a S,
    pub(crate) slots: &'a Slots,
    pub(crate) shard: Shard,
    pub(crate) now: Timestamp,
    /// Whether it may be a window that the process may die of: only where no other worker of the
    /// process has a window, and no tick gives it one.
    pub(crate) suspects: bool,
}

impl<S: StateStore> Next<'_, S> {
    /// The window that should run after those of `task`: one of its source, or, where its rate group
    /// is crowded, of another source of the group. The others are looked at from a place that
    /// `random` chooses, so that several workers do not all go for the same window.
    pub(crate) async fn after(
        &self,
        task: &Task,
        random: u64,
    ) -> Result<Option<Window>, StateError> {
        let own = self.of_source(&task.source).await?;
        if own.is_some() || !task.crowded {
            return Ok(own);
        }
        let mut sources = self.store.sources(self.shard).await?;
        let this = sources.iter().find(|it| it.definition.name == task.source);
        let Some(group) = this.map(|it| it.definition.policy.rate_group.clone()) else {
            return Ok(None);
        };
        sources.retain(|it| {
            it.definition.policy.rate_group == group && it.definition.name != task.source
        });
        let start = random % (sources.len().max(1) as u64);
        sources.rotate_left(usize::try_from(start).unwrap_or(0));
        for source in sources.iter().take(limits::SOURCES_LOOKED_AT_MAX) {
            let window = self.of_source(&source.definition.name).await?;
            if window.is_some() {
                return Ok(window);
            }
        }
        Ok(None)
    }

    /// The window of the source `name` that should run next: live before sweep before backfill,
    /// oldest first. `None` when nothing is ready, the source may not run, its rate group is closed,
    /// or as many workers as it or its group may have are at work already. Its definition is read
    /// again.
    ///
    /// What other sources of the group have in flight in other processes is not read: that would
    /// cost a read for each of them after every window. The worker that asks has just given its own
    /// slot back, so the group has one worker too many only if a tick gives that slot away between
    /// the two writes, and only until one of the workers ends. Turns keep the pace all the same.
    async fn of_source(&self, name: &SourceName) -> Result<Option<Window>, StateError> {
        let Self {
            store,
            slots,
            shard,
            now,
            ..
        } = *self;
        let Some(source) = store.source(shard, name).await? else {
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
        if closed {
            return Ok(None);
        }
        let mut lanes = store.progress_of(shard, name).await?;
        let sweeps = policy.sweeps_ms.len();
        lanes.retain(|progress| {
            let Timeline {
                generation, lane, ..
            } = &progress.timeline;
            // A sweep that is configured no more rests, with what it has ready.
            let rests = matches!(lane, Lane::Sweep(number) if usize::from(*number) > sweeps);
            *generation == source.definition.generation && !rests
        });
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
                    window.status(),
                    Status::Running | Status::Dispatched
                ));
                let ready = window.status() == Status::Ready && window.is_due(now);
                let admitted = self.suspects || !window.is_suspect();
                let may_go = ready && admitted && !window.is_exhausted();
                if next.is_none() && may_go {
                    next = Some(window);
                }
            }
        }
        let slots = policy.max_in_flight.min(policy.group_in_flight);
        Ok(next.filter(|_| in_flight < slots))
    }
}
