//! The next ready window of the same source.

use windlass_core::checkpoint::{Checkpoint, Cursor, PageMove, PageTotals};
use windlass_core::deadline::Deadline;
use windlass_core::lease::Lease;
use windlass_core::source::SourceDefinition;
use windlass_core::time::{HOUR_MS, MINUTE_MS};
use windlass_core::transition::{Cause, Claim, Event, Release};
use windlass_core::{Clock as _, Owner, Status, WindowId};
use windlass_state::failing::{Fault, Operation};
use windlass_state::{MemoryStore, StateStore as _};

use super::fake_vendor::{Asked, Response, response, well};
use super::harness::{Bench, definition};
use crate::Outcome;

/// A bench with three created windows.
pub(super) async fn three(
    vendor: impl Fn(&Asked) -> Response + Send + Sync + 'static,
) -> (Bench, [WindowId; 3]) {
    let bench = Bench::new(vendor).await;
    let ids = [
        bench.id.clone(),
        bench.create(1).await,
        bench.create(2).await,
    ];
    bench.create_windows(3).await;
    (bench, ids)
}

/// Runs the task that names only the first window.
async fn run(bench: &Bench, deadline: Deadline) -> Vec<Outcome> {
    let worker = bench.worker(bench.store.clone());
    let report = worker.run(&bench.task().await, deadline).await;
    report
        .windows
        .into_iter()
        .map(|(_, outcome)| outcome)
        .collect()
}

async fn statuses(store: &MemoryStore, ids: &[WindowId]) -> Vec<Status> {
    let mut statuses = Vec::new();
    for id in ids {
        statuses.push(store.window(id).await.unwrap().unwrap().status());
    }
    statuses
}

#[tokio::test]
async fn worker_takes_next_ready_windows_in_order() {
    let (bench, ids) = three(|asked| well(asked.page, 1)).await;
    let worker = bench.worker(bench.store.clone());
    let report = worker.run(&bench.task().await, Deadline::NONE).await;
    let done = ids.map(|id| (id, Outcome::Completed));
    assert_eq!(report.windows, done);
}

#[tokio::test]
async fn worker_at_deadline_takes_no_further_window() {
    let (bench, ids) = three(|asked| well(asked.page, 1)).await;
    let deadline = bench.clock.now().plus_ms(1);
    assert_eq!(
        run(&bench, Deadline::killed_at(deadline)).await,
        [Outcome::Completed]
    );
    assert_eq!(statuses(&bench.store, &ids[1..]).await, [Status::Ready; 2]);
}

/// The page took more than a minute once; no run of half a minute would have time for it.
#[tokio::test]
async fn window_with_slow_page_is_still_taken() {
    let (bench, ids) = three(|asked| well(asked.page, 1)).await;
    let lease = claim(&bench, &ids[1]).await;
    let held_up = Checkpoint::from(PageMove {
        from: 0,
        cursor: Some(Cursor {
            token: "next".to_owned(),
            request: "hash".to_owned(),
        }),
        totals: PageTotals::default(),
        ordered: true,
        remembered: false,
        sink_position: None,
        page_ms: 80_000,
        now: bench.clock.now(),
    });
    let lease = bench.store.checkpoint(&lease, &held_up).await.unwrap();
    let release = Release {
        cause: Cause::Restart,
        not_before: None,
        error: None,
        now: bench.clock.now(),
    };
    bench.store.release(&lease, &release).await.unwrap();
    let deadline = bench.clock.now().plus_ms(30_000);
    let outcomes = run(&bench, Deadline::killed_at(deadline)).await;
    assert_eq!(outcomes, vec![Outcome::Completed; 3]);
}

#[tokio::test]
async fn task_windows_past_deadline_stay_dispatched() {
    let (bench, ids) = three(|asked| well(asked.page, 1)).await;
    let mut task = bench.task().await;
    for id in &ids[1..] {
        let (id, epoch) = (id.clone(), 1);
        task.windows
            .push(windlass_core::task::TaskWindow { id, epoch });
    }
    let worker = bench.worker(bench.store.clone());
    let report = worker
        .run(&task, Deadline::killed_at(bench.clock.now()))
        .await;
    assert_eq!(report.windows, [(ids[0].clone(), Outcome::Completed)]);
    let second = bench.store.window(&ids[1]).await.unwrap().unwrap();
    assert_eq!(second.epoch(), 1);
}

#[tokio::test]
async fn stopping_worker_takes_no_further_window() {
    let (bench, ids) = three(|asked| well(asked.page, 1)).await;
    let stop = bench.stop.clone();
    let worker = bench.worker_with(move |operation, _| {
        if operation == Operation::Complete {
            stop.request();
        }
        Fault::None
    });
    let report = worker.run(&bench.task().await, Deadline::NONE).await;
    assert_eq!(report.windows.len(), 1);
    assert_eq!(
        statuses(&bench.store, &ids).await,
        [Status::Done, Status::Ready, Status::Ready]
    );
}

#[tokio::test]
async fn stopping_worker_leaves_hanging_vendor() {
    let (bench, ids) = three(|asked| well(asked.page, 1)).await;
    bench.stop.request();
    let outcomes = run(&bench, Deadline::NONE).await;
    assert!(
        matches!(outcomes[..], [Outcome::Yielded { .. }]),
        "{outcomes:?}"
    );
    assert_eq!(statuses(&bench.store, &ids).await, [Status::Ready; 3]);
    assert_eq!(bench.window().await.attempts(), 0);
}

#[tokio::test]
async fn shared_trouble_stops_taking_windows() {
    let vendors: [fn(&Asked) -> Response; 3] = [
        |_| Ok(response(403, &[], "{}")),
        |_| Ok(response(503, &[], "{}")),
        |_| Ok(response(429, &[("retry-after", "600")], "{}")),
    ];
    for vendor in vendors {
        let (bench, ids) = three(vendor).await;
        assert_eq!(run(&bench, Deadline::NONE).await.len(), 1);
        for id in &ids[1..] {
            assert_eq!(bench.store.window(id).await.unwrap().unwrap().runs(), 0);
        }
    }
}

#[tokio::test]
async fn failed_window_does_not_hold_up_others() {
    let (bench, ids) = three(|asked| match asked.number {
        1..=5 => Ok(response(200, &[], "{")),
        _ => well(asked.page, 1),
    })
    .await;
    assert_eq!(run(&bench, Deadline::NONE).await.len(), 3);
    let expected = [Status::Ready, Status::Done, Status::Done];
    assert_eq!(statuses(&bench.store, &ids).await, expected);
}

#[tokio::test]
async fn definition_is_reread_before_each_window() {
    for changed in [
        SourceDefinition {
            paused: true,
            ..definition()
        },
        SourceDefinition {
            generation: "ba9876543210".parse().unwrap(),
            ..definition()
        },
    ] {
        let (bench, ids) = three(|asked| well(asked.page, 1)).await;
        let store = bench.store.clone();
        let worker = bench.worker_with(move |operation, _| {
            use futures_util::FutureExt as _;
            if operation == Operation::Complete {
                let applied = store.apply_source(&changed, changed.start).now_or_never();
                applied.expect("memory responds at once").unwrap();
            }
            Fault::None
        });
        let report = worker.run(&bench.task().await, Deadline::NONE).await;
        assert_eq!(report.windows.len(), 1);
        assert_eq!(statuses(&bench.store, &ids[1..]).await, [Status::Ready; 2]);
    }
}

#[tokio::test]
async fn claimed_windows_are_skipped() {
    let (bench, ids) = three(|asked| well(asked.page, 1)).await;
    let mut definition = definition();
    definition.policy.max_in_flight = 2;
    definition.policy.group_in_flight = 2;
    bench
        .store
        .apply_source(&definition, bench.id.from)
        .await
        .unwrap();
    claim(&bench, &ids[1]).await;
    assert_eq!(
        run(&bench, Deadline::NONE).await,
        [Outcome::Completed, Outcome::Completed]
    );
    let expected = [Status::Done, Status::Running, Status::Done];
    assert_eq!(statuses(&bench.store, &ids).await, expected);
}

#[tokio::test]
async fn source_worker_limit_stops_taking_windows() {
    let (bench, ids) = three(|asked| well(asked.page, 1)).await;
    claim(&bench, &ids[1]).await;
    assert_eq!(run(&bench, Deadline::NONE).await, [Outcome::Completed]);
    assert_eq!(statuses(&bench.store, &ids[2..]).await, [Status::Ready]);
}

#[tokio::test]
async fn group_worker_limit_stops_taking_windows() {
    let (bench, ids) = three(|asked| well(asked.page, 1)).await;
    let mut definition = definition();
    definition.policy.max_in_flight = 2;
    let now = bench.clock.now();
    bench.store.apply_source(&definition, now).await.unwrap();
    claim(&bench, &ids[1]).await;
    assert_eq!(run(&bench, Deadline::NONE).await, [Outcome::Completed]);
    assert_eq!(statuses(&bench.store, &ids[2..]).await, [Status::Ready]);
}

#[tokio::test]
async fn dispatched_window_counts_against_worker_limit() {
    let (bench, ids) = three(|asked| well(asked.page, 1)).await;
    let now = bench.clock.now();
    let dispatch = Event::Dispatch {
        until: now.plus_ms(HOUR_MS),
        now,
    };
    let window = bench.store.window(&ids[1]).await.unwrap().unwrap();
    bench.store.decide(&window, &dispatch).await.unwrap();
    assert_eq!(run(&bench, Deadline::NONE).await, [Outcome::Completed]);
    let expected = [Status::Done, Status::Dispatched, Status::Ready];
    assert_eq!(statuses(&bench.store, &ids).await, expected);
}

#[tokio::test]
async fn slot_of_other_source_stops_taking_windows() {
    let (bench, ids) = three(|asked| well(asked.page, 1)).await;
    let mut definition = definition();
    definition.policy.max_in_flight = 2;
    let now = bench.clock.now();
    bench.store.apply_source(&definition, now).await.unwrap();
    let worker = bench.worker(bench.store.clone());
    let group = &definition.policy.rate_group;
    let slot_of_another = worker.permits.slots.take(group);
    let report = worker.run(&bench.task().await, Deadline::NONE).await;
    assert_eq!(report.windows.len(), 1);
    drop(slot_of_another);
    let epoch = 1;
    let mut task = bench.task().await;
    task.windows[0] = windlass_core::task::TaskWindow {
        id: ids[1].clone(),
        epoch,
    };
    let report = worker.run(&task, Deadline::NONE).await;
    assert_eq!(report.windows.len(), 2, "with the slot free it goes on");
}

#[tokio::test]
async fn cooldown_stops_claiming_windows() {
    let (mut bench, ids) = three(|asked| well(asked.page, 1)).await;
    // The request rate starts a cooldown after the first window.
    bench.rate = Some(1);
    assert_eq!(run(&bench, Deadline::NONE).await, [Outcome::Completed]);
    assert_eq!(statuses(&bench.store, &ids[1..]).await, [Status::Ready; 2]);
}

#[tokio::test]
async fn state_failure_while_looking_ends_run() {
    for failing in [
        Operation::Source,
        Operation::Progress,
        Operation::OpenWindows,
    ] {
        let (bench, ids) = three(|asked| well(asked.page, 1)).await;
        let worker = bench.worker_with(move |operation, number| {
            // The first read of the source belongs to the window of the task.
            let looks = operation != Operation::Source || number > 1;
            if operation == failing && looks {
                Fault::Refuse
            } else {
                Fault::None
            }
        });
        let report = worker.run(&bench.task().await, Deadline::NONE).await;
        assert_eq!(report.windows, [(ids[0].clone(), Outcome::Completed)]);
    }
}

/// Claims `id` for another worker.
async fn claim(bench: &Bench, id: &WindowId) -> Lease {
    let now = bench.clock.now();
    let claim = Claim {
        epoch: 1,
        owner: Owner::from_random(1),
        lease_until: now.plus_ms(HOUR_MS + MINUTE_MS),
        now,
    };
    bench.store.claim(id, &claim).await.unwrap()
}

#[tokio::test]
async fn unconfigured_sweep_is_not_continued() {
    for sweeps_ms in [vec![HOUR_MS], Vec::new()] {
        let (bench, ids) = three(|asked| well(asked.page, 1)).await;
        let mut swept = definition();
        swept.policy.sweeps_ms = sweeps_ms;
        let now = bench.clock.now();
        bench.store.apply_source(&swept, now).await.unwrap();
        let mut left = ids[0].clone();
        left.timeline.lane = windlass_core::Lane::Sweep(1);
        let to = left.from.plus_ms(HOUR_MS);
        let window = windlass_core::Window::new(left.clone(), to, now).unwrap();
        bench.store.create(&window).await.unwrap();
        let timeline = left.timeline.clone();
        let begun = windlass_core::Progress::begin(timeline, left.from, None, &swept.policy, now);
        let marks = windlass_core::Progress {
            scheduled_through: to,
            ..begun
        };
        let shard = swept.shard();
        bench.store.save_progress(shard, &marks).await.unwrap();
        let report = bench
            .worker(bench.store.clone())
            .run(&bench.task().await, Deadline::NONE)
            .await;
        let done: Vec<_> = report.windows.into_iter().map(|(id, _)| id).collect();
        let mut expected = ids.to_vec();
        expected.extend((!swept.policy.sweeps_ms.is_empty()).then_some(left));
        assert_eq!(done, expected);
    }
}
