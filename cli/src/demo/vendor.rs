//! The sample vendor: a small HTTP server on loopback in the shape of the Google Reports API.
//! Newest first, bounds inclusive on both sides, several records in one millisecond and on window
//! bounds.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use windlass_core::Timestamp;
use windlass_core::time::HOUR_MS;

/// Records per page.
const PAGE: u64 = 200;
/// Length of the timeline in hours.
const HOURS: u64 = 6;
/// Records that share one millisecond.
const TWINS: u64 = 3;
/// Start of the timeline: 2026-01-01T00:00:00Z.
const BEGIN: Timestamp = Timestamp::from_ms(1_767_225_600_000);

/// The vendor's records, by number, oldest first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeline {
    records: u64,
}

impl Timeline {
    /// A timeline of `records` records over six hours.
    pub(crate) const fn new(records: u64) -> Self {
        Self { records }
    }

    /// The first instant, and the instant after the last.
    pub(crate) fn bounds() -> (Timestamp, Timestamp) {
        (BEGIN, BEGIN.plus_ms(HOUR_MS * 6))
    }

    /// The number of records.
    pub(crate) const fn records(self) -> u64 {
        self.records
    }

    /// The number of requests of an uninterrupted pull by whole hours.
    pub(crate) fn pages_needed(self) -> u64 {
        (0..HOURS)
            .map(|hour| {
                let from = BEGIN.plus_ms(HOUR_MS * to_i64(hour));
                // The request extends by one millisecond on both sides, because the bounds are
                // undocumented.
                let (first, last) = self.range(from.minus_ms(1), from.plus_ms(HOUR_MS + 1));
                (last - first).div_ceil(PAGE).max(1)
            })
            .sum()
    }

    /// The unique part of record `number`'s id.
    pub(crate) fn qualifier(number: u64) -> String {
        // Ids of the real vendor are often negative.
        format!("-{}", 1_000_000_007_u64.wrapping_mul(number + 1))
    }

    /// The time of record `number`: the first ones exactly on the start, three per millisecond.
    fn time(self, number: u64) -> Timestamp {
        let groups = self.records.div_ceil(TWINS).max(1);
        let span = u128::from(HOURS) * u128::from(HOUR_MS.unsigned_abs());
        let offset = u128::from(number / TWINS) * span / u128::from(groups);
        BEGIN.plus_ms(i64::try_from(offset).unwrap_or(i64::MAX))
    }

    /// The numbers of the records in `[start, end]`, both inclusive, as `[first, last)`.
    fn range(self, start: Timestamp, end: Timestamp) -> (u64, u64) {
        let first_at = |wanted: &dyn Fn(Timestamp) -> bool| {
            let (mut low, mut high) = (0, self.records);
            while low < high {
                let middle = low.midpoint(high);
                if wanted(self.time(middle)) {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            low
        };
        let first = first_at(&|time| time >= start);
        (first, first_at(&|time| time > end).max(first))
    }

    fn page(self, start: Timestamp, end: Timestamp, skip: u64) -> String {
        let (first, last) = self.range(start, end);
        let newest = last.saturating_sub(skip).max(first);
        let oldest = newest.saturating_sub(PAGE).max(first);
        let items: Vec<_> = (oldest..newest)
            .rev()
            .map(|number| self.record(number))
            .collect();
        let next = if oldest > first {
            format!(",\"nextPageToken\":\"after-{}\"", last - oldest)
        } else {
            String::new()
        };
        // Like the real vendor, it omits `items` on an empty page.
        let items = if items.is_empty() {
            String::new()
        } else {
            format!(",\"items\":[{}]", items.join(","))
        };
        format!("{{\"kind\":\"admin#reports#activities\"{items}{next}}}")
    }

    fn record(self, number: u64) -> String {
        let (time, qualifier) = (self.time(number), Self::qualifier(number));
        format!(
            concat!(
                "{{\"kind\":\"admin#reports#activity\",\"id\":{{\"time\":\"{time}\",",
                "\"uniqueQualifier\":\"{qualifier}\",\"applicationName\":\"login\",",
                "\"customerId\":\"C03sample\"}},\"actor\":{{\"callerType\":\"USER\",",
                "\"email\":\"user{user}@sample.example\",\"profileId\":\"1{number:020}\"}},",
                "\"ipAddress\":\"192.0.2.{ip}\",\"events\":[{{\"type\":\"login\",",
                "\"name\":\"login_success\",\"parameters\":[{{\"name\":\"login_type\",",
                "\"value\":\"saml\"}},{{\"name\":\"login_challenge_method\",\"multiValue\":",
                "[\"password\",\"security_key\"]}},{{\"name\":\"is_suspicious\",",
                "\"boolValue\":false}}]}}]}}"
            ),
            time = time,
            qualifier = qualifier,
            user = number % 997,
            number = number,
            ip = number % 254 + 1
        )
    }
}

/// The running vendor.
#[derive(Debug)]
pub(crate) struct SampleVendor {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    timeline: Timeline,
    served: AtomicU64,
    /// Number of pages after which responses are held; `u64::MAX` for never.
    hold_after: watch::Sender<u64>,
}

impl SampleVendor {
    /// Serves `timeline` on loopback until the process ends.
    ///
    /// # Errors
    /// The port is in use.
    pub(crate) async fn start(timeline: Timeline, port: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| {
                format!(
                    "the sample vendor cannot listen on port {port}; choose another with --port"
                )
            })?;
        let address = listener.local_addr()?;
        let hold_after = watch::Sender::new(u64::MAX);
        let shared = Arc::new(Shared {
            timeline,
            served: AtomicU64::new(0),
            hold_after,
        });
        tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { address, shared })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn timeline(&self) -> Timeline {
        self.shared.timeline
    }

    /// Number of pages served so far.
    pub(crate) fn pages_served(&self) -> u64 {
        self.shared.served.load(Ordering::SeqCst)
    }

    /// Holds every response after `pages` pages.
    pub(crate) fn hold_after(&self, pages: u64) {
        self.shared.hold_after.send_replace(pages);
    }

    /// Returns true if responses are being held.
    pub(crate) fn is_holding(&self) -> bool {
        self.pages_served() >= *self.shared.hold_after.borrow()
    }

    /// Releases the responses.
    pub(crate) fn release(&self) {
        self.shared.hold_after.send_replace(u64::MAX);
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| respond(Arc::clone(&shared), request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the sample vendor ended early");
            }
        });
    }
}

async fn respond(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let response = |status: StatusCode, body: String| {
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        Ok(response)
    };
    let Some(asked) = Asked::read(request.uri().query().unwrap_or_default()) else {
        let body = "{\"error\":{\"message\":\"startTime and endTime are needed\"}}";
        return response(StatusCode::BAD_REQUEST, body.to_owned());
    };
    let mut hold = shared.hold_after.subscribe();
    let served = || shared.served.load(Ordering::SeqCst);
    if hold
        .wait_for(|hold_after| served() < *hold_after)
        .await
        .is_err()
    {
        return response(StatusCode::SERVICE_UNAVAILABLE, String::new());
    }
    shared.served.fetch_add(1, Ordering::SeqCst);
    response(
        StatusCode::OK,
        shared.timeline.page(asked.start, asked.end, asked.skip),
    )
}

/// The parameters of a request.
struct Asked {
    start: Timestamp,
    end: Timestamp,
    skip: u64,
}

impl Asked {
    fn read(query: &str) -> Option<Self> {
        let value = |name: &str| {
            let pair = query
                .split('&')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            pair.map(|value| value.replace("%3A", ":"))
        };
        let skip = match value("pageToken") {
            Some(token) => token.strip_prefix("after-")?.parse().ok()?,
            None => 0,
        };
        Some(Self {
            start: value("startTime")?.parse().ok()?,
            end: value("endTime")?.parse().ok()?,
            skip,
        })
    }
}

fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
