//! The search for the next ready window of a source or its rate group, while there is time left.

use windlass_core::ids::{Lane, SourceName, Timeline};
use windlass_core::limits;
use windlass_core::shard::Shard;
use windlass_core::task::Task;
use windlass_core::time::Timestamp;
use windlass_core::window::{Status, Window};
use windlass_state::{StateError, StateStore};

use crate::slots::Slots;

/// The scope of the search.
pub(crate) struct Next<'a, S> {
    pub(crate) store: &'a S,
    pub(crate) slots: &'a Slots,
    pub(crate) shard: Shard,
    pub(crate) now: Timestamp,
    /// True to include suspects. Only where no other worker of the process has a window, and no
    /// tick dispatches suspects.
    pub(crate) suspects: bool,
}

impl<S: StateStore> Next<'_, S> {
    /// The next window after those of `task`: one of its source or, in a crowded rate group, of
    /// another source of the group. The search among the others starts at a `random` place, so that
    /// several workers do not all try the same window.
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

    /// The next window of the source `name`: live before sweep before backfill, oldest first.
    /// `None` when nothing is ready, the source may not run, its rate group is in a cooldown, or
    /// the limit of workers of the source or the group is reached. Reads the definition again.
    ///
    /// Windows of the group's other sources in flight in other processes are not read: that would
    /// cost a read per source after every window. The calling worker has just freed its own slot.
    /// The group exceeds its limit by one only if a tick uses that slot between the two writes, and
    /// only until one of the workers ends. Request reservations keep the request rate all the same.
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
        // Another source of the group may have taken the freed slot.
        if slots.taken(&policy.rate_group) >= policy.group_in_flight {
            return Ok(None);
        }
        let cooldown = store.cooldown(&policy.rate_group).await?;
        let closed = cooldown.is_some_and(|cooldown| cooldown.closed_until(now).is_some());
        if closed {
            return Ok(None);
        }
        let mut lanes = store.progress_of(shard, name).await?;
        let sweeps = policy.sweeps_ms.len();
        lanes.retain(|progress| {
            let Timeline {
                generation, lane, ..
            } = &progress.timeline;
            // A sweep that is no longer configured rests, with its ready windows.
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
