//! Sources that change, move or cannot be read while a process works.

use windlass_core::Status;
use windlass_core::source::{BlockCause, BlockChange, Blocked, SourceDefinition};
use windlass_core::time::{HOUR_MS, SECOND_MS};
use windlass_function::testing::LogLines;
use windlass_state::failing::{FailingStore, Fault, Operation};

use super::tests::{Process, sources};
use super::*;
use crate::report::Activity;
use crate::testing::*;

#[tokio::test]
async fn external_change_is_planned_after_next_listing() {
    let source = definition("okta");
    let mut process = Process::new(std::slice::from_ref(&source), 1).await;
    process.settle().await;
    process.finish(0).await;
    let reason = "the vendor returned HTTP 401".to_owned();
    let block = BlockChange::Block(Blocked::new(reason, BlockCause::Refused, NOW, NOW));
    let (shard, name) = (source.shard(), &source.name);
    let blocked = process.store.block_source(shard, name, 1, &block);
    assert!(blocked.await.unwrap());
    process.settle().await;
    let activity = |process: &Process| process.agenda.report().sources[0].activity;
    assert!(process.running.is_empty());
    assert_eq!(activity(&process), Activity::Blocked);

    process.store.apply_source(&source, NOW).await.unwrap();
    assert_eq!(process.step().await, None, "nobody said so");
    let store = process.store.clone();
    process.agenda.list(&store).await.unwrap();
    process.settle().await;
    assert_eq!(process.running.len(), 1);
    assert_eq!(activity(&process), Activity::Working);
}

#[tokio::test]
async fn source_changes_rate_group_with_windows_in_flight() {
    let source = with_policy("okta", |policy| policy.group_in_flight = 1);
    let mut process = Process::new(&[source.clone(), definition("other")], 8).await;
    process.settle().await;
    let moved = with_policy("okta", |policy| {
        policy.rate_group = "alone".parse().unwrap();
    });
    process.store.apply_source(&moved, NOW).await.unwrap();
    // Its worker ends before the agenda notices the change.
    process.agenda.ended(&source.name);
    process.settle().await;
    let store = process.store.clone();
    process.agenda.list(&store).await.unwrap();
    process.settle().await;
    let report = process.agenda.report();
    let names: Vec<_> = report.sources.iter().map(|it| it.source.as_str()).collect();
    assert_eq!(names, ["okta", "other"]);
    assert_eq!(process.agenda.groups.len(), 2);
    let in_flight = windows(&process.store, &live(&moved)).await;
    assert_eq!(in_status(&in_flight, Status::Dispatched), 2);
    process.work().await;
    assert!(process.agenda.is_quiet());
}

#[tokio::test]
async fn unreadable_source_is_retried_beside_others() {
    let definitions = [definition("bad"), definition("good")];
    let mut process = Process::new(&definitions, 8).await;
    let store = process.store.clone();
    // The first source that is read.
    process.counted = FailingStore::new(store, |operation, call| match (operation, call) {
        (Operation::Source, 1) => Fault::Refuse,
        _ => Fault::None,
    });
    process.settle().await;
    let bad = "bad".parse().unwrap();
    assert!(process.agenda.report_of(&bad).unwrap().error.is_some());
    assert!(!process.agenda.is_quiet() && !process.agenda.is_stuck());
    let calls = process.calls();
    assert_eq!(process.step().await, None);
    assert_eq!(process.calls(), calls, "not at once");
    process.now = process.now.plus_ms(SECOND_MS);
    process.settle().await;
    let report = process.agenda.report_of(&bad).unwrap();
    assert_eq!((&report.error, report.activity), (&None, Activity::Working));
}

#[tokio::test]
async fn process_is_stuck_when_nothing_left_can_be_planned() {
    let mut process = Process::new(&sources(2, true), 8).await;
    process.work().await;
    assert!(process.agenda.is_quiet() && !process.agenda.is_stuck());
    let store = process.store.clone();
    process.counted = FailingStore::new(store, |_, _| Fault::Refuse);
    process.agenda.ended(&"source-0".parse().unwrap());
    process.settle().await;
    assert!(!process.agenda.is_quiet() && process.agenda.is_stuck());
}

#[tokio::test]
async fn endangered_source_is_logged_once() {
    let source = SourceDefinition {
        start: at(1_000),
        paused: true,
        ..with_policy("okta", |policy| policy.max_lookback_ms = Some(8 * HOUR_MS))
    };
    let mut process = Process::new(&[source], 1).await;
    let store = process.store.clone();
    let lines = LogLines::default();
    let log = lines.start("warn");
    for _ in 0..3 {
        process.agenda.list(&store).await.unwrap();
        process.settle().await;
    }
    drop(log);
    let lines = lines.take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["source"], "okta");
}
