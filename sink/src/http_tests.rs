//! The part of the contract that a collector can keep.

use std::collections::VecDeque;
use std::sync::Mutex;

use windlass_core::Timestamp;
use windlass_core::clock::{ManualClock, SeededEntropy};

use super::collector::BODY_BYTES_MAX;
use super::*;
use crate::Reject;
use crate::conformance::{self, checkpointed, page, reject, restarted, window};

const URL: &str = "https://collector.example/in";
const REJECTS: &str = "https://collector.example/rejects";

/// One batch that the collector received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    path: String,
    pub(super) key: String,
    pub(super) body: Bytes,
    pub(super) renewed: Option<bool>,
    pub(super) taken: bool,
}

/// The planned outcome of one call.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    Returns(u16, Option<i64>),
    /// The call fails; the flag is true if the collector has the batch.
    Fails(CallError, bool),
}

/// A collector in memory with a maximum body size.
#[derive(Debug)]
pub(super) struct Fake {
    sent: Mutex<Vec<Sent>>,
    faults: Mutex<VecDeque<Fault>>,
    always: Mutex<Option<Fault>>,
    no_secret: Mutex<Option<String>>,
    body_bytes_max: usize,
}

impl Fake {
    pub(super) fn taking(body_bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            sent: Mutex::default(),
            faults: Mutex::default(),
            always: Mutex::default(),
            no_secret: Mutex::default(),
            body_bytes_max,
        })
    }

    pub(super) fn new() -> Arc<Self> {
        Self::taking(usize::MAX)
    }

    pub(super) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }

    pub(super) fn always(&self, fault: Option<Fault>) {
        *self.always.lock().unwrap() = fault;
    }

    pub(super) fn refuse_secret(&self, problem: &str) {
        *self.no_secret.lock().unwrap() = Some(problem.to_owned());
    }

    pub(super) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    /// The accepted lines at `path`.
    pub(super) fn lines(&self, path: &str) -> Vec<String> {
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

impl Sent {
    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

impl Collector for Fake {
    fn ready<'a>(&'a self, _: Authorization<'a>) -> Ready<'a> {
        let problem = self.no_secret.lock().unwrap().clone();
        let ready = problem.map_or(Ok(()), |problem| Err(CallError::Refused(problem)));
        Box::pin(std::future::ready(ready))
    }

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

pub(super) fn config() -> HttpConfig {
    HttpConfig {
        url: URL.parse().unwrap(),
        rejects: REJECTS.parse().unwrap(),
        secret: Some("env:COLLECTOR".to_owned()),
        scheme: "Bearer".to_owned(),
    }
}

/// A sink over `fake` whose waits take no time, and its clock.
pub(super) fn sink(fake: &Arc<Fake>) -> (HttpSink, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_ms(1_767_225_600_000)));
    let seams = Seams {
        clock: clock.clone(),
        entropy: Arc::new(SeededEntropy::new(3)),
    };
    let collector = Arc::clone(fake) as Arc<dyn Collector>;
    let sink = HttpSink::new("collector".to_owned(), &config(), collector, seams);
    (sink.unwrap(), clock)
}

pub(super) struct Place(pub(super) Arc<Fake>);

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
async fn collector_keeps_sink_contract() {
    conformance::keeps_the_contract(|| Place(Fake::new())).await;
}

#[tokio::test]
async fn small_body_collector_keeps_sink_contract() {
    conformance::keeps_the_contract(|| Place(Fake::taking(300))).await;
}

#[tokio::test]
async fn idempotency_key_identifies_batch() {
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
async fn body_is_bounded_unless_one_line_exceeds() {
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
async fn foreign_position_restarts_window() {
    let (fake, window) = (Fake::new(), window("okta"));
    let begun = checkpointed(&window, Some("r0:120:0".to_owned()));
    let error = sink(&fake).0.open(&begun).await.unwrap_err();
    assert!(matches!(error, SinkError::Lost { .. }), "{error}");
    sink(&fake).0.open(&restarted(&begun)).await.unwrap();
}
