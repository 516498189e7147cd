//! Ticks whose machine clock is wrong, whose vendor clock is wrong, or still unknown.

use windlass_core::creation::settled_edge;
use windlass_core::source::{Policy, SourceDefinition};
use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};
use windlass_core::transition::{Cause, Release};
use windlass_core::trust::{ClockOffset, Jury, WhoseClock};
use windlass_core::window::Status;
use windlass_state::{MemoryStore, StateStore};

use crate::known::Known;
use crate::testing::*;

/// A source that uses both clocks, with a vendor retention of 90 days.
fn source(name: &str) -> SourceDefinition {
    with_policy(name, |policy: &mut Policy| {
        policy.clock = None;
        policy.max_lookback_ms = Some(90 * DAY_MS);
        policy.rate_group = format!("vendor:{name}").parse().unwrap();
    })
}

/// Stores the clock of `source`'s vendor as a response at `ours` shows it, `offset_ms` ahead.
async fn store_clock(
    store: &MemoryStore,
    source: &SourceDefinition,
    ours: Timestamp,
    offset_ms: i64,
) {
    let clock = ClockOffset {
        offset_ms: Some(offset_ms),
        observed_at: ours,
    };
    let group = &source.policy.rate_group;
    let origin = origin(source);
    store.store_clock(group, &clock, &origin).await.unwrap();
}

/// Each source has its own vendor, except that those of `acme` share one.
fn origin(source: &SourceDefinition) -> String {
    let name = source.name.as_str();
    let vendor = if name.starts_with("acme-") {
        "acme"
    } else {
        name
    };
    format!("https://{vendor}.test")
}

async fn finish_all(store: &MemoryStore, source: &SourceDefinition, now: Timestamp) {
    for window in windows(store, &live(source)).await {
        if window.is_unfinished() {
            finish(store, &window, now).await;
        }
    }
}

/// The instant up to which all time was skipped.
async fn passed_over(store: &MemoryStore, source: &SourceDefinition) -> Option<Timestamp> {
    let lanes = store
        .progress_of(source.shard(), &source.name)
        .await
        .unwrap();
    lanes[0].unavailable.last().map(|span| span.to())
}

#[tokio::test]
async fn clock_200_days_ahead_skips_no_time() {
    let source = source("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    let wrong = NOW.plus_ms(200 * DAY_MS);
    for _ in 0..3 {
        tick(&store, &sent, wrong).await;
    }
    assert_eq!(windows(&store, &live(&source)).await.len(), 1);
    store_clock(&store, &source, wrong, -200 * DAY_MS).await;
    let report = tick_one(&store, &sent, wrong).await;
    assert_eq!(passed_over(&store, &source).await, None);
    assert!(
        !report.is_endangered,
        "retention is counted by the vendor's clock"
    );
    // Once the machine clock is right again, all settled time is cut into windows, and no more.
    store_clock(&store, &source, NOW, 0).await;
    for _ in 0..20 {
        tick(&store, &sent, NOW).await;
        finish_all(&store, &source, NOW).await;
    }
    let all = windows(&store, &live(&source)).await;
    assert_covered(&store, &source).await;
    assert!(all.iter().all(|window| window.to() <= NOW));
    assert_eq!(passed_over(&store, &source).await, None);
}

#[tokio::test]
async fn slow_machine_clock_counts_lag_by_vendor() {
    let source = source("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    store_clock(&store, &source, NOW, DAY_MS).await;
    let lag = |report: crate::SourceReport| report.lag_ms;
    let behind = NOW.ms_since(source.start);
    assert_eq!(lag(tick_one(&store, &sent, NOW).await), behind + DAY_MS);
    let looked = crate::look(&store, NOW).await.unwrap();
    assert_eq!(looked.sources[0].lag_ms, behind + DAY_MS);
}

#[tokio::test]
async fn marks_ahead_of_machine_clock_probe_vendor_clock() {
    let source = source("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    for _ in 0..20 {
        store_clock(&store, &source, NOW, 0).await;
        tick(&store, &sent, NOW).await;
        finish_all(&store, &source, NOW).await;
    }
    let before = windows(&store, &live(&source)).await.len();
    let slow = NOW.minus_ms(200 * DAY_MS);
    for _ in 0..3 {
        let report = tick_one(&store, &sent, slow).await;
        assert!(report.lag_ms >= source.policy.settle_ms, "{report:?}");
    }
    assert_eq!(windows(&store, &live(&source)).await.len(), before + 1);
}

#[tokio::test]
async fn disputed_clock_sends_witnesses_to_workers() {
    let (a, b) = (source("a"), source("b"));
    let (store, sent) = (store_of([&a, &b]).await, Sent::default());
    let now = hours_later(10 * 24);
    store_clock(&store, &a, now, -3 * DAY_MS).await;
    store_clock(&store, &b, now, -3 * DAY_MS + MINUTE_MS).await;
    tick(&store, &sent, now).await;
    for task in sent.take() {
        assert_eq!(task.witnesses.len(), 1, "{}", task.source);
    }
    // Both agree that the machine clock is wrong, so each is cut up to its own vendor clock.
    let cut = windows(&store, &live(&a)).await.last().unwrap().to();
    assert!(cut <= now.minus_ms(3 * DAY_MS), "{cut}");
    // While the clocks agree well enough, nothing more is read and no witness is passed on.
    store_clock(&store, &a, now, HOUR_MS).await;
    store_clock(&store, &b, now, 0).await;
    tick(&store, &sent, now).await;
    assert!(sent.take().iter().all(|task| task.witnesses.is_empty()));
}

#[tokio::test]
async fn operator_choice_ends_clock_dispute() {
    let mut source = source("okta");
    source.policy.clock = Some(WhoseClock::Vendor);
    let (store, sent) = (store_of([&source]).await, Sent::default());
    let slow = NOW.minus_ms(200 * DAY_MS);
    store_clock(&store, &source, slow, 200 * DAY_MS).await;
    tick(&store, &sent, slow).await;
    let cut = windows(&store, &live(&source)).await;
    assert!(cut.len() > 1 && cut.iter().all(|window| window.to() <= NOW));
}

#[tokio::test]
async fn history_expires_by_vendor_clock() {
    let source = source("okta");
    let store = store_of([&source]).await;
    let until = async |now| crate::history_until(&store, now).await.unwrap();
    assert_eq!(until(NOW).await, None);
    store_clock(&store, &source, NOW, 0).await;
    let wrong = NOW.plus_ms(200 * DAY_MS);
    assert_eq!(until(wrong).await, Some(NOW));
    assert_eq!(
        until(NOW.minus_ms(DAY_MS)).await,
        Some(NOW.minus_ms(DAY_MS))
    );
}

#[tokio::test]
async fn one_source_clock_choice_expires_no_other_history() {
    let (by_vendor, mut by_ours) = (source("okta"), source("slack"));
    by_ours.policy.clock = Some(WhoseClock::Ours);
    let wrong = NOW.plus_ms(200 * DAY_MS);
    let store = store_of([&by_vendor, &by_ours]).await;
    store_clock(&store, &by_vendor, NOW, 0).await;
    assert_eq!(crate::history_until(&store, wrong).await, Ok(Some(NOW)));
    let alone = store_of([&by_ours]).await;
    assert_eq!(crate::history_until(&alone, wrong).await, Ok(Some(wrong)));
}

/// A worker of all sent windows whose machine clock shows `ours`, while the vendor clock is
/// `right`: it stores that clock, and completes the windows that have settled by it.
async fn work(
    store: &MemoryStore,
    source: &SourceDefinition,
    sent: &Sent,
    ours: Timestamp,
    right: Timestamp,
) {
    for task in sent.take() {
        let seen = ClockOffset::of(Some(right), ours, ours);
        let group = &source.policy.rate_group;
        if seen.replaces(store.rate_state(group).await.unwrap().clock.as_ref()) {
            let origin = origin(source);
            store.store_clock(group, &seen, &origin).await.unwrap();
        }
        let jury = Jury {
            choice: source.policy.clock,
            witnesses: &task.witnesses,
        };
        for sent in &task.windows {
            let window = store.window(&sent.id).await.unwrap().unwrap();
            match jury.judge(ours, Some(right)) {
                Ok(now) if window.to() <= now.at() => {
                    assert!(window.to() <= right, "{} is not filled", window.id());
                    finish(store, &window, now.at()).await;
                }
                _ => {
                    let lease = claim(store, &window, ours).await;
                    let release = Release {
                        cause: Cause::Outage,
                        not_before: Some(ours.plus_ms(MINUTE_MS)),
                        error: None,
                        now: ours,
                    };
                    store.release(&lease, &release).await.unwrap();
                }
            }
        }
    }
}

/// Pulls `source` by a clock that is `wrong_ms` off for a while, or in every other tick of it.
async fn pull(source: &SourceDefinition, wrong_ms: i64, alternating: bool) -> MemoryStore {
    let (store, sent) = (store_of([source]).await, Sent::default());
    for minute in 0..500 {
        let right = NOW.plus_ms(minute * MINUTE_MS);
        let is_wrong = (20..300).contains(&minute) && !(alternating && minute % 2 == 0);
        let ours = right.plus_ms(if is_wrong { wrong_ms } else { 0 });
        tick(&store, &sent, ours).await;
        work(&store, source, &sent, ours, right).await;
    }
    store
}

#[tokio::test]
async fn corrected_clock_delivers_all_settled_time() {
    let last = NOW.plus_ms(499 * MINUTE_MS);
    for end in [None, Some(NOW.plus_ms(3 * HOUR_MS))] {
        for wrong_ms in [200 * DAY_MS, -200 * DAY_MS, 10 * MINUTE_MS, -10 * MINUTE_MS] {
            for alternating in [false, true] {
                let mut source = source("okta");
                source.end = end;
                let store = pull(&source, wrong_ms, alternating).await;
                let case = format!("{wrong_ms} ms off, alternating: {alternating}, end: {end:?}");
                assert_eq!(passed_over(&store, &source).await, None, "{case}");
                assert_covered(&store, &source).await;
                let done = windows(&store, &live(&source)).await;
                let open = done.iter().filter(|it| it.status() != Status::Done);
                let late = open.filter(|it| it.to() < last.minus_ms(HOUR_MS)).count();
                assert_eq!(late, 0, "{case}: {done:?}");
                let through = done.last().unwrap().to();
                let edge = settled_edge(&source.policy, last);
                let due = end.unwrap_or(edge.minus_ms(source.policy.every_ms + 2 * MINUTE_MS));
                assert!(due <= through && through <= last, "{case}: {through}");
            }
        }
    }
}

#[tokio::test]
async fn batched_clock_reads_keep_witnesses_per_group() {
    let sources = ["okta", "okta-eu", "slack"].map(source);
    let store = store_of(&sources).await;
    for (source, offset_ms) in sources.iter().zip([200 * DAY_MS, 0, MINUTE_MS]) {
        store_clock(&store, source, NOW, offset_ms).await;
    }
    let group = |source: &SourceDefinition| source.policy.rate_group.clone();
    let groups = sources.iter().map(group).collect();
    let together = Known::read_all(&store, &groups).await.unwrap();
    assert_eq!(together.len(), sources.len());
    for (group, known) in &together {
        assert_eq!(*known, Known::read(&store, group).await.unwrap(), "{group}");
    }
    assert_eq!(together[&group(&sources[0])].witnesses().len(), 2);
    assert!(together[&group(&sources[1])].witnesses().is_empty());
}

#[tokio::test]
async fn silent_witnesses_do_not_hide_others() {
    let disputed = source("okta");
    let silent: Vec<_> = (0..12).map(|n| source(&format!("a{n:02}"))).collect();
    let speaks = source("zoom");
    let sources = silent.iter().chain([&disputed, &speaks]);
    let store = MemoryStore::default();
    for source in sources {
        store.apply_source(source, NOW).await.unwrap();
    }
    // Some clocks were never seen, and some not since the machine clock has jumped.
    for source in silent.iter().skip(3) {
        store_clock(&store, source, NOW, 0).await;
    }
    let wrong = NOW.plus_ms(200 * DAY_MS);
    store_clock(&store, &disputed, wrong, -200 * DAY_MS).await;
    store_clock(&store, &speaks, wrong, -200 * DAY_MS).await;
    let shard = disputed.shard();
    let record = store.source(shard, &disputed.name).await.unwrap().unwrap();
    let known = crate::Known::read(&store, &disputed.policy.rate_group).await;
    let trusted = known.unwrap().time(&record, wrong).trusted();
    assert_eq!(trusted.map(windlass_core::trust::Trusted::at), Some(NOW));
}

/// P1: rate groups of one origin show the same clock, which is not its own witness.
#[tokio::test]
async fn rate_groups_of_one_origin_are_no_witnesses() {
    let (blue, red) = (source("acme-blue"), source("acme-red"));
    for offset_ms in [300 * DAY_MS, -300 * DAY_MS] {
        let (store, sent) = (store_of([&blue, &red]).await, Sent::default());
        for source in [&blue, &red] {
            store_clock(&store, source, NOW, offset_ms).await;
        }
        tick(&store, &sent, NOW).await;
        assert!(sent.take().iter().all(|task| task.witnesses.is_empty()));
        for source in [&blue, &red] {
            assert_eq!(passed_over(&store, source).await, None);
            assert_eq!(windows(&store, &live(source)).await.len(), 1);
        }
    }
}

#[tokio::test]
async fn each_origin_counts_as_one_witness() {
    let disputed = source("okta");
    let others = ["acme-blue", "acme-red", "slack"].map(source);
    let store = store_of(others.iter().chain([&disputed])).await;
    store_clock(&store, &disputed, NOW, 300 * DAY_MS).await;
    for (source, offset_ms) in others.iter().zip([300 * DAY_MS, 300 * DAY_MS, 0]) {
        store_clock(&store, source, NOW, offset_ms).await;
    }
    let group = &disputed.policy.rate_group;
    let known = Known::read(&store, group).await.unwrap();
    assert_eq!(known.witnesses().len(), 2);
    let record = store.source(disputed.shard(), &disputed.name).await;
    let time = known.time(&record.unwrap().unwrap(), NOW);
    assert_eq!(time.trusted(), None, "one vote each");
}

/// P1: other vendors decide which clock completes windows, and not what is skipped.
#[tokio::test]
async fn votes_for_fast_vendor_clock_skip_no_time() {
    let (a, b) = (source("a"), source("b"));
    let (store, sent) = (store_of([&a, &b]).await, Sent::default());
    for source in [&a, &b] {
        store_clock(&store, source, NOW, 300 * DAY_MS).await;
    }
    tick(&store, &sent, NOW).await;
    assert_eq!(
        sent.take()[0].witnesses.len(),
        1,
        "each has the other's vote"
    );
    assert_eq!(passed_over(&store, &a).await, None);
}
