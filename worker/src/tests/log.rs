//! The fields of a log line that name its source, window and page.

use windlass_function::testing::LogLines;

use super::fake_vendor::{response, well};
use super::harness::Bench;
use crate::Outcome;

#[tokio::test]
async fn every_log_line_names_source_window_epoch() {
    let bench = Bench::new(|asked| match asked.number {
        1 | 3 => Ok(response(503, &[], "{}")),
        _ => well(asked.page, 2),
    })
    .await;
    let lines = LogLines::default();
    let log = lines.start("trace");
    assert_eq!(bench.run().await, Outcome::Completed);
    drop(log);
    let lines = lines.take();
    for line in &lines {
        let span = &line["span"];
        assert_eq!(span["source"], "sample", "{line}");
        assert_eq!(span["window"], bench.id.to_string(), "{line}");
        // The claim has raised it once.
        assert_eq!(span["epoch"], 2, "{line}");
    }
    let with = |message: &str| {
        let found = lines.iter().filter(|line| line["message"] == message);
        found.map(|line| &line["span"]["page"]).collect::<Vec<_>>()
    };
    assert_eq!(with("page requested again"), [0, 1]);
    assert_eq!(with("window run ended").len(), 1);
}

#[tokio::test]
async fn warn_filter_keeps_window_in_line() {
    let bench = Bench::new(|_| Ok(response(503, &[], "{}"))).await;
    let lines = LogLines::default();
    let log = lines.start("warn");
    assert!(matches!(bench.run().await, Outcome::Yielded { .. }));
    drop(log);
    let lines = lines.take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["level"], "WARN");
    assert_eq!(lines[0]["span"]["window"], bench.id.to_string());
}
