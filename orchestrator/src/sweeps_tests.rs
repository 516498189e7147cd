//! Sweep lanes: their ledger, their start, and their cost without work.

use windlass_core::Status;
use windlass_core::ids::{Lane, Timeline};
use windlass_core::slots::{GroupLimits, Room};
use windlass_core::source::SourceDefinition;
use windlass_core::time::{HOUR_MS, MINUTE_MS};
use windlass_core::transition::Cause;
use windlass_core::window::Window;
use windlass_state::failing::{FailingStore, Fault, Operation};
use windlass_state::{MemoryStore, StateStore};

use crate::known::Known;
use crate::outbox::Outbox;
use crate::report::Activity;
use crate::testing::*;
use crate::view::read_source;

use super::*;

/// A source that starts now and is swept at an age of one hour and of two.
fn swept() -> SourceDefinition {
    SourceDefinition {
        start: NOW,
        ..with_policy("okta", |policy| {
            policy.sweeps_ms = vec![HOUR_MS, 2 * HOUR_MS];
            policy.max_in_flight = 4;
        })
    }
}

fn sweep(source: &SourceDefinition, number: u8) -> Timeline {
    Timeline {
        lane: Lane::Sweep(number),
        ..live(source)
    }
}

fn minutes_later(minutes: i64) -> Timestamp {
    NOW.plus_ms(minutes * MINUTE_MS + 5_000)
}

/// Completes every window that `sent` holds and `wanted` accepts. Returns them.
async fn finish_sent(
    store: &MemoryStore,
    sent: &Sent,
    now: Timestamp,
    wanted: impl Fn(&Window) -> bool,
) -> Vec<Window> {
    let mut finished = Vec::new();
    for dispatched in sent.take().iter().flat_map(|task| &task.windows) {
        let window = store.window(&dispatched.id).await.unwrap().unwrap();
        if window.is_claimable(now) && wanted(&window) {
            finish(store, &window, now).await;
            finished.push(window);
        }
    }
    finished
}

/// Ticks every five minutes until `minutes` after the start, with workers that complete the windows
/// that `wanted` accepts.
async fn live_until(
    store: &MemoryStore,
    minutes: std::ops::RangeInclusive<i64>,
    wanted: impl Fn(&Window) -> bool,
) {
    let sent = Sent::default();
    for minute in minutes.step_by(5) {
        tick(store, &sent, minutes_later(minute)).await;
        finish_sent(store, &sent, minutes_later(minute), &wanted).await;
    }
}

fn is_live(window: &Window) -> bool {
    window.id().timeline.lane == Lane::Live
}

/// Fails unless every window of each sweep lane consists of whole windows of the live lane that are
/// done, delivered and old enough.
async fn assert_follow(store: &MemoryStore, source: &SourceDefinition, now: Timestamp) {
    let record = store.all_sources().await.unwrap().remove(0);
    let through = read_source(store, record, now)
        .await
        .unwrap()
        .live_through();
    let lives = windows(store, &live(source)).await;
    for (number, after_ms) in (1..).zip(&source.policy.sweeps_ms) {
        for swept in windows(store, &sweep(source, number)).await {
            assert!(swept.to() <= through, "{} passes the live lane", swept.id());
            assert!(
                now.ms_since(swept.to()) >= *after_ms,
                "{} is young",
                swept.id()
            );
            let read: Vec<_> = lives
                .iter()
                .filter(|live| live.id().from < swept.to() && swept.id().from < live.to())
                .collect();
            assert_eq!(read.first().unwrap().id().from, swept.id().from);
            assert_eq!(read.last().unwrap().to(), swept.to());
            assert!(read.iter().all(|live| live.status() == Status::Done));
        }
    }
}

#[tokio::test]
async fn sweep_rereads_delivered_windows_at_its_age() {
    let source = swept();
    let store = store_of([&source]).await;
    live_until(&store, 0..=60, |_| true).await;
    let stored = store.progress_of(source.shard(), &source.name).await;
    assert_eq!(stored.unwrap().len(), 1, "no sweep has begun");
    for (until, least) in [(90, [1, 0]), (180, [9, 3])] {
        live_until(&store, 65..=until, |_| true).await;
        assert_follow(&store, &source, minutes_later(until)).await;
        for (number, least) in (1..).zip(least) {
            let swept = windows(&store, &sweep(&source, number)).await;
            assert!(swept.len() >= least, "{until} {number}: {}", swept.len());
            let read = swept.iter().filter(|window| window.runs() > 0).count();
            assert_eq!(read, in_status(&swept, Status::Done), "none is passed over");
        }
    }
    assert_covered(&store, &source).await;
}

#[tokio::test]
async fn sweep_never_passes_live_lane() {
    let source = swept();
    let store = store_of([&source]).await;
    let stuck = minutes_later(20).floor_to(10 * MINUTE_MS);
    let all_but_one =
        |window: &Window| !is_live(window) || !window.span().contains(stuck.plus_ms(MINUTE_MS));
    live_until(&store, 0..=180, all_but_one).await;
    assert_follow(&store, &source, minutes_later(180)).await;
    let swept = windows(&store, &sweep(&source, 1)).await;
    assert!(swept.last().unwrap().to() <= stuck.plus_ms(MINUTE_MS));
}

#[tokio::test]
async fn time_first_read_late_needs_no_sweep() {
    let source = SourceDefinition {
        start: at(0),
        end: Some(at(60)),
        ..swept()
    };
    let (store, sent) = (store_of([&source]).await, Sent::default());
    for _ in 0..8 {
        tick(&store, &sent, NOW).await;
        let finished = finish_sent(&store, &sent, NOW, |_| true).await;
        assert!(finished.iter().all(is_live), "{finished:?}");
    }
    for number in [1, 2] {
        let passed = windows(&store, &sweep(&source, number)).await;
        assert_eq!(passed.last().unwrap().to(), at(60));
        assert_eq!(in_status(&passed, Status::Done), passed.len());
    }
    let report = tick_one(&store, &sent, NOW).await;
    assert_eq!(
        (report.activity, report.complete_through),
        (Activity::Idle, at(60))
    );
}

#[tokio::test]
async fn stopped_sweep_tick_is_repaired() {
    for writes in 0..12 {
        let source = swept();
        let store = store_of([&source]).await;
        live_until(&store, 0..=80, is_live).await;
        let (sent, now) = (Sent::default(), minutes_later(150));
        tick(&stopping_after(&store, writes), &sent, now).await;
        assert_follow(&store, &source, now).await;
        let later = now.plus_ms(after_the_leases().ms_since(NOW));
        tick(&store, &sent, later).await;
        live_until(&store, 170..=300, |_| true).await;
        assert_follow(&store, &source, minutes_later(300)).await;
        assert_covered(&store, &source).await;
        let swept = windows(&store, &sweep(&source, 1)).await;
        assert!(
            swept.last().unwrap().to() >= minutes_later(200),
            "{writes}: {}",
            swept.last().unwrap().id()
        );
    }
}

#[tokio::test]
async fn sweep_before_due_costs_nothing() {
    let mut calls = Vec::new();
    for sweeps_ms in [Vec::new(), vec![HOUR_MS, 2 * HOUR_MS]] {
        let mut source = swept();
        source.policy.sweeps_ms = sweeps_ms;
        let store = store_of([&source]).await;
        // The sweep has read all its settled time, and no window is due yet.
        live_until(&store, 0..=105, |_| true).await;
        let now = minutes_later(106);
        tick(&store, &Sent::default(), now).await;
        let counting = FailingStore::new(store.clone(), |_, _| Fault::None);
        let report = tick_one(&counting, &Sent::default(), now).await;
        assert_eq!(report.activity, Activity::Idle, "{report:?}");
        calls.push(
            [
                Operation::Sources,
                Operation::Source,
                Operation::Progress,
                Operation::OpenWindows,
                Operation::WindowsAt,
                Operation::History,
                Operation::RateState,
                Operation::Create,
                Operation::Decide,
                Operation::SaveProgress,
            ]
            .map(|operation| (operation, counting.calls(operation))),
        );
    }
    assert_eq!(calls[0], calls[1]);
}

#[tokio::test]
async fn removed_sweep_resumes_when_configured_again() {
    let source = swept();
    let store = store_of([&source]).await;
    live_until(&store, 0..=90, |_| true).await;
    let before = windows(&store, &sweep(&source, 1)).await;
    assert!(!before.is_empty());
    let mut without = source.clone();
    without.policy.sweeps_ms = Vec::new();
    store.apply_source(&without, NOW).await.unwrap();
    live_until(&store, 95..=120, |_| true).await;
    assert_eq!(windows(&store, &sweep(&source, 1)).await, before);
    store.apply_source(&source, NOW).await.unwrap();
    live_until(&store, 125..=140, |_| true).await;
    assert!(windows(&store, &sweep(&source, 1)).await.len() > before.len());
    assert_follow(&store, &source, minutes_later(140)).await;
}

#[tokio::test]
async fn paused_source_starts_no_sweep() {
    let source = swept();
    let store = store_of([&source]).await;
    live_until(&store, 0..=60, |_| true).await;
    let (shard, name) = (source.shard(), &source.name);
    store.set_pause(shard, name, Some(NOW)).await.unwrap();
    live_until(&store, 65..=180, |_| true).await;
    assert!(windows(&store, &sweep(&source, 1)).await.is_empty());
}

#[tokio::test]
async fn live_windows_take_slots_before_sweeps() {
    let mut source = swept();
    source.policy.max_in_flight = 1;
    let store = store_of([&source]).await;
    live_until(&store, 0..=60, |_| true).await;
    let (sent, now) = (Sent::default(), minutes_later(120));
    tick(&store, &sent, now).await;
    let first = finish_sent(&store, &sent, now, |_| true).await;
    assert!(first.len() == 1 && first.iter().all(is_live), "{first:?}");
    assert!(!windows(&store, &sweep(&source, 1)).await.is_empty());
}

#[tokio::test]
async fn parked_sweep_window_holds_no_watermark() {
    let source = swept();
    let store = store_of([&source]).await;
    live_until(&store, 0..=80, is_live).await;
    let failed = windows(&store, &sweep(&source, 1)).await.remove(0);
    exhaust(&store, &failed, minutes_later(80)).await;
    let report = tick_one(&store, &Sent::default(), minutes_later(80)).await;
    assert_eq!(
        (report.parked, report.sweep_holes, report.holes),
        (1, 1, 0),
        "{report:?}"
    );
    assert!(report.complete_through > minutes_later(60));
}

#[tokio::test]
async fn recovery_releases_sweep_windows() {
    let source = swept();
    let store = store_of([&source]).await;
    live_until(&store, 0..=80, is_live).await;
    let left = windows(&store, &sweep(&source, 1)).await.remove(0);
    claim(&store, &left, minutes_later(80)).await;
    assert!(crate::recover(&store, minutes_later(81)).await.unwrap() > 0);
    let back = store.window(left.id()).await.unwrap().unwrap();
    assert_eq!(back.status(), Status::Ready);
    give_back(&store, &back, Cause::Yielded, minutes_later(82)).await;
}

#[tokio::test]
async fn moved_source_does_not_restart_on_old_shard() {
    let moved = with_policy("okta", |policy| {
        policy.rate_group = "okta:elsewhere".parse().unwrap();
    });
    let (store, sent) = (store_of([&moved]).await, Sent::default());
    let mut record = store.all_sources().await.unwrap().remove(0);
    // As in a listing that lags behind the move.
    record.definition = definition("okta");
    assert_ne!(record.shard(), moved.shard());
    let tick = Tick {
        store: &store,
        dispatch: &sent,
        options: TickOptions {
            shards: Shards::ALL,
            dispatch_ms: Some(LEASE_MS),
            share_request_rate: true,
            tasks_per_invocation: 1,
        },
        suspects: None,
        now: NOW,
    };
    let mut view = read_source(&store, record, NOW).await.unwrap();
    let outbox = Outbox::new(&sent, 1);
    let mut report = crate::visit::report_of(&view);
    let room = Room {
        most: 8,
        allowance: usize::MAX,
        crowded: false,
        rate: GroupLimits::of([&moved.policy], true).task_rate(&moved.policy),
    };
    let group = view.record.definition.policy.rate_group.clone();
    let known = Known::read(tick.store, &group).await.unwrap();
    let run = SourceRun {
        view: &mut view,
        report: &mut report,
    };
    let (known, outbox) = (&known, &outbox);
    let group = GroupRun { known, outbox };
    tick.run_lane(run, 0, room, &group).await.unwrap();
    assert_eq!(report.created, 0);
    let shard = definition("okta").shard();
    let stored = store.progress_of(shard, &moved.name).await.unwrap();
    assert!(stored.is_empty(), "{stored:?}");
}

#[tokio::test]
async fn each_sweep_stays_behind_previous_sweep() {
    let source = with_policy("okta", |policy| {
        policy.sweeps_ms = vec![HOUR_MS, 2 * HOUR_MS];
    });
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    let record = store.all_sources().await.unwrap().remove(0);
    let mut view = read_source(&store, record, NOW).await.unwrap();
    let live = view.live_through();
    assert_eq!(view.through_for(&Lane::Live), live);
    assert_eq!(view.through_for(&Lane::Sweep(1)), live);
    let behind = live.minus_ms(HOUR_MS);
    let first = view.lanes.iter_mut();
    for lane in first.filter(|lane| lane.progress.timeline.lane == Lane::Sweep(1)) {
        lane.progress.open_from = behind;
    }
    assert_eq!(view.through_for(&Lane::Sweep(2)), behind);
}

#[tokio::test]
async fn backfilled_time_is_not_swept() {
    let source = swept();
    let store = store_of([&source]).await;
    live_until(&store, 0..=10, |_| true).await;
    let earlier = SourceDefinition {
        start: NOW.minus_ms(HOUR_MS / 2),
        ..source.clone()
    };
    store.apply_source(&earlier, NOW).await.unwrap();
    live_until(&store, 15..=300, |_| true).await;
    for number in [1, 2] {
        let swept = windows(&store, &sweep(&source, number)).await;
        assert_eq!(swept[0].id().from, NOW, "the live lane is followed");
    }
}
