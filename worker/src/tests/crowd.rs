//! Further windows of other sources, in a crowded rate group.

use windlass_core::source::SourceDefinition;
use windlass_core::time::HOUR_MS;
use windlass_core::{Clock as _, WindowId};
use windlass_state::StateStore as _;

use super::fake_vendor::well;
use super::harness::{Bench, definition};
use super::next::three;
use crate::Deadline;

/// A second source of the same rate group, with one ready window.
async fn beside(bench: &Bench) -> WindowId {
    let other = SourceDefinition {
        name: "beside".parse().unwrap(),
        ..definition()
    };
    bench
        .store
        .apply_source(&other, bench.clock.now())
        .await
        .unwrap();
    let mut id = bench.id.clone();
    id.timeline.source = other.name.clone();
    let to = id.from.plus_ms(HOUR_MS);
    let window = windlass_core::Window::new(id.clone(), to, bench.clock.now()).unwrap();
    bench.store.create(&window).await.unwrap();
    let mut marks = windlass_core::Progress::begin(
        id.timeline.clone(),
        id.from,
        None,
        &other.policy,
        bench.clock.now(),
    );
    marks.scheduled_through = to;
    bench
        .store
        .save_progress(other.shard(), &marks)
        .await
        .unwrap();
    id
}

#[tokio::test]
async fn worker_changes_source_only_in_crowded_group() {
    for crowded in [false, true] {
        let (bench, ids) = three(|asked| well(asked.page, 1)).await;
        let other = beside(&bench).await;
        let task = windlass_core::task::Task {
            crowded,
            ..bench.task().await
        };
        let worker = bench.worker(bench.store.clone());
        let report = worker.run(&task, Deadline::NONE).await;
        let done: Vec<_> = report.windows.into_iter().map(|(id, _)| id).collect();
        let mut expected = ids.to_vec();
        expected.extend(crowded.then_some(other));
        assert_eq!(done, expected);
    }
}
