//! The vendor of a scenario: a log of known records in Okta's shape, without faults. The scenario
//! chooses its records, limits and rejections, and the vendor records every request.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use windlass_connectors::exchange::{ApiRequest, ApiResponse, Headers};
use windlass_connectors::http::{Transport, TransportError};
use windlass_core::source::Order;
use windlass_core::time::{MINUTE_MS, SECOND_MS, Timestamp};

use super::manifest::manifest;
use crate::clock::wait_ms;
use crate::true_time;
use crate::world::lock;

/// The options of a vendor.
#[derive(Debug, Clone)]
pub(crate) struct LogSpec {
    /// The connector's name.
    pub(crate) name: &'static str,
    /// The rate group of its sources.
    pub(crate) group: &'static str,
    /// The order of records across pages.
    pub(crate) order: Order,
    /// True if its manifest documents that order.
    pub(crate) strict: bool,
    /// Records per page.
    pub(crate) page_size: usize,
    /// Duration of an exchange, in milliseconds.
    pub(crate) latency_ms: i64,
    /// The manifest's `settle`, in milliseconds.
    pub(crate) settle_ms: i64,
    /// Concurrent workers of the group.
    pub(crate) max_in_flight: u32,
    /// The manifest's `requests_per_minute`.
    pub(crate) declared: Option<u32>,
    /// The quota that its headers advertise and it enforces.
    pub(crate) advertised: Option<AdvertisedQuotas>,
    /// Retention in milliseconds; `None` if unlimited.
    pub(crate) kept_ms: Option<i64>,
    /// Rejects the first request from this instant on, with a wait of so many seconds.
    pub(crate) refusal: Option<(Timestamp, i64)>,
}

/// A quota that resets with each minute of the clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdvertisedQuotas {
    /// Requests per minute; HTTP 429 above it.
    pub(crate) per_minute: i64,
    /// The part that other clients use, evenly.
    pub(crate) others: i64,
}

impl LogSpec {
    /// A vendor without limits that documents oldest first.
    pub(crate) fn plain() -> Self {
        Self {
            name: "simlog",
            group: "simlog:all",
            order: Order::OldestFirst,
            strict: true,
            page_size: 100,
            latency_ms: 200,
            settle_ms: 5 * MINUTE_MS,
            max_in_flight: 8,
            declared: None,
            advertised: None,
            kept_ms: None,
            refusal: None,
        }
    }
}

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its id, unique in the log.
    pub(crate) id: String,
    /// Instant of its event.
    pub(crate) time: Timestamp,
    /// Instant from which it is listed.
    pub(crate) published_at: Timestamp,
}

/// One request as the vendor saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Instant of its arrival.
    pub(crate) at: Timestamp,
    /// Status of its response.
    pub(crate) status: u16,
    /// Number of its feed.
    pub(crate) feed: usize,
}

/// A vendor with its log of requests.
#[derive(Debug)]
pub(crate) struct Log {
    spec: LogSpec,
    /// Its feeds; the entries of each by time.
    feeds: Vec<Vec<Entry>>,
    asked: Mutex<Vec<Asked>>,
}

impl Log {
    /// The vendor of `spec` with `feeds`.
    pub(crate) fn new(spec: LogSpec, mut feeds: Vec<Vec<Entry>>) -> Arc<Self> {
        for feed in &mut feeds {
            feed.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
        }
        let asked = Mutex::default();
        Arc::new(Self { spec, feeds, asked })
    }

    /// The manifest of its connector.
    pub(crate) fn manifest(&self) -> String {
        manifest(&self.spec)
    }

    /// The entries of `feed`, by time.
    pub(crate) fn entries(&self, feed: usize) -> &[Entry] {
        self.feeds.get(feed).map_or(&[], Vec::as_slice)
    }

    /// Every request so far, in the order of arrival.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        lock(&self.asked).clone()
    }

    fn respond(&self, request: &ApiRequest) -> ApiResponse {
        let now = true_time::now();
        let query = |name: &str| {
            let mut pairs = request.url.query_pairs();
            pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
        };
        let feed = query("feed").and_then(|text| text.parse().ok());
        let feed: usize = feed.unwrap_or(usize::MAX);
        let mut headers = Headers::default();
        headers.push("Date", http_date(now));
        let refused = self.refuses(now, &mut headers);
        let bounds = (time(query("since")), time(query("until")));
        let (status, body) = match bounds {
            _ if refused => (429, String::from("{\"errorCode\":\"E0000047\"}")),
            (Some(since), Some(until)) if feed < self.feeds.len() => {
                let after = query("after");
                let (body, next) = self.page(feed, since..until, after.as_deref(), now);
                if let Some(next) = next {
                    let mut link = request.url.clone();
                    let kept = request.url.query_pairs().filter(|(key, _)| key != "after");
                    link.query_pairs_mut().clear().extend_pairs(kept);
                    link.query_pairs_mut().append_pair("after", &next);
                    headers.push("link", format!("<{link}>; rel=\"next\""));
                }
                (200, body)
            }
            _ => (400, String::from("{\"errorCode\":\"E0000001\"}")),
        };
        let asked = Asked {
            at: now,
            status,
            feed,
        };
        lock(&self.asked).push(asked);
        ApiResponse {
            status,
            headers,
            body: body.into(),
        }
    }

    /// Returns true if a request that arrives `now` exceeds the quota; writes the rest into
    /// `headers`.
    fn refuses(&self, now: Timestamp, headers: &mut Headers) -> bool {
        let asked = lock(&self.asked);
        if let Some((from, seconds)) = self.spec.refusal {
            let is_first = asked.last().is_none_or(|last| last.at < from);
            if now >= from && is_first {
                headers.push("Retry-After", seconds.to_string());
                return true;
            }
        }
        let Some(AdvertisedQuotas { per_minute, others }) = self.spec.advertised else {
            return false;
        };
        let minute = now.floor_to(MINUTE_MS);
        let recent = asked.iter().rev().take_while(|it| it.at >= minute).count();
        let theirs = others * now.ms_since(minute) / MINUTE_MS;
        let left = per_minute - theirs - i64::try_from(recent).unwrap_or(i64::MAX);
        let reset = minute.plus_ms(MINUTE_MS).as_ms() / SECOND_MS;
        headers.push("X-Rate-Limit-Remaining", (left - 1).max(0).to_string());
        headers.push("X-Rate-Limit-Reset", reset.to_string());
        left <= 0
    }

    /// The page after `after`, and the token of the page after it.
    fn page(
        &self,
        feed: usize,
        span: Range<Timestamp>,
        after: Option<&str>,
        now: Timestamp,
    ) -> (String, Option<String>) {
        let entries = &self.feeds[feed];
        let kept = self
            .spec
            .kept_ms
            .map_or(Timestamp::MIN, |ms| now.minus_ms(ms));
        let first = entries.partition_point(|it| it.time < span.start.max(kept));
        let end = entries.partition_point(|it| it.time < span.end).max(first);
        let place = after.and_then(|text| text.parse::<usize>().ok());
        let is_listed = |at: &usize| entries[*at].published_at <= now;
        let wanted = self.spec.page_size + 1;
        let mut found: Vec<usize> = match self.spec.order {
            Order::OldestFirst => {
                let begin = place.map_or(first, |place| (place + 1).max(first));
                (begin..end).filter(is_listed).take(wanted).collect()
            }
            Order::NewestFirst => {
                let end = place.map_or(end, |place| place.min(end));
                let places = (first..end).rev();
                places.filter(is_listed).take(wanted).collect()
            }
        };
        let more = found.len() == wanted;
        found.truncate(self.spec.page_size);
        let next = found.last().filter(|_| more).map(usize::to_string);
        let records: Vec<String> = found.iter().map(|at| record(&entries[*at])).collect();
        (format!("[{}]", records.join(",")), next)
    }
}

fn record(entry: &Entry) -> String {
    let (id, time) = (&entry.id, entry.time);
    format!("{{\"uuid\":\"{id}\",\"published\":\"{time}\",\"eventType\":\"user.session.start\"}}")
}

impl Transport for Log {
    async fn send(&self, request: &ApiRequest) -> Result<ApiResponse, TransportError> {
        wait_ms(self.spec.latency_ms / 2).await;
        let response = self.respond(request);
        wait_ms(self.spec.latency_ms - self.spec.latency_ms / 2).await;
        Ok(response)
    }
}

fn time(text: Option<String>) -> Option<Timestamp> {
    text.and_then(|text| text.parse().ok())
}

/// An HTTP date: <https://www.rfc-editor.org/rfc/rfc9110#http.date>.
fn http_date(time: Timestamp) -> String {
    let date = time.to_datetime();
    date.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
