//! The state of a vendor between requests, and its responses.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use windlass_core::span::Span;
use windlass_core::time::Timestamp;
use wiremock::{Request, ResponseTemplate};

use super::faults::STALL_MS;
use super::log::{Entry, Log, Served, WindowKey};
use super::shape::{PageResponse, Shape};
use super::tokens::TokenBook;
use super::{ACCESS_TOKEN_PREFIX, Fault, Faults, OKTA_TOKEN, Quirk, Settings};
use crate::timeline::{Event, Timeline};

/// Lifetime of an access token in seconds, as reported to the client.
const ACCESS_TOKEN_SECONDS: u32 = 3_600;

#[derive(Debug)]
pub(super) struct State {
    timeline: Timeline,
    settings: Settings,
    pages: watch::Sender<u64>,
    /// Number of pages after which requests are held; `None` to hold none.
    hold_after: Mutex<Option<u64>>,
    released: Condvar,
    changing: Mutex<Changing>,
}

#[derive(Debug)]
struct Changing {
    rng: fastrand::Rng,
    faults: Faults,
    quirk: Quirk,
    tokens: TokenBook,
    access_tokens: BTreeSet<String>,
    log: Log,
    run: u32,
}

/// A parsed request for a page.
struct Ask {
    from: Timestamp,
    to: Timestamp,
    limit: usize,
    token: Option<String>,
    window: WindowKey,
    /// Every parameter except the token, in a fixed order: a token is bound to it.
    request: String,
}

impl State {
    pub(super) fn new(settings: Settings, timeline: Timeline) -> Self {
        let changing = Changing {
            rng: fastrand::Rng::with_seed(settings.seed),
            faults: settings.faults.clone(),
            quirk: settings.quirk.clone(),
            tokens: TokenBook::default(),
            access_tokens: BTreeSet::new(),
            log: Log::default(),
            run: 1,
        };
        Self {
            timeline,
            settings,
            pages: watch::Sender::new(0),
            hold_after: Mutex::default(),
            released: Condvar::new(),
            changing: Mutex::new(changing),
        }
    }

    fn changing(&self) -> MutexGuard<'_, Changing> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn shape(&self) -> Shape {
        self.settings.shape
    }

    pub(super) fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    pub(super) fn log(&self) -> Log {
        self.changing().log.clone()
    }

    pub(super) fn next_run(&self) -> u32 {
        let mut changing = self.changing();
        changing.run += 1;
        changing.run
    }

    pub(super) fn pages_served(&self) -> watch::Receiver<u64> {
        self.pages.subscribe()
    }

    pub(super) fn hold_after(&self, pages: u64) {
        *self.holding() = Some(pages);
        // Held requests may be among these now.
        self.released.notify_all();
    }

    pub(super) fn release(&self) {
        *self.holding() = None;
        self.released.notify_all();
    }

    fn holding(&self) -> MutexGuard<'_, Option<u64>> {
        self.hold_after
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks the server's own thread while requests are held.
    fn wait_while_held(&self) {
        let is_held = |hold_after: &mut Option<u64>| {
            hold_after.is_some_and(|pages| *self.pages.borrow() >= pages)
        };
        let held = self.released.wait_while(self.holding(), is_held);
        drop(held);
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        self.changing().faults = faults;
    }

    pub(super) fn set_quirk(&self, quirk: Quirk) {
        self.changing().quirk = quirk;
    }

    pub(super) fn faults(&self) -> Faults {
        self.changing().faults.clone()
    }

    /// Responds to one request and logs it.
    pub(super) fn respond(&self, request: &Request) -> ResponseTemplate {
        self.wait_while_held();
        let mut changing = self.changing();
        let (response, served) = match (request.method.as_str(), request.url.path()) {
            ("POST", "/token") if self.shape() == Shape::Google => changing.grant(request),
            ("GET", path) if path == self.shape().path() => {
                self.respond_with_page(&mut changing, request)
            }
            _ => self.refuse(404, "notFound", "there is nothing at this address"),
        };
        if matches!(served, Served::Page { .. }) {
            self.pages.send_modify(|pages| *pages += 1);
        }
        let run = changing.run;
        changing.log.push(Entry {
            run,
            path: request.url.path().to_owned(),
            query: query(request),
            authorization: header(request, "authorization").map(str::to_owned),
            served,
        });
        response
    }

    fn refuse(&self, status: u16, reason: &str, message: &str) -> (ResponseTemplate, Served) {
        (
            self.shape().error(status, reason, message),
            Served::Refused(status),
        )
    }

    fn respond_with_page(
        &self,
        changing: &mut Changing,
        request: &Request,
    ) -> (ResponseTemplate, Served) {
        if !self.is_authorized(changing, request) {
            return self.refuse(401, "authError", "these credentials are not accepted");
        }
        let ask = match self.understand(request) {
            Ok(ask) => ask,
            Err(problem) => return self.refuse(400, "invalid", &problem),
        };
        if let Quirk::RetryAfter(seconds) = &changing.quirk {
            let (response, served) = self.refuse(429, "rateLimitExceeded", "too many requests");
            return (
                response.insert_header("Retry-After", seconds.to_string().as_str()),
                served,
            );
        }
        let latency = changing.rng.u64(self.settings.latency_ms.clone());
        let fault = changing.faults.draw(&ask.window, ask.token.is_some());
        let delay_ms = match fault {
            None => latency,
            Some(Fault::Stall) => STALL_MS,
            Some(fault) => {
                let served = Served::Fault {
                    window: ask.window,
                    fault,
                };
                return (self.shape().fault(fault), served);
            }
        };
        let offset = match &ask.token {
            None => 0,
            Some(token) => match changing.tokens.redeem(token, &ask.request) {
                Some(offset) => offset,
                None => return self.refuse(400, "invalid", "Invalid pageToken"),
            },
        };
        if let (Quirk::Redirect(target), true) = (&changing.quirk, offset > 0) {
            let response = ResponseTemplate::new(302).insert_header("Location", target.as_str());
            return (response, Served::Redirected);
        }
        let (page, records) = self.page(changing, request, &ask, offset);
        let served = Served::Page {
            window: ask.window,
            offset,
            records,
        };
        (page.set_delay(Duration::from_millis(delay_ms)), served)
    }

    fn page(
        &self,
        changing: &mut Changing,
        request: &Request,
        ask: &Ask,
        offset: usize,
    ) -> (ResponseTemplate, usize) {
        let all = self
            .timeline
            .between(ask.from, ask.to, self.settings.bounds);
        let size = ask.limit.min(self.settings.page_cap);
        let mut events: Vec<Event> = if self.shape().newest_first() {
            all.iter().rev().skip(offset).take(size).copied().collect()
        } else {
            all.iter().skip(offset).take(size).copied().collect()
        };
        let after = offset + events.len();
        let mut next_token = (after < all.len()).then(|| changing.tokens.give(&ask.request, after));
        if is_stuck(&changing.quirk, ask) && offset > 0 {
            events.clear();
            next_token.clone_from(&ask.token);
        }
        let authority = header(request, "host").unwrap_or("localhost");
        let self_origin = format!("http://{authority}");
        let next_origin = match &changing.quirk {
            Quirk::ForeignNext(origin) => origin.clone(),
            _ => self_origin.clone(),
        };
        let records = events.len();
        let page = self.shape().page(&PageResponse {
            events,
            record_bytes: self.timeline.record_bytes(),
            next_token,
            query: request.url.query().unwrap_or(""),
            pretty: !query(request)
                .iter()
                .any(|(key, value)| key == "prettyPrint" && value == "false"),
            self_origin,
            next_origin,
        });
        (page, records)
    }

    fn is_authorized(&self, changing: &Changing, request: &Request) -> bool {
        let given = header(request, "authorization").unwrap_or("");
        match self.shape() {
            Shape::Google => given
                .strip_prefix("Bearer ")
                .is_some_and(|token| changing.access_tokens.contains(token)),
            Shape::Okta => given.strip_prefix("SSWS ") == Some(OKTA_TOKEN),
        }
    }

    /// Parses a request for a page; the error describes an invalid one.
    fn understand(&self, request: &Request) -> Result<Ask, String> {
        let names = self.shape().parameters();
        let mut query = query(request);
        let get = |name: &str| {
            query
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        let text = |name: &str| get(name).ok_or_else(|| format!("{name} is missing"));
        let window = WindowKey {
            from: text(names.from)?,
            to: text(names.to)?,
        };
        let time = |text: &str| text.parse::<Timestamp>().map_err(|error| error.to_string());
        let (from, to) = (time(&window.from)?, time(&window.to)?);
        if from >= to {
            return Err(format!("{} must be before {}", names.from, names.to));
        }
        let limit = match get(names.limit) {
            None => names.limit_default,
            Some(limit) => limit
                .parse()
                .ok()
                .filter(|limit| (1..=names.limit_max).contains(limit))
                .ok_or_else(|| format!("{} must be 1 to {}", names.limit, names.limit_max))?,
        };
        let token = get(names.token);
        query.retain(|(key, _)| key != names.token);
        query.sort();
        Ok(Ask {
            from,
            to,
            limit,
            token,
            window,
            request: format!("{query:?}"),
        })
    }
}

impl Changing {
    /// Responds to an assertion grant: every assertion of the right form receives a token.
    /// <https://developers.google.com/identity/protocols/oauth2/service-account>
    fn grant(&mut self, request: &Request) -> (ResponseTemplate, Served) {
        let body = String::from_utf8_lossy(&request.body);
        let field = |name: &str| {
            body.split('&')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let is_grant = field("grant_type").is_some_and(|kind| kind.ends_with("jwt-bearer"));
        let is_signed = field("assertion").is_some_and(|jwt| jwt.split('.').count() == 3);
        if !is_grant || !is_signed {
            let body = json!({"error": "invalid_grant", "error_description": "no assertion"});
            return (
                ResponseTemplate::new(400).set_body_json(body),
                Served::Refused(400),
            );
        }
        let token = format!("{ACCESS_TOKEN_PREFIX}{:03}", self.access_tokens.len() + 1);
        let body = json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": ACCESS_TOKEN_SECONDS,
        });
        self.access_tokens.insert(token);
        (
            ResponseTemplate::new(200).set_body_json(body),
            Served::Token,
        )
    }
}

fn is_stuck(quirk: &Quirk, ask: &Ask) -> bool {
    let Quirk::StuckToken(at) = quirk else {
        return false;
    };
    Span::new(ask.from, ask.to).is_ok_and(|span| span.contains(*at))
}

fn query(request: &Request) -> Vec<(String, String)> {
    request
        .url
        .query_pairs()
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect()
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name)?.to_str().ok()
}
