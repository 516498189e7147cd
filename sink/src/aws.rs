//! Firehose and Kinesis Data Streams, with rejects on S3.
//!
//! A page is packed into records ([`crate::pack`]), and the records are put in order, call by call.
//! Each record, and each line in it, ends with `\n`.
//!
//! # Meaning of an acknowledgement
//!
//! The service has accepted every record of the page, and S3 the page's rejects. Accepted records
//! cannot be taken back: there is no position. Every stop, every timed-out call, and every lost
//! response can repeat the records of that call. A window with a position was begun by another
//! sink, and restarts here.
//!
//! # Responses
//!
//! A successful call can still have failed for some of its records: those alone are put again, in
//! their order. A response that does not fit its call counts for nothing, and the whole call is
//! repeated. The services promise no order, and records that are put again arrive after others;
//! readers of the stream order by the records' own times.
//!
//! # Time
//!
//! The timeout of a call follows its size. A timed-out call may have been applied; the next one
//! carries half as many records, down to one. A denied call is repeated for some seconds, each time
//! with a new signature.
//!
//! # Memory
//!
//! Records are slices of a piece of the page. The SDK makes one base64 copy of the data in a call,
//! so a piece needs its own size and twice that of one call.
//!
//! # Rejects
//!
//! A line that is too long for a record, and every reject of a page, go to one object per page,
//! before the page is acknowledged:
//!
//! ```text
//! PREFIX/okta/2026-01-01/okta_0123456789ab_live_2026-01-01T030000.000Z/00000000000000000007.jsonl
//! ```
//!
//! The key consists of the source, the UTC day on which the window starts, the window and the page,
//! so a repeated page replaces its object and duplicates nothing. A further piece of a large page
//! adds the index of its first record: `00000000000000000007_0000010000.jsonl`. Rejects go to S3
//! and not to a queue, because a record that exceeds a megabyte does not fit into a message either.

mod account;
mod error;
#[cfg(test)]
mod fake;
mod firehose;
mod kinesis;
mod rejects;
mod resend;

use std::ops::Range;
use std::sync::Arc;

use aws_config::SdkConfig;
use windlass_core::ids::WindowId;
use windlass_core::window::Window;

use self::firehose::Firehose;
use self::kinesis::Kinesis;
use self::rejects::RejectsBucket;
use self::resend::{Entry, Means, put_all};
use crate::call::CallError;
use crate::pack::{Record, StreamLimits, calls, records};
use crate::reject_lines::{oversized, reject_lines};
use crate::retry_limit::RetryLimit;
use crate::stream_config::{StreamConfig, StreamKind};
use crate::uplink::Uplink;
use crate::usage::Usage;
use crate::{Batch, Reject, Seams, Sink, SinkError, WindowWriter, Written};

/// Delivers to one stream. Clones share the clients, their connections and the counters.
#[derive(Debug, Clone)]
pub struct StreamSink {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    service: Service,
    limits: StreamLimits,
    rejects: RejectsBucket,
    uplink: Uplink,
    usage: Arc<Usage>,
    seams: Seams,
}

#[derive(Debug)]
enum Service {
    Firehose(Firehose),
    Kinesis(Kinesis),
}

impl StreamSink {
    /// The sink `name`, which delivers to a `stream` of `kind` with the credentials, the endpoints
    /// and the region of `sdk`, unless the settings name a region. Makes no call.
    ///
    /// # Errors
    /// [`SinkError::Refused`] if the settings are not valid, or if the region or the source of
    /// credentials is missing.
    pub async fn new(
        name: String,
        kind: StreamKind,
        stream: &StreamConfig,
        sdk: &SdkConfig,
        seams: Seams,
    ) -> Result<Self, SinkError> {
        let refused = |problem| SinkError::Refused {
            sink: name.clone(),
            problem,
        };
        stream.check(kind).map_err(|error| refused(error.problem))?;
        let account = account::of(stream, sdk).await.map_err(refused)?;
        Ok(Self::in_account(name, kind, stream, &account, seams))
    }

    /// The sink with clients from `account`, unchanged.
    fn in_account(
        name: String,
        kind: StreamKind,
        stream: &StreamConfig,
        account: &SdkConfig,
        seams: Seams,
    ) -> Self {
        let service = match kind {
            StreamKind::Firehose => Service::Firehose(Firehose::new(stream, account)),
            StreamKind::Kinesis => Service::Kinesis(Kinesis::new(stream, account)),
        };
        let shared = Shared {
            name,
            service,
            limits: stream.limits(kind),
            rejects: RejectsBucket::new(stream, account),
            uplink: Uplink::default(),
            usage: Arc::default(),
            seams,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Counts of delivered and billed data so far, for metrics.
    pub fn usage(&self) -> Arc<Usage> {
        Arc::clone(&self.shared.usage)
    }
}

impl Sink for StreamSink {
    type Writer = StreamWriter;

    async fn open(&self, window: &Window) -> Result<StreamWriter, SinkError> {
        // Continuing here would leave the first pages in an output that is never completed.
        if window.sink_position().is_some() {
            return Err(SinkError::Lost {
                sink: self.shared.name.clone(),
                problem: format!(
                    "the first pages of {} were delivered to another sink",
                    window.id()
                ),
            });
        }
        Ok(StreamWriter {
            sink: Arc::clone(&self.shared),
            window: window.id().clone(),
            rejected: 0,
        })
    }
}

/// Writes the pages of one window. Holds nothing between two calls, so a failed or dropped write
/// can be repeated.
#[derive(Debug)]
pub struct StreamWriter {
    sink: Arc<Shared>,
    window: WindowId,
    /// Number of lines that became rejects here, and are not yet counted by the caller.
    rejected: usize,
}

impl WindowWriter for StreamWriter {
    async fn write(&mut self, batch: &Batch) -> Result<Written, SinkError> {
        debug_assert_eq!(batch.window, self.window, "a page goes to its own window");
        debug_assert!(
            batch.lines.last().is_none_or(|byte| *byte == b'\n'),
            "every line of a page has its end"
        );
        let delivered = self.sink.deliver(batch).await;
        self.rejected += delivered.map_err(|error| error.into_sink_error(&self.sink.name))?;
        Ok(Written::Durable(None))
    }

    fn take_rejected(&mut self) -> usize {
        std::mem::take(&mut self.rejected)
    }

    async fn finish(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

impl Shared {
    /// Rejects first: a repeated put of them changes nothing, so a later failure costs nothing.
    /// Returns the number of lines that became rejects.
    async fn deliver(&self, batch: &Batch) -> Result<usize, CallError> {
        let packed = records(&batch.ends, &self.limits.record);
        self.reject(batch, &packed.oversized).await?;
        let sizes = packed.records.iter().map(|record| record.bytes.len());
        for call in calls(sizes, &self.limits.call) {
            self.put(batch, &packed.records, call).await?;
        }
        Ok(packed.oversized.len())
    }

    async fn put(
        &self,
        batch: &Batch,
        records: &[Record],
        call: Range<usize>,
    ) -> Result<(), CallError> {
        let entry = |number: usize| {
            let Record { lines, bytes } = &records[number];
            Entry {
                // Unique among the pieces of the page, because a piece has at most as many records
                // as lines.
                number: batch.first + number,
                lines: lines.len(),
                billed_bytes: self.limits.billed_bytes(bytes.len()),
                data: batch.lines.slice(bytes.clone()),
            }
        };
        let entries: Vec<_> = call.map(entry).collect();
        match &self.service {
            Service::Firehose(firehose) => put_all(firehose, &entries, self.means()).await,
            Service::Kinesis(kinesis) => {
                let put = kinesis.of_page(&batch.window, batch.page);
                put_all(&put, &entries, self.means()).await
            }
        }
    }

    /// Puts the rejects of `batch`, including the oversized `lines`, into the bucket.
    async fn reject(&self, batch: &Batch, lines: &[usize]) -> Result<(), CallError> {
        let max = self.limits.record.line_bytes_max;
        let mut rejects = oversized(batch, lines, |bytes| {
            format!("its line has {bytes} bytes, and a record of the stream has at most {max}")
        });
        rejects.extend(batch.rejects.iter().cloned());
        if rejects.is_empty() {
            return Ok(());
        }
        rejects.sort_by_key(|Reject { index, .. }| *index);
        let object = reject_lines(&batch.window, batch.page, &rejects);
        let (window, page) = (&batch.window, batch.page);
        let bucket = self.rejects.bucket();
        let key = self.rejects.key(window, page, batch.first);
        self.rejects.put(&key, object, self.means()).await?;
        let count = rejects.len();
        self.usage.rejected(count);
        let sink = &self.name;
        tracing::warn!(sink, %window, page, count, bucket, key, "records written to the rejects");
        Ok(())
    }

    fn means(&self) -> Means<'_> {
        Means {
            clock: &*self.seams.clock,
            retry_limit: RetryLimit::new(&*self.seams.clock, &*self.seams.entropy),
            uplink: &self.uplink,
            usage: &self.usage,
        }
    }
}

#[cfg(test)]
#[path = "aws/contract_tests.rs"]
mod contract_tests;
#[cfg(test)]
#[path = "aws/error_tests.rs"]
mod error_tests;
#[cfg(test)]
#[path = "aws/faults_tests.rs"]
mod faults_tests;
#[cfg(test)]
#[path = "aws/rejects_tests.rs"]
mod rejects_tests;
