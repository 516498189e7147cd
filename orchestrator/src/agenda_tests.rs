use windlass_core::shard::Shards;
use windlass_core::source::SourceDefinition;
use windlass_core::stalls::Stalls;
use windlass_core::task::Task;
use windlass_core::time::{DAY_MS, MINUTE_MS, SECOND_MS};
use windlass_core::wait::Cooldown;
use windlass_state::MemoryStore;
use windlass_state::failing::{FailingStore, Fault, Operation};

use super::*;
use crate::testing::*;
use crate::tick::TickOptions;

/// One process: an agenda, the workers that it started, and its clock.
pub(super) struct Process {
    pub(super) store: MemoryStore,
    pub(super) counted: FailingStore<MemoryStore>,
    sent: Sent,
    pub(super) agenda: Agenda,
    workers_max: usize,
    pub(super) running: Vec<Task>,
    /// The sources whose vendors never respond.
    pub(super) hanging: Vec<SourceName>,
    pub(super) now: Timestamp,
}

impl Process {
    pub(super) async fn new(definitions: &[SourceDefinition], workers_max: usize) -> Self {
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
    pub(super) async fn step(&mut self) -> Option<Vec<String>> {
        self.agenda.advance(self.now);
        let tick = Tick {
            store: &self.counted,
            dispatch: &self.sent,
            options: TickOptions {
                shards: Shards::ALL,
                dispatch_ms: None,
                share_request_rate: false,
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
    pub(super) async fn settle(&mut self) {
        while self.step().await.is_some() {}
    }

    /// The worker of the `index`th running task finishes its window and ends.
    pub(super) async fn finish(&mut self, index: usize) {
        let task = self.running.remove(index);
        for named in &task.windows {
            let window = self.store.window(&named.id).await.unwrap().unwrap();
            finish(&self.store, &window, self.now).await;
        }
        self.agenda.ended(&task.source);
    }

    /// Works until no worker is left. Returns the number of completed windows.
    pub(super) async fn work(&mut self) -> usize {
        let mut done = 0;
        self.settle().await;
        while !self.running.is_empty() {
            self.finish(0).await;
            done += 1;
            self.settle().await;
        }
        done
    }

    pub(super) fn calls(&self) -> u64 {
        OPERATIONS.iter().map(|it| self.counted.calls(*it)).sum()
    }

    pub(super) fn running_of(&self, prefix: &str) -> usize {
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

/// Sources with three windows each, in one shared rate group or in one each.
pub(super) fn sources(count: usize, is_shared: bool) -> Vec<SourceDefinition> {
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

/// Number of store calls after the first listing for three windows per source, and of completed
/// windows.
async fn calls_for(count: usize, is_shared: bool) -> (u64, usize) {
    let mut process = Process::new(&sources(count, is_shared), 8).await;
    let listed = process.calls();
    let done = process.work().await;
    assert!(process.agenda.is_quiet());
    (process.calls() - listed, done)
}

#[tokio::test]
async fn store_calls_per_window_ignore_source_count() {
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
async fn idle_sources_cost_no_early_store_call() {
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
async fn source_is_due_when_next_window_can_be_created() {
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
    // Five minutes each, except for the window that ends at midnight.
    assert!(process.now >= NOW.plus_ms(19 * 5 * MINUTE_MS));
    assert_covered(&process.store, &source).await;
}

#[tokio::test]
async fn clock_set_back_makes_every_source_due() {
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
async fn rate_group_dispatches_nothing_during_cooldown() {
    let definitions = sources(3, true);
    let mut process = Process::new(&definitions, 8).await;
    let cooldown = Cooldown {
        group: definitions[0].policy.rate_group.clone(),
        not_before: NOW.plus_ms(90 * SECOND_MS),
        reason: "the vendor returned HTTP 429".to_owned(),
    };
    process.store.start_cooldown(&cooldown, NOW).await.unwrap();
    process.settle().await;
    assert!(process.running.is_empty());
    assert_eq!(process.agenda.next_due(), Some(cooldown.not_before));
    process.now = cooldown.not_before;
    assert_eq!(process.work().await, 9);
}

#[tokio::test]
async fn many_sources_are_planned_in_batches() {
    let mut process = Process::new(&sources(100, true), 128).await;
    let first = process.step().await.unwrap();
    assert!(first.len() < 100, "{}", first.len());
    assert_eq!(process.work().await, 300);
}

#[tokio::test]
async fn long_backlog_is_created_beyond_plan_limit() {
    let source = with_policy("okta", |policy| policy.max_open_windows = 100);
    let mut process = Process::new(std::slice::from_ref(&source), 1).await;
    process.settle().await;
    let created = windows(&process.store, &live(&source)).await;
    assert_eq!(created.len(), 100);
}
