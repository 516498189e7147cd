//! The request rate of a group and each worker's part of it.

use windlass_core::source::SourceDefinition;

use crate::testing::*;

use super::*;

/// The first task of a tick whose workers are separate processes, or one.
async fn first_task(
    source: &SourceDefinition,
    share_request_rate: bool,
) -> windlass_core::task::Task {
    let (store, sent) = (store_of([source]).await, Sent::default());
    let options = TickOptions {
        shards: Shards::ALL,
        tasks_per_invocation: 1,
        dispatch_ms: None,
        share_request_rate,
    };
    let tick = Tick {
        store: &store,
        dispatch: &sent,
        options,
        suspects: None,
        now: NOW,
    };
    tick.run().await.unwrap();
    let first = window(&store, &live(source), 0).await;
    let until = Some(Timestamp::MAX);
    assert_eq!(first.dispatched_until(), until, "it cannot get lost");
    sent.take().remove(0)
}

#[tokio::test]
async fn worker_gets_fixed_rate_or_request_reservations() {
    for (per_minute, share_request_rate, expected) in [
        (960, true, (Some(120), false)),
        (60, true, (Some(60), true)),
        (3, true, (Some(3), false)),
        (60, false, (Some(60), false)),
    ] {
        let source = with_policy("okta", |policy| {
            policy.requests_per_minute = Some(per_minute);
            policy.group_in_flight = 8;
        });
        let task = first_task(&source, share_request_rate).await;
        let task_rate = (task.requests_per_minute, task.reserves_requests);
        assert_eq!(task_rate, expected, "{per_minute} {share_request_rate}");
    }
}

#[tokio::test]
async fn workers_per_rate_group_fit_request_rate() {
    for (per_minute, sent_at_once) in [(600, 8), (60, 8), (30, 4), (12, 1), (3, 1)] {
        let source = with_policy("okta", |policy| {
            policy.requests_per_minute = Some(per_minute);
            (policy.group_in_flight, policy.max_in_flight) = (8, 8);
        });
        // A source without a declared rate has its part of the rest.
        let other = with_policy("other", |policy| policy.group_in_flight = 8);
        let (store, sent) = (store_of([&source, &other]).await, Sent::default());
        tick(&store, &sent, NOW).await;
        assert_eq!(sent.take().len(), sent_at_once, "{per_minute}");
    }
}

/// Sources of one group with different worker limits keep one request rate together.
#[tokio::test]
async fn rate_group_never_mixes_reservations_and_fixed_rates() {
    let of = |name, workers| {
        with_policy(name, |policy| {
            policy.requests_per_minute = Some(600);
            (policy.group_in_flight, policy.max_in_flight) = (workers, 2);
        })
    };
    let (wide, narrow) = (of("wide", 8), of("narrow", 4));
    let (store, sent) = (store_of([&wide, &narrow]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    let tasks = sent.take();
    assert_eq!(tasks.len(), 4);
    let reserved = tasks.iter().find(|task| task.reserves_requests);
    let of_reservations = reserved
        .and_then(|task| task.requests_per_minute)
        .unwrap_or(0);
    let fixed = tasks.iter().filter(|task| !task.reserves_requests);
    let of_fixed: u32 = fixed.filter_map(|task| task.requests_per_minute).sum();
    assert!(
        of_reservations + of_fixed <= 600,
        "{of_reservations} and {of_fixed}"
    );
}
