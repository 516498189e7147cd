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
async fn firehose_keeps_the_contract_of_a_sink() {
    conformance::keeps_the_contract(|| Place::of(firehose())).await;
}

#[tokio::test]
async fn kinesis_keeps_the_contract_of_a_sink() {
    conformance::keeps_the_contract(|| Place::of(kinesis())).await;
}

#[tokio::test]
async fn streams_with_one_line_a_record_keep_the_contract_of_a_sink() {
    for of in [StreamKind::Firehose, StreamKind::Kinesis] {
        conformance::keeps_the_contract(|| Place::of(unpacked(of))).await;
    }
}

#[tokio::test]
async fn an_acknowledged_page_has_no_position_and_an_empty_one_makes_no_call() {
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
async fn a_window_that_another_sink_began_begins_again() {
    let (fake, window) = (FakeAws::start(), window("okta"));
    let sink = fake.sink(&kinesis()).await;
    let begun = checkpointed(&window, Some("r0:120:0".to_owned()));
    let error = sink.open(&begun).await.unwrap_err();
    assert!(matches!(error, SinkError::Lost { .. }), "{error}");
    sink.open(&restarted(&begun)).await.unwrap();
}

#[tokio::test]
async fn a_page_becomes_as_few_records_as_the_limits_allow() {
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
async fn without_packing_each_line_is_a_record_and_calls_have_five_hundred() {
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
async fn partition_keys_differ_between_records_and_are_equal_on_every_delivery() {
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
async fn partition_keys_differ_between_pieces_of_a_page() {
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
async fn usage_counts_what_was_sent_and_what_it_is_billed_as() {
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
async fn after_a_write_nobody_holds_the_pages_bytes() {
    for destination in [firehose(), kinesis()] {
        let (fake, window) = (FakeAws::start(), window("okta"));
        let mut writer = fake.sink(&destination).await.open(&window).await.unwrap();
        let batch = page(&window, 0, 0..2_000);
        writer.write(&batch).await.unwrap();
        assert!(batch.lines.is_unique(), "something still holds a slice");
    }
}
