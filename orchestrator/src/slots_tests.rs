//! Who may run: slots of a source and of its rate group, gates, pauses and pace.

use windlass_core::source::{Blocked, RateGate, SourceDefinition};
use windlass_core::time::HOUR_MS;
use windlass_core::{Policy, Status};

use crate::report::Activity;
use crate::testing::*;

use super::*;

#[tokio::test]
async fn a_paused_source_starts_nothing_but_its_leases_are_taken_back() {
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

#[tokio::test]
async fn a_blocked_source_keeps_its_windows_and_sends_none() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    sent.take();
    let blocked = Blocked {
        reason: "the vendor refuses the token".to_owned(),
        since: NOW,
    };
    store
        .block_source(source.shard(), &source.name, 1, Some(&blocked))
        .await
        .unwrap();
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
async fn while_the_rate_group_waits_nothing_is_dispatched_and_the_report_says_until_when() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    let until = NOW.plus_ms(HOUR_MS);
    let gate = RateGate {
        group: source.policy.rate_group.clone(),
        not_before: until,
        reason: "429".to_owned(),
    };
    store.close_rate_gate(&gate).await.unwrap();
    let report = tick(&store, &sent, NOW).await;
    assert_eq!(report.sources[0].created, 8, "carving asks nobody");
    assert_eq!(report.sources[0].activity, Activity::Waiting(until));
    assert_eq!((report.wakes_at(), report.is_quiet()), (Some(until), false));
    assert!(sent.take().is_empty());
    tick(&store, &sent, until).await;
    assert_eq!(sent.take_names(), ["okta@0", "okta@10"]);
}

#[tokio::test]
async fn a_lease_that_runs_out_behind_a_closed_gate_is_not_sent_again_before_it_opens() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    sent.take();
    let gate = RateGate {
        group: source.policy.rate_group.clone(),
        not_before: hours_later(1),
        reason: "429".to_owned(),
    };
    store.close_rate_gate(&gate).await.unwrap();
    assert_eq!(tick_one(&store, &sent, after_the_leases()).await.expired, 2);
    assert!(sent.take().is_empty());
}

#[tokio::test]
async fn the_slots_of_a_group_go_to_the_source_that_is_furthest_behind() {
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
async fn a_backfill_leaves_the_slots_of_its_group_to_what_is_live() {
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
async fn each_worker_gets_its_share_of_the_pace_unless_all_are_one_process() {
    let source = with_policy("okta", |policy| {
        policy.requests_per_minute = Some(60);
        policy.group_in_flight = 8;
    });
    for (share_pace, expected) in [(true, 7), (false, 60)] {
        let (store, sent) = (store_of([&source]).await, Sent::default());
        let options = TickOptions {
            shards: Shards::ALL,
            tasks_per_invocation: 1,
            dispatch_ms: None,
            share_pace,
        };
        let tick = Tick {
            store: &store,
            dispatch: &sent,
            options,
            now: NOW,
        };
        tick.run().await.unwrap();
        assert_eq!(sent.take()[0].requests_per_minute, Some(expected));
        let first = window(&store, &live(&source), 0).await;
        assert_eq!(
            first.lease_until,
            Some(Timestamp::MAX),
            "it cannot get lost"
        );
    }
}
