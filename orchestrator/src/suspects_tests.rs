//! Windows that kill their process, in one process: after each tick the dispatched windows are
//! claimed, and then the process dies or the pages arrive.

use std::collections::BTreeSet;

use windlass_core::checkpoint::{Checkpoint, PageMove, PageTotals};
use windlass_core::ids::Owner;
use windlass_core::lease::Lease;
use windlass_core::limits;
use windlass_core::shard::Shards;
use windlass_core::time::{DAY_MS, HOUR_MS, SECOND_MS, Timestamp};
use windlass_core::transition::Claim;
use windlass_core::window::{Status, Window};
use windlass_state::MemoryStore;

use super::*;
use crate::recover;
use crate::testing::{NOW, Sent, definition, store_of, with_policy};
use crate::tick::{Tick, TickOptions};

/// A process that starts again after each death.
struct Process {
    store: MemoryStore,
    place: SuspectPlace,
    held: Vec<Lease>,
    now: Timestamp,
    /// Number of deaths.
    deaths: u32,
    /// The most suspects in flight at once.
    suspects_at_once: usize,
    /// The completed windows.
    done: BTreeSet<WindowId>,
}

impl Process {
    async fn start() -> Self {
        let other = with_policy("slack", |policy| {
            policy.rate_group = "slack".parse().unwrap();
        });
        Self {
            store: store_of([&definition("okta"), &other]).await,
            place: SuspectPlace::default(),
            held: Vec::new(),
            now: NOW,
            deaths: 0,
            suspects_at_once: 0,
            done: BTreeSet::new(),
        }
    }

    /// Runs one tick and claims the dispatched windows.
    async fn tick(&mut self) {
        let sent = Sent::default();
        let tick = Tick {
            store: &self.store,
            dispatch: &sent,
            options: TickOptions {
                shards: Shards::ALL,
                dispatch_ms: None,
                share_request_rate: false,
                tasks_per_invocation: 1,
            },
            suspects: Some(&self.place),
            now: self.now,
        };
        tick.run().await.unwrap();
        for task in sent.take() {
            for window in task.windows {
                let claim = Claim {
                    epoch: window.epoch,
                    owner: Owner::from_random(1),
                    lease_until: Timestamp::MAX,
                    now: self.now,
                };
                self.held
                    .push(self.store.claim(&window.id, &claim).await.unwrap());
            }
        }
        let suspects = self.held.iter().filter(|lease| lease.window().is_suspect());
        self.suspects_at_once = self.suspects_at_once.max(suspects.count());
    }

    /// Ends the process and starts it again.
    async fn die(&mut self) {
        self.deaths += 1;
        self.held.clear();
        self.place = SuspectPlace::default();
        recover(&self.store, self.now).await.unwrap();
    }

    /// Completes every window in flight.
    async fn finish(&mut self) {
        for lease in std::mem::take(&mut self.held) {
            let last = Checkpoint::from(PageMove {
                from: lease.window().page(),
                cursor: None,
                totals: PageTotals::default(),
                ordered: true,
                remembered: false,
                sink_position: None,
                page_ms: 1,
                now: self.now,
            });
            let done = self.store.complete(&lease, &last, DAY_MS).await.unwrap();
            self.done.insert(done.id().clone());
        }
    }

    /// Ticks every few seconds for `ms`. A process that has `culprit` in flight dies of it.
    async fn go_on(&mut self, ms: i64, culprit: &WindowId) {
        let end = self.now.plus_ms(ms);
        while self.now < end {
            self.tick().await;
            if self.held.iter().any(|lease| lease.window().id() == culprit) {
                self.die().await;
            } else {
                self.finish().await;
            }
            self.now = self.now.plus_ms(5 * SECOND_MS);
        }
    }

    async fn window(&self, id: &WindowId) -> Window {
        self.store.window(id).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn culprit_parks_alone_and_recovers_after_page() {
    let mut process = Process::start().await;
    process.tick().await;
    let culprit = process.held[0].window().id().clone();
    process.die().await;
    process.go_on(HOUR_MS, &culprit).await;
    let parked = process.window(&culprit).await;
    assert_eq!(parked.status(), Status::Parked);
    let reason = parked.last_error().unwrap();
    assert!(reason.starts_with("the process died 5 times"), "{reason}");
    assert_eq!(process.deaths, limits::SUSPECT_DEATHS_MAX + 1);
    assert!(process.suspects_at_once <= 1);
    // All of the first tick, of both sources, except for the culprit.
    assert!(process.done.len() > 4, "{:?}", process.done);

    process.now = process.now.plus_ms(DAY_MS);
    process.go_on(HOUR_MS, &culprit).await;
    assert_eq!(process.window(&culprit).await.status(), Status::Parked);
    assert_eq!(
        process.deaths,
        limits::SUSPECT_DEATHS_MAX + 2,
        "one attempt"
    );

    process.now = process.now.plus_ms(DAY_MS);
    let nobody = WindowId {
        from: Timestamp::MAX,
        ..culprit.clone()
    };
    process.go_on(60 * SECOND_MS, &nobody).await;
    assert_eq!(process.window(&culprit).await.status(), Status::Done);
}

#[tokio::test]
async fn shared_deaths_park_no_window() {
    let mut process = Process::start().await;
    for _ in 0..3 * limits::SUSPECT_DEATHS_MAX {
        process.tick().await;
        process.die().await;
        // An operator restarts it and waits until each has a page.
        for _ in 0..8 {
            process.tick().await;
            process.finish().await;
            process.now = process.now.plus_ms(5 * SECOND_MS);
        }
    }
    let windows = process.store.all_sources().await.unwrap();
    assert_eq!(windows.len(), 2);
    assert!(process.suspects_at_once <= 1);
    for id in process.done.clone() {
        assert_eq!(process.window(&id).await.status(), Status::Done);
    }
}

#[tokio::test]
async fn crash_loop_parks_no_window() {
    let mut process = Process::start().await;
    // A supervisor's loop for two minutes: a suspect waits longer than the process lives.
    for _ in 0..120 {
        process.tick().await;
        process.die().await;
        process.now = process.now.plus_ms(SECOND_MS);
    }
    let source = process.store.all_sources().await.unwrap().remove(0);
    let view = crate::read_source(&process.store, source, process.now)
        .await
        .unwrap();
    let parked = |window: &&Window| window.status() == Status::Parked;
    assert_eq!(view.windows().filter(parked).count(), 0);
}
