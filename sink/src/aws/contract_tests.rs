//! The part of the contract that a stream can keep, and the form of delivered pages.

use super::fake::{Destination, FakeAws, To, firehose, kinesis, unpacked};
use super::*;
use crate::UsageSnapshot;
use crate::conformance::{self, checkpointed, lines, page, restarted, window};

/// A stream, and the bucket for its rejects.
struct Place {
    fake: FakeAws,
    destination: Destination,
}

impl Place {
    fn of(destination: Destination) -> Self {
        let fake = FakeAws::start();
        Self { fake, destination }
    }
}

impl conformance::Destination for Place {
    type Sink = StreamSink;

    fn sink(&self) -> StreamSink {
        let (name, sdk) = ("lake".to_owned(), self.fake.sdk());
        let (kind, stream) = &self.destination;
        StreamSink::in_account(name, *kind, stream, &sdk, self.fake.seams(1))
    }

    fn output(&self, window: &Window) -> Option<Vec<String>> {
        Some(conformance::lines_of(window, self.fake.lines()))
    }

    fn rejects(&self, window: &Window) -> Vec<(u64, Reject)> {
        let state = self.fake.state();
        let lines = state.objects.values();
        let lines = lines.flat_map(|object| std::str::from_utf8(object).unwrap().lines());
        lines
            .filter_map(|line| conformance::reject_of(window, line))
            .collect()
    }
}

#[tokio::test]
async fn firehose_keeps_sink_contract() {
    conformance::keeps_the_contract(|| Place::of(firehose())).await;
}

#[tokio::test]
async fn kinesis_keeps_sink_contract() {
    conformance::keeps_the_contract(|| Place::of(kinesis())).await;
}

#[tokio::test]
async fn unpacked_streams_keep_sink_contract() {
    for of in [StreamKind::Firehose, StreamKind::Kinesis] {
        conformance::keeps_the_contract(|| Place::of(unpacked(of))).await;
    }
}

#[tokio::test]
async fn empty_page_makes_no_call() {
    let (fake, window) = (FakeAws::start(), window("okta"));
    let mut writer = fake.sink(&firehose()).await.open(&window).await.unwrap();
    let nowhere = Written::Durable(None);
    let written = writer.write(&page(&window, 0, 0..0)).await;
    assert_eq!(written.unwrap(), nowhere);
    assert_eq!(fake.requests(To::Firehose), (0, 0));
    let written = writer.write(&page(&window, 1, 0..9)).await;
    assert_eq!(written.unwrap(), nowhere);
    assert_eq!(fake.requests(To::Firehose), (1, 1));
}

#[tokio::test]
async fn window_begun_by_other_sink_restarts() {
    let (fake, window) = (FakeAws::start(), window("okta"));
    let sink = fake.sink(&kinesis()).await;
    let begun = checkpointed(&window, Some("r0:120:0".to_owned()));
    let error = sink.open(&begun).await.unwrap_err();
    assert!(matches!(error, SinkError::Lost { .. }), "{error}");
    sink.open(&restarted(&begun)).await.unwrap();
}

#[tokio::test]
async fn page_packs_into_fewest_records() {
    let (fake, window) = (FakeAws::start(), window("okta"));
    let mut writer = fake.sink(&firehose()).await.open(&window).await.unwrap();
    writer.write(&page(&window, 0, 0..1_200)).await.unwrap();
    assert_eq!(fake.requests(To::Firehose), (1, 3));
    let state = fake.state();
    let counts = state.taken.iter().map(|taken| {
        let lines = std::str::from_utf8(&taken.data).unwrap().lines();
        (taken.stream.as_str(), lines.count())
    });
    assert_eq!(
        counts.collect::<Vec<_>>(),
        [("audit", 500), ("audit", 500), ("audit", 200)]
    );
}

#[tokio::test]
async fn unpacked_call_has_500_one_line_records() {
    for (of, to) in [
        (StreamKind::Firehose, To::Firehose),
        (StreamKind::Kinesis, To::Kinesis),
    ] {
        let (fake, window) = (FakeAws::start(), window("okta"));
        let sink = fake.sink(&unpacked(of)).await;
        let mut writer = sink.open(&window).await.unwrap();
        writer.write(&page(&window, 0, 0..1_200)).await.unwrap();
        assert_eq!(fake.requests(to), (3, 1_200));
        assert_eq!(fake.lines(), lines(&window, 0..1_200));
    }
}

#[tokio::test]
async fn partition_keys_are_unique_and_repeatable() {
    let (fake, window) = (FakeAws::start(), window("okta"));
    let sink = fake.sink(&kinesis()).await;
    for _ in 0..2 {
        let mut writer = sink.open(&window).await.unwrap();
        writer.write(&page(&window, 7, 0..1_200)).await.unwrap();
    }
    let state = fake.state();
    let keys: Vec<_> = state.taken.iter().map(|t| t.key.clone().unwrap()).collect();
    let expected = [0, 1, 2].map(|chunk| format!("okta/2026-01-01T03:00:00.000Z/7/{chunk}"));
    assert_eq!(keys, [expected.clone(), expected].concat());
}

#[tokio::test]
async fn partition_keys_differ_between_page_pieces() {
    let (fake, window) = (FakeAws::start(), window("okta"));
    let sink = fake.sink(&kinesis()).await;
    let mut writer = sink.open(&window).await.unwrap();
    for first in [0, 1_200] {
        let mut piece = page(&window, 7, 0..1_200);
        piece.first = first;
        writer.write(&piece).await.unwrap();
    }
    let state = fake.state();
    let mut keys: Vec<_> = state.taken.iter().map(|t| t.key.clone()).collect();
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!((count, keys.len()), (6, 6));
}

#[tokio::test]
async fn usage_counts_sent_and_billed_bytes() {
    let (fake, window) = (FakeAws::start(), window("okta"));
    let sink = fake.sink(&firehose()).await;
    let mut batch = page(&window, 0, 0..600);
    batch.rejects = vec![conformance::reject(600, b"x")];
    sink.open(&window)
        .await
        .unwrap()
        .write(&batch)
        .await
        .unwrap();
    let expected = UsageSnapshot {
        lines: 600,
        bytes_sent: batch.lines.len() as u64,
        bytes_billed: [batch.ends[499], batch.lines.len() - batch.ends[499]]
            .map(|bytes| (bytes as u64).div_ceil(5_120) * 5_120)
            .iter()
            .sum(),
        calls: 1,
        entries_resent: 0,
        rejected: 1,
    };
    assert_eq!(sink.usage().take(), expected);
    assert_eq!(sink.usage().snapshot(), UsageSnapshot::default());
}

#[tokio::test]
async fn write_releases_page_bytes() {
    for destination in [firehose(), kinesis()] {
        let (fake, window) = (FakeAws::start(), window("okta"));
        let mut writer = fake.sink(&destination).await.open(&window).await.unwrap();
        let batch = page(&window, 0, 0..2_000);
        writer.write(&batch).await.unwrap();
        assert!(batch.lines.is_unique(), "something still holds a slice");
    }
}
