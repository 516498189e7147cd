//! Delivery to a stream that fails in every possible way: nothing is lost, and nothing is
//! duplicated unless a response was lost.

use std::collections::{BTreeMap, BTreeSet};

use super::fake::{Destination, FakeAws, Fault, To, firehose, kinesis, unpacked};
use super::*;
use crate::conformance::{lines, page, window};

/// Each way of delivery, with the service that it calls.
fn destinations() -> [(Destination, To); 4] {
    [
        (firehose(), To::Firehose),
        (unpacked(StreamKind::Firehose), To::Firehose),
        (kinesis(), To::Kinesis),
        (unpacked(StreamKind::Kinesis), To::Kinesis),
    ]
}

/// The number of copies of each line in the stream.
fn counts(fake: &FakeAws) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in fake.lines() {
        *counts.entry(line).or_default() += 1;
    }
    counts
}

/// Asserts that each of the first `count` lines of `window` arrived, at most `max` times.
fn assert_there(fake: &FakeAws, window: &Window, count: u64, max: usize) {
    let counts = counts(fake);
    let mut expected = lines(window, 0..count);
    expected.sort_unstable();
    assert!(counts.keys().eq(&expected), "lines are missing");
    let most = counts.values().max().copied();
    assert!(most <= Some(max), "a line is there {most:?} times");
}

#[tokio::test]
async fn failing_entries_arrive_exactly_once() {
    for seed in 0..5 {
        for (destination, to) in destinations() {
            let (fake, window) = (FakeAws::start(), window("okta"));
            fake.fail_entries(seed, 0.3);
            let sink = fake.sink(&destination).await;
            let mut writer = sink.open(&window).await.unwrap();
            for number in 0..4 {
                let numbers = number * 700..(number + 1) * 700;
                writer.write(&page(&window, number, numbers)).await.unwrap();
            }
            assert_there(&fake, &window, 2_800, 1);
            let usage = sink.usage().snapshot();
            assert_eq!(usage.lines, 2_800);
            let (calls, entries) = fake.requests(to);
            let taken = fake.state().taken.len();
            assert_eq!(usage.calls, calls as u64);
            assert_eq!(usage.entries_resent, (entries - taken) as u64);
        }
    }
}

#[tokio::test]
async fn throttled_call_is_retried_without_duplicates() {
    for (destination, to) in destinations() {
        let (fake, window) = (FakeAws::start(), window("okta"));
        fake.fail(
            to,
            [
                Fault::Response(400, "ServiceUnavailableException", "Slow down."),
                Fault::Response(400, "LimitExceededException", ""),
                Fault::Response(400, "ProvisionedThroughputExceededException", ""),
                Fault::Response(400, "KMSThrottlingException", ""),
                Fault::Response(400, "ThrottlingException", ""),
                Fault::Response(500, "InternalFailure", ""),
                Fault::Response(503, "", ""),
            ],
        );
        let sink = fake.sink(&destination).await;
        let mut writer = sink.open(&window).await.unwrap();
        writer.write(&page(&window, 0, 0..400)).await.unwrap();
        assert_there(&fake, &window, 400, 1);
        // Each fault is one request: the SDK does not retry by itself.
        assert_eq!(fake.requests(to).0, 8);
        assert!(fake.clock.slept_ms() <= crate::retry_limit::WAIT_MS_MAX);
    }
}

#[tokio::test]
async fn briefly_denied_call_is_signed_anew() {
    for (destination, to) in destinations() {
        let (fake, window) = (FakeAws::start(), window("okta"));
        let denied = |code| Fault::Response(400, code, "");
        fake.fail(
            to,
            [
                denied("ExpiredTokenException"),
                denied("InvalidSignatureException"),
                denied("UnrecognizedClientException"),
                denied("AccessDeniedException"),
                denied("ResourceNotFoundException"),
                denied("InvalidKMSResourceException"),
                denied("RequestTimeTooSkewed"),
            ],
        );
        let sink = fake.sink(&destination).await;
        let mut writer = sink.open(&window).await.unwrap();
        writer.write(&page(&window, 0, 0..400)).await.unwrap();
        assert_there(&fake, &window, 400, 1);
        let state = fake.state();
        let calls: BTreeSet<_> = state.requests.iter().map(|it| &it.invocation).collect();
        assert_eq!((state.requests.len(), calls.len()), (8, 8));
    }
}

#[tokio::test]
async fn call_without_response_may_duplicate() {
    for (destination, to) in destinations() {
        let (fake, window) = (FakeAws::start(), window("okta"));
        fake.fail(
            to,
            [
                Fault::Hangup { applied: false },
                Fault::Hangup { applied: true },
                Fault::ShortResponse,
            ],
        );
        let sink = fake.sink(&destination).await;
        let mut writer = sink.open(&window).await.unwrap();
        writer.write(&page(&window, 0, 0..400)).await.unwrap();
        assert_there(&fake, &window, 400, 3);
        assert_eq!(sink.usage().snapshot().lines, 400);
    }
}

#[tokio::test]
async fn timed_out_call_is_retried() {
    for (destination, to) in destinations() {
        let (fake, window) = (FakeAws::start(), window("okta"));
        let sink = fake.sink(&destination).await;
        let mut writer = sink.open(&window).await.unwrap();
        writer.write(&page(&window, 0, 0..400)).await.unwrap();
        let before = fake.requests(to).0;
        fake.fail(to, [Fault::Silence]);
        let time_passes = async {
            while fake.requests(to).0 == before {
                tokio::task::yield_now().await;
            }
            fake.clock.advance_ms(60_000);
        };
        let next = page(&window, 1, 400..800);
        let (written, ()) = tokio::join!(writer.write(&next), time_passes);
        written.unwrap();
        let puts = fake.requests(to).0 - before;
        assert!(puts >= 2, "{puts}");
        assert_there(&fake, &window, 800, puts);
    }
}

#[tokio::test]
async fn uncounted_response_acknowledges_nothing() {
    for (destination, to) in destinations() {
        let (fake, window) = (FakeAws::start(), window("okta"));
        fake.fail(to, [Fault::Uncounted, Fault::Uncounted]);
        let sink = fake.sink(&destination).await;
        let mut writer = sink.open(&window).await.unwrap();
        writer.write(&page(&window, 0, 0..400)).await.unwrap();
        assert_there(&fake, &window, 400, 1);
    }
}

#[tokio::test]
async fn failed_entries_are_resent_in_order() {
    let (fake, window) = (FakeAws::start(), window("okta"));
    fake.fail(To::Firehose, [Fault::Entries(vec![0, 2])]);
    let sink = fake.sink(&unpacked(StreamKind::Firehose)).await;
    let mut writer = sink.open(&window).await.unwrap();
    writer.write(&page(&window, 0, 0..5)).await.unwrap();
    let all = lines(&window, 0..5);
    let expected = [1, 3, 4, 0, 2].map(|number| all[number].clone());
    assert_eq!(fake.lines(), expected);
}

#[tokio::test]
async fn busy_stream_is_unavailable_until_it_recovers() {
    for (destination, to) in destinations() {
        let (fake, window) = (FakeAws::start(), window("okta"));
        fake.fail_entries(0, 1.0);
        let mut writer = fake.sink(&destination).await.open(&window).await.unwrap();
        let batch = page(&window, 0, 0..400);
        let error = writer.write(&batch).await.unwrap_err();
        let SinkError::Unavailable { problem, .. } = error else {
            panic!("{error}");
        };
        let reason = match to {
            To::Kinesis => {
                "ProvisionedThroughputExceededException; AWS message: Rate exceeded for shard"
            }
            _ => "ServiceUnavailableException; AWS message: Slow down.",
        };
        assert!(problem.contains(" not accepted after "), "{problem}");
        assert!(problem.ends_with(reason), "{problem}");
        assert!(problem.contains("stream `audit` in eu-west-1"), "{problem}");
        assert!(fake.clock.slept_ms() <= crate::retry_limit::WAIT_MS_MAX);

        fake.fail_entries(0, 0.0);
        writer.write(&batch).await.unwrap();
        assert_there(&fake, &window, 400, 1);
    }
}

#[tokio::test]
async fn large_page_spans_several_calls() {
    for (destination, to) in [(firehose(), To::Firehose), (kinesis(), To::Kinesis)] {
        let (fake, window) = (FakeAws::start(), window("okta"));
        let mut writer = fake.sink(&destination).await.open(&window).await.unwrap();
        let batch = page_of(&window, &vec![1_000; 9_000]);
        writer.write(&batch).await.unwrap();
        assert_eq!(fake.requests(to).0, 3);
        let state = fake.state();
        let taken: Vec<_> = state.taken.iter().flat_map(|taken| &taken.data).collect();
        assert!(taken.into_iter().eq(batch.lines.iter()));
    }
}

#[tokio::test]
async fn records_up_to_size_limit_are_accepted() {
    for (destination, max) in [
        (firehose(), StreamLimits::FIREHOSE.record.line_bytes_max),
        (kinesis(), StreamLimits::KINESIS.record.line_bytes_max),
    ] {
        let (fake, window) = (FakeAws::start(), window("okta"));
        let mut writer = fake.sink(&destination).await.open(&window).await.unwrap();
        let batch = page_of(&window, &[max, 10, max, max, max, max - 1, 10]);
        writer.write(&batch).await.unwrap();
        assert_eq!(fake.lines().len(), 7);
        assert_eq!(fake.requests(To::S3), (0, 0));
    }
}

/// A page with lines of these sizes, line ends included.
pub(super) fn page_of(window: &Window, sizes: &[usize]) -> Batch {
    let (mut text, mut ends) = (Vec::new(), Vec::new());
    for size in sizes {
        text.resize(text.len() + size - 1, b'x');
        text.push(b'\n');
        ends.push(text.len());
    }
    Batch {
        lines: text.into(),
        ends,
        ..page(window, 0, 0..0)
    }
}
