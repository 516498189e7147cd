//! The world of a history: one source, its store, a clock, and stalled ticks.

use windlass_core::ids::Lane;
use windlass_core::invariant::{check_timeline, check_window};
use windlass_core::source::{Order, SourceDefinition};
use windlass_core::time::{HOUR_MS, MINUTE_MS, Timestamp};
use windlass_core::transition::Event;
use windlass_core::view::{LaneView, SourceView};
use windlass_core::window::{Status, Window};
use windlass_state::failing::{FailingStore, Fault};
use windlass_state::{MemoryStore, StateStore};

use super::operations::{Op, TickRun};
use super::stalls::StalledTick;
use super::work::work;
use crate::report::Activity;
use crate::testing::*;
use crate::view::read_source;

/// First start of the timeline, in minutes.
const START: i64 = 600;
/// End of the timeline: four windows later, so that operations meet the same ones again.
const END: i64 = 640;
/// Ticks within which all remaining windows must complete.
const TICKS_MAX: usize = 400;

/// The state of a history.
pub(super) struct World {
    store: MemoryStore,
    source: SourceDefinition,
    now: Timestamp,
    sent: Sent,
    /// Stalled ticks, in the order in which they began.
    stalled: Vec<StalledTick>,
}

impl World {
    /// A new source, whose vendor lists records in this `order` with a retention of `lookback_ms`,
    /// or without one.
    pub(super) async fn new(order: Order, lookback_ms: Option<i64>) -> Self {
        let source = SourceDefinition {
            start: at(START),
            end: Some(at(END)),
            ..with_policy("okta", |policy| {
                policy.strict_order = Some(order);
                policy.max_lookback_ms = lookback_ms;
                // Some of it is younger at its first read, and some is not.
                policy.sweeps_ms = vec![13 * HOUR_MS, 20 * HOUR_MS];
            })
        };
        Self {
            store: store_of([&source]).await,
            source,
            now: NOW,
            sent: Sent::default(),
            stalled: Vec::new(),
        }
    }

    /// Every window of every lane.
    async fn all(&self) -> Vec<Window> {
        let shard = self.source.shard();
        let lanes = self.store.progress_of(shard, &self.source.name).await;
        let mut all = Vec::new();
        for progress in lanes.unwrap() {
            all.extend(windows(&self.store, &progress.timeline).await);
        }
        all
    }

    async fn nth(&self, which: usize, fits: impl Fn(&Window) -> bool) -> Option<Window> {
        self.all().await.into_iter().filter(fits).nth(which)
    }

    async fn view(&self) -> SourceView {
        let record = self.store.all_sources().await.unwrap().remove(0);
        read_source(&self.store, record, self.now).await.unwrap()
    }

    async fn apply_source(&self) {
        let applied = self.store.apply_source(&self.source, self.now).await;
        applied.unwrap();
    }

    async fn decide(&self, window: &Window, event: &Event) {
        self.store.decide(window, event).await.unwrap();
    }

    /// Applies `op`.
    pub(super) async fn step(&mut self, op: &Op) {
        let now = self.now;
        match *op {
            Op::Tick(run) => self.tick(run).await,
            Op::Resume(which) => {
                if which < self.stalled.len() {
                    self.stalled.remove(which).resume().await;
                }
            }
            Op::Clock(ms) => self.now = now.plus_ms(ms),
            Op::Work(which, ends) => {
                let claimable = self.nth(which, |window| window.is_claimable(now)).await;
                if let Some(window) = claimable {
                    work(&self.store, &self.source.policy, &window, ends, now).await;
                }
            }
            Op::Park(which) => {
                let is_whole = |it: &Window| it.status() == Status::Ready && it.split().is_none();
                if let Some(window) = self.nth(which, is_whole).await {
                    let reason = "given up by a test".to_owned();
                    self.decide(&window, &Event::Park { reason, now }).await;
                }
            }
            Op::Retry(which) => {
                let is_hole = |window: &Window| window.status() == Status::Parked;
                if let Some(hole) = self.nth(which, is_hole).await {
                    self.decide(&hole, &Event::Retry { now }).await;
                }
            }
            Op::Earlier(minutes) => {
                self.source.start = self.source.start.minus_ms(minutes * MINUTE_MS);
                self.apply_source().await;
            }
            Op::Pause => {
                self.source.paused = !self.source.paused;
                self.apply_source().await;
            }
            Op::OpenMax(most) => {
                self.source.policy.max_open_windows = most;
                self.apply_source().await;
            }
        }
    }

    async fn tick(&mut self, run: TickRun) {
        let (store, now) = (&self.store, self.now);
        match run {
            TickRun::Whole => drop(tick(store, &self.sent, now).await),
            TickRun::Stops(after) => {
                tick(&stopping_after(store, after), &self.sent, now).await;
            }
            TickRun::Deaf(every) => {
                let deaf = FailingStore::new(store.clone(), move |operation, call| {
                    if operation.is_write() && call % every == 0 {
                        Fault::LoseResponse
                    } else {
                        Fault::None
                    }
                });
                tick(&deaf, &self.sent, now).await;
            }
            TickRun::Stalls(after) => {
                let stalled = StalledTick::begin(store, after, now).await;
                self.stalled.extend(stalled);
            }
        }
    }

    /// Checks the invariants.
    pub(super) async fn check(&self) {
        let view = self.view().await;
        let through = view.complete_through();
        for lane in &view.lanes {
            check_timeline(&lane.progress, lane.open()).unwrap();
        }
        for window in self.all().await {
            check_window(&window, &self.source.policy).unwrap();
            if window.is_unfinished() {
                let is_sweep = matches!(window.id().timeline.lane, Lane::Sweep(_));
                let is_passed = !is_sweep && window.id().from < through;
                let is_seen = view.windows().any(|seen| seen.id() == window.id());
                assert!(
                    is_seen && !is_passed,
                    "{} is {}; in sight of its marks: {is_seen}; all done until {through}",
                    window.id(),
                    window.status()
                );
            }
        }
    }

    /// Resumes all stalled ticks, completes all windows, and retries the parked ones.
    pub(super) async fn settle(&mut self) {
        while !self.stalled.is_empty() {
            self.step(&Op::Resume(0)).await;
            self.check().await;
        }
        self.source.paused = false;
        self.apply_source().await;
        for _ in 0..TICKS_MAX {
            self.now = self.now.plus_ms(LEASE_MS);
            let report = tick_one(&self.store, &self.sent, self.now).await;
            let is_created = |lane: &LaneView| {
                let is_sweep = matches!(lane.progress.timeline.lane, Lane::Sweep(_));
                !is_sweep || lane.progress.scheduled_through >= at(END)
            };
            let is_created = self.view().await.lanes.iter().all(is_created);
            let is_through = report.complete_through >= at(END);
            if is_created && is_through && report.activity == Activity::Idle {
                return;
            }
            for window in self.all().await {
                if window.status() == Status::Parked {
                    self.decide(&window, &Event::Retry { now: self.now }).await;
                } else if window.is_claimable(self.now) {
                    finish(&self.store, &window, self.now).await;
                }
            }
        }
        panic!("the timeline was never finished");
    }

    /// Fails unless the windows of every lane cover it from its start on, without gap or overlap.
    pub(super) async fn assert_covered(&self) {
        assert_covered(&self.store, &self.source).await;
    }
}
