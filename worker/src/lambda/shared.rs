//! Concurrent tasks of quiet windows in one invocation.

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use windlass_core::limits;
use windlass_core::task::Task;
use windlass_state::StateStore;

use crate::{AdapterFactory, Deadline, Report, Worker};

/// Runs `tasks`, a few at once. Returns the reports of the tasks that began.
///
/// The first few begin with the invocation, whatever its time: each tries a page. A later task
/// without time left stays dispatched, as further windows of a task do: claiming it only to release
/// it would cost two writes, or an expired lease.
pub async fn run_side_by_side<S: StateStore, O: AdapterFactory>(
    worker: &Worker<S, O>,
    tasks: &[Task],
    deadline: Deadline,
) -> Vec<Report> {
    // Boxed one by one: a run is one large future, and a closure over a lifetime would not be
    // `Send`.
    let mut runs: Vec<BoxFuture<'_, Option<Report>>> = Vec::with_capacity(tasks.len());
    for (place, task) in tasks.iter().enumerate() {
        runs.push(Box::pin(run_one_of(worker, place, task, deadline)));
    }
    let reports = stream::iter(runs).buffer_unordered(limits::TASKS_AT_ONCE_MAX);
    let reports: Vec<_> = reports.filter_map(std::future::ready).collect().await;
    let left = tasks.len() - reports.len();
    if left > 0 {
        tracing::info!(left, "tasks left dispatched at the invocation's deadline");
    }
    reports
}

/// Runs the task at `place`, if there is time. A crowded group has more windows than those named.
async fn run_one_of<S: StateStore, O: AdapterFactory>(
    worker: &Worker<S, O>,
    place: usize,
    task: &Task,
    deadline: Deadline,
) -> Option<Report> {
    if place >= limits::TASKS_AT_ONCE_MAX && !deadline.has_time(worker.now(), 0) {
        return None;
    }
    Some(if task.crowded {
        worker.run(task, deadline).await
    } else {
        worker.run_named(task, deadline).await
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use windlass_connectors::http::HttpTransport;
    use windlass_core::clock::{ManualClock, SeededEntropy};
    use windlass_core::ids::WindowId;
    use windlass_core::source::SourceRecord;
    use windlass_core::task::{TASK_VERSION, TaskWindow};
    use windlass_core::time::{HOUR_MS, SECOND_MS, Timestamp};
    use windlass_core::{Clock as _, Window};
    use windlass_sink::any::AnySink;
    use windlass_state::MemoryStore;
    use windlass_state::failing::{FailingStore, Fault, Operation};

    use super::*;
    use crate::{AdapterError, Adapters, Seams, Stop};

    const TASKS: usize = 12;

    /// For sources that do not exist: it is never called.
    struct NoAdapters;

    impl AdapterFactory for NoAdapters {
        type Transport = HttpTransport;
        type Sink = AnySink;

        async fn adapters(
            &self,
            _: &SourceRecord,
        ) -> Result<Adapters<HttpTransport, AnySink>, AdapterError> {
            unreachable!("no source is stored")
        }
    }

    /// The number of [`TASKS`] one-window tasks that begin within a minute, and the number of
    /// windows that keep their epoch, when each claim takes `claim_ms`.
    async fn begun_and_left(claim_ms: i64) -> (usize, usize) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_ms(0)));
        let memory = MemoryStore::new();
        let mut tasks = Vec::new();
        for number in 0..TASKS {
            let id: WindowId = format!("quiet-{number}/0123456789ab/live/1970-01-01T00:00:00Z")
                .parse()
                .unwrap();
            let to = id.from.plus_ms(HOUR_MS);
            let window = Window::new(id.clone(), to, clock.now()).unwrap();
            memory.create(&window).await.unwrap();
            let source = id.timeline.source.clone();
            tasks.push(Task {
                version: TASK_VERSION,
                shard: 0.try_into().unwrap(),
                source,
                windows: vec![TaskWindow {
                    epoch: window.epoch(),
                    id,
                }],
                requests_per_minute: None,
                reserves_requests: false,
                crowded: false,
                witnesses: Vec::new(),
            });
        }
        let slow = move |operation, _| match operation {
            Operation::Claim => Fault::Delay { ms: claim_ms },
            _ => Fault::None,
        };
        let store = FailingStore::new(memory.clone(), slow).with_clock(clock.clone());
        let seams = Seams {
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
            stop: Stop::default(),
            observer: None,
        };
        let worker = Worker::new(store, NoAdapters, seams);
        let deadline = Deadline::killed_at(clock.now().plus_ms(60 * SECOND_MS));
        let reports = run_side_by_side(&worker, &tasks, deadline).await;
        let mut left = 0;
        for TaskWindow { id, epoch } in tasks.iter().flat_map(|task| &task.windows) {
            let window = memory.window(id).await.unwrap().unwrap();
            left += usize::from(window.epoch() == *epoch);
        }
        let begun = reports.iter().map(|report| report.windows.len()).sum();
        (begun, left)
    }

    #[tokio::test]
    async fn all_shared_tasks_complete_before_deadline() {
        assert_eq!(begun_and_left(SECOND_MS).await, (TASKS, 0));
    }

    #[tokio::test]
    async fn excess_task_stays_dispatched_at_deadline() {
        let begun = limits::TASKS_AT_ONCE_MAX;
        assert_eq!(begun_and_left(50 * SECOND_MS).await, (begun, TASKS - begun));
    }
}
