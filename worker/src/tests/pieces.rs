//! Pages with more records than are in memory at once.

use windlass_core::Status;
use windlass_core::limits::RECORDS_AT_ONCE_MAX;
use windlass_core::source::{Order, Policy};
use windlass_core::time::MINUTE_MS;
use windlass_sink::SinkError;
use windlass_sink::failing::{Applied, SinkCall};

use super::fake_vendor::{Response, ordered, response};
use super::harness::{Bench, Setting, definition};
use crate::Outcome;

/// A page of these records and the next token.
#[expect(
    clippy::unnecessary_wraps,
    reason = "beside the other arms of a script"
)]
fn page(records: &[String], next: Option<&str>) -> Response {
    let next = next.map_or_else(String::new, |next| format!(r#","nextPageToken":"{next}""#));
    let body = format!(r#"{{"items":[{}]{next}}}"#, records.join(","));
    Ok(response(200, &[], &body))
}

fn objects(count: usize) -> Vec<String> {
    (0..count).map(|id| format!(r#"{{"id":"{id}"}}"#)).collect()
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|id| id.to_string()).collect()
}

#[tokio::test]
async fn large_page_pieces_share_one_checkpoint() {
    let count = 2 * RECORDS_AT_ONCE_MAX + 1;
    let bench = Bench::new(move |_| page(&objects(count), None)).await;
    assert!(matches!(bench.run().await, Outcome::Completed));
    assert_eq!(bench.sink.calls(SinkCall::Write), 3);
    assert_eq!(bench.output(), ids(count));
    let window = bench.window().await;
    assert_eq!((window.status(), window.page()), (Status::Done, 1));
    assert_eq!(window.records(), count as u64);
}

#[tokio::test]
async fn large_page_is_checkpointed_after_last_piece() {
    let count = 2 * RECORDS_AT_ONCE_MAX + 1;
    let bench = Bench::new(move |_| page(&objects(count), None)).await;
    let error = SinkError::Unavailable {
        sink: "memory".to_owned(),
        problem: "down".to_owned(),
    };
    bench.sink.fail(SinkCall::Write, 3, Applied::Nothing, error);
    assert!(matches!(bench.run().await, Outcome::Yielded { .. }));
    let window = bench.window().await;
    assert_eq!((window.page(), window.records()), (0, 0));
    assert!(matches!(bench.run_when_due().await, Outcome::Completed));
    assert_eq!(bench.output(), ids(count), "each record is there once");
}

#[tokio::test]
async fn pieces_yield_to_other_sources() {
    let count = 3 * RECORDS_AT_ONCE_MAX;
    let bench = Bench::new(move |_| page(&objects(count), None)).await;
    let log = bench.log.clone();
    let neighbor = tokio::spawn(async move {
        loop {
            log.push("another source".to_owned());
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(bench.run().await, Outcome::Completed);
    neighbor.abort();
    let events = bench.log.events();
    let writes: Vec<_> = events
        .iter()
        .enumerate()
        .filter(|(_, event)| event.starts_with("write 0"))
        .map(|(at, event)| (at, event.as_str()))
        .collect();
    assert_eq!(writes.len(), 6, "a page of three pieces");
    for pair in writes.windows(2) {
        let [(ended, "write 0 ends"), (begun, "write 0 begins")] = pair else {
            continue;
        };
        assert!(begun - ended > 1, "a piece was read without a pause");
    }
}

#[tokio::test]
async fn rejects_of_pieces_keep_page_positions() {
    let count = 3 * RECORDS_AT_ONCE_MAX;
    let bench = Bench::new(move |_| page(&vec!["0".to_owned(); count], None)).await;
    assert!(matches!(bench.run().await, Outcome::Completed));
    let rejects = bench.output.rejects(&bench.id);
    let places: Vec<_> = rejects.iter().map(|(_, reject)| reject.index).collect();
    assert_eq!(places, (0..count).collect::<Vec<_>>());
    assert_eq!(bench.window().await.rejected(), count as u64);
}

#[tokio::test]
async fn order_and_times_span_whole_page() {
    for late in [
        None,
        Some(RECORDS_AT_ONCE_MAX),
        Some(RECORDS_AT_ONCE_MAX + 5),
    ] {
        let record = move |at: usize| {
            let minute = match at {
                0 => 40,
                _ if late == Some(at) => 59,
                _ => 30,
            };
            format!(r#"{{"id":"{at}","time":"2026-01-01T00:{minute}:00Z"}}"#)
        };
        let setting = Setting {
            manifest: ordered("newest_first"),
            policy: Policy {
                strict_order: Some(Order::NewestFirst),
                ..definition().policy
            },
            ..Setting::default()
        };
        let bench = Bench::with(setting, move |_| {
            let records: Vec<_> = (0..2 * RECORDS_AT_ONCE_MAX).map(record).collect();
            page(&records, None)
        })
        .await;
        assert_eq!(bench.run().await, Outcome::Completed);
        let window = bench.window().await;
        assert_eq!(window.ordered(), late.is_none(), "{late:?}");
        let minute = |minute: i64| Some(bench.id.from.plus_ms(minute * MINUTE_MS));
        assert_eq!(window.oldest(), minute(30));
        assert_eq!(
            window.newest(),
            minute(if late.is_some() { 59 } else { 40 })
        );
    }
}
