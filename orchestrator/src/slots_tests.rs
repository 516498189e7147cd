//! The slots of a source and of its rate group, cooldowns and pauses.

use windlass_core::limits;
use windlass_core::source::{BlockCause, BlockChange, Blocked, SourceDefinition};
use windlass_core::time::HOUR_MS;
use windlass_core::wait::Cooldown;
use windlass_core::{Policy, Status};
use windlass_state::MemoryStore;

use crate::report::Activity;
use crate::testing::*;

use super::*;

#[tokio::test]
async fn paused_source_dispatches_nothing_but_expires_leases() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    sent.take();
    let paused = SourceDefinition {
        paused: true,
        ..source.clone()
    };
    store.apply_source(&paused, NOW).await.unwrap();
    let report = tick_one(&store, &sent, after_the_leases()).await;
    assert_eq!(
        (report.expired, report.created, report.dispatched),
        (2, 0, 0)
    );
    assert_eq!(report.activity, Activity::Paused);
    assert!(sent.take().is_empty());
    let stored = windows(&store, &live(&source)).await;
    assert_eq!(in_status(&stored, Status::Ready), 8);
}

/// Blocks `source`, as a worker does whose token the vendor rejects at `now`.
async fn block(store: &MemoryStore, source: &SourceDefinition, now: Timestamp) {
    let reason = "the vendor refuses the token".to_owned();
    let block = BlockChange::Block(Blocked::new(reason, BlockCause::Refused, now, now));
    let blocked = store.block_source(source.shard(), &source.name, 1, &block);
    assert!(blocked.await.unwrap());
}

#[tokio::test]
async fn probe_waits_until_nothing_is_in_flight() {
    let source = with_policy("okta", |policy| policy.max_in_flight = 4);
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    assert!(!sent.take().is_empty());
    block(&store, &source, NOW).await;
    let due = NOW.plus_ms(limits::PROBE_MS);
    let before = tick_one(&store, &sent, due.minus_ms(1)).await;
    assert_eq!((before.probe_at, before.dispatched), (Some(due), 0));
    // The windows dispatched before have not come back.
    let at_due = tick_one(&store, &sent, due).await;
    assert_eq!((at_due.expired, at_due.dispatched), (0, 0));
    let later = after_the_leases().max(due);
    let expiring = tick_one(&store, &sent, later).await;
    assert!(expiring.expired > 0);
    let probing = tick_one(&store, &sent, later).await;
    assert_eq!(expiring.dispatched + probing.dispatched, 1, "{probing:?}");
    assert_eq!(probing.activity, Activity::Blocked);

    let paused = definition("paused");
    let (store, sent) = (store_of([&paused]).await, Sent::default());
    block(&store, &paused, NOW).await;
    store
        .set_pause(paused.shard(), &paused.name, Some(NOW))
        .await
        .unwrap();
    let report = tick_one(&store, &sent, due).await;
    assert_eq!((report.probe_at, report.dispatched), (None, 0));
}

#[tokio::test]
async fn blocked_source_keeps_windows_and_dispatches_none() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    sent.take();
    block(&store, &source, after_the_leases()).await;
    let report = tick_one(&store, &sent, after_the_leases()).await;
    assert_eq!((report.expired, report.dispatched, report.holes), (2, 0, 0));
    assert_eq!(report.activity, Activity::Blocked);
    store.apply_source(&source, NOW).await.unwrap();
    let report = tick_one(&store, &sent, after_the_leases()).await;
    assert_eq!(
        report.dispatched, 2,
        "applied again, it goes on where it stood"
    );
}

#[tokio::test]
async fn cooldown_dispatches_nothing_and_reports_its_end() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    let until = NOW.plus_ms(HOUR_MS);
    let cooldown = Cooldown {
        group: source.policy.rate_group.clone(),
        not_before: until,
        reason: "429".to_owned(),
    };
    store.start_cooldown(&cooldown, NOW).await.unwrap();
    let report = tick(&store, &sent, NOW).await;
    assert_eq!(
        report.sources[0].created, 8,
        "windows are created without a request"
    );
    assert_eq!(report.sources[0].activity, Activity::Waiting(until));
    assert_eq!((report.wakes_at(), report.is_quiet()), (Some(until), false));
    assert!(sent.take().is_empty());
    tick(&store, &sent, until).await;
    assert_eq!(sent.take_names(), ["okta@0", "okta@10"]);
}

#[tokio::test]
async fn window_expired_during_cooldown_waits_for_its_end() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    sent.take();
    let cooldown = Cooldown {
        group: source.policy.rate_group.clone(),
        not_before: hours_later(1),
        reason: "429".to_owned(),
    };
    store.start_cooldown(&cooldown, NOW).await.unwrap();
    assert_eq!(tick_one(&store, &sent, after_the_leases()).await.expired, 2);
    assert!(sent.take().is_empty());
}

#[tokio::test]
async fn group_slots_go_to_most_lagging_source() {
    let behind = with_policy("zebra", |policy| policy.group_in_flight = 3);
    let ahead = SourceDefinition {
        start: at(600),
        ..with_policy("aardvark", |policy| policy.group_in_flight = 3)
    };
    let (store, sent) = (store_of([&behind, &ahead]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    assert_eq!(sent.take_names(), ["zebra@0", "zebra@10", "aardvark@600"]);
    tick(&store, &sent, NOW).await;
    assert!(sent.take().is_empty(), "the group is full");
}

#[tokio::test]
async fn live_lane_gets_group_slots_before_backfill() {
    let group = |policy: &mut Policy| policy.group_in_flight = 2;
    let moved = SourceDefinition {
        start: at(1_420),
        ..with_policy("moved", group)
    };
    let other = SourceDefinition {
        start: at(1_400),
        ..with_policy("other", group)
    };
    let (store, sent) = (store_of([&moved]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    assert_eq!(sent.take_names(), ["moved@1420", "moved@1430"]);
    let earlier = SourceDefinition {
        start: at(0),
        ..moved
    };
    store.apply_source(&earlier, NOW).await.unwrap();
    store.apply_source(&other, NOW).await.unwrap();
    for (done, minutes, next) in [
        (&earlier, [1_420, 1_430], ["other@1400", "other@1410"]),
        (&other, [1_400, 1_410], ["other@1420", "other@1430"]),
        (&other, [1_420, 1_430], ["moved@0", "moved@10"]),
    ] {
        for minute in minutes {
            finish(&store, &window(&store, &live(done), minute).await, NOW).await;
        }
        tick(&store, &sent, NOW).await;
        assert_eq!(sent.take_names(), next);
    }
}

#[tokio::test]
async fn excess_ready_windows_mark_tasks_crowded() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    let first = sent.take();
    assert!(first.iter().all(|task| !task.crowded), "nothing waited");
    let open = windows(&store, &live(&source)).await;
    for window in open.iter().filter(|it| it.status() == Status::Dispatched) {
        finish(&store, window, NOW).await;
    }
    tick(&store, &sent, NOW).await;
    let second = sent.take();
    assert!(!second.is_empty() && second.iter().all(|task| task.crowded));
}

/// Ends the runs of `source`'s dispatched windows at `now` as an outage of its vendor does.
async fn fail_all(store: &MemoryStore, sent: &Sent, now: Timestamp, wait_ms: i64) {
    for task in sent.take() {
        for named in &task.windows {
            let window = store.window(&named.id).await.unwrap().unwrap();
            let lease = claim(store, &window, now).await;
            let release = windlass_core::transition::Release {
                cause: windlass_core::transition::Cause::Outage,
                not_before: Some(now.plus_ms(wait_ms)),
                error: Some("timed out".to_owned()),
                now,
            };
            store.release(&lease, &release).await.unwrap();
        }
    }
}

#[tokio::test]
async fn hanging_source_leaves_group_slots_to_others() {
    let shared = |name: &str, in_flight| {
        with_policy(name, |policy| {
            policy.rate_group = "shared".parse().unwrap();
            policy.max_in_flight = in_flight;
            policy.group_in_flight = 4;
        })
    };
    let (hangs, works) = (shared("a-hangs", 4), shared("b-works", 4));
    let (store, sent) = (store_of([&hangs, &works]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    fail_all(&store, &sent, NOW.plus_ms(1), HOUR_MS).await;
    // Every window is tried once at most, and then only one at a time.
    tick(&store, &sent, NOW.plus_ms(2)).await;
    let names = sent.take_names();
    let of_hanging = names.iter().filter(|it| it.starts_with("a-hangs")).count();
    let of_working = names.iter().filter(|it| it.starts_with("b-works")).count();
    assert_eq!((of_working, of_hanging), (4, 0), "{names:?}");
}
