//! The order of workers: rate groups take turns, the lane furthest behind goes first, and no
//! source is planned twice because others hang.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_core::source::SourceDefinition;
use windlass_core::task::Task;
use windlass_core::time::SECOND_MS;

use super::tests::{Process, sources};
use super::*;
use crate::testing::*;

#[tokio::test]
async fn one_rate_group_gets_half_of_shared_workers() {
    let grouped = |name: &str, group: &str| {
        with_policy(name, |policy| {
            policy.rate_group = group.parse().unwrap();
            policy.max_in_flight = 64;
        })
    };
    let mut alone = Process::new(&[grouped("slow", "one")], 4).await;
    alone.settle().await;
    assert_eq!(alone.running_of("slow"), 4);

    let mut process = Process::new(&[grouped("slow", "one"), grouped("z", "two")], 4).await;
    process.settle().await;
    assert_eq!(process.running_of("slow"), 2);
    assert_eq!(process.running_of("z"), 2);
    // Its workers end, and those of the slow vendor do not: the slow one gets no more of them.
    let fast = |task: &Task| task.source.as_str() == "z";
    while let Some(index) = process.running.iter().position(fast) {
        process.finish(index).await;
        process.settle().await;
        assert_eq!(process.running_of("slow"), 2);
    }
}

#[tokio::test]
async fn rate_groups_share_workers_evenly() {
    let definitions = sources(6, false);
    let mut process = Process::new(&definitions, 2).await;
    process.settle().await;
    let mut order = Vec::new();
    while !process.running.is_empty() {
        order.push(process.running[0].source.to_string());
        process.finish(0).await;
        process.settle().await;
    }
    assert_eq!(order.len(), 18);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for source in &order {
        *counts.entry(source).or_default() += 1;
        let most = counts.values().max().copied().unwrap_or(0);
        let least = (0..6).map(|number| {
            let name = format!("source-{number}");
            counts.get(name.as_str()).copied().unwrap_or(0)
        });
        let least = least.min().unwrap_or(0);
        assert!(most - least <= 1, "{order:?}");
    }
}

#[tokio::test]
async fn free_slot_goes_to_most_lagging_lane() {
    let source = |name: &str, start| SourceDefinition {
        start: at(start),
        ..with_policy(name, |policy| policy.group_in_flight = 1)
    };
    let definitions = [source("a", 20), source("b", 0)];
    let mut process = Process::new(&definitions, 8).await;
    process.settle().await;
    let mut order = Vec::new();
    for _ in 0..4 {
        order.push(process.running[0].windows[0].id.from);
        process.finish(0).await;
        process.settle().await;
    }
    assert_eq!(order, [at(0), at(10), at(20), at(20)]);
}

/// Agenda and ticks plan alike: the same windows in the same order, until none is left.
#[tokio::test]
async fn agenda_dispatches_same_windows_as_ticks() {
    let definitions = sources(5, true);
    let mut process = Process::new(&definitions, 8).await;
    process.settle().await;
    let mut kept = Vec::new();
    while !process.running.is_empty() {
        kept.push(process.running[0].windows[0].id.to_string());
        process.finish(0).await;
        process.settle().await;
    }
    let store = Arc::new(store_of(&definitions).await);
    let (sent, mut running, mut ticked) = (Sent::default(), Vec::new(), Vec::new());
    loop {
        tick(&*store, &sent, NOW).await;
        running.extend(sent.take());
        if running.is_empty() {
            break;
        }
        let task: Task = running.remove(0);
        let id = &task.windows[0].id;
        ticked.push(id.to_string());
        let window = store.window(id).await.unwrap().unwrap();
        finish(&store, &window, NOW).await;
    }
    assert_eq!(kept, ticked);
}

#[tokio::test]
async fn hanging_sources_leave_workers_to_others() {
    let definitions = sources(12, false);
    let mut process = Process::new(&definitions, 4).await;
    // The sources that are planned first hang; there are more of them than workers.
    process.hanging = definitions[..5].iter().map(|it| it.name.clone()).collect();
    process.settle().await;
    let mut done = 0;
    loop {
        let hangs = |task: &Task| process.hanging.contains(&task.source);
        let Some(index) = process.running.iter().position(|task| !hangs(task)) else {
            break;
        };
        process.finish(index).await;
        done += 1;
        process.now = process.now.plus_ms(SECOND_MS);
        process.settle().await;
    }
    assert_eq!(done, 3 * 7, "each window of each source that works");
    let of_hanging = process.running.len();
    assert!((5..=8).contains(&of_hanging), "{of_hanging}");
}
