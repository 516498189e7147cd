//! The plans of one process over time. A tick reads and plans every source. An agenda stores the
//! results, and plans a source again only when it changed or is due, so that idle sources cost
//! nothing.
//!
//! Both carry out plans with the same code ([`Tick`]). The agenda decides only when each source is
//! planned, and how the workers of the process are divided among rate groups.

mod board;
mod group;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use windlass_core::ids::{RateGroup, SourceName};
use windlass_core::slots::GroupLimits;
use windlass_core::source::SourceRecord;
use windlass_core::stalls::Spare;
use windlass_core::time::Timestamp;
use windlass_state::{StateError, StateStore};

use self::board::{Board, Due};
use self::group::{Allowance, Group, Round};
use crate::dispatch::Dispatch;
use crate::outbox::Outbox;
use crate::report::{SourceReport, TickReport};
use crate::tick::Tick;

/// The sources of a state, with the results of their last plans and the instants of their next
/// ones.
#[derive(Debug)]
pub struct Agenda {
    /// Workers of the process.
    workers_max: usize,
    groups: BTreeMap<RateGroup, Group>,
    group_of: BTreeMap<SourceName, RateGroup>,
    board: Board,
    /// Groups with sources to plan, the oldest first.
    touched: VecDeque<RateGroup>,
    /// Groups that wait only for a worker of the process, the oldest first.
    hungry: VecDeque<RateGroup>,
    advanced_to: Timestamp,
}

impl Agenda {
    /// An agenda without sources, for a process that runs at most `workers_max` workers.
    pub fn new(workers_max: usize) -> Self {
        Self {
            workers_max,
            groups: BTreeMap::new(),
            group_of: BTreeMap::new(),
            board: Board::default(),
            touched: VecDeque::new(),
            hungry: VecDeque::new(),
            advanced_to: Timestamp::MIN,
        }
    }

    /// Lists the sources of `store`, and plans all of them again: at the start, and after changes
    /// by another process, whose extent is unknown.
    ///
    /// # Errors
    /// If the sources cannot be listed. The agenda stays as it was.
    pub async fn list<S: StateStore>(&mut self, store: &S) -> Result<(), StateError> {
        let mut found: BTreeMap<RateGroup, Vec<SourceRecord>> = BTreeMap::new();
        for record in store.all_sources().await? {
            let group = record.definition.policy.rate_group.clone();
            found.entry(group).or_default().push(record);
        }
        let place = |record: &SourceRecord| {
            let policy = &record.definition.policy;
            (record.definition.name.clone(), policy.rate_group.clone())
        };
        let places: BTreeMap<_, _> = found.values().flatten().map(place).collect();
        let present = |(name, group): &(SourceName, RateGroup)| places.get(name) == Some(group);
        let known = std::mem::take(&mut self.group_of).into_iter();
        for (name, group) in known.filter(|it| !present(it)) {
            self.forget(&group, &name);
        }
        self.group_of = places;
        self.groups.retain(|name, _| found.contains_key(name));
        for (name, records) in found {
            let policies = records.iter().map(|record| &record.definition.policy);
            let limits = GroupLimits::of(policies, false);
            let group = self.groups.entry(name);
            let group = group.or_insert_with_key(|name| Group::new(name.clone(), limits));
            group.limits = limits;
            for record in &records {
                group.join(&mut self.board, &record.definition);
            }
        }
        self.touch_all();
        Ok(())
    }

    /// Plans `source` again after one of its workers has ended.
    pub fn ended(&mut self, source: &SourceName) {
        if let Some(group) = self.group_of.get(source) {
            touch(&mut self.groups, &mut self.touched, group, source);
        }
    }

    /// Advances the time to `now`. After a step back every source is planned again: its next plan
    /// may be due.
    pub fn advance(&mut self, now: Timestamp) {
        if now < self.advanced_to {
            self.touch_all();
        }
        self.advanced_to = now;
        while let Some(due) = self.board.pop_due(now) {
            match due {
                Due::Source(name) => self.ended(&name),
                Due::Group(name) => {
                    if let Some(group) = self.groups.get_mut(&name) {
                        group.closed_until = None;
                        self.queue(&name);
                    }
                }
            }
        }
    }

    /// The next instant at which something is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.board.next_due()
    }

    /// Plans sources of one rate group, while the process may start the workers of `spare`. Returns
    /// the planned sources; `None` when there is nothing to plan now.
    pub async fn step<S: StateStore, D: Dispatch>(
        &mut self,
        tick: &Tick<'_, S, D>,
        spare: &Spare,
    ) -> Option<Vec<SourceName>> {
        let (name, allowance) = self.next(spare.free)?;
        let group = self.groups.get_mut(&name)?;
        let outbox = Outbox::new(tick.dispatch, tick.options.tasks_per_invocation);
        let round = Round {
            tick,
            outbox: &outbox,
            spare,
        };
        let visited = group.visit(&mut self.board, &round, allowance).await;
        outbox.close().await;
        for source in &visited.gone {
            self.group_of.remove(source);
            self.forget(&name, source);
        }
        self.queue(&name);
        Some(visited.sources)
    }

    /// The next group to plan, and the workers it may have: a group with changed sources, or the
    /// one that has waited longest for a worker. Waiting groups precede those that just had one.
    fn next(&mut self, free: usize) -> Option<(RateGroup, Allowance)> {
        let share_max = self.share_max();
        while let Some(name) = self.touched.pop_front() {
            let Some(group) = self.groups.get_mut(&name) else {
                continue;
            };
            group.is_queued = false;
            let ahead = self
                .hungry
                .len()
                .saturating_sub(usize::from(group.is_hungry));
            let free = free.saturating_sub(ahead);
            return Some((name, Allowance { free, share_max }));
        }
        if free == 0 {
            return None;
        }
        while let Some(name) = self.hungry.pop_front() {
            let Some(group) = self.groups.get_mut(&name) else {
                continue;
            };
            group.is_hungry = false;
            if group.wants(share_max) {
                let free = (free / (self.hungry.len() + 1)).max(1);
                return Some((name, Allowance { free, share_max }));
            }
        }
        None
    }

    /// Most workers of one rate group: half of them while there are other groups, so that one slow
    /// vendor cannot take all of them.
    fn share_max(&self) -> usize {
        match self.groups.len() {
            0 | 1 => self.workers_max,
            _ => (self.workers_max / 2).max(1),
        }
    }

    /// Adds the group to the queues that it belongs to.
    fn queue(&mut self, name: &RateGroup) {
        let share_max = self.share_max();
        let Some(group) = self.groups.get_mut(name) else {
            return;
        };
        if !group.touched.is_empty() && !group.is_queued {
            group.is_queued = true;
            self.touched.push_back(name.clone());
        }
        if group.wants(share_max) && !group.is_hungry {
            group.is_hungry = true;
            self.hungry.push_back(name.clone());
        }
    }

    fn touch_all(&mut self) {
        for (source, group) in &self.group_of {
            touch(&mut self.groups, &mut self.touched, group, source);
        }
    }

    fn forget(&mut self, group: &RateGroup, source: &SourceName) {
        if let Some(group) = self.groups.get_mut(group) {
            group.leave(&mut self.board, source);
        }
    }

    /// The report of `source` from its last plan.
    pub fn report_of(&self, source: &SourceName) -> Option<&SourceReport> {
        let group = self.groups.get(self.group_of.get(source)?)?;
        group.report_of(source)
    }

    /// Every source's report from its last plan, by name.
    pub fn report(&self) -> TickReport {
        let reports = self.group_of.keys().filter_map(|it| self.report_of(it));
        TickReport {
            sources: reports.cloned().collect(),
            ..TickReport::default()
        }
    }

    /// Returns true if no source has work: all are idle, blocked or paused.
    pub fn is_quiet(&self) -> bool {
        self.board.standing.is_quiet()
    }

    /// Returns true if the only sources with work cannot be planned.
    pub fn is_stuck(&self) -> bool {
        self.board.standing.is_stuck()
    }
}

fn touch(
    groups: &mut BTreeMap<RateGroup, Group>,
    queue: &mut VecDeque<RateGroup>,
    name: &RateGroup,
    source: &SourceName,
) {
    let Some(group) = groups.get_mut(name) else {
        return;
    };
    group.touched.insert(source.clone());
    if !group.is_queued {
        group.is_queued = true;
        queue.push_back(name.clone());
    }
}

/// Names in their order, without those of `seen`.
fn unseen<'a>(
    names: impl Iterator<Item = &'a SourceName>,
    seen: &BTreeSet<SourceName>,
    most: usize,
) -> Vec<SourceName> {
    let mut found: Vec<SourceName> = Vec::new();
    for name in names {
        if found.len() >= most {
            break;
        }
        if !seen.contains(name) && !found.contains(name) {
            found.push(name.clone());
        }
    }
    found
}

#[cfg(test)]
#[path = "agenda/changes_tests.rs"]
mod changes_tests;
#[cfg(test)]
#[path = "agenda/fairness_tests.rs"]
mod fairness_tests;
#[cfg(test)]
#[path = "agenda_tests.rs"]
mod tests;
