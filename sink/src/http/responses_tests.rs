//! The meaning of each response of a collector.

use std::collections::BTreeMap;

use windlass_core::time::{HOUR_MS, MINUTE_MS};

use super::collector::BODY_BYTES_MAX;
use super::post::BODY_BYTES_MAX_LEARNED;
use super::tests::{Fake, Fault, Place, sink};
use super::*;
use crate::conformance::{self, lines, page, reject, window};
use crate::retry_limit;

#[tokio::test]
async fn unavailable_collector_is_retried_with_same_key() {
    let window = window("okta");
    for status in [408, 429, 500, 503] {
        let fake = Fake::new();
        let (sink, clock) = sink(&fake);
        let mut writer = sink.open(&window).await.unwrap();
        fake.fail([Fault::Returns(status, None), Fault::Returns(status, None)]);
        writer.write(&page(&window, 0, 0..3)).await.unwrap();
        assert_eq!(fake.lines("/in"), lines(&window, 0..3));
        let sent = fake.sent();
        assert_eq!(sent.len(), 3);
        assert!(sent.iter().all(|it| it.key == sent[0].key), "{sent:?}");
        fake.always(Some(Fault::Returns(status, None)));
        let error = writer.write(&page(&window, 1, 3..5)).await.unwrap_err();
        assert!(matches!(error, SinkError::Unavailable { .. }), "{error}");
        let returned = format!("collector https://collector.example returned HTTP {status}");
        assert!(error.to_string().contains(&returned), "{error}");
        assert!(clock.slept_ms() <= 2 * retry_limit::WAIT_MS_MAX);
    }
}

#[tokio::test]
async fn only_short_retry_after_is_slept_through() {
    let (fake, window) = (Fake::new(), window("okta"));
    let (sink, clock) = sink(&fake);
    let mut writer = sink.open(&window).await.unwrap();
    fake.fail([Fault::Returns(429, Some(7_000))]);
    writer.write(&page(&window, 0, 0..3)).await.unwrap();
    assert!(clock.slept_ms() >= 7_000, "{}", clock.slept_ms());

    fake.fail([Fault::Returns(503, Some(5 * MINUTE_MS))]);
    let error = writer.write(&page(&window, 1, 3..5)).await.unwrap_err();
    let SinkError::Throttled { wait_ms, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(wait_ms, 5 * MINUTE_MS);
    // The other windows of this process obey the wait without a call of their own.
    let (calls, mut other) = (fake.sent().len(), sink.open(&window).await.unwrap());
    clock.advance_ms(MINUTE_MS);
    let error = other.write(&page(&window, 0, 0..3)).await.unwrap_err();
    let SinkError::Throttled { wait_ms, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(wait_ms, 4 * MINUTE_MS);
    assert_eq!(fake.sent().len(), calls);
    clock.advance_ms(4 * MINUTE_MS);
    other.write(&page(&window, 0, 0..3)).await.unwrap();
}

#[tokio::test]
async fn wait_ends_when_clock_ahead_is_corrected() {
    let (fake, window) = (Fake::new(), window("okta"));
    let (sink, clock) = sink(&fake);
    let mut writer = sink.open(&window).await.unwrap();
    clock.advance_ms(2 * HOUR_MS);
    fake.fail([Fault::Returns(503, Some(5 * MINUTE_MS))]);
    writer.write(&page(&window, 0, 0..3)).await.unwrap_err();
    clock.advance_ms(-2 * HOUR_MS);
    writer.write(&page(&window, 0, 0..3)).await.unwrap();
    assert_eq!(sink.usage().snapshot().calls, 2);
}

#[tokio::test]
async fn http_413_halves_batch_for_later_pages_too() {
    let fake = Fake::taking(BODY_BYTES_MAX / 3);
    let window = window("okta");
    let (sink, _) = sink(&fake);
    let mut writer = sink.open(&window).await.unwrap();
    let many = 12_000;
    writer.write(&page(&window, 0, 0..many)).await.unwrap();
    assert_eq!(fake.lines("/in"), lines(&window, 0..many));
    let refused = |fake: &Fake| fake.sent().iter().filter(|sent| !sent.taken).count();
    assert_eq!(
        refused(&fake),
        2,
        "a half is still too large, and a quarter fits"
    );
    let mut writer = sink.open(&window).await.unwrap();
    writer.write(&page(&window, 0, 0..many)).await.unwrap();
    assert_eq!(
        refused(&fake),
        2,
        "what one window learned holds for the next"
    );
    const { assert!(BODY_BYTES_MAX_LEARNED < BODY_BYTES_MAX / 4) };
}

#[tokio::test]
async fn single_line_with_http_413_becomes_reject() {
    let (fake, window) = (Fake::taking(2_000), window("okta"));
    let mut writer = sink(&fake).0.open(&window).await.unwrap();
    let mut batch = page(&window, 0, 0..3);
    let end = batch.lines.len();
    let mut text = batch.lines.to_vec();
    text.extend_from_slice(&b"y".repeat(2_500));
    text.push(b'\n');
    batch.ends.push(text.len());
    batch.lines = Bytes::from(text);
    // The reject's own line is even larger, so no place accepts it.
    let error = writer.write(&batch).await.unwrap_err();
    assert!(matches!(error, SinkError::Refused { .. }), "{error}");
    assert!(
        error.to_string().contains("reject of record 3 of page 0"),
        "{error}"
    );
    assert_eq!(batch.ends[2], end);

    let (fake, mut small) = (Fake::new(), page(&window, 0, 0..3));
    let mut writer = sink(&fake).0.open(&window).await.unwrap();
    small.rejects = vec![reject(1, b"not an object")];
    fake.fail([413, 202, 413, 413].map(|status| Fault::Returns(status, None)));
    writer.write(&small).await.unwrap();
    assert_eq!((writer.take_rejected(), writer.take_rejected()), (2, 0));
    let rejects = conformance::Destination::rejects(&Place(Arc::clone(&fake)), &window);
    let indices: Vec<_> = rejects.iter().map(|(_, reject)| reject.index).collect();
    // Line 0 is record 0; record 1 was a reject, so lines 1 and 2 are records 2 and 3.
    assert_eq!(indices, [1, 2, 3]);
    assert!(
        rejects[1].1.reason.contains("HTTP 413 for a line of"),
        "{rejects:?}"
    );
    assert_eq!(fake.lines("/in"), lines(&window, 0..1));
}

#[tokio::test]
async fn denied_credentials_are_reread_once() {
    let window = window("okta");
    for status in [401, 403] {
        let fake = Fake::new();
        let mut writer = sink(&fake).0.open(&window).await.unwrap();
        fake.fail([Fault::Returns(status, None)]);
        writer.write(&page(&window, 0, 0..3)).await.unwrap();
        let renewed: Vec<_> = fake.sent().iter().map(|sent| sent.renewed).collect();
        assert_eq!(renewed, [Some(false), Some(true)]);
        fake.always(Some(Fault::Returns(status, None)));
        let error = writer.write(&page(&window, 1, 3..5)).await.unwrap_err();
        assert!(matches!(error, SinkError::Denied { .. }), "{error}");
    }
}

#[tokio::test]
async fn other_statuses_are_refused_with_cure() {
    let window = window("okta");
    for (status, advice) in [
        (302, "check the sink's `url`"),
        (400, "see the collector's log"),
        (404, "check the sink's `url` and `rejects`"),
        (409, "see the collector's log"),
        (422, "see the collector's log"),
    ] {
        let fake = Fake::new();
        let mut writer = sink(&fake).0.open(&window).await.unwrap();
        fake.always(Some(Fault::Returns(status, None)));
        let error = writer.write(&page(&window, 0, 0..3)).await.unwrap_err();
        assert!(matches!(error, SinkError::Refused { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("HTTP {status}")) && text.contains(advice),
            "{text}"
        );
        assert_eq!(fake.sent().len(), 1);
    }
}

#[tokio::test]
async fn timeout_halves_body_and_loses_nothing() {
    let (fake, window) = (Fake::new(), window("okta"));
    let mut writer = sink(&fake).0.open(&window).await.unwrap();
    fake.fail([Fault::Fails(
        CallError::Slow("no response".to_owned()),
        true,
    )]);
    let many = 10_000;
    writer.write(&page(&window, 0, 0..many)).await.unwrap();
    let sent = fake.sent();
    assert!(sent[1].body.len() <= BODY_BYTES_MAX / 2);
    let mut counts = BTreeMap::new();
    for line in fake.lines("/in") {
        *counts.entry(line).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), usize::try_from(many).unwrap());
    assert!(counts.values().all(|count| (1..=2).contains(count)));
}

#[tokio::test]
async fn http_413_for_everything_rejects_nothing() {
    let window = window("okta");
    for lines_of_page in [1, 2, 5, 200] {
        let fake = Fake::new();
        let (sink, _) = sink(&fake);
        let mut writer = sink.open(&window).await.unwrap();
        fake.always(Some(Fault::Returns(413, None)));
        let refused = page(&window, 0, 0..lines_of_page);
        let error = writer.write(&refused).await.unwrap_err();
        assert!(matches!(error, SinkError::Refused { .. }), "{error}");
        let text = error.to_string();
        for part in [
            "sink `collector`",
            "https://collector.example returned HTTP 413",
            "none of them became a reject",
            "raise its limit",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(fake.sent().iter().all(|sent| sent.path() == "/in"));
        assert_eq!(
            (writer.take_rejected(), sink.usage().snapshot().rejected),
            (0, 0)
        );
        // The limits that it seemed to have are forgotten.
        fake.always(None);
        let before = fake.sent().len();
        let many = page(&window, 0, 0..12_000);
        writer.write(&many).await.unwrap();
        let batches = fake.sent().len() - before;
        assert_eq!(batches, many.lines.len().div_ceil(BODY_BYTES_MAX));
    }
}

#[tokio::test]
async fn failure_counts_requests_of_halved_batch() {
    let (fake, window) = (Fake::new(), window("okta"));
    let (sink, _) = sink(&fake);
    let mut writer = sink.open(&window).await.unwrap();
    fake.fail([413, 413].map(|status| Fault::Returns(status, None)));
    fake.fail([Fault::Returns(503, Some(5 * MINUTE_MS))]);
    let error = writer.write(&page(&window, 0, 0..8)).await.unwrap_err();
    assert!(
        error.to_string().contains("after 3 tries in 0 s"),
        "{error}"
    );
    let mut other = sink.open(&window).await.unwrap();
    let error = other.write(&page(&window, 0, 0..8)).await.unwrap_err();
    assert!(error.to_string().contains("after 0 tries"), "{error}");
}

#[tokio::test]
async fn unreadable_secret_is_unusable_before_first_page() {
    let (fake, window) = (Fake::new(), window("okta"));
    fake.refuse_secret("secret `file:token` cannot be read");
    let (sink, _) = sink(&fake);
    let error = sink.open(&window).await.unwrap_err();
    assert!(matches!(error, SinkError::Unusable { .. }), "{error}");
    assert!(fake.sent().is_empty());
}
