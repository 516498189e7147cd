//! The part of the contract that a collector can keep, and the meaning of each of its responses.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use windlass_core::Timestamp;
use windlass_core::clock::{ManualClock, SeededEntropy};
use windlass_core::time::{HOUR_MS, MINUTE_MS};

use super::post::{BODY_BYTES_MAX, BODY_BYTES_MAX_LEARNED};
use super::*;
use crate::Reject;
use crate::conformance::{self, checkpointed, lines, page, reject, restarted, window};
use crate::patience;

const URL: &str = "https://collector.example/in";
const REJECTS: &str = "https://collector.example/rejects";

/// One batch that the collector received.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    path: String,
    key: String,
    body: Bytes,
    renewed: Option<bool>,
    taken: bool,
}

/// The planned outcome of one call.
#[derive(Debug, Clone)]
enum Fault {
    Returns(u16, Option<i64>),
    /// The call fails; the flag is true if the collector has the batch.
    Fails(CallError, bool),
}

/// A collector in memory with a maximum body size.
#[derive(Debug)]
struct Fake {
    sent: Mutex<Vec<Sent>>,
    faults: Mutex<VecDeque<Fault>>,
    always: Mutex<Option<Fault>>,
    body_bytes_max: usize,
}

impl Fake {
    fn taking(body_bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            sent: Mutex::default(),
            faults: Mutex::default(),
            always: Mutex::default(),
            body_bytes_max,
        })
    }

    fn new() -> Arc<Self> {
        Self::taking(usize::MAX)
    }

    fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }

    fn always(&self, fault: Option<Fault>) {
        *self.always.lock().unwrap() = fault;
    }

    fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    /// The accepted lines at `path`.
    fn lines(&self, path: &str) -> Vec<String> {
        let sent = self.sent();
        let taken = sent.iter().filter(|it| it.taken && it.path == path);
        let lines = taken.flat_map(|it| std::str::from_utf8(&it.body).unwrap().lines());
        lines.map(str::to_owned).collect()
    }

    fn respond(&self, post: &Post<'_>) -> (Result<Response, CallError>, bool) {
        let scripted = self.faults.lock().unwrap().pop_front();
        let fault = scripted.or_else(|| self.always.lock().unwrap().clone());
        let status = if post.body.len() > self.body_bytes_max {
            413
        } else {
            202
        };
        let returned = |status, retry_after_ms| Response {
            status,
            retry_after_ms,
        };
        match fault {
            Some(Fault::Returns(status, wait)) => (Ok(returned(status, wait)), status < 300),
            Some(Fault::Fails(error, taken)) => (Err(error), taken),
            None => (Ok(returned(status, None)), status < 300),
        }
    }
}

impl Collector for Fake {
    fn post<'a>(&'a self, post: Post<'a>) -> Posted<'a> {
        let (response, taken) = self.respond(&post);
        self.sent.lock().unwrap().push(Sent {
            path: post.url.path().to_owned(),
            key: post.key,
            body: post.body,
            renewed: post.authorization.map(|it| it.renew),
            taken,
        });
        Box::pin(std::future::ready(response))
    }
}

fn config() -> HttpConfig {
    HttpConfig {
        url: URL.parse().unwrap(),
        rejects: REJECTS.parse().unwrap(),
        secret: Some("env:COLLECTOR".to_owned()),
        scheme: "Bearer".to_owned(),
    }
}

/// A sink over `fake` whose waits take no time, and its clock.
fn sink(fake: &Arc<Fake>) -> (HttpSink, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_ms(1_767_225_600_000)));
    let seams = Seams {
        clock: clock.clone(),
        entropy: Arc::new(SeededEntropy::new(3)),
    };
    let collector = Arc::clone(fake) as Arc<dyn Collector>;
    let sink = HttpSink::new("collector".to_owned(), &config(), collector, seams);
    (sink.unwrap(), clock)
}

struct Place(Arc<Fake>);

impl conformance::Destination for Place {
    type Sink = HttpSink;

    fn sink(&self) -> HttpSink {
        sink(&self.0).0
    }

    fn output(&self, window: &Window) -> Option<Vec<String>> {
        Some(conformance::lines_of(window, self.0.lines("/in")))
    }

    fn rejects(&self, window: &Window) -> Vec<(u64, Reject)> {
        let lines = self.0.lines("/rejects");
        let lines = lines.iter();
        lines
            .filter_map(|line| conformance::reject_of(window, line))
            .collect()
    }
}

#[tokio::test]
async fn collector_keeps_the_contract_of_a_sink() {
    conformance::keeps_the_contract(|| Place(Fake::new())).await;
}

#[tokio::test]
async fn collector_of_small_bodies_keeps_the_contract_of_a_sink() {
    conformance::keeps_the_contract(|| Place(Fake::taking(300))).await;
}

#[tokio::test]
async fn batch_is_named_by_window_pass_page_lines_and_digest() {
    let (fake, window) = (Fake::new(), restarted(&window("okta")));
    let mut writer = sink(&fake).0.open(&window).await.unwrap();
    let mut batch = page(&window, 7, 0..3);
    batch.first = 10_000;
    batch.rejects = vec![reject(10_003, b"x")];
    for _ in 0..2 {
        let written = writer.write(&batch).await.unwrap();
        assert_eq!(written, Written::Durable(None));
    }
    let keys: Vec<_> = fake.sent().into_iter().map(|sent| sent.key).collect();
    let of = "\"okta/0123456789ab/live/2026-01-01T03:00:00.000Z r1 p7";
    assert!(keys[0].starts_with(&format!("{of} 10000+3 ")), "{keys:?}");
    assert!(
        keys[1].starts_with(&format!("{of} rejects 10000+1 ")),
        "{keys:?}"
    );
    assert_eq!(keys[0].len(), of.len() + " 10000+3 ".len() + 16 + 1);
    assert_eq!(keys[..2], keys[2..], "the same batch has the same key");
    let mut other = page(&window, 7, 4..7);
    other.first = 10_000;
    writer.write(&other).await.unwrap();
    let key = &fake.sent()[4].key;
    assert!(key.starts_with(&format!("{of} 10000+3 ")) && *key != keys[0]);
}

#[tokio::test]
async fn bodies_are_bounded_unless_one_line_is_larger() {
    let (fake, window) = (Fake::new(), window("okta"));
    let mut writer = sink(&fake).0.open(&window).await.unwrap();
    let mut batch = page(&window, 0, 0..0);
    let long = BODY_BYTES_MAX / 2;
    let mut text = String::new();
    for bytes in [long, long, long, BODY_BYTES_MAX + 1, 5] {
        text.push_str(&"x".repeat(bytes - 1));
        text.push('\n');
        batch.ends.push(text.len());
    }
    batch.lines = Bytes::from(text);
    writer.write(&batch).await.unwrap();
    let sizes: Vec<_> = fake.sent().iter().map(|sent| sent.body.len()).collect();
    assert_eq!(sizes, [BODY_BYTES_MAX, long, BODY_BYTES_MAX + 1, 5]);
}

#[tokio::test]
async fn unavailable_collector_is_asked_again_with_the_same_key_and_then_given_up() {
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
        assert!(clock.slept_ms() <= 2 * patience::WAIT_MS_MAX);
    }
}

#[tokio::test]
async fn short_retry_after_is_slept_through_and_a_long_one_is_the_windows_wait() {
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
async fn wait_that_was_counted_by_a_clock_far_ahead_ends_with_it() {
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
async fn http_413_halves_the_batch_and_later_pages_begin_small() {
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
async fn line_that_is_too_large_alone_becomes_a_reject_and_the_page_goes_on() {
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
async fn credentials_are_read_anew_after_a_denial_and_then_denied() {
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
async fn other_statuses_are_refused_at_once_with_what_to_do() {
    let window = window("okta");
    for (status, advice) in [
        (302, "check the sink's url"),
        (400, "see its own log"),
        (404, "check the sink's url and rejects"),
        (409, "see its own log"),
        (422, "see its own log"),
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
async fn after_a_timeout_half_as_much_is_posted_and_all_of_it_arrives() {
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
async fn window_that_another_sink_began_begins_again() {
    let (fake, window) = (Fake::new(), window("okta"));
    let begun = checkpointed(&window, Some("r0:120:0".to_owned()));
    let error = sink(&fake).0.open(&begun).await.unwrap_err();
    assert!(matches!(error, SinkError::Lost { .. }), "{error}");
    sink(&fake).0.open(&restarted(&begun)).await.unwrap();
}

#[test]
fn text_that_is_no_url_is_not_repeated() {
    let settings =
        r#"{"url": "collector.example/?token=hunter2", "rejects": "https://c.example/"}"#;
    let error = serde_json::from_str::<HttpConfig>(settings).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("not a URL"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn addresses_that_nothing_may_be_sent_to_are_refused_by_field() {
    use crate::settings::Settings as _;
    let field = |change: fn(&mut HttpConfig)| {
        let mut config = config();
        change(&mut config);
        let error = config.check().unwrap_err();
        assert!(!error.problem.contains("hunter2"), "{error}");
        error.field
    };
    let set = |text: &str| text.parse().unwrap();
    assert_eq!(config().check(), Ok(()));
    assert_eq!(
        field(|it| it.url = "http://collector.example/".parse().unwrap()),
        "url"
    );
    assert_eq!(
        field(|it| it.url = "https://a:hunter2@collector.example/".parse().unwrap()),
        "url"
    );
    assert_eq!(
        field(|it| it.url = "https://collector.example/?token=hunter2".parse().unwrap()),
        "url"
    );
    assert_eq!(
        field(|it| it.url = "https://collector.example/#x".parse().unwrap()),
        "url"
    );
    assert_eq!(
        field(|it| it.rejects = "https://other.example/".parse().unwrap()),
        "rejects"
    );
    assert_eq!(
        field(|it| it.scheme = "Bearer hunter2".to_owned()),
        "scheme"
    );
    assert_eq!(field(|it| it.scheme = String::new()), "scheme");
    let loopback = HttpConfig {
        url: set("http://127.0.0.1:9/in"),
        rejects: set("http://127.0.0.1:9/rejects"),
        ..config()
    };
    assert_eq!(loopback.check(), Ok(()));
}
