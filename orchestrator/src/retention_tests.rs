//! Sources whose oldest records the vendor is about to drop, or has dropped unread.

use windlass_core::source::SourceDefinition;
use windlass_core::time::{HOUR_MS, MINUTE_MS};
use windlass_core::{Policy, Span, Status};

use crate::report::Activity;
use crate::testing::*;

use super::*;

#[tokio::test]
async fn endangered_source_goes_before_larger_lag() {
    let group = |policy: &mut Policy| policy.group_in_flight = 2;
    let behind = with_policy("behind", group);
    let endangered = SourceDefinition {
        start: at(1_000),
        ..with_policy("endangered", |policy| {
            group(policy);
            policy.max_lookback_ms = Some(8 * HOUR_MS);
        })
    };
    let (store, sent) = (store_of([&behind, &endangered]).await, Sent::default());
    let report = tick(&store, &sent, NOW).await;
    assert_eq!(sent.take_names(), ["endangered@1000", "endangered@1010"]);
    let of = |name: &str| {
        let found = report
            .sources
            .iter()
            .find(|source| source.source.as_str() == name);
        let source = found.expect("it is reported");
        (source.retention_left_ms, source.is_endangered)
    };
    assert_eq!(of("endangered"), (Some(40 * MINUTE_MS), true));
    assert_eq!(of("behind"), (None, false));
}

#[tokio::test]
async fn paused_endangered_source_is_reported() {
    let source = SourceDefinition {
        start: at(1_000),
        paused: true,
        ..with_policy("okta", |policy| policy.max_lookback_ms = Some(8 * HOUR_MS))
    };
    let (store, sent) = (store_of([&source]).await, Sent::default());
    let report = tick_one(&store, &sent, NOW).await;
    assert_eq!(report.activity, Activity::Paused);
    assert!(report.is_endangered);
    let later = tick_one(&store, &sent, hours_later(1)).await;
    assert_eq!(later.retention_left_ms, Some(-20 * MINUTE_MS));
}

#[tokio::test]
async fn finished_source_is_not_endangered() {
    let source = SourceDefinition {
        end: Some(at(10)),
        ..with_policy("okta", |policy| policy.max_lookback_ms = Some(25 * HOUR_MS))
    };
    let (store, sent) = (store_of([&source]).await, Sent::default());
    assert!(tick_one(&store, &sent, NOW).await.is_endangered);
    finish(&store, &window(&store, &live(&source), 0).await, NOW).await;
    let report = tick_one(&store, &sent, hours_later(9)).await;
    assert_eq!(
        (report.retention_left_ms, report.is_endangered),
        (None, false)
    );
}

#[tokio::test]
async fn windows_dropped_unread_lapse_and_are_counted() {
    let source = SourceDefinition {
        start: at(1_380),
        ..with_policy("okta", |policy| {
            policy.max_lookback_ms = Some(2 * HOUR_MS);
            policy.max_in_flight = 1;
        })
    };
    let (store, refusing) = (store_of([&source]).await, Sent::refusing());
    let report = tick(&store, &refusing, NOW).await;
    assert_eq!((report.refused, report.invocations), (1, 0));
    // The window in flight is not lost before its dispatch expires.
    let later = NOW.plus_ms(80 * MINUTE_MS);
    let report = tick_one(&store, &Sent::default(), later).await;
    assert_eq!((report.expired, report.lapsed), (1, 1), "{report:?}");
    let report = tick_one(&store, &Sent::default(), later).await;
    assert_eq!(
        (report.lapsed, report.complete_through),
        (1, at(1_400)),
        "{report:?}"
    );
    let report = tick_one(&store, &Sent::default(), later).await;
    assert_eq!(report.lapsed, 0);
    let progress = store.progress_of(source.shard(), &source.name).await;
    let unavailable = progress.unwrap()[0].unavailable.clone();
    assert_eq!(unavailable, [Span::new(at(1_380), at(1_400)).unwrap()]);
}

/// A parked window needs an operator; the slots are for windows that they can help.
#[tokio::test]
async fn old_gap_takes_no_slot_from_endangered_source() {
    let kept = |policy: &mut Policy| {
        policy.group_in_flight = 1;
        policy.max_lookback_ms = Some(8 * HOUR_MS);
    };
    let holed = SourceDefinition {
        start: at(960),
        ..with_policy("holed", kept)
    };
    let endangered = SourceDefinition {
        start: at(970),
        ..with_policy("lagging", kept)
    };
    let (store, sent) = (store_of([&holed]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    let first = window(&store, &live(&holed), 960).await;
    exhaust(&store, &first, NOW).await;
    tick(&store, &sent, NOW).await;
    for open in windows(&store, &live(&holed)).await {
        if open.is_claimable(NOW) && open.status() != Status::Parked {
            finish(&store, &open, NOW).await;
        }
    }
    sent.take();
    store.apply_source(&endangered, NOW).await.unwrap();
    tick(&store, &sent, NOW).await;
    assert_eq!(sent.take_names(), ["lagging@970"]);
}
