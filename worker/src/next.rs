//! The search for the next ready window of a source or its rate group, while there is time left.

use windlass_core::ids::SourceName;
use windlass_core::lanes::begun_lanes;
use windlass_core::limits;
use windlass_core::shard::Shard;
use windlass_core::task::Task;
use windlass_core::time::Timestamp;
use windlass_core::view::{LaneView, SourceView};
use windlass_core::window::Window;
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

    /// The [next window](SourceView::next_window) of the source `name`. `None` when none is ready, the source
    /// may not run, its rate group is closed, or as many workers as it or its group may have are running
    /// already. Its definition is read again.
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
        // Another source of the group may have taken the freed slot.
        if slots.taken(&policy.rate_group) >= policy.group_in_flight {
            return Ok(None);
        }
        let cooldown = store.cooldown(&policy.rate_group).await?;
        let closed = cooldown.is_some_and(|cooldown| cooldown.closed_until(now).is_some());
        if closed {
            return Ok(None);
        }
        let stored = store.progress_of(shard, name).await?;
        let mut lanes = Vec::new();
        for progress in begun_lanes(&source.definition, stored) {
            let timeline = &progress.timeline;
            let behind = store.windows_at(timeline, &progress.behind).await?;
            let open = store.open_windows(timeline, progress.open_from).await?;
            lanes.push(LaneView::read(progress, open, behind));
        }
        let view = SourceView {
            record: source,
            lanes,
        };
        Ok(view.next_window(now, self.suspects).cloned())
    }
}
