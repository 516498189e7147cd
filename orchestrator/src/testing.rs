//! The shared parts of this room's tests: a source, a hand-driven worker, and a dispatch that
//! records its tasks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use windlass_core::checkpoint::{Checkpoint, Cursor, PageMove, PageTotals};
use windlass_core::frontier;
use windlass_core::ids::{Owner, Timeline, WindowId};
use windlass_core::invariant::check_coverage;
use windlass_core::lease::Lease;
use windlass_core::shard::Shards;
use windlass_core::source::{Policy, SourceDefinition};
use windlass_core::span::Span;
use windlass_core::task::{TASK_VERSION, Task};
use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};
use windlass_core::transition::{Cause, Claim, Release};
use windlass_core::trust::WhoseClock;
use windlass_core::window::{Status, Window};
use windlass_core::{Lane, limits};
use windlass_state::failing::{FailingStore, Fault};
use windlass_state::{MemoryStore, StateStore};

use crate::{Dispatch, DispatchError, SourceReport, Tick, TickOptions, TickReport};

/// A day after every source of these tests starts: more than eight windows are due.
pub(crate) const NOW: Timestamp = Timestamp::from_ms(DAY_MS);
/// Duration of a dispatch or a lease in these tests.
pub(crate) const LEASE_MS: i64 = 10 * MINUTE_MS;

pub(crate) fn at(minutes: i64) -> Timestamp {
    Timestamp::from_ms(minutes * MINUTE_MS)
}

/// The instant at which every lease and dispatch of a tick at [`NOW`] has expired.
pub(crate) fn after_the_leases() -> Timestamp {
    NOW.plus_ms(LEASE_MS + limits::CLOCK_SKEW_MS + SECOND_MS)
}

/// A source whose windows are ten minutes wide; eight may be open and two in flight.
pub(crate) fn definition(name: &str) -> SourceDefinition {
    let policy = Policy {
        unit_ms: SECOND_MS,
        initial_ms: 10 * MINUTE_MS,
        min_ms: MINUTE_MS,
        max_ms: 10 * MINUTE_MS,
        every_ms: 5 * MINUTE_MS,
        settle_ms: 0,
        max_lookback_ms: None,
        max_in_flight: 2,
        max_open_windows: 8,
        rate_group: "okta:acme".parse().unwrap(),
        group_in_flight: 64,
        requests_per_minute: None,
        history_ms: limits::HISTORY_MS_MIN,
        strict_order: None,
        sweeps_ms: Vec::new(),
        clock: Some(WhoseClock::Ours),
    };
    SourceDefinition {
        name: name.parse().unwrap(),
        connector: "okta".to_owned(),
        params: [].into(),
        generation: "0123456789ab".parse().unwrap(),
        secret: None,
        base_url: None,
        token_url: None,
        file: None,
        manifest_hash: None,
        start: at(0),
        end: None,
        sink: "lake".to_owned(),
        destination: [].into(),
        metadata: true,
        paused: false,
        policy,
    }
}

/// [`definition`] with a changed policy.
pub(crate) fn with_policy(name: &str, change: impl FnOnce(&mut Policy)) -> SourceDefinition {
    let mut source = definition(name);
    change(&mut source.policy);
    source
}

/// A store that holds these sources.
pub(crate) async fn store_of<'a>(
    definitions: impl IntoIterator<Item = &'a SourceDefinition>,
) -> MemoryStore {
    let store = MemoryStore::new();
    for definition in definitions {
        store.apply_source(definition, NOW).await.unwrap();
    }
    store
}

/// Records every task, and accepts it or not.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    tasks: Mutex<Vec<Vec<Task>>>,
    refuses: bool,
}

impl Sent {
    pub(crate) fn refusing() -> Self {
        Self {
            refuses: true,
            ..Self::default()
        }
    }

    /// The tasks since the last call, grouped by invocation.
    pub(crate) fn take_invocations(&self) -> Vec<Vec<Task>> {
        std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The tasks since the last call.
    pub(crate) fn take(&self) -> Vec<Task> {
        self.take_invocations().into_iter().flatten().collect()
    }

    /// The windows of the tasks since the last call, as `source@minute`.
    pub(crate) fn take_names(&self) -> Vec<String> {
        let name = |id: &WindowId| {
            let minute = id.from.ms_since(at(0)) / MINUTE_MS;
            format!("{}@{minute}", id.timeline.source)
        };
        let tasks = self.take();
        let windows = tasks.iter().flat_map(|task| &task.windows);
        windows.map(|window| name(&window.id)).collect()
    }
}

impl Dispatch for Sent {
    async fn dispatch(&self, tasks: Vec<Task>) -> Result<(), DispatchError> {
        let mut sent = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        sent.push(tasks);
        if self.refuses {
            return Err(DispatchError("throttled".to_owned()));
        }
        Ok(())
    }
}

/// A task that is distinct for each number.
pub(crate) fn task(number: u32) -> Task {
    let source = definition("okta");
    Task {
        version: TASK_VERSION,
        shard: source.shard(),
        source: source.name,
        windows: Vec::new(),
        requests_per_minute: Some(number),
        reserves_requests: false,
        crowded: false,
        witnesses: Vec::new(),
    }
}

pub(crate) async fn tick<S: StateStore>(store: &S, dispatch: &Sent, now: Timestamp) -> TickReport {
    let options = TickOptions {
        shards: Shards::ALL,
        dispatch_ms: Some(LEASE_MS),
        share_request_rate: true,
        tasks_per_invocation: 1,
    };
    Tick {
        store,
        dispatch,
        options,
        suspects: None,
        now,
    }
    .run()
    .await
    .unwrap()
}

/// Runs a tick and returns the report of its only source.
pub(crate) async fn tick_one<S: StateStore>(
    store: &S,
    dispatch: &Sent,
    now: Timestamp,
) -> SourceReport {
    let report = tick(store, dispatch, now).await;
    report.sources.into_iter().next().unwrap()
}

pub(crate) fn live(definition: &SourceDefinition) -> Timeline {
    Timeline {
        source: definition.name.clone(),
        generation: definition.generation.clone(),
        lane: Lane::Live,
    }
}

/// Every window of `timeline`, ascending.
pub(crate) async fn windows(store: &MemoryStore, timeline: &Timeline) -> Vec<Window> {
    let ever = Span::new(Timestamp::MIN, Timestamp::MAX).unwrap();
    store.history(timeline, ever, usize::MAX).await.unwrap()
}

/// The window of `timeline` that starts at `minute`.
pub(crate) async fn window(store: &MemoryStore, timeline: &Timeline, minute: i64) -> Window {
    let id = WindowId {
        timeline: timeline.clone(),
        from: at(minute),
    };
    store.window(&id).await.unwrap().expect("it exists")
}

pub(crate) fn in_status(windows: &[Window], status: Status) -> usize {
    windows
        .iter()
        .filter(|window| window.status() == status)
        .count()
}

/// A worker claims `window` as it is.
pub(crate) async fn claim(store: &MemoryStore, window: &Window, now: Timestamp) -> Lease {
    let claim = Claim {
        epoch: window.epoch(),
        owner: Owner::from_random(u128::from(window.epoch())),
        lease_until: now.plus_ms(LEASE_MS),
        now,
    };
    store.claim(window.id(), &claim).await.unwrap()
}

pub(crate) fn page(lease: &Lease, now: Timestamp, last: bool) -> Checkpoint {
    let cursor = Cursor {
        token: format!("t{}", lease.window().page()),
        request: "r".to_owned(),
    };
    Checkpoint::from(PageMove {
        from: lease.window().page(),
        cursor: (!last).then_some(cursor),
        totals: PageTotals::default(),
        ordered: true,
        remembered: true,
        sink_position: None,
        page_ms: 1,
        now,
    })
}

/// A worker claims `window` and completes it.
pub(crate) async fn finish(store: &MemoryStore, window: &Window, now: Timestamp) {
    let lease = claim(store, window, now).await;
    let last = page(&lease, now, true);
    store
        .complete(&lease, &last, limits::HISTORY_MS_MIN)
        .await
        .unwrap();
}

/// A worker claims `window` and releases it because of `cause`.
pub(crate) async fn give_back(store: &MemoryStore, window: &Window, cause: Cause, now: Timestamp) {
    let lease = claim(store, window, now).await;
    let release = Release {
        cause,
        not_before: None,
        error: Some("a page made no sense".to_owned()),
        now,
    };
    store.release(&lease, &release).await.unwrap();
}

/// Fails runs of `window` up to the retry limit.
pub(crate) async fn exhaust(store: &MemoryStore, window: &Window, now: Timestamp) {
    let mut current = window.clone();
    while !current.is_exhausted() {
        give_back(store, &current, Cause::Failed, now).await;
        current = store.window(window.id()).await.unwrap().expect("it exists");
    }
}

/// Fails unless the windows of every lane of `definition` cover its timeline without gap or overlap.
pub(crate) async fn assert_covered(store: &MemoryStore, definition: &SourceDefinition) {
    for progress in store
        .progress_of(definition.shard(), &definition.name)
        .await
        .unwrap()
    {
        let windows = windows(store, &progress.timeline).await;
        let within: Vec<_> = windows
            .into_iter()
            .filter(|window| window.id().from < progress.scheduled_through)
            .collect();
        check_coverage(&progress, &within).unwrap();
    }
}

/// The time so many hours after [`NOW`].
pub(crate) fn hours_later(hours: i64) -> Timestamp {
    NOW.plus_ms(hours * HOUR_MS)
}

/// A worker runs `window` until its deadline: its page holds records of these minutes, and is not
/// the last one.
pub(crate) async fn overrun(
    store: &MemoryStore,
    policy: &Policy,
    window: &Window,
    (oldest, newest): (Timestamp, Timestamp),
    now: Timestamp,
) {
    let lease = claim(store, window, now).await;
    let mut delivered = PageMove::clone(&page(&lease, now, false));
    delivered.totals.records = 100;
    (delivered.totals.oldest, delivered.totals.newest) = (Some(oldest), Some(newest));
    let lease = store.checkpoint(&lease, &delivered.into()).await.unwrap();
    let overruns = lease.window().overruns() + 1;
    let release = Release {
        cause: Cause::OutOfTime(frontier::overdue(lease.window(), overruns, policy)),
        not_before: None,
        error: None,
        now,
    };
    store.release(&lease, &release).await.unwrap();
}

/// `store` as seen by a tick whose writes fail after so many.
pub(crate) fn stopping_after(store: &MemoryStore, writes: u64) -> FailingStore<MemoryStore> {
    let made = AtomicU64::new(0);
    FailingStore::new(store.clone(), move |operation, _| {
        if operation.is_write() && made.fetch_add(1, Ordering::Relaxed) >= writes {
            Fault::Refuse
        } else {
            Fault::None
        }
    })
}
