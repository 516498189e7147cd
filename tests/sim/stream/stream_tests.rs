use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use windlass_core::clock::SeededEntropy;
use windlass_core::ids::WindowId;
use windlass_core::time::HOUR_MS;
use windlass_core::window::Window;
use windlass_sink::aws::StreamSink;
use windlass_sink::{Batch, Reject, Sink, SinkError, WindowWriter};

use super::*;
use crate::clock::SimClock;
use crate::true_time;

const WINDOW: &str = "sim/0123456789ab/live/2026-03-02T00:00:00.000Z";
const PAGES: u64 = 20;
const LINES: usize = 60;

fn window() -> WindowId {
    WINDOW.parse().unwrap()
}

/// A page of `count` lines, as the worker makes them.
fn page(number: u64, count: usize) -> Batch {
    let (mut lines, mut ends) = (String::new(), Vec::new());
    for index in 0..count {
        let id = format!("e{number}-{index}");
        lines.push_str(&format!(
            "{{\"_windlass\":{{\"source\":\"sim\",\"window\":\"{WINDOW}\",\"page\":{number},\
             \"id\":\"{id}\",\"id_kind\":\"vendor\"}},\"pad\":\"{}\"}}\n",
            "x".repeat(100)
        ));
        ends.push(lines.len());
    }
    Batch {
        window: window(),
        page: number,
        first: 0,
        lines: Bytes::from(lines),
        ends,
        rejects: Vec::new(),
    }
}

/// The production sink on `stream`.
async fn sink(stream: &Arc<Stream>) -> StreamSink {
    let seams = windlass_sink::Seams {
        clock: Arc::new(SimClock::TRUE),
        entropy: Arc::new(SeededEntropy::new(5)),
    };
    let (name, settings, sdk) = ("lake".to_owned(), stream.settings(), stream.sdk());
    let kind = windlass_sink::stream_config::StreamKind::Firehose;
    let sink = StreamSink::new(name, kind, &settings, &sdk, seams);
    sink.await.unwrap()
}

async fn write(sink: &StreamSink, batch: &Batch) -> Result<(), SinkError> {
    let window = Window::new(window(), window().from.plus_ms(HOUR_MS), true_time::now());
    let window = window.unwrap();
    let mut writer = sink.open(&window).await?;
    writer.write(batch).await.map(drop)
}

/// Writes twenty pages, each until it is acknowledged. Returns the number of failed writes.
async fn twenty_pages(stream: &Arc<Stream>) -> u64 {
    let sink = sink(stream).await;
    let mut failed = 0;
    for number in 0..PAGES {
        let batch = page(number, LINES);
        while write(&sink, &batch).await.is_err() {
            failed += 1;
        }
    }
    failed
}

fn times(stream: &Stream) -> BTreeMap<String, u64> {
    let mut times = BTreeMap::new();
    for line in stream.delivered_from(0) {
        *times.entry(line.id).or_default() += 1;
    }
    times
}

#[tokio::test(start_paused = true)]
async fn lines_arrive_with_id_window_and_page() {
    true_time::begin();
    let stream = Stream::new(StreamSpec::plain(), 1);
    write(&sink(&stream).await, &page(7, 3)).await.unwrap();
    let delivered = stream.delivered_from(0);
    let ids: Vec<_> = delivered.iter().map(|line| line.id.as_str()).collect();
    assert_eq!(ids, ["e7-0", "e7-1", "e7-2"]);
    let first = &delivered[0];
    assert_eq!((&first.window, first.page), (&window(), 7));
    assert_eq!(first.source, "sim");
    assert!(first.at >= true_time::WORLD_EPOCH && first.at < true_time::now());
    assert_eq!(stream.delivered_from(2), delivered[2..]);
    assert_eq!(stream.violations(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn faults_repeat_only_unacknowledged_lines() {
    for kind in StreamFault::ALL {
        true_time::begin();
        let mut spec = StreamSpec::plain();
        (spec.faults_per_mille, spec.kinds) = (400, vec![kind]);
        let stream = Stream::new(spec, 3);
        let failed = twenty_pages(&stream).await;
        let times = times(&stream);
        assert_eq!(times.len(), LINES * 20, "{kind:?}");
        let twice: u64 = times.values().map(|times| times - 1).sum();
        // Only a page that failed as a whole repeats acknowledged lines.
        let bound = stream.unacknowledged() + failed * 60;
        assert!(twice <= bound, "{kind:?}: {twice} of {bound}");
        assert!(stream.faults()[kind.name()] >= 3, "{kind:?}");
        let repeats = matches!(
            kind,
            StreamFault::HangupAfter | StreamFault::Silence | StreamFault::ShortResponse
        );
        assert_eq!(stream.unacknowledged() > 0, repeats, "{kind:?}");
        assert_eq!(stream.violations(), Vec::<String>::new(), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn outage_fails_page_until_stream_recovers() {
    true_time::begin();
    let mut spec = StreamSpec::plain();
    spec.faults_per_mille = 1_000;
    let stream = Stream::new(spec, 3);
    stream.trouble(StreamFault::Broken, true_time::now().plus_ms(HOUR_MS));
    let (sink, batch) = (sink(&stream).await, page(0, 10));
    assert!(write(&sink, &batch).await.is_err());
    assert!(stream.delivered_from(0).is_empty());
    stream.quiet();
    assert!(write(&sink, &batch).await.is_ok());
    assert_eq!(stream.delivered_from(0).len(), 10);
}

#[tokio::test(start_paused = true)]
async fn canceled_call_counts_as_unacknowledged() {
    true_time::begin();
    let mut spec = StreamSpec::plain();
    spec.latency_ms = 1_000..=1_000;
    let stream = Stream::new(spec, 3);
    let (sink, batch) = (sink(&stream).await, page(0, 10));
    let limit = Duration::from_millis(800);
    assert!(
        tokio::time::timeout(limit, write(&sink, &batch))
            .await
            .is_err()
    );
    assert_eq!(
        (stream.delivered_from(0).len(), stream.unacknowledged()),
        (10, 10)
    );
}

#[tokio::test(start_paused = true)]
async fn same_seed_gives_same_faults_and_times() {
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        true_time::begin();
        let mut spec = StreamSpec::draw(&mut fastrand::Rng::with_seed(seed));
        (spec.faults_per_mille, spec.kinds) = (300, StreamFault::ALL.to_vec());
        let stream = Stream::new(spec, seed);
        twenty_pages(&stream).await;
        runs.push((stream.faults(), stream.delivered_from(0)));
    }
    assert!(runs[0] == runs[1] && runs[0] != runs[2]);
}

#[tokio::test(start_paused = true)]
async fn invalid_calls_and_leaked_credentials_are_violations() {
    true_time::begin();
    let mut spec = StreamSpec::plain();
    spec.canaries = vec!["pad\":\"xxx".to_owned()];
    let stream = Stream::new(spec, 3);
    let call = |records: &str| {
        let body = format!("{{\"DeliveryStreamName\":\"audit\",\"Records\":[{records}]}}");
        stream.put_records(body.as_bytes(), None, true_time::now());
        stream.violations().len()
    };
    let many = vec!["{\"Data\":\"Cg==\"}"; 501].join(",");
    assert_eq!(call(&many), 1);
    assert_eq!(call(""), 2);
    let large = format!("{{\"Data\":\"{}\"}}", "AAAA".repeat(350_000));
    assert_eq!(call(&large), 3);
    assert!(stream.delivered_from(0).is_empty());
    write(&sink(&stream).await, &page(0, 1)).await.unwrap();
    assert!(stream.violations()[3].contains("credential"));
}

#[tokio::test(start_paused = true)]
async fn rejects_are_a_violation() {
    true_time::begin();
    let stream = Stream::new(StreamSpec::plain(), 3);
    let mut batch = page(2, 1);
    batch.rejects.push(Reject {
        index: 1,
        reason: "not an object".to_owned(),
        raw: Bytes::from_static(b"7"),
    });
    write(&sink(&stream).await, &batch).await.unwrap();
    let said = stream.violations().concat();
    assert!(
        said.contains("00002.jsonl") && said.contains("not an object"),
        "{said}"
    );
    assert_eq!(stream.delivered_from(0).len(), 1);
}
