//! A vendor with one record a minute, and the parts of its responses.

use serde_json::{Value, json};
use windlass_connectors::{ApiRequest, ApiResponse};
use windlass_core::Timestamp;
use windlass_core::time::MINUTE_MS;

/// The time of the vendor's first record, which is also the source's start.
pub(crate) const START: &str = "2026-01-01T00:00:00Z";

/// [`START`] as an instant.
pub(crate) fn start() -> Timestamp {
    START.parse().expect("a valid time")
}

/// The parts of a manifest that most behaviors share: 60 records an hour, in pages of ten, whose
/// token is at `next`. Tests replace single lines.
pub(crate) const MANIFEST: &str = r#"
connector: t
title: A vendor with one record a minute
docs: https://docs.example.com/
base_url: https://api.example.com
auth: { kind: bearer }
request:
  path: /events
  query: { since: "{from}", until: "{to}", limit: "{page_size}" }
window:
  mode: window
  clock: event
  format: rfc3339
  unit: 1s
  start_bound: inclusive
  end_bound: exclusive
  initial: 1h
  settle: 1m
page:
  token: { body: next }
  to: { query: cursor }
  end: [token_absent]
  size: 10
  replayable: true
records:
  path: items
  id: [id]
  time: { path: time, format: rfc3339 }
  order: oldest_first
error_body: { message: error }
"#;

/// One request, as the vendor reads it.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// The request itself.
    pub(crate) http: &'a ApiRequest,
    /// Its number, from 1, over the whole test.
    pub(crate) number: usize,
    /// The instant at which it arrives.
    pub(crate) now: Timestamp,
}

impl Asked<'_> {
    /// The first value of the query parameter `name`.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let mut pairs = self.http.url.query_pairs();
        let found = pairs.find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    }

    /// The records between the bounds `since` and `until`, of those published by now.
    pub(crate) fn records(&self) -> Vec<Value> {
        let bound = |name: &str| self.query(name).map(|text| text.parse());
        let (Some(Ok(since)), Some(Ok(until))) = (bound("since"), bound("until")) else {
            return Vec::new();
        };
        records(since, self.now.min(until))
    }

    /// The honest response: ten records from the cursor on, and the next cursor unless they are the
    /// last.
    pub(crate) fn page(&self) -> ApiResponse {
        self.page_of(10)
    }

    /// [`Self::page`] with another page size.
    pub(crate) fn page_of(&self, size: usize) -> ApiResponse {
        let all = self.records();
        let first = self.query("cursor").and_then(|text| text.parse().ok());
        let first: usize = first.unwrap_or(0);
        let end = (first + size).min(all.len());
        let items = all.get(first..end).unwrap_or_default();
        let next = (end < all.len()).then(|| end.to_string());
        ok(&json!({"items": items, "next": next}))
    }
}

/// The vendor without a fault: [`Asked::page`].
pub(crate) fn honest(asked: &Asked<'_>) -> ApiResponse {
    asked.page()
}

/// The records of the minutes from `since` to before `until`.
pub(crate) fn records(since: Timestamp, until: Timestamp) -> Vec<Value> {
    let start = start();
    let mut records = Vec::new();
    let mut at = start;
    while at < until {
        if at >= since {
            let minute = at.ms_since(start) / MINUTE_MS;
            records.push(json!({"id": format!("e{minute}"), "time": at.to_string()}));
        }
        at = at.plus_ms(MINUTE_MS);
    }
    records
}

/// HTTP 200 with a JSON body.
pub(crate) fn ok(body: &Value) -> ApiResponse {
    response(200, body.to_string())
}

/// A response without headers.
pub(crate) fn response(status: u16, body: impl Into<String>) -> ApiResponse {
    ApiResponse {
        status,
        headers: [("Content-Type", "application/json")].into_iter().collect(),
        body: body.into().into(),
    }
}

/// [`response`] with one more header.
pub(crate) fn with_header(mut response: ApiResponse, name: &str, value: &str) -> ApiResponse {
    response.headers.push(name, value);
    response
}
