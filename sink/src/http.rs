//! A collector over HTTPS: batches of newline-delimited JSON, posted to a URL.
//!
//! ```text
//! POST /windlass                                                    (or the path of `rejects`)
//! Content-Type: application/x-ndjson
//! Idempotency-Key: "okta/0123456789ab/live/2026-01-01T03:00:00.000Z r0 p7 0+100 1f2e3d4c5b6a7988"
//! Authorization: Bearer ...
//! ```
//!
//! # Meaning of an acknowledgement
//!
//! The collector has returned HTTP 2xx for every batch of the page, rejects included. It cannot
//! take anything back, so there is no position. Every stop, every timed-out call and every lost
//! response can repeat the records of that call.
//!
//! # Detection of repeats
//!
//! The key consists of the window, its number of restarts, the page, the first line and the number
//! of lines of the batch, and the first half of the SHA-256 of the body. Equal keys mean equal
//! bodies, so a collector may drop the second one. A timed-out call is repeated in smaller batches.
//! A page that a later run delivers again was fetched again and may be cut elsewhere: between two
//! restarts, the later line of a number replaces the earlier one. A restart begins the window
//! again.
//!
//! # Responses
//!
//! | status | meaning |
//! | --- | --- |
//! | 2xx | accepted |
//! | 408, 429, 5xx | retried with exponential backoff, or after `Retry-After`, which all windows obey |
//! | 413 | the batch is halved; a single line becomes a reject, unless other responses contradict the limit |
//! | 401, 403 | retried for some seconds, with the secret read again; then denied |
//! | other 4xx, 3xx | rejected: the source is blocked, and probed at a low rate |

mod collector;
mod config;
mod post;
mod too_large;

use std::sync::Arc;

use bytes::Bytes;
use windlass_core::window::Window;

pub use self::collector::{Authorization, Collector, Post, Posted, Ready, Response};
pub use self::config::HttpConfig;
use self::post::{Lines, Poster};
use crate::reject_lines::{ends_of, oversized, reject_lines};
use crate::{Batch, CallError, Seams, Sink, SinkError, Usage, WindowWriter, Written};

/// Delivers to one collector. Clones share its observed limits.
#[derive(Debug, Clone)]
pub struct HttpSink {
    name: Arc<str>,
    poster: Arc<Poster>,
}

impl HttpSink {
    /// The sink `name` with the settings `config`, which posts through `collector`. Makes no call.
    ///
    /// # Errors
    /// [`SinkError::Refused`] if the settings are not valid.
    pub fn new(
        name: String,
        config: &HttpConfig,
        collector: Arc<dyn Collector>,
        seams: Seams,
    ) -> Result<Self, SinkError> {
        use crate::settings::Settings as _;
        config.check().map_err(|error| SinkError::Refused {
            sink: name.clone(),
            problem: error.problem,
        })?;
        Ok(Self {
            name: name.into(),
            poster: Arc::new(Poster::new(config.clone(), collector, seams)),
        })
    }

    /// Counts of delivered data, for metrics.
    pub fn usage(&self) -> &Usage {
        &self.poster.usage
    }
}

impl Sink for HttpSink {
    type Writer = HttpWriter;

    async fn open(&self, window: &Window) -> Result<HttpWriter, SinkError> {
        // Continuing here would leave the first pages in an output that is never completed.
        if window.sink_position().is_some() {
            return Err(SinkError::Lost {
                sink: self.name.to_string(),
                problem: format!(
                    "the first pages of {} were delivered to another sink",
                    window.id()
                ),
            });
        }
        let ready = self.poster.ready().await;
        ready.map_err(|error| match error {
            // A secret of this machine: no vendor is asked before it can be read.
            CallError::Refused(problem) => SinkError::Unusable {
                sink: self.name.to_string(),
                problem,
            },
            other => other.into_sink_error(&self.name),
        })?;
        Ok(HttpWriter {
            sink: self.clone(),
            attempt: format!("{} r{}", window.id(), window.restarts()),
            rejected: 0,
        })
    }
}

/// Writes the pages of one window. Holds nothing between two calls, so a failed or dropped write
/// can be repeated.
#[derive(Debug)]
pub struct HttpWriter {
    sink: HttpSink,
    /// The prefix of every key: the window and its number of restarts.
    attempt: String,
    /// Number of lines that became rejects here, and are not yet counted by the caller.
    rejected: usize,
}

impl WindowWriter for HttpWriter {
    async fn write(&mut self, batch: &Batch) -> Result<Written, SinkError> {
        let delivered = self.deliver(batch).await;
        delivered
            .map(|()| Written::Durable(None))
            .map_err(|error| error.into_sink_error(&self.sink.name))
    }

    fn take_rejected(&mut self) -> usize {
        std::mem::take(&mut self.rejected)
    }

    async fn finish(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

impl HttpWriter {
    async fn deliver(&mut self, batch: &Batch) -> Result<(), CallError> {
        let poster = &self.sink.poster;
        let lines = Lines {
            url: &poster.config.url,
            key: format!("{} p{}", self.attempt, batch.page),
            first: batch.first,
            bytes: batch.lines.clone(),
            ends: &batch.ends,
        };
        let too_large = poster.post_all(&lines).await?;
        let mut rejects = oversized(batch, &too_large, |bytes| {
            format!("the collector returned HTTP 413 for a line of {bytes} bytes")
        });
        rejects.extend(batch.rejects.iter().cloned());
        if rejects.is_empty() {
            return Ok(());
        }
        rejects.sort_by_key(|reject| reject.index);
        self.reject(batch, &rejects).await?;
        self.rejected += too_large.len();
        Ok(())
    }

    async fn reject(&self, batch: &Batch, rejects: &[crate::Reject]) -> Result<(), CallError> {
        let poster = &self.sink.poster;
        let bytes = Bytes::from(reject_lines(&batch.window, batch.page, rejects));
        let ends = ends_of(&bytes);
        let lines = Lines {
            url: &poster.config.rejects,
            key: format!("{} p{} rejects", self.attempt, batch.page),
            first: batch.first,
            bytes,
            ends: &ends,
        };
        if let Some(place) = poster.post_all(&lines).await?.first() {
            let (window, index) = (&batch.window, rejects[*place].index);
            return Err(CallError::Refused(format!(
                "the collector returned HTTP 413 for the reject of record {index} of page {} of \
                 {window} alone; raise its limit on the size of a request",
                batch.page
            )));
        }
        poster.usage.rejected(rejects.len());
        Ok(())
    }
}

#[cfg(test)]
#[path = "http/responses_tests.rs"]
mod responses_tests;
#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
