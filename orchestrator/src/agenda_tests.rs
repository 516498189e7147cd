use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_core::Status;
use windlass_core::shard::Shards;
use windlass_core::source::{BlockCause, BlockChange, Blocked, SourceDefinition};
use windlass_core::task::Task;
use windlass_core::time::{DAY_MS, MINUTE_MS, SECOND_MS};
use windlass_core::wait::RateGate;
use windlass_state::MemoryStore;
use windlass_state::failing::{FailingStore, Fault, Operation};

use super::*;
use crate::report::Activity;
use crate::stalls::Stalls;
use crate::testing::*;
use crate::tick::TickOptions;

/// One process: an agenda, the workers that it started, and its clock.
struct Process {
    store: MemoryStore,
    counted: FailingStore<MemoryStore>,
    sent: Sent,
    agenda: Agenda,
    workers_max: usize,
    running: Vec<Task>,
    /// The sources whose vendors never respond.
    hanging: Vec<SourceName>,
    now: Timestamp,
}

impl Process {
    async fn new(definitions: &[SourceDefinition], workers_max: usize) -> Self {
        let store = store_of(definitions).await;
        let mut this = Self {
            counted: FailingStore::new(store.clone(), |_, _| Fault::None),
            store,
            sent: Sent::default(),
            agenda: Agenda::new(workers_max),
            workers_max,
            running: Vec::new(),
            hanging: Vec::new(),
            now: NOW,
        };
        this.agenda.list(&this.counted).await.unwrap();
        this
    }

    /// Plans one group, and starts the workers of its tasks. Returns the sources that were planned.
    async fn step(&mut self) -> Option<Vec<String>> {
        self.agenda.advance(self.now);
        let tick = Tick {
            store: &self.counted,
            dispatch: &self.sent,
            options: TickOptions {
                shards: Shards::ALL,
                dispatch_ms: None,
                share_pace: false,
                tasks_per_invocation: 1,
            },
            suspects: None,
            now: self.now,
        };
        let mut stalls = Stalls::default();
        for source in &self.hanging {
            let of = self.running.iter().filter(|task| task.source == *source);
            of.for_each(|task| stalls.add(task.source.clone(), None));
        }
        let spare = stalls.spare(self.workers_max, self.running.len());
        let planned = self.agenda.step(&tick, &spare).await?;
        self.running.extend(self.sent.take());
        let most = if self.hanging.is_empty() { 1 } else { 2 };
        assert!(self.running.len() <= most * self.workers_max);
        Some(planned.iter().map(ToString::to_string).collect())
    }

    /// Plans until nothing is left to plan.
    async fn settle(&mut self) {
        while self.step().await.is_some() {}
    }

    /// The worker of the `index`th running task finishes its window and ends.
    async fn finish(&mut self, index: usize) {
        let task = self.running.remove(index);
        for named in &task.windows {
            let window = self.store.window(&named.id).await.unwrap().unwrap();
            finish(&self.store, &window, self.now).await;
        }
        self.agenda.ended(&task.source);
    }

    /// Works until no worker is left; returns how many windows were done.
    async fn work(&mut self) -> usize {
        let mut done = 0;
        self.settle().await;
        while !self.running.is_empty() {
            self.finish(0).await;
            done += 1;
            self.settle().await;
        }
        done
    }

    fn calls(&self) -> u64 {
        OPERATIONS.iter().map(|it| self.counted.calls(*it)).sum()
    }

    fn running_of(&self, prefix: &str) -> usize {
        let of = |task: &&Task| task.source.as_str().starts_with(prefix);
        self.running.iter().filter(of).count()
    }
}

/// Every call that an agenda makes.
const OPERATIONS: [Operation; 11] = [
    Operation::Sources,
    Operation::Source,
    Operation::Progress,
    Operation::SaveProgress,
    Operation::Create,
    Operation::OpenWindows,
    Operation::WindowsAt,
    Operation::History,
    Operation::Decide,
    Operation::RateState,
    Operation::Window,
];

/// Sources with three windows each, in one rate group or in one each.
fn sources(count: usize, is_shared: bool) -> Vec<SourceDefinition> {
    let source = |number: usize| SourceDefinition {
        end: Some(at(30)),
        ..with_policy(&format!("source-{number}"), |policy| {
            if !is_shared {
                policy.rate_group = format!("group-{number}").parse().unwrap();
            }
            policy.group_in_flight = 4;
        })
    };
    (0..count).map(source).collect()
}

/// Store calls after the first listing for three windows of each source, and how many were done.
async fn calls_for(count: usize, is_shared: bool) -> (u64, usize) {
    let mut process = Process::new(&sources(count, is_shared), 8).await;
    let listed = process.calls();
    let done = process.work().await;
    assert!(process.agenda.is_quiet());
    (process.calls() - listed, done)
}

#[tokio::test]
async fn store_calls_per_window_do_not_rise_with_the_number_of_sources() {
    for is_shared in [false, true] {
        let (few, done) = calls_for(50, is_shared).await;
        assert_eq!(done, 150);
        let (many, done) = calls_for(500, is_shared).await;
        assert_eq!(done, 1_500);
        assert!(
            2 * many <= 21 * few,
            "{few} calls for 50 sources and {many} for 500 (one group: {is_shared})"
        );
        assert!(many <= 1_500 * 20, "{many} calls for 1,500 windows");
    }
}

#[tokio::test]
async fn idle_sources_cost_no_store_call_before_they_are_due() {
    let mut process = Process::new(&sources(20, false), 8).await;
    process.work().await;
    let calls = process.calls();
    let due = process.agenda.next_due().unwrap();
    assert!(due.ms_since(process.now) >= MINUTE_MS);
    process.now = due.minus_ms(1);
    assert_eq!(process.step().await, None);
    assert_eq!(process.calls(), calls);
    process.now = due;
    assert!(process.step().await.is_some(), "it is looked at again");
}

#[tokio::test]
async fn a_source_is_planned_at_the_instant_at_which_a_tick_would_cut_its_next_window() {
    let source = definition("okta");
    let mut process = Process::new(std::slice::from_ref(&source), 8).await;
    process.work().await;
    for _ in 0..20 {
        let due = process.agenda.next_due().unwrap();
        let before = tick_one(&process.store, &Sent::default(), due.minus_ms(1)).await;
        assert_eq!((before.created, before.dispatched), (0, 0));
        process.now = due;
        if process.work().await == 0 {
            let now = tick_one(&process.store, &Sent::default(), due).await;
            assert_eq!((now.created, now.dispatched), (0, 0), "nothing was missed");
        }
    }
    // Five minutes each, but for the window that ends at midnight.
    assert!(process.now >= NOW.plus_ms(19 * 5 * MINUTE_MS));
    assert_covered(&process.store, &source).await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_every_source_due() {
    let mut process = Process::new(&[definition("a"), definition("b")], 8).await;
    process.work().await;
    process.now = NOW.minus_ms(DAY_MS);
    let mut planned = Vec::new();
    while let Some(sources) = process.step().await {
        planned.extend(sources);
    }
    planned.sort();
    assert_eq!(planned, ["a", "b"]);
}

#[tokio::test]
async fn one_rate_group_gets_half_of_the_workers_while_there_are_others() {
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
    // Its workers end, and the slow vendor's do not: it gets no more of them.
    let fast = |task: &Task| task.source.as_str() == "z";
    while let Some(index) = process.running.iter().position(fast) {
        process.finish(index).await;
        process.settle().await;
        assert_eq!(process.running_of("slow"), 2);
    }
}

#[tokio::test]
async fn rate_groups_take_turns_at_the_workers_of_the_process() {
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
async fn the_lane_that_is_furthest_behind_gets_the_slot_that_comes_free() {
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

#[tokio::test]
async fn a_group_in_its_cooldown_hands_out_nothing_until_the_cooldown_ends() {
    let definitions = sources(3, true);
    let mut process = Process::new(&definitions, 8).await;
    let gate = RateGate {
        group: definitions[0].policy.rate_group.clone(),
        not_before: NOW.plus_ms(90 * SECOND_MS),
        reason: "the vendor returned HTTP 429".to_owned(),
    };
    process.store.close_rate_gate(&gate, NOW).await.unwrap();
    process.settle().await;
    assert!(process.running.is_empty());
    assert_eq!(process.agenda.next_due(), Some(gate.not_before));
    process.now = gate.not_before;
    assert_eq!(process.work().await, 9);
}

#[tokio::test]
async fn a_change_of_another_process_is_planned_after_the_next_listing() {
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
async fn a_source_that_moves_to_another_group_is_planned_there_with_what_it_has_in_flight() {
    let source = with_policy("okta", |policy| policy.group_in_flight = 1);
    let mut process = Process::new(&[source.clone(), definition("other")], 8).await;
    process.settle().await;
    let moved = with_policy("okta", |policy| {
        policy.rate_group = "alone".parse().unwrap();
    });
    process.store.apply_source(&moved, NOW).await.unwrap();
    // Its worker ends before the change is noticed.
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
async fn a_source_that_cannot_be_read_is_reported_and_tried_again_and_the_others_go_on() {
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
async fn the_process_is_stuck_when_all_that_is_left_cannot_be_planned() {
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
async fn more_sources_than_one_visit_reads_are_planned_in_several() {
    let mut process = Process::new(&sources(100, true), 128).await;
    let first = process.step().await.unwrap();
    assert!(first.len() < 100, "{}", first.len());
    assert_eq!(process.work().await, 300);
}

#[tokio::test]
async fn a_long_backlog_is_carved_at_once_past_the_limit_of_one_plan() {
    let source = with_policy("okta", |policy| policy.max_open_windows = 100);
    let mut process = Process::new(std::slice::from_ref(&source), 1).await;
    process.settle().await;
    let carved = windows(&process.store, &live(&source)).await;
    assert_eq!(carved.len(), 100);
}

/// Both ways to plan do the same: windows in the same order, until nothing is left.
#[tokio::test]
async fn an_agenda_hands_out_the_windows_that_ticks_hand_out() {
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
async fn hanging_sources_hold_no_worker_that_others_could_use() {
    let definitions = sources(12, false);
    let mut process = Process::new(&definitions, 4).await;
    // Those that are planned first hang, more of them than there are workers.
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
