//! Delivery of the lines of a page, batch by batch, until the collector has accepted each.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use url::Url;
use windlass_core::{Timestamp, ids, limits};

use super::collector::{Authorization, BODY_BYTES_MAX, Collector, Post, Response};
use super::config::HttpConfig;
use super::too_large::{Contradiction, TooLarge};
use crate::Seams;
use crate::call::CallError;
use crate::retry_limit::RetryLimit;
use crate::uplink::Uplink;
use crate::usage::Usage;

/// Lower bound for the limit learned from HTTP 413: smaller bodies would cost a call for a few
/// lines each, and a collector that rejects these rejects single records.
pub(super) const BODY_BYTES_MAX_LEARNED: usize = 64 * 1024;
/// Maximum number of timeouts in one write, although each call is half as large as the one before.
const TIMEOUTS_MAX: u32 = 3;
/// The content type of the lines.
const CONTENT_TYPE: &str = "application/x-ndjson";
/// Bytes of the body's digest in a key: enough that no two bodies of one page share it.
const DIGEST_BYTES: usize = 8;

/// Lines for one URL.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    /// The URL.
    pub(super) url: &'a Url,
    /// The common prefix of the keys of a page's batches.
    pub(super) key: String,
    /// The index in the page of the first line.
    pub(super) first: usize,
    pub(super) bytes: Bytes,
    /// The end of each line in `bytes`.
    pub(super) ends: &'a [usize],
}

/// One batch of lines.
#[derive(Debug, Clone, Copy)]
struct Cut {
    /// Index of the first line.
    from: usize,
    /// Index after the last line.
    to: usize,
    /// Total size in bytes.
    bytes: usize,
}

impl Lines<'_> {
    fn start(&self, line: usize) -> usize {
        line.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The lines from `from` that fit into `bytes_max`; at least one.
    fn cut(&self, from: usize, bytes_max: usize) -> Cut {
        let start = self.start(from);
        let fitting = self.ends[from..].partition_point(|end| end - start <= bytes_max);
        let to = from + fitting.max(1);
        let bytes = self.ends[to - 1] - start;
        Cut { from, to, bytes }
    }

    fn body(&self, cut: Cut) -> Bytes {
        let start = self.start(cut.from);
        self.bytes.slice(start..start + cut.bytes)
    }
}

/// The calls to one collector, and its observed limits.
#[derive(Debug)]
pub(super) struct Poster {
    pub(super) config: HttpConfig,
    pub(super) usage: Usage,
    collector: Arc<dyn Collector>,
    seams: Seams,
    uplink: Uplink,
    /// Maximum size of a body, lowered after HTTP 413.
    body_bytes_max: AtomicUsize,
    /// Size of the largest body that was accepted; 0 before the first.
    taken_bytes: AtomicUsize,
    /// Earliest time of the next call, as the collector requested; milliseconds since the epoch.
    not_before: AtomicI64,
}

impl Poster {
    pub(super) fn new(config: HttpConfig, collector: Arc<dyn Collector>, seams: Seams) -> Self {
        Self {
            config,
            usage: Usage::default(),
            collector,
            seams,
            uplink: Uplink::default(),
            body_bytes_max: AtomicUsize::new(BODY_BYTES_MAX),
            taken_bytes: AtomicUsize::new(0),
            not_before: AtomicI64::new(Timestamp::MIN.as_ms()),
        }
    }

    /// Posts `lines` in order until the collector has accepted each, rejects one, or the retry
    /// limit is reached. Returns the lines that are too large for the collector.
    pub(super) async fn post_all(&self, lines: &Lines<'_>) -> Result<Vec<usize>, CallError> {
        let mut retry_limit = RetryLimit::new(&*self.seams.clock, &*self.seams.entropy);
        let mut bytes_max = self.body_bytes_max.load(Ordering::SeqCst);
        let (mut at, mut timeouts, mut renew) = (0, 0, false);
        let mut posted_to = 0;
        let mut too_large = TooLarge::default();
        while at < lines.ends.len() {
            let allowed = self.uplink.allowance().records(bytes_max);
            let cut = lines.cut(at, allowed);
            let resent = posted_to.min(cut.to).saturating_sub(at);
            posted_to = posted_to.max(cut.to);
            let posted = if let Some(wait) = self.cooldown(lines.url) {
                Err(wait)
            } else {
                self.usage.called(resent);
                retry_limit.requested();
                self.post(lines, cut, renew).await
            };
            let failure = match posted {
                Ok(Taken::Yes) => {
                    self.usage.sent(cut.to - cut.from, cut.bytes, 0);
                    self.taken_bytes.fetch_max(cut.bytes, Ordering::SeqCst);
                    too_large.taken();
                    retry_limit.progressed();
                    (at, renew) = (cut.to, false);
                    continue;
                }
                Ok(Taken::TooLarge) if cut.to - cut.from == 1 => {
                    let taken_bytes = self.taken_bytes.load(Ordering::SeqCst);
                    too_large
                        .refused(at, cut.bytes, taken_bytes)
                        .map_err(|wrong| self.contradicted(lines.url, wrong))?;
                    at = cut.to;
                    continue;
                }
                Ok(Taken::TooLarge) => {
                    bytes_max = cut.bytes / 2;
                    self.learn(bytes_max);
                    continue;
                }
                Err(refused @ CallError::Refused(_)) => return Err(refused),
                Err(CallError::Slow(_)) if timeouts < TIMEOUTS_MAX => {
                    // The next batch is half as large: the uplink has recorded the timeout.
                    timeouts += 1;
                    retry_limit.progressed();
                    continue;
                }
                Err(failure) => failure,
            };
            renew = matches!(failure, CallError::Denied(_));
            let goes_on = match &failure {
                CallError::Denied(_) => retry_limit.wait_denied().await,
                CallError::Throttled { wait_ms, .. } => retry_limit.wait_at_least(*wait_ms).await,
                _ => retry_limit.wait().await,
            };
            if !goes_on {
                let (spent, left, all) =
                    (retry_limit.spent(), lines.ends.len() - at, lines.ends.len());
                return Err(failure.map(|problem| {
                    format!("{left} of {all} lines not accepted after {spent}: {problem}")
                }));
            }
        }
        too_large
            .finish()
            .map_err(|wrong| self.contradicted(lines.url, wrong))
    }

    /// The error for HTTP 413 that says nothing about the size of a record. What was learned from it
    /// is forgotten.
    fn contradicted(&self, url: &Url, wrong: Contradiction) -> CallError {
        self.body_bytes_max.store(BODY_BYTES_MAX, Ordering::SeqCst);
        let host = url.origin().ascii_serialization();
        let Contradiction { lines, bytes } = wrong;
        let these = if lines == 1 {
            format!("a record of {bytes} bytes")
        } else {
            format!("{lines} records in a row, each posted alone, the smallest of {bytes} bytes")
        };
        CallError::Refused(format!(
            "collector {host} returned HTTP 413 for {these}, and a batch has up to {BODY_BYTES_MAX} \
             bytes; none of them became a reject; raise its limit on the size of a request, also in a \
             proxy before it, and check the sink's url"
        ))
    }

    /// Limits the batches of later pages to `bytes`.
    fn learn(&self, bytes: usize) {
        let bytes = bytes.max(BODY_BYTES_MAX_LEARNED);
        self.body_bytes_max.fetch_min(bytes, Ordering::SeqCst);
    }

    /// The rest of the wait that the collector requested from any window. A wait above the maximum
    /// results from a clock that was wrong then or is wrong now, and is ignored.
    fn cooldown(&self, url: &Url) -> Option<CallError> {
        let now = self.seams.clock.now();
        let until = Timestamp::from_ms(self.not_before.load(Ordering::SeqCst));
        let wait_ms = until.ms_since(now);
        let host = url.origin().ascii_serialization();
        (1..=limits::WAIT_MS_MAX)
            .contains(&wait_ms)
            .then(|| CallError::Throttled {
                problem: format!("collector {host} requested a wait"),
                wait_ms,
            })
    }

    /// The credential of a call; `renew` if the collector has just rejected it.
    fn authorization(&self, renew: bool) -> Option<Authorization<'_>> {
        let secret = self.config.secret.as_deref()?;
        Some(Authorization {
            scheme: &self.config.scheme,
            secret,
            renew,
        })
    }

    /// Checks that the credential can be read.
    pub(super) async fn ready(&self) -> Result<(), CallError> {
        match self.authorization(false) {
            Some(authorization) => self.collector.ready(authorization).await,
            None => Ok(()),
        }
    }

    async fn post(&self, lines: &Lines<'_>, cut: Cut, renew: bool) -> Result<Taken, CallError> {
        let clock = &*self.seams.clock;
        let host = lines.url.origin().ascii_serialization();
        let body = lines.body(cut);
        let digest = ids::hex(&Sha256::digest(&body), DIGEST_BYTES);
        let (first, count) = (lines.first + cut.from, cut.to - cut.from);
        let post = Post {
            url: lines.url,
            content_type: CONTENT_TYPE,
            key: format!("\"{} {first}+{count} {digest}\"", lines.key),
            authorization: self.authorization(renew),
            body,
        };
        let call = self.collector.post(post);
        let allowance = self.uplink.allowance();
        let call = self.uplink.in_time(allowance, cut.bytes, clock, call);
        let Response {
            status,
            retry_after_ms,
        } = call.await?;
        let taken = taken(&host, status, retry_after_ms);
        if let Err(CallError::Throttled { wait_ms, .. }) = &taken {
            let until = clock.now().plus_ms(*wait_ms).as_ms();
            self.not_before.fetch_max(until, Ordering::SeqCst);
        }
        taken
    }
}

/// The outcome of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Yes,
    TooLarge,
}

/// The meaning of `status` for a batch.
fn taken(host: &str, status: u16, retry_after_ms: Option<i64>) -> Result<Taken, CallError> {
    let returned = format!("collector {host} returned HTTP {status}");
    match status {
        200..=299 => Ok(Taken::Yes),
        413 => Ok(Taken::TooLarge),
        408 | 429 | 500..=599 => Err(match retry_after_ms {
            Some(wait_ms) => CallError::Throttled {
                problem: returned,
                wait_ms: wait_ms.min(limits::WAIT_MS_MAX),
            },
            None => CallError::Again(returned),
        }),
        401 | 403 => Err(CallError::Denied(format!(
            "{returned}: credentials not accepted; check the sink's `secret` and `scheme`"
        ))),
        404 | 405 | 410 => Err(CallError::Refused(format!(
            "{returned}: no endpoint for batches at this address; check the sink's `url` and \
             `rejects`"
        ))),
        400 | 415 | 422 => Err(CallError::Refused(format!(
            "{returned}: newline-delimited JSON, or one of the records, not accepted; see the \
             collector's log"
        ))),
        _ => Err(CallError::Refused(format!(
            "{returned}; see the collector's log and check the sink's `url`"
        ))),
    }
}
