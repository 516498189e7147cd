//! A timeline for tests of the planner, with a naive store.

use std::collections::BTreeMap;

use super::{Decision, Plan, Situation, Suspects, plan};
use crate::block::Work;
use crate::ids::{Lane, Timeline};
use crate::progress::Progress;
use crate::source::Policy;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};
use crate::trust::PlanTime;
use crate::window::{Status, Window};

pub(in crate::plan) fn policy() -> Policy {
    Policy {
        unit_ms: 1,
        initial_ms: 10 * MINUTE_MS,
        min_ms: MINUTE_MS,
        max_ms: 6 * HOUR_MS,
        every_ms: 5 * MINUTE_MS,
        settle_ms: 10 * MINUTE_MS,
        max_lookback_ms: None,
        max_in_flight: 4,
        max_open_windows: 8,
        rate_group: "okta:acme".parse().unwrap(),
        group_in_flight: 8,
        requests_per_minute: None,
        history_ms: 7 * DAY_MS,
        strict_order: None,
        sweeps_ms: Vec::new(),
        clock: None,
    }
}

fn timeline() -> Timeline {
    Timeline {
        source: "okta".parse().unwrap(),
        generation: "0123456789ab".parse().unwrap(),
        lane: Lane::Live,
    }
}

/// A timeline with a naive store: what the planner's writes become.
pub(in crate::plan) struct World {
    pub(in crate::plan) policy: Policy,
    pub(in crate::plan) end: Option<Timestamp>,
    pub(in crate::plan) progress: Progress,
    pub(in crate::plan) windows: BTreeMap<Timestamp, Window>,
    pub(in crate::plan) now: Timestamp,
    /// Time as the planner knows it, where that is not just `now`.
    pub(in crate::plan) time: Option<PlanTime>,
}

/// How far a planner gets before it stops.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) enum Reach {
    Creates(usize),
    Everything,
}

impl World {
    pub(in crate::plan) fn new(policy: Policy, end: Option<Timestamp>, now: Timestamp) -> Self {
        let start = Timestamp::from_ms(0);
        let progress = Progress::begin(timeline(), start, None, &policy, now);
        Self {
            policy,
            end,
            progress,
            windows: BTreeMap::new(),
            now,
            time: None,
        }
    }

    pub(in crate::plan) fn open(&self) -> Vec<Window> {
        self.windows
            .range(self.progress.open_from..)
            .map(|(_, window)| window.clone())
            .collect()
    }

    pub(in crate::plan) fn behind(&self) -> Vec<Window> {
        self.progress
            .behind
            .iter()
            .filter_map(|from| self.windows.get(from).cloned())
            .collect()
    }

    pub(in crate::plan) fn plan(&self) -> Plan {
        self.plan_to(Timestamp::MAX)
    }

    /// The plan of a planner whose dispatches count until `dispatch_until`.
    pub(in crate::plan) fn plan_to(&self, dispatch_until: Timestamp) -> Plan {
        plan(&Situation {
            progress: &self.progress,
            policy: &self.policy,
            end: self.end,
            open: &self.open(),
            behind: &self.behind(),
            ledger: None,
            work: Work::Everything,
            slots: 2,
            suspects: Suspects::Apart,
            dispatch_until,
            now: self.now,
            time: self.time.unwrap_or(PlanTime::agreed(self.now)),
        })
    }

    /// Carries `plan` out as the orchestrator would, up to `reach`.
    pub(in crate::plan) fn carry_out(&mut self, plan: &Plan, reach: Reach) {
        self.decide(&plan.scavenge);
        let parts = plan.splits.iter().flat_map(|split| &split.right);
        let parts = parts.map(|window| (window, true));
        let creates = parts.chain(plan.create.iter().map(|window| (window, false)));
        for (index, (window, is_part)) in creates.enumerate() {
            if matches!(reach, Reach::Creates(most) if index >= most) {
                return;
            }
            let existing = self
                .windows
                .get(&window.id.from)
                .map(|existing| existing.to);
            match existing {
                Some(to) if is_part && to == window.to => {}
                Some(_) => return,
                None => drop(self.windows.insert(window.id.from, window.clone())),
            }
        }
        if matches!(reach, Reach::Creates(_)) {
            return;
        }
        if let Some(next) = &plan.progress {
            if next.version != self.progress.version {
                return;
            }
            self.progress = Progress {
                version: next.version + 1,
                ..next.clone()
            };
        }
        for split in &plan.splits {
            self.decide(std::slice::from_ref(&split.left));
        }
        self.decide(&plan.lapse);
        self.decide(&plan.dispatch);
    }

    /// Makes each move whose window is still as it was read.
    fn decide(&mut self, moves: &[Decision]) {
        for moved in moves {
            let Some(current) = self.windows.get_mut(&moved.seen.id.from) else {
                continue;
            };
            if current.epoch == moved.seen.epoch && current.status == moved.seen.status {
                *current = current.apply(&moved.event).unwrap();
            }
        }
    }

    pub(in crate::plan) fn tick(&mut self) {
        let plan = self.plan();
        self.carry_out(&plan, Reach::Everything);
    }

    pub(in crate::plan) fn set(&mut self, from_ms: i64, status: Status) {
        let window = self.windows.get_mut(&Timestamp::from_ms(from_ms)).unwrap();
        window.status = status;
        window.done_at = (status == Status::Done).then_some(self.now);
        window.expires_at = window.done_at.map(|_| Timestamp::MAX);
        window.last_error = (status == Status::Parked).then(|| "gave up".to_owned());
        window.epoch += 1;
    }

    pub(in crate::plan) fn all(&self) -> Vec<Window> {
        self.windows.values().cloned().collect()
    }

    pub(in crate::plan) fn complete_through(&self) -> Timestamp {
        self.progress.complete_through(&self.open(), &self.behind())
    }
}

pub(in crate::plan) fn hours(n: i64) -> Timestamp {
    Timestamp::from_ms(n * HOUR_MS)
}
