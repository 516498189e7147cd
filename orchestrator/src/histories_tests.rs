//! Random histories: whatever ticks, workers, crashes and clocks do, the timeline stays covered.

use proptest::prelude::*;
use windlass_core::ids::Lane;
use windlass_core::invariant::{check_timeline, check_window};
use windlass_core::source::{Order, SourceDefinition};
use windlass_core::time::{HOUR_MS, MINUTE_MS, Timestamp};
use windlass_core::transition::{Cause, Event};
use windlass_core::window::{Status, Window};
use windlass_state::failing::{FailingStore, Fault};
use windlass_state::{MemoryStore, StateStore};

use crate::report::Activity;
use crate::testing::*;
use crate::view::{LaneView, read_source};

/// One thing that happens. Windows are named by their place among those that exist.
#[derive(Debug, Clone)]
enum Op {
    Tick,
    /// A tick whose writes fail from that one on.
    TickThatStops(u64),
    /// A tick that gets no answer to every n-th write.
    TickThatIsDeaf(u64),
    Clock(i64),
    Claim(usize),
    Finish(usize),
    Fail(usize),
    Exhaust(usize),
    /// Given back to be split after so many minutes.
    Split(usize, i64),
    /// Read up to the middle of what was not read yet, and given back for lack of time.
    Overrun(usize),
    Retry(usize),
    /// The start moves this much earlier.
    Earlier(i64),
}

fn op() -> impl Strategy<Value = Op> {
    let any = 0usize..12;
    prop_oneof![
        6 => Just(Op::Tick),
        2 => (0u64..12).prop_map(Op::TickThatStops),
        2 => (1u64..4).prop_map(Op::TickThatIsDeaf),
        2 => (MINUTE_MS..HOUR_MS).prop_map(Op::Clock),
        2 => any.clone().prop_map(Op::Claim),
        6 => any.clone().prop_map(Op::Finish),
        2 => any.clone().prop_map(Op::Fail),
        1 => any.clone().prop_map(Op::Exhaust),
        2 => (any.clone(), 1i64..10).prop_map(|(which, minutes)| Op::Split(which, minutes)),
        4 => any.clone().prop_map(Op::Overrun),
        2 => any.prop_map(Op::Retry),
        1 => (1i64..30).prop_map(Op::Earlier),
    ]
}

struct World {
    store: MemoryStore,
    source: SourceDefinition,
    now: Timestamp,
    sent: Sent,
}

impl World {
    async fn new() -> Self {
        let source = SourceDefinition {
            start: at(600),
            end: Some(at(720)),
            ..with_policy("okta", |policy| {
                policy.strict_order = Some(Order::OldestFirst);
                // Some of it is younger when it is read first, and some is not.
                policy.sweeps_ms = vec![13 * HOUR_MS, 20 * HOUR_MS];
            })
        };
        Self {
            store: store_of([&source]).await,
            source,
            now: NOW,
            sent: Sent::default(),
        }
    }

    async fn all(&self) -> Vec<Window> {
        let mut all = Vec::new();
        for progress in self
            .store
            .progress_of(self.source.shard(), &self.source.name)
            .await
            .unwrap()
        {
            all.extend(windows(&self.store, &progress.timeline).await);
        }
        all
    }

    async fn nth(&self, which: usize, fits: impl Fn(&Window) -> bool) -> Option<Window> {
        self.all().await.into_iter().filter(fits).nth(which)
    }

    async fn claimable(&self, which: usize) -> Option<Window> {
        self.nth(which, |window| window.is_claimable(self.now))
            .await
    }

    async fn step(&mut self, op: &Op) {
        let (store, now) = (&self.store, self.now);
        match *op {
            Op::Tick => drop(tick(store, &self.sent, now).await),
            Op::TickThatStops(after) => {
                tick(&stopping_after(store, after), &self.sent, now).await;
            }
            Op::TickThatIsDeaf(every) => {
                let deaf = FailingStore::new(store.clone(), move |operation, call| {
                    if operation.is_write() && call % every == 0 {
                        Fault::LoseReply
                    } else {
                        Fault::None
                    }
                });
                tick(&deaf, &self.sent, now).await;
            }
            Op::Clock(ms) => self.now = now.plus_ms(ms),
            Op::Claim(which) => {
                if let Some(window) = self.claimable(which).await {
                    claim(store, &window, now).await;
                }
            }
            Op::Finish(which) => {
                if let Some(window) = self.claimable(which).await {
                    finish(store, &window, now).await;
                }
            }
            Op::Fail(which) => {
                if let Some(window) = self.claimable(which).await {
                    give_back(store, &window, Cause::Failed, now).await;
                }
            }
            Op::Exhaust(which) => {
                if let Some(window) = self.claimable(which).await {
                    exhaust(store, &window, now).await;
                }
            }
            Op::Split(which, minutes) => {
                if let Some(window) = self.claimable(which).await {
                    let split_at = window.id.from.plus_ms(minutes * MINUTE_MS);
                    if split_at < window.to {
                        give_back(store, &window, Cause::Split(split_at), now).await;
                    }
                }
            }
            Op::Overrun(which) => {
                if let Some(window) = self.claimable(which).await {
                    let read = window.newest.unwrap_or(window.id.from);
                    let newest = read.plus_ms(window.to.ms_since(read) / 8);
                    let policy = &self.source.policy;
                    overrun(store, policy, &window, (window.id.from, newest), now).await;
                }
            }
            Op::Retry(which) => {
                if let Some(hole) = self.nth(which, |w| w.status == Status::Parked).await {
                    store.decide(&hole, &Event::Retry { now }).await.unwrap();
                }
            }
            Op::Earlier(minutes) => {
                self.source.start = self.source.start.minus_ms(minutes * MINUTE_MS);
                store.apply_source(&self.source, now).await.unwrap();
            }
        }
    }

    /// What must hold at any moment.
    async fn check(&self) {
        let record = self.store.all_sources().await.unwrap().remove(0);
        let view = read_source(&self.store, record, self.now).await.unwrap();
        let through = view.complete_through();
        for lane in &view.lanes {
            check_timeline(&lane.progress, &lane.open).unwrap();
        }
        for window in self.all().await {
            check_window(&window, &self.source.policy).unwrap();
            let is_sweep = matches!(window.id.timeline.lane, Lane::Sweep(_));
            let passed = !is_sweep && window.is_unfinished() && window.id.from < through;
            assert!(
                !passed,
                "{through} passed {} which is {}",
                window.id, window.status
            );
        }
    }

    /// Workers finish everything; holes are retried.
    async fn settle(&mut self) {
        for _ in 0..400 {
            self.now = self.now.plus_ms(LEASE_MS);
            let report = tick_one(&self.store, &self.sent, self.now).await;
            let record = self.store.all_sources().await.unwrap().remove(0);
            let view = read_source(&self.store, record, self.now).await.unwrap();
            let carved = |lane: &LaneView| lane.progress.scheduled_through;
            let all_carved = view.lanes.iter().skip(1).all(|lane| {
                let is_sweep = matches!(lane.progress.timeline.lane, Lane::Sweep(_));
                !is_sweep || carved(lane) >= at(720)
            });
            if all_carved && report.complete_through >= at(720) && report.activity == Activity::Idle
            {
                return;
            }
            for window in self.all().await {
                if window.status == Status::Parked {
                    let retry = Event::Retry { now: self.now };
                    self.store.decide(&window, &retry).await.unwrap();
                } else if window.is_claimable(self.now) {
                    finish(&self.store, &window, self.now).await;
                }
            }
        }
        panic!("the timeline was never finished");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_leaves_the_timeline_covered_and_can_be_finished(
        ops in proptest::collection::vec(op(), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for op in &ops {
                world.step(op).await;
                world.check().await;
            }
            world.settle().await;
            world.check().await;
            assert_covered(&world.store, &world.source).await;
        });
    }
}
