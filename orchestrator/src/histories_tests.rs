//! Random histories of ticks, workers, operators, crashes and clocks, after which the timeline is
//! covered and can be finished.

#[path = "histories_tests/operations.rs"]
mod operations;
#[path = "histories_tests/stalls.rs"]
mod stalls;
#[path = "histories_tests/work.rs"]
mod work;
#[path = "histories_tests/world.rs"]
mod world;

use proptest::prelude::*;
use windlass_core::source::Order;
use windlass_core::time::HOUR_MS;

use self::operations::{Op, TickRun, Work, ops};
use self::world::World;

/// Histories per run of the tests: a few seconds in a debug build.
const CASES: u32 = 300;
/// Operations of the longest history.
const OPS_MAX: usize = 60;

/// Applies `ops` to a world, checks the invariants after each, and completes the remaining windows.
fn live_through(order: Order, lookback_ms: Option<i64>, ops: &[Op]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new(order, lookback_ms).await;
        for op in ops {
            world.step(op).await;
            world.check().await;
        }
        world.settle().await;
        world.check().await;
        world.assert_covered().await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_history_covers_timeline_and_finishes(
        ops in proptest::collection::vec(ops(), 0..OPS_MAX),
        order in prop::sample::select(vec![Order::OldestFirst, Order::NewestFirst]),
        // Some time is past the vendor's retention before it is read; `None` for no retention.
        lookback_ms in proptest::option::of(21 * HOUR_MS..40 * HOUR_MS),
    ) {
        live_through(order, lookback_ms, &ops);
    }
}

/// Marks planned before a split, and stored after it, skip the window as it was: they list that
/// one, and none of its parts.
#[test]
fn late_marks_do_not_hide_split_windows() {
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let ops = [
            Op::OpenMax(1),
            Op::Tick(TickRun::Whole),
            Op::Work(0, Work::Fail),
            Op::Park(0),
            // Skips the parked window, creates the next one, and stalls before its marks.
            Op::Tick(TickRun::Stalls(1)),
            Op::Retry(0),
            Op::Work(0, Work::Reject),
            // A paused source creates no window, so that only the split moves its marks.
            Op::Pause,
            Op::Tick(TickRun::Stalls(0)),
            Op::Resume(0),
            Op::Resume(0),
        ];
        live_through(order, None, &ops);
    }
}
