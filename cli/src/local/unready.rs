//! Tasks of sources whose sink cannot be used: their windows are taken back unclaimed, and the source
//! is blocked until its next probe.
//!
//! A claim would be a trace of work: a complete file of a window that was claimed passes as one that
//! the state's own worker delivered, and the comparison with the folder is made only when the sink is
//! opened.

use windlass_core::block::BlockCause;
use windlass_core::ids::SourceName;
use windlass_core::scavenge;
use windlass_core::shard::Shard;
use windlass_core::source::{BlockChange, Blocked};
use windlass_core::task::Task;
use windlass_core::time::Timestamp;
use windlass_core::window::Status;
use windlass_state::{MoveError, StateError, StateStore};
use windlass_worker::{Outcome, Report};

use crate::state::Store;

/// Blocks the source of `task` because of `why`, and takes the windows of `task` back.
pub(super) async fn put_off(store: &Store, task: &Task, why: &str, now: Timestamp) -> Report {
    let put_off = async {
        block(store, (task.shard, &task.source), why, now).await?;
        take_back(store, task, now).await
    };
    match put_off.await {
        Ok(()) => Report::default(),
        Err(error) => failed(task, &error),
    }
}

/// The report of a task that ended because the state failed.
pub(super) fn failed(task: &Task, error: &StateError) -> Report {
    let outcome = |id| (id, Outcome::StateFailed(error.clone()));
    let windows = task.windows.iter().take(1);
    Report {
        windows: windows.map(|window| outcome(window.id.clone())).collect(),
    }
}

/// Blocks the source `name`, or keeps it blocked, because of `why`.
pub(super) async fn block(
    store: &Store,
    (shard, name): (Shard, &SourceName),
    why: &str,
    now: Timestamp,
) -> Result<(), StateError> {
    let Some(record) = store.source(shard, name).await? else {
        return Ok(());
    };
    let since = record.blocked.map_or(now, |blocked| blocked.since);
    let blocked = Blocked::new(why.to_owned(), BlockCause::Local, since, now);
    let change = BlockChange::Block(blocked);
    let written = store.block_source(shard, name, record.version, &change);
    written.await.map(drop)
}

/// Makes the windows of `task` ready again. One that has moved meanwhile stays as it is.
async fn take_back(store: &Store, task: &Task, now: Timestamp) -> Result<(), StateError> {
    for sent in &task.windows {
        let window = store.window(&sent.id).await?;
        let is_sent = |it: &windlass_core::Window| {
            it.status() == Status::Dispatched && it.epoch() == sent.epoch
        };
        let Some(window) = window.filter(is_sent) else {
            continue;
        };
        let Some(event) = scavenge::recover(&window, now) else {
            continue;
        };
        match store.decide(&window, &event).await {
            Ok(_) | Err(MoveError::Refused { .. } | MoveError::NotFound(_)) => {}
            Err(MoveError::Store(error)) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use windlass_core::task::{TASK_VERSION, TaskWindow};
    use windlass_core::time::MINUTE_MS;
    use windlass_core::transition::Event;

    use super::*;
    use crate::testing::{Bench, CONFIG, at, window};

    #[tokio::test]
    async fn window_returns_unclaimed_and_source_blocks() {
        let bench = Bench::new(CONFIG);
        let (store, definition) = (bench.store(), bench.definition());
        store.apply_source(&definition, at(0)).await.unwrap();
        let window = window(&definition);
        store.create(&window).await.unwrap();
        for (minute, why) in [(1, "sink `lake` is full"), (2, "sink `lake` is unusable")] {
            let dispatch = Event::Dispatch {
                until: Timestamp::MAX,
                now: at(minute),
            };
            let ready = store.window(window.id()).await.unwrap().unwrap();
            let sent = store.decide(&ready, &dispatch).await.unwrap();
            let task = Task {
                version: TASK_VERSION,
                shard: definition.shard(),
                source: definition.name.clone(),
                windows: vec![TaskWindow {
                    id: sent.id().clone(),
                    epoch: sent.epoch(),
                }],
                requests_per_minute: None,
                reserves_requests: false,
                crowded: false,
                witnesses: Vec::new(),
            };
            let report = put_off(&store, &task, why, at(minute)).await;
            assert_eq!(report, Report::default());
            let back = store.window(window.id()).await.unwrap().unwrap();
            assert_eq!((back.status(), back.runs()), (Status::Ready, 0));
            let blocked = bench.record().await.blocked.unwrap();
            assert_eq!((blocked.reason.as_str(), blocked.since), (why, at(1)));
            assert_eq!(blocked.probe_at, at(minute).plus_ms(MINUTE_MS));
        }
    }
}
