//! A timeline for tests of the planner, with a naive store.

use std::collections::BTreeMap;

use super::{Plan, Situation, Suspects, Write, plan};
use crate::block::Work;
use crate::ids::{Lane, Timeline};
use crate::moves::Decision;
use crate::progress::Progress;
use crate::source::Policy;
use crate::split::WindowSplit;
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

/// A timeline with a naive store that applies the planner's writes.
pub(in crate::plan) struct World {
    pub(in crate::plan) policy: Policy,
    pub(in crate::plan) end: Option<Timestamp>,
    pub(in crate::plan) progress: Progress,
    pub(in crate::plan) windows: BTreeMap<Timestamp, Window>,
    pub(in crate::plan) now: Timestamp,
    /// The planner's time; `None` while it is just `now`.
    pub(in crate::plan) time: Option<PlanTime>,
}

/// The point at which a planner stops.
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

    /// The plan of a planner whose dispatches are valid until `dispatch_until`.
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

    /// Carries `plan` out like the orchestrator, up to `reach`.
    pub(in crate::plan) fn carry_out(&mut self, plan: &Plan, reach: Reach) {
        let mut left = match reach {
            Reach::Creates(most) => most,
            Reach::Everything => usize::MAX,
        };
        for write in plan.writes() {
            let stops = match write {
                Write::Move(_) => false,
                Write::Split(_) | Write::Create(_) => left == 0,
                Write::Save(_) => matches!(reach, Reach::Creates(_)),
            };
            if stops || (!self.make(write) && write.carries_the_rest()) {
                return;
            }
            left -= usize::from(matches!(write, Write::Split(_) | Write::Create(_)));
        }
    }

    /// Applies one write if its condition holds.
    fn make(&mut self, write: &Write) -> bool {
        match write {
            Write::Move(moved) => self.decide(moved),
            Write::Split(split) => self.split(split),
            Write::Create(window) => {
                let is_new = !self.windows.contains_key(&window.id().from);
                if is_new {
                    self.windows.insert(window.id().from, window.clone());
                }
                is_new
            }
            Write::Save(next) => self.save(next),
        }
    }

    fn save(&mut self, next: &Progress) -> bool {
        let is_current = next.version == self.progress.version;
        if is_current {
            self.progress = Progress {
                version: next.version + 1,
                ..next.clone()
            };
        }
        is_current
    }

    fn split(&mut self, split: &WindowSplit) -> bool {
        let parent = self.windows.get(&split.parent.seen.id().from);
        let kept = parent.and_then(|parent| split.apply(parent).ok());
        let mut parts = split.parts.iter();
        let is_free = parts.all(|part| !self.windows.contains_key(&part.id().from));
        let Some(kept) = kept.filter(|_| is_free) else {
            return false;
        };
        if !self.save(&split.marks) {
            return false;
        }
        for window in split.parts.iter().chain([&kept]) {
            self.windows.insert(window.id().from, window.clone());
        }
        true
    }

    /// Moves a window that is unchanged since it was read.
    fn decide(&mut self, moved: &Decision) -> bool {
        let Some(current) = self.windows.get_mut(&moved.seen.id().from) else {
            return false;
        };
        let is_seen =
            current.epoch() == moved.seen.epoch() && current.status() == moved.seen.status();
        if is_seen {
            *current = current.apply(&moved.event).unwrap();
        }
        is_seen
    }

    pub(in crate::plan) fn tick(&mut self) {
        let plan = self.plan();
        self.carry_out(&plan, Reach::Everything);
    }

    pub(in crate::plan) fn set(&mut self, from_ms: i64, status: Status) {
        let window = self.windows.get_mut(&Timestamp::from_ms(from_ms)).unwrap();
        window.edit(|form| {
            form.status = status;
            form.done_at = (status == Status::Done).then_some(self.now);
            form.expires_at = form.done_at.map(|_| Timestamp::MAX);
            form.last_error = (status == Status::Parked).then(|| "gave up".to_owned());
            form.epoch += 1;
        });
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
