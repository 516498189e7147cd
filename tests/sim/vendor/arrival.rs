//! The arrival of a request: its authentication, its fault, and the headers of its response.

use windlass_connectors::exchange::{ApiRequest, ApiResponse};
use windlass_connectors::http::TransportError;
use windlass_core::Timestamp;
use windlass_core::clock::Clock as _;
use windlass_core::time::SECOND_MS;

use super::fault::Fault;
use super::shape::Problem;
use super::spec::Shape;
use super::token::hash;
use super::{State, Vendor};

/// Duration of a slow response in milliseconds: within the timeout.
const SLOW_MS: std::ops::Range<i64> = 3_000..25_000;
/// Duration after which every client has timed out: the read timeout of the real network.
const STALL_MS: i64 = windlass_core::limits::READ_TIMEOUT_MS.cast_signed();

type Outcome = Result<ApiResponse, TransportError>;

impl Vendor {
    /// The response to `request`, and its additional delay in milliseconds.
    pub(super) fn arrive(&self, request: &ApiRequest, now: Timestamp) -> (i64, Outcome) {
        let state = &mut *self.state();
        let query = pairs(request);
        let names = self.spec.names();
        let key = hash(&query, names.token);
        let has_token = query.iter().any(|(name, _)| name == names.token);
        let fault = state.faults.draw(now, key, has_token);
        if fault == Some(Fault::Connect) {
            let error = TransportError::Connect("the vendor is out of reach".to_owned());
            return (0, Err(error));
        }
        self.look_for_leaks(state, request);
        let mut response = match self.limited(state, now) {
            Some(limited) => limited,
            None => match fault.and_then(|fault| self.instead(state, fault)) {
                Some(instead) => instead,
                None => self.respond(state, request, fault, now),
            },
        };
        self.sign(state, &mut response, now);
        match fault {
            Some(Fault::Reset) => {
                let error = TransportError::Interrupted("the connection was reset".to_owned());
                (0, Err(error))
            }
            Some(Fault::Stall) => {
                let error = TransportError::Timeout("the reply did not come".to_owned());
                (STALL_MS, Err(error))
            }
            Some(Fault::Slow) => (state.faults.rng().i64(SLOW_MS), Ok(response)),
            Some(Fault::Truncated) if response.status == 200 => {
                response.body.truncate(response.body.len() / 2);
                (0, Ok(response))
            }
            _ => (0, Ok(response)),
        }
    }

    /// The rejection of a request above the limit.
    fn limited(&self, state: &mut State, now: Timestamp) -> Option<ApiResponse> {
        let count = state.minute.arrive(now);
        let limit = self.spec.rate_limit?;
        let most = usize::try_from(limit.per_minute).unwrap_or(usize::MAX);
        if count <= most {
            return None;
        }
        if limit.declared.is_some() && !self.spec.unpaced {
            state.violation(format!(
                "{now}: {count} requests in a minute to {}, which lets in {most}",
                self.spec.name
            ));
        }
        state.faults.count("vendor_limited");
        let mut response = self.error(Problem::Rate, "too many requests");
        if self.spec.quota_headers().is_none() {
            let seconds = ceil_seconds(state.minute.reset_ms(now));
            response.headers.push("Retry-After", seconds.to_string());
        }
        Some(response)
    }

    /// The response that a fault puts in place of the real one.
    fn instead(&self, state: &mut State, fault: Fault) -> Option<ApiResponse> {
        let rng = state.faults.rng();
        let page = |body: &'static [u8]| ApiResponse {
            body: body.into(),
            ..self.spec.page(&[], None)
        };
        let mut wait_seconds = || match rng.u8(0..20) {
            0..12 => rng.i64(1..=4),
            12..19 => rng.i64(5..=120),
            // Longer than the longest wait that is kept.
            _ => 7_200,
        };
        let response = match fault {
            Fault::RetrySeconds => {
                let mut response = self.error(Problem::Rate, "slow down");
                let seconds = wait_seconds().to_string();
                response.headers.push("Retry-After", seconds);
                response
            }
            Fault::RetryDate => {
                let mut response = self.error(Problem::Rate, "slow down");
                let shown = self.spec.clock.now();
                let until = shown.plus_ms(wait_seconds() * SECOND_MS);
                response.headers.push("Retry-After", http_date(until));
                response
            }
            Fault::RetryBare => self.error(Problem::Rate, "slow down"),
            Fault::Unauthorized => self.error(Problem::Unauthorized, "the credentials are unknown"),
            Fault::Quota => self.error(Problem::Quota, "the quota is spent"),
            Fault::Error500 => self.error(Problem::Broken, "something broke"),
            Fault::Error503 => {
                let mut response = self.error(Problem::Unavailable, "come back later");
                if rng.bool() {
                    response.headers.push("Retry-After", "3");
                }
                response
            }
            Fault::Garbage => page(b"\xff\xfe\x00 \x01\xc3("),
            Fault::Html => page(b"<!doctype html><html><body>We are improving</body></html>"),
            Fault::Stranger => page(b"{\"status\":\"maintenance\"}"),
            Fault::TokenRejected => self.error(Problem::Token, "Invalid pageToken"),
            _ => return None,
        };
        Some(response)
    }

    /// An error whose message repeats the credential if the vendor echoes it.
    pub(super) fn error(&self, problem: Problem, message: &str) -> ApiResponse {
        if self.spec.echoes {
            let message = format!("{message} (asked with {})", self.secret);
            self.spec.error(problem, &message)
        } else {
            self.spec.error(problem, message)
        }
    }

    /// Adds the headers of every response: the vendor's own time, and its quota.
    fn sign(&self, state: &State, response: &mut ApiResponse, now: Timestamp) {
        let shown = self.spec.clock.now();
        response.headers.push("Date", http_date(shown));
        let (Some(limit), Some((remaining, reset))) =
            (self.spec.rate_limit, self.spec.quota_headers())
        else {
            return;
        };
        let left = state.minute.left(limit.per_minute);
        let reset_ms = state.minute.reset_ms(now);
        let until = match self.spec.shape {
            Shape::Okta => ceil_seconds(shown.plus_ms(reset_ms).as_ms()),
            _ => ceil_seconds(reset_ms),
        };
        if response.headers.get(remaining).is_none() {
            response.headers.push(remaining, left.to_string());
        }
        response.headers.push(reset, until.to_string());
    }

    /// Checks that the credential is in its header and nowhere else.
    fn look_for_leaks(&self, state: &mut State, request: &ApiRequest) {
        let (place, _) = self.spec.credential();
        let in_headers = request
            .headers
            .iter()
            .any(|(name, value)| !name.eq_ignore_ascii_case(place) && value.contains(self.secret));
        if in_headers || request.url.as_str().contains(self.secret) {
            state.violation("a request carries the credential where it can be stored".to_owned());
        }
    }
}

pub(super) fn pairs(request: &ApiRequest) -> Vec<(String, String)> {
    let pairs = request.url.query_pairs();
    pairs
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

fn ceil_seconds(ms: i64) -> i64 {
    ms.div_euclid(SECOND_MS) + i64::from(ms.rem_euclid(SECOND_MS) > 0)
}

/// An HTTP date: <https://www.rfc-editor.org/rfc/rfc9110#http.date>.
fn http_date(time: Timestamp) -> String {
    let date = time.to_datetime();
    date.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
