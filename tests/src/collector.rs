//! A collector: an HTTP server on a loopback port that accepts batches of lines, fails a share of
//! them, and records every batch. It returns HTTP 413 for everything at `/full`, and for the first
//! line at `/poisoned`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Method, StatusCode};

use crate::aws::http::{HttpRequest, HttpResponse, Reaction, Server};

/// The accepted token. A canary: it may appear only in requests to the collector.
pub const COLLECTOR_TOKEN: &str = "canary-collector-token-4d1b07";

/// A fault of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CollectorFault {
    /// HTTP 503.
    Unavailable,
    /// HTTP 429 with a requested wait of one second.
    Throttled,
    /// HTTP 413, for a batch of several lines.
    TooLarge,
    /// The connection closes, and the batch is not accepted.
    NotTaken,
    /// The batch is accepted, and the connection closes without a response.
    LostResponse,
}

impl CollectorFault {
    /// Every kind of fault.
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
    /// The lines of every batch accepted at `/in`, in order.
    lines: Vec<String>,
    rejects: Vec<String>,
    /// The body of each key.
    bodies: BTreeMap<String, String>,
    /// Number of lines accepted without a response.
    lines_without_response: usize,
    drawn: BTreeMap<CollectorFault, u32>,
    wrong: Vec<String>,
    /// The first line posted to `/poisoned`.
    poison: Option<String>,
}

/// A running collector. Stops on drop.
#[derive(Debug)]
pub struct Collector {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl Collector {
    /// Listens on a free loopback port, and fails `percent` % of calls.
    pub async fn start(seed: u64, percent: u8) -> anyhow::Result<Self> {
        let state = Arc::new(Mutex::new(State {
            rng: fastrand::Rng::with_seed(seed),
            percent,
            lines: Vec::new(),
            rejects: Vec::new(),
            bodies: BTreeMap::new(),
            lines_without_response: 0,
            drawn: BTreeMap::new(),
            wrong: Vec::new(),
            poison: None,
        }));
        let server = Server::start({
            let state = Arc::clone(&state);
            move |request| {
                let response = lock(&state).take(&request);
                std::future::ready(response)
            }
        });
        Ok(Self {
            server: server.await?,
            state,
        })
    }

    /// The start of its URLs, without a trailing slash.
    pub fn uri(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// The lines of all accepted batches, repeats included.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.state).lines.clone()
    }

    /// The accepted rejects.
    pub fn rejects(&self) -> Vec<String> {
        lock(&self.state).rejects.clone()
    }

    /// Number of lines accepted without a response.
    pub fn lines_without_response(&self) -> usize {
        lock(&self.state).lines_without_response
    }

    /// The number of injected faults of each kind.
    pub fn drawn(&self) -> BTreeMap<CollectorFault, u32> {
        lock(&self.state).drawn.clone()
    }

    /// Invalid requests: a wrong credential, a missing key, one key for two bodies.
    pub fn wrong(&self) -> Vec<String> {
        lock(&self.state).wrong.clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn take(&mut self, request: &HttpRequest) -> Reaction {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        self.check(request, &text);
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let fault = self.draw(lines.len());
        let status = |status| Reaction::Response(HttpResponse::empty(status));
        match fault {
            Some(CollectorFault::Unavailable) => return status(StatusCode::SERVICE_UNAVAILABLE),
            Some(CollectorFault::TooLarge) => return status(StatusCode::PAYLOAD_TOO_LARGE),
            Some(CollectorFault::Throttled) => {
                let second = HeaderValue::from_static("1");
                let response = HttpResponse::empty(StatusCode::TOO_MANY_REQUESTS);
                return response.with(RETRY_AFTER, second).into();
            }
            Some(CollectorFault::NotTaken) => return Reaction::HangUp,
            Some(CollectorFault::LostResponse) => self.lines_without_response += lines.len(),
            None => {}
        }
        match request.uri.path() {
            "/full" => return status(StatusCode::PAYLOAD_TOO_LARGE),
            "/poisoned" => {
                let poison = self.poison.get_or_insert_with(|| lines[0].clone());
                if lines.contains(poison) {
                    return status(StatusCode::PAYLOAD_TOO_LARGE);
                }
                self.lines.extend(lines);
            }
            "/rejects" => self.rejects.extend(lines),
            _ => self.lines.extend(lines),
        }
        match fault {
            Some(_) => Reaction::HangUp,
            None => status(StatusCode::ACCEPTED),
        }
    }

    fn draw(&mut self, lines: usize) -> Option<CollectorFault> {
        if self.rng.u8(0..100) >= self.percent {
            return None;
        }
        let kind = self.rng.choice(CollectorFault::ALL)?;
        // HTTP 413 would turn a single line into a reject.
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
