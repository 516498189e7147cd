//! Sinks that hold pages: a held page is neither checkpointed, nor stored as seen, nor done.

use windlass_sink::SinkError;
use windlass_sink::failing::{Applied, SinkCall};
use windlass_state::failing::{Fault, Operation};

use super::fake_vendor::{all, well};
use super::harness::{Bench, Setting};
use super::sweeps::{seen, swept, with_late};
use crate::{Deadline, Outcome};

/// Runs the window and logs each write to the state with the lines that are durable at that moment.
async fn run_logged(bench: &Bench) -> Vec<String> {
    let (log, output) = (bench.log.clone(), bench.output.clone());
    let worker = bench.worker_with(move |operation, _| {
        if let Operation::Checkpoint | Operation::Complete | Operation::Remember = operation {
            log.push(format!("{operation:?} at {}", output.written().len()));
        }
        Fault::None
    });
    worker.run(&bench.task().await, Deadline::NONE).await;
    let mut events = bench.log.events();
    events.retain(|event| event.contains(" at "));
    events
}

#[tokio::test]
async fn held_page_is_flushed_before_checkpoint() {
    let setting = Setting {
        holds: true,
        ..Setting::default()
    };
    let bench = Bench::with(setting, |asked| well(asked.page, 3)).await;
    let events = run_logged(&bench).await;
    assert_eq!(
        events,
        ["Checkpoint at 3", "Checkpoint at 6", "Complete at 9"]
    );
    assert_eq!(bench.output(), all(3));
}

#[tokio::test]
async fn held_last_page_is_durable_before_done() {
    let setting = Setting {
        holds: true,
        ..swept()
    };
    let bench = Bench::with(setting, with_late(&[])).await;
    let events = run_logged(&bench).await;
    let expected = [
        "Remember at 2",
        "Checkpoint at 2",
        "Remember at 3",
        "Complete at 3",
    ];
    assert_eq!(events, expected);
    assert_eq!(seen(&bench).await.len(), 2);
}

#[tokio::test]
async fn failed_flush_redelivers_page_once() {
    let setting = Setting {
        holds: true,
        ..Setting::default()
    };
    let bench = Bench::with(setting, |asked| well(asked.page, 3)).await;
    let error = SinkError::Unavailable {
        sink: "memory".to_owned(),
        problem: "scripted failure".to_owned(),
    };
    for (number, applied) in [(1, Applied::Nothing), (2, Applied::All)] {
        bench
            .sink
            .fail(SinkCall::Flush, number, applied, error.clone());
        let outcome = bench.run_when_due().await;
        assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
        assert_eq!(bench.window().await.page(), 0, "nothing is checkpointed");
    }
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
    assert_eq!(bench.output(), all(3));
}
