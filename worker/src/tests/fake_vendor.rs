//! The vendor: pages of named records behind a token, modified by a script.

use std::sync::Mutex;

use windlass_connectors::exchange::{ApiRequest, ApiResponse, Headers};
use windlass_connectors::http::TransportError;
use windlass_connectors::scripted::ScriptedTransport;

use super::harness::{CANARY, Log};

/// The vendor's `Date`: the same instant as [`super::harness::NOW`].
pub(super) const DATE: &str = "Fri, 02 Jan 2026 00:00:00 GMT";
pub(super) const RECORDS_PER_PAGE: usize = 3;

pub(super) type Response = Result<ApiResponse, TransportError>;

/// A small vendor in the shape of Google's Reports API.
pub(super) const MANIFEST: &str = r#"
connector: sample
title: A sample
docs: https://vendor.test/docs
base_url: https://api.vendor.test
auth: { kind: bearer }
request: { path: /activity, query: { startTime: "{from}", endTime: "{to}" } }
window:
  mode: window
  clock: event
  format: rfc3339_ms
  unit: 1ms
  start_bound: inclusive
  end_bound: exclusive
  initial: 1h
  settle: 10m
page:
  token: { body: nextPageToken }
  to: { query: pageToken }
  end: [token_absent]
  replayable: true
records: { path: items, optional: true, id: [id], order: unknown }
rate: { remaining: x-remaining, reset: { header: x-reset, format: seconds } }
error_body: { message: error.message }
errors:
  - { status: 413, class: split }
"#;

/// The same vendor with times in its records, in a documented `order`.
pub(super) fn ordered(order: &str) -> String {
    let timed = format!("time: {{ path: time, format: rfc3339 }}, order: {order}, strict: true }}");
    MANIFEST.replace("order: unknown }", &timed)
}

/// A page with records of these names and times, in minutes after the first window's start.
#[expect(
    clippy::unnecessary_wraps,
    reason = "beside the other arms of a script"
)]
pub(super) fn timed(records: &[(&str, i64)], next: Option<&str>) -> Response {
    let items: Vec<_> = records
        .iter()
        .map(|(name, minute)| {
            let (hour, minute) = (minute / 60, minute % 60);
            format!(r#"{{"id":"{name}","time":"2026-01-01T{hour:02}:{minute:02}:00Z"}}"#)
        })
        .collect();
    let next = next.map_or_else(String::new, |next| format!(r#","nextPageToken":"{next}""#));
    let body = format!(r#"{{"items":[{}]{next}}}"#, items.join(","));
    Ok(response(200, &[], &body))
}

/// A request as the vendor sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Number of the request, from 1.
    pub(super) number: usize,
    /// Number of the page, from 0: `p3` is the token of page 3.
    pub(super) page: usize,
}

/// A page with records of these names and the next token.
pub(super) fn page_of(names: &[String], next: Option<&str>) -> ApiResponse {
    let items: Vec<_> = names
        .iter()
        .map(|name| format!(r#"{{"id":"{name}"}}"#))
        .collect();
    let next = next.map_or_else(String::new, |next| format!(r#","nextPageToken":"{next}""#));
    let body = format!(r#"{{"items":[{}]{next}}}"#, items.join(","));
    response(200, &[], &body)
}

pub(super) fn response(status: u16, headers: &[(&str, &str)], body: &str) -> ApiResponse {
    let date = [("date", DATE)];
    let dated = !headers.iter().any(|(name, _)| *name == "date");
    let headers: Headers = headers
        .iter()
        .chain(date.iter().filter(|_| dated))
        .copied()
        .collect();
    ApiResponse {
        status,
        headers,
        body: body.to_owned().into(),
    }
}

pub(super) fn names(page: usize) -> Vec<String> {
    (0..RECORDS_PER_PAGE)
        .map(|record| format!("{page}.{record}"))
        .collect()
}

/// Page `page` of `count` from a healthy vendor.
#[expect(
    clippy::unnecessary_wraps,
    reason = "beside the other arms of a script"
)]
pub(super) fn well(page: usize, count: usize) -> Response {
    let next = (page + 1 < count).then(|| format!("p{}", page + 1));
    Ok(page_of(&names(page), next.as_deref()))
}

/// Every record of `count` pages, once and in order.
pub(super) fn all(count: usize) -> Vec<String> {
    (0..count).flat_map(names).collect()
}

/// A transport to `vendor` that rejects other secrets. Logs each fetch.
pub(super) fn transport(
    vendor: impl Fn(&Asked) -> Response + Send + Sync + 'static,
    log: Log,
) -> ScriptedTransport {
    let requests = Mutex::new(0);
    ScriptedTransport::new(move |request| {
        let bearer = format!("Bearer {CANARY}");
        assert_eq!(request.header("authorization"), Some(bearer.as_str()));
        let page = token(request).map_or(0, |token| {
            token
                .trim_start_matches('p')
                .parse()
                .expect("a page's token")
        });
        let number = {
            let mut requests = requests.lock().unwrap();
            *requests += 1;
            *requests
        };
        log.push(format!("fetch {page}"));
        vendor(&Asked { number, page })
    })
}

/// The page token in `request`.
pub(super) fn token(request: &ApiRequest) -> Option<String> {
    let mut queries = request.url.query_pairs();
    let found = queries.find(|(name, _)| name == "pageToken");
    found.map(|(_, value)| value.into_owned())
}
