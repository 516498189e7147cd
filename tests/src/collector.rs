//! A collector: an HTTP server on a loopback port that takes batches of lines, fails at a share of them,
//! and remembers what it took.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Method, StatusCode};

use crate::aws::http::{Answer, HttpRequest, Reply, Server};

/// The token that it accepts. A canary: it may appear in requests to it and nowhere else.
pub const COLLECTOR_TOKEN: &str = "canary-collector-token-4d1b07";

/// How one call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CollectorFault {
    /// 503.
    Unavailable,
    /// 429 that asks to wait a second.
    Throttled,
    /// 413, for a batch of several lines.
    TooLarge,
    /// The connection ends, and nothing was taken.
    NotTaken,
    /// The batch is taken, and the connection ends without a response.
    LostResponse,
}

impl CollectorFault {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Unavailable,
        Self::Throttled,
        Self::TooLarge,
        Self::NotTaken,
        Self::LostResponse,
    ];
}

#[derive(Debug)]
struct State {
    rng: fastrand::Rng,
    percent: u8,
    /// The lines of every batch that was taken at `/in`, in that order.
    lines: Vec<String>,
    rejects: Vec<String>,
    /// The body that each key was used for.
    bodies: BTreeMap<String, String>,
    /// Lines whose batch was taken without a response.
    unanswered_lines: usize,
    drawn: BTreeMap<CollectorFault, u32>,
    wrong: Vec<String>,
}

/// A running collector. Stops when dropped.
#[derive(Debug)]
pub struct Collector {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl Collector {
    /// Listens on a free loopback port, and fails at `percent` of a hundred calls.
    pub async fn start(seed: u64, percent: u8) -> anyhow::Result<Self> {
        let state = Arc::new(Mutex::new(State {
            rng: fastrand::Rng::with_seed(seed),
            percent,
            lines: Vec::new(),
            rejects: Vec::new(),
            bodies: BTreeMap::new(),
            unanswered_lines: 0,
            drawn: BTreeMap::new(),
            wrong: Vec::new(),
        }));
        let server = Server::start({
            let state = Arc::clone(&state);
            move |request| {
                let reply = lock(&state).take(&request);
                std::future::ready(reply)
            }
        });
        Ok(Self {
            server: server.await?,
            state,
        })
    }

    /// Where it listens, as the start of a URL, without a slash at the end.
    pub fn uri(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// The lines of all batches that were taken, repeats included.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.state).lines.clone()
    }

    /// The rejects that were taken.
    pub fn rejects(&self) -> Vec<String> {
        lock(&self.state).rejects.clone()
    }

    /// Number of lines that were taken without a response.
    pub fn unanswered_lines(&self) -> usize {
        lock(&self.state).unanswered_lines
    }

    /// How often each kind of fault has struck.
    pub fn drawn(&self) -> BTreeMap<CollectorFault, u32> {
        lock(&self.state).drawn.clone()
    }

    /// Requests that no client should send: a wrong credential, no key, one key for two bodies.
    pub fn wrong(&self) -> Vec<String> {
        lock(&self.state).wrong.clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn take(&mut self, request: &HttpRequest) -> Reply {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        self.check(request, &text);
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let fault = self.draw(lines.len());
        let status = |status| Reply::Answer(Answer::empty(status));
        match fault {
            Some(CollectorFault::Unavailable) => return status(StatusCode::SERVICE_UNAVAILABLE),
            Some(CollectorFault::TooLarge) => return status(StatusCode::PAYLOAD_TOO_LARGE),
            Some(CollectorFault::Throttled) => {
                let second = HeaderValue::from_static("1");
                let answer = Answer::empty(StatusCode::TOO_MANY_REQUESTS);
                return answer.with(RETRY_AFTER, second).into();
            }
            Some(CollectorFault::NotTaken) => return Reply::HangUp,
            Some(CollectorFault::LostResponse) => self.unanswered_lines += lines.len(),
            None => {}
        }
        match request.uri.path() {
            "/rejects" => self.rejects.extend(lines),
            _ => self.lines.extend(lines),
        }
        match fault {
            Some(_) => Reply::HangUp,
            None => status(StatusCode::ACCEPTED),
        }
    }

    fn draw(&mut self, lines: usize) -> Option<CollectorFault> {
        if self.rng.u8(0..100) >= self.percent {
            return None;
        }
        let kind = self.rng.choice(CollectorFault::ALL)?;
        // A single line would become a reject.
        let kind = match kind {
            CollectorFault::TooLarge if lines == 1 => CollectorFault::Unavailable,
            kind => kind,
        };
        *self.drawn.entry(kind).or_default() += 1;
        Some(kind)
    }

    fn check(&mut self, request: &HttpRequest, text: &str) {
        let key = request.header("idempotency-key").to_owned();
        let body = self
            .bodies
            .entry(key.clone())
            .or_insert_with(|| text.to_owned());
        for (is_wrong, problem) in [
            (request.method != Method::POST, "no POST"),
            (
                request.header("authorization") != format!("Bearer {COLLECTOR_TOKEN}"),
                "another credential",
            ),
            (
                request.header("content-type") != "application/x-ndjson",
                "another content type",
            ),
            (key.is_empty(), "no key"),
            (body != text, "one key for two bodies"),
            (!text.ends_with('\n'), "a line without its end"),
        ] {
            if is_wrong {
                self.wrong.push(format!("{problem}: {key}"));
            }
        }
    }
}
