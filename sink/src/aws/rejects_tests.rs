//! Delivery of records that a stream rejects.

use serde_json::Value;
use windlass_core::ids::WindowId;

use super::fake::{FakeAws, Fault, To, firehose, kinesis, stream};
use super::faults_tests::page_of;
use super::*;
use crate::conformance::{lines, page, reject, window};

const OBJECT: &str = "/audit-lake/rejects/okta/2026-01-01/okta_0123456789ab_live_2026-01-01T030000.000Z/00000000000000000007.jsonl";

/// The rejects in the object of page 7.
fn rejects(fake: &FakeAws) -> Vec<Value> {
    let state = fake.state();
    let text = std::str::from_utf8(&state.objects[OBJECT]).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn oversized_record_becomes_reject() {
    for (destination, to, max) in [
        (firehose(), To::Firehose, 1_024_000),
        (kinesis(), To::Kinesis, 1_048_320),
    ] {
        let (fake, window) = (FakeAws::start(), window("okta"));
        let sink = fake.sink(&destination).await;
        let mut writer = sink.open(&window).await.unwrap();
        let mut batch = page_of(&window, &[20, max + 1, 30]);
        batch.page = 7;
        writer.write(&batch).await.unwrap();
        assert_eq!((writer.take_rejected(), writer.take_rejected()), (1, 0));
        writer.write(&page(&window, 8, 0..2)).await.unwrap();
        assert_eq!(writer.take_rejected(), 0);
        writer.finish().await.unwrap();

        let rejects = rejects(&fake);
        assert_eq!(rejects.len(), 1);
        assert_eq!(rejects[0]["window"], window.id().to_string());
        assert_eq!(
            (&rejects[0]["page"], &rejects[0]["index"]),
            (&7.into(), &1.into())
        );
        assert_eq!(
            rejects[0]["reason"],
            format!(
                "its line has {} bytes, and a record of the stream has at most {max}; `raw` is \
                 that line",
                max + 1
            )
        );
        assert_eq!(rejects[0]["raw"], "x".repeat(max));
        let short = ["x".repeat(19), "x".repeat(29)];
        assert_eq!(fake.lines(), [&short[..], &lines(&window, 0..2)].concat());
        assert_eq!(fake.requests(to).0, 2);
        assert_eq!(sink.usage().snapshot().rejected, 1);
    }
}

#[tokio::test]
async fn rejects_form_one_object_in_page_order() {
    let (fake, window) = (FakeAws::start(), window("okta"));
    let mut batch = page_of(&window, &[20, 1_024_001, 30, 1_024_002]);
    batch.page = 7;
    // The page held: line, reject, oversized line, reject, reject, line, oversized line.
    batch.rejects = vec![reject(1, b"a"), reject(3, b"b"), reject(4, b"\xff")];
    let mut writer = fake.sink(&firehose()).await.open(&window).await.unwrap();
    writer.write(&batch).await.unwrap();
    let indexes: Vec<_> = rejects(&fake).iter().map(|r| r["index"].clone()).collect();
    assert_eq!(indexes, [1, 2, 3, 4, 6]);
    assert_eq!(rejects(&fake)[3]["raw_hex"], "ff");
    assert_eq!(fake.requests(To::S3).0, 1);
}

#[tokio::test]
async fn redelivered_page_replaces_its_rejects() {
    let (fake, window) = (FakeAws::start(), window("okta"));
    let sink = fake.sink(&firehose()).await;
    let mut batch = page(&window, 7, 0..1);
    batch.rejects = vec![reject(1, b"x")];
    for _ in 0..2 {
        let mut writer = sink.open(&window).await.unwrap();
        writer.write(&batch).await.unwrap();
    }
    assert_eq!(fake.requests(To::S3).0, 2);
    assert_eq!(fake.state().objects.len(), 1);
    assert_eq!(rejects(&fake).len(), 1);
}

#[tokio::test]
async fn unstorable_rejects_hold_back_page() {
    let (fake, window) = (FakeAws::start(), window("okta"));
    let mut writer = fake.sink(&firehose()).await.open(&window).await.unwrap();
    let mut batch = page(&window, 7, 0..1);
    batch.rejects = vec![reject(1, b"x")];
    fake.fail(
        To::S3,
        (0..99).map(|_| Fault::Response(503, "SlowDown", "Reduce your rate")),
    );
    let error = writer.write(&batch).await.unwrap_err();
    assert!(matches!(error, SinkError::Unavailable { .. }), "{error}");
    let expected =
        "bucket `audit-lake` for rejects returned HTTP 503 SlowDown; AWS message: Reduce your rate";
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(fake.requests(To::Firehose), (0, 0));
    assert!(fake.clock.slept_ms() <= crate::retry_limit::WAIT_MS_MAX);
}

#[tokio::test]
async fn transient_rejects_failure_is_retried() {
    let (fake, window) = (FakeAws::start(), window("okta"));
    fake.fail(
        To::S3,
        [
            Fault::Response(500, "InternalError", ""),
            Fault::Hangup { applied: true },
            Fault::Hangup { applied: false },
        ],
    );
    let mut writer = fake.sink(&firehose()).await.open(&window).await.unwrap();
    let mut batch = page(&window, 7, 0..1);
    batch.rejects = vec![reject(1, b"x")];
    writer.write(&batch).await.unwrap();
    assert_eq!(rejects(&fake).len(), 1);
    assert_eq!(fake.requests(To::S3).0, 4);
}

#[tokio::test]
async fn custom_endpoint_uses_path_style_bucket() {
    let (fake, window) = (FakeAws::start(), window("okta"));
    let url = fake.url().replace("127.0.0.1", "localhost");
    let sdk = fake.sdk().into_builder().endpoint_url(url).build();
    let (name, (kind, stream)) = ("lake".to_owned(), firehose());
    let sink = StreamSink::new(name, kind, &stream, &sdk, fake.seams(1));
    let mut writer = sink.await.unwrap().open(&window).await.unwrap();
    let mut batch = page(&window, 7, 0..1);
    batch.rejects = vec![reject(1, b"x")];
    writer.write(&batch).await.unwrap();
    assert_eq!(rejects(&fake).len(), 1);
}

#[tokio::test]
async fn rejects_keys_are_unique_and_safe() {
    let fake = FakeAws::start();
    let bucket = RejectsBucket::new(&stream(), &fake.sdk());
    let (longest_source, longest_lane) = ("s".repeat(63), format!("backfill-{}", "b".repeat(63)));
    let longest = format!("{longest_source}/0123456789ab/{longest_lane}");
    let windows = [
        "okta/0123456789ab/live/2026-01-01T03:00:00.000Z",
        "okta/0123456789ab/live/2026-01-01T03:00:00.001Z",
        "okta/0123456789ab/live/2026-01-01T00:30:00.000Z",
        "okta/0123456789ab/sweep-1/2026-01-01T03:00:00.000Z",
        "okta/0123456789ac/live/2026-01-01T03:00:00.000Z",
        &format!("{longest}/2026-01-01T03:00:00.000Z"),
    ]
    .map(|id| id.parse::<WindowId>().unwrap());
    let pages = [0, 1, 10, u64::MAX];
    let pieces = |page| [0, 10_000, usize::MAX].map(|first| (page, first));
    let keys = windows.iter().flat_map(|window| {
        let pieces = pages.into_iter().flat_map(pieces);
        pieces.map(|(page, first)| bucket.key(window, page, first))
    });
    let mut keys: Vec<_> = keys.collect();
    for key in &keys {
        assert!(key.len() <= 512, "{key}");
        let is_safe = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        assert!(key.chars().all(is_safe), "{key}");
    }
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), count);
}
