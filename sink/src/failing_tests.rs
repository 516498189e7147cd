//! The wrapper fails exactly as planned, and leaves the planned extent behind.

use super::*;
use crate::conformance::{checkpointed, page, reject, window};
use crate::memory::MemorySink;

fn error() -> SinkError {
    SinkError::Unavailable {
        sink: "memory".to_owned(),
        problem: "planned".to_owned(),
    }
}

fn sink() -> FailingSink<MemorySink> {
    FailingSink::new(MemorySink::new("memory"))
}

/// The number of lines and rejects of the window that arrived after its second page failed.
async fn arrived(applied: Applied) -> (usize, usize) {
    let (sink, window) = (sink(), window("okta"));
    sink.fail(SinkCall::Write, 2, applied, error());
    let mut writer = sink.open(&window).await.unwrap();
    writer.write(&page(&window, 0, 0..1)).await.unwrap();
    let mut batch = page(&window, 1, 1..5);
    batch.rejects = vec![reject(0, b"x")];
    assert_eq!(writer.write(&batch).await, Err(error()));
    let memory = sink.inner();
    (
        memory.in_progress(window.id()).len(),
        memory.rejects(window.id()).len(),
    )
}

#[tokio::test]
async fn planned_fault_applies_none_half_or_all() {
    assert_eq!(arrived(Applied::Nothing).await, (1, 0));
    assert_eq!(arrived(Applied::Half).await, (3, 0));
    assert_eq!(arrived(Applied::All).await, (5, 1));
}

#[tokio::test]
async fn half_of_one_line_page_is_nothing() {
    let (sink, window) = (sink(), window("okta"));
    sink.fail(SinkCall::Write, 1, Applied::Half, error());
    let mut writer = sink.open(&window).await.unwrap();
    writer.write(&page(&window, 0, 0..1)).await.unwrap_err();
    assert!(sink.inner().in_progress(window.id()).is_empty());
}

#[tokio::test]
async fn finish_is_repeatable_after_lost_response() {
    for (applied, done) in [(Applied::Nothing, false), (Applied::All, true)] {
        let (sink, window) = (sink(), window("okta"));
        sink.fail(SinkCall::Finish, 1, applied, error());
        let mut writer = sink.open(&window).await.unwrap();
        let position =
            crate::conformance::position(writer.write(&page(&window, 0, 0..2)).await.unwrap());
        assert_eq!(writer.finish().await, Err(error()));
        assert_eq!(sink.inner().output(window.id()).is_some(), done);
        let at = checkpointed(&window, position);
        sink.open(&at).await.unwrap().finish().await.unwrap();
        assert_eq!(sink.inner().output(window.id()).unwrap().len(), 2);
    }
}

#[tokio::test]
async fn open_truncates_despite_lost_response() {
    for (applied, left) in [(Applied::Nothing, 2), (Applied::All, 0)] {
        let (sink, window) = (sink(), window("okta"));
        sink.fail(SinkCall::Open, 2, applied, error());
        let mut writer = sink.open(&window).await.unwrap();
        writer.write(&page(&window, 0, 0..2)).await.unwrap();
        assert_eq!(sink.open(&window).await.err(), Some(error()));
        assert_eq!(sink.inner().in_progress(window.id()).len(), left);
    }
}

#[tokio::test]
async fn failed_writer_stays_failed_until_reopened() {
    let (sink, window) = (sink(), window("okta"));
    sink.fail(SinkCall::Write, 1, Applied::Nothing, error());
    let mut writer = sink.open(&window).await.unwrap();
    for _ in 0..2 {
        assert_eq!(writer.write(&page(&window, 0, 0..2)).await, Err(error()));
        assert_eq!(writer.finish().await, Err(error()));
    }
    assert!(sink.inner().written().is_empty());
    let mut writer = sink.open(&window).await.unwrap();
    writer.write(&page(&window, 0, 0..2)).await.unwrap();
    let calls = [SinkCall::Open, SinkCall::Write, SinkCall::Finish].map(|call| sink.calls(call));
    assert_eq!(calls, [2, 3, 2]);
}
