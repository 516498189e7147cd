use windlass_core::Status;
use windlass_core::source::SourceDefinition;
use windlass_core::time::MINUTE_MS;
use windlass_core::transition::Cause;
use windlass_function::testing::LogLines;
use windlass_state::failing::{FailingStore, Fault, Operation};

use crate::report::Activity;
use crate::testing::*;

use super::*;

#[tokio::test]
async fn first_tick_creates_and_dispatches_windows() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    let report = tick_one(&store, &sent, NOW).await;
    assert_eq!((report.created, report.dispatched), (8, 2));
    assert_eq!(sent.take_names(), ["okta@0", "okta@10"]);
    let progress = store
        .progress_of(source.shard(), &source.name)
        .await
        .unwrap();
    assert_eq!(progress[0].scheduled_through, at(80));
    assert_covered(&store, &source).await;
}

#[tokio::test]
async fn tick_report_reads_like_this() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    finish(&store, &window(&store, &live(&source), 0).await, NOW).await;
    let report = tick(&store, &sent, NOW).await;
    insta::assert_debug_snapshot!(report, @r"
    TickReport {
        sources: [
            SourceReport {
                source: okta,
                activity: Working,
                complete_through: 1970-01-01T00:10:00.000Z,
                lag_ms: 85800000,
                oldest_open_ms: 0,
                created: 1,
                dispatched: 1,
                expired: 0,
                parked: 0,
                split: 0,
                lapsed: 0,
                holes: 0,
                sweep_holes: 0,
                retention_left_ms: None,
                is_endangered: false,
                probe_at: None,
                last_error: None,
                error: None,
            },
        ],
        unread: [],
        invocations: 1,
        refused: 0,
    }
    ");
}

#[tokio::test]
async fn every_tick_log_line_names_source() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    let lines = LogLines::default();
    let log = lines.start("windlass_orchestrator=trace");
    tick(&store, &sent, after_the_leases()).await;
    drop(log);
    let lines = lines.take();
    for line in &lines {
        assert_eq!(line["span"]["source"], "okta", "{line}");
        assert_eq!(line["span"]["lane"], "live", "{line}");
    }
    let moved = lines
        .iter()
        .filter(|line| line["message"] == "window moved");
    assert!(moved.count() >= 2, "{lines:?}");
}

#[tokio::test]
async fn task_names_epoch_to_claim() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    tick(&store, &sent, after_the_leases()).await;
    for task in sent.take().into_iter().skip(2) {
        let dispatched = &task.windows[0];
        let stored = store.window(&dispatched.id).await.unwrap().unwrap();
        assert_eq!(
            (stored.status(), stored.epoch()),
            (Status::Dispatched, dispatched.epoch)
        );
    }
}

#[tokio::test]
async fn idle_tick_writes_nothing() {
    let source = SourceDefinition {
        end: Some(at(20)),
        ..definition("okta")
    };
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    for window in windows(&store, &live(&source)).await {
        finish(&store, &window, NOW).await;
    }
    tick(&store, &sent, NOW).await;
    let read_only = FailingStore::new(store, |operation, _| {
        if operation.is_write() {
            Fault::Refuse
        } else {
            Fault::None
        }
    });
    let report = tick(&read_only, &sent, NOW).await;
    assert!(report.is_quiet(), "{report:?}");
    assert_eq!(report.sources[0].activity, Activity::Idle);
    assert_eq!(report.sources[0].complete_through, at(20));
    for operation in [
        Operation::Create,
        Operation::SaveProgress,
        Operation::Decide,
    ] {
        assert_eq!(read_only.calls(operation), 0, "{operation:?}");
    }
}

#[tokio::test]
async fn lost_dispatch_is_sent_again() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    sent.take();
    let early = tick_one(&store, &sent, NOW.plus_ms(LEASE_MS)).await;
    assert_eq!(
        (early.expired, early.dispatched),
        (0, 0),
        "the skew allowance has not passed"
    );
    let report = tick_one(&store, &sent, after_the_leases()).await;
    assert_eq!((report.expired, report.dispatched), (2, 2));
    assert_eq!(sent.take_names(), ["okta@0", "okta@10"]);
    let again = window(&store, &live(&source), 0).await;
    assert_eq!(
        (again.epoch(), again.attempts()),
        (3, 0),
        "a lost dispatch is nobody's fault"
    );
}

#[tokio::test]
async fn expired_lease_fences_late_checkpoint() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    let zombie = claim(&store, &window(&store, &live(&source), 0).await, NOW).await;
    tick(&store, &sent, after_the_leases()).await;
    let late = page(&zombie, after_the_leases(), false);
    store.checkpoint(&zombie, &late).await.unwrap_err();
    assert_eq!(
        window(&store, &live(&source), 0).await.status(),
        Status::Dispatched
    );
}

#[tokio::test]
async fn rejected_dispatch_is_resent_after_expiry() {
    let source = definition("okta");
    let (store, refusing) = (store_of([&source]).await, Sent::refusing());
    let report = tick_one(&store, &refusing, NOW).await;
    assert_eq!(
        (report.created, report.dispatched, &report.error),
        (8, 2, &None)
    );
    let stored = windows(&store, &live(&source)).await;
    assert_eq!(in_status(&stored, Status::Dispatched), 2);
    refusing.take();
    tick(&store, &refusing, NOW).await;
    assert!(refusing.take().is_empty(), "not before it has run out");
    let sent = Sent::default();
    let report = tick_one(&store, &sent, after_the_leases()).await;
    assert_eq!((report.expired, report.dispatched), (2, 2));
}

#[tokio::test]
async fn unreadable_source_does_not_stop_tick() {
    let store = store_of([&definition("broken"), &definition("okta")]).await;
    let sent = Sent::default();
    let failing = FailingStore::new(store, |operation, call| match (operation, call) {
        // The list of its shard's marks, then its own.
        (Operation::Progress, 1 | 2) => Fault::Refuse,
        _ => Fault::None,
    });
    let report = tick(&failing, &sent, NOW).await;
    assert!(report.sources[0].error.is_some());
    assert_eq!(
        (&report.sources[1].error, report.sources[1].dispatched),
        (&None, 2)
    );
    assert!(!report.is_quiet());
    let looked = FailingStore::new(failing.inner().clone(), |operation, call| {
        match (operation, call) {
            // The list of its shard's marks, then its own.
            (Operation::Progress, 1 | 2) => Fault::Refuse,
            _ => Fault::None,
        }
    });
    let report = crate::look(&looked, NOW).await.unwrap();
    assert!(report.sources[0].error.is_some() && report.sources[1].error.is_none());
}

#[tokio::test]
async fn tasks_sent_before_failure_count_against_group() {
    let capped = |name| with_policy(name, |policy| policy.group_in_flight = 2);
    let store = store_of([&capped("broken"), &capped("okta")]).await;
    let sent = Sent::default();
    let failing = FailingStore::new(store, |operation, call| match (operation, call) {
        (Operation::Create, 2) => Fault::Refuse,
        _ => Fault::None,
    });
    let report = tick(&failing, &sent, NOW).await;
    assert!(report.sources[0].error.is_some());
    assert_eq!(sent.take_names(), ["broken@0", "okta@0"]);
}

#[tokio::test]
async fn report_wakes_at_end_of_backoff() {
    let source = SourceDefinition {
        end: Some(at(10)),
        ..definition("okta")
    };
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    let lease = claim(&store, &window(&store, &live(&source), 0).await, NOW).await;
    let until = NOW.plus_ms(3 * MINUTE_MS);
    let release = windlass_core::transition::Release {
        cause: Cause::Outage,
        not_before: Some(until),
        error: None,
        now: NOW,
    };
    store.release(&lease, &release).await.unwrap();
    let report = tick(&store, &sent, NOW).await;
    assert_eq!(
        (report.wakes_at(), report.sources[0].dispatched),
        (Some(until), 0)
    );
    assert_eq!(tick_one(&store, &sent, until).await.dispatched, 1);
}

#[tokio::test]
async fn report_keeps_last_error_until_next_page() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    assert_eq!(tick_one(&store, &sent, NOW).await.last_error, None);
    let first = window(&store, &live(&source), 0).await;
    give_back(&store, &first, Cause::Outage, NOW).await;
    let report = tick_one(&store, &sent, NOW).await;
    let expected = crate::WindowError {
        window: first.id().clone(),
        error: "a page made no sense".to_owned(),
    };
    assert_eq!(report.last_error, Some(expected));

    let first = window(&store, &live(&source), 0).await;
    let lease = claim(&store, &first, NOW).await;
    let checkpoint = page(&lease, NOW, false);
    store.checkpoint(&lease, &checkpoint).await.unwrap();
    assert_eq!(tick_one(&store, &sent, NOW).await.last_error, None);
}
