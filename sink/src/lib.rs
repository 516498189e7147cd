//! Delivery: the destinations of records, and the meaning of an acknowledgement.
//!
//! A [`Sink`] opens one [`WindowWriter`] per run of a window. A write is acknowledged only when
//! every line of it is durable in the sense of that sink. Records that cannot be delivered go to
//! the sink's `rejects` with their reason, in the same call and just as durable.
//!
//! | sink | meaning of an acknowledgement | after a stop |
//! | --- | --- | --- |
//! | [`ndjson`] | synced to the device | returns to the checkpoint: each record once |
//! | [`stdout`] | accepted by the stream and flushed | a page can be duplicated |
//! | [`http`] | HTTP 2xx from the collector | a page can be duplicated |
//! | `aws`, with that feature | accepted by Firehose or Kinesis, rejects by S3 | a page can be duplicated |
//!
//! [`config`] holds the settings of every sink. With the feature `aws`, [`any`] creates the sink
//! for any settings; [`pack`] packs lines into records and calls. The feature `test-util` adds
//! `memory`, which behaves like files, `failing`, which makes any sink fail, `holding`, which makes
//! any sink hold batches, and `conformance`, the contract of every sink.

#[cfg(feature = "aws")]
pub mod any;
#[cfg(feature = "aws")]
pub mod aws;
mod batch;
mod call;
pub mod config;
mod error;

#[cfg(feature = "test-util")]
pub mod conformance;
#[cfg(feature = "test-util")]
pub mod failing;
#[cfg(feature = "test-util")]
pub mod holding;
pub mod http;
#[cfg(feature = "test-util")]
pub mod memory;
pub mod ndjson;
pub mod pack;
mod reject_lines;
mod retry_limit;
mod settings;
pub mod stdout;
pub mod stream_config;
mod stream_limits;
mod uplink;
mod usage;

use std::future::Future;
use std::sync::Arc;

pub use batch::{Batch, Reject};
pub use call::CallError;
pub use config::SinkConfig;
pub use error::SinkError;
pub use settings::ConfigError;
pub use usage::{Usage, UsageSnapshot};
pub use windlass_core::delivery::Written;
use windlass_core::window::Window;
use windlass_core::{Clock, Entropy};

/// Time and randomness for the waits of a sink.
#[derive(Debug, Clone)]
pub struct Seams {
    /// The current time, and a sleep.
    pub clock: Arc<dyn Clock>,
    /// The source of jitter.
    pub entropy: Arc<dyn Entropy>,
}

/// A destination for records.
pub trait Sink: Send + Sync {
    /// The writer of one window.
    type Writer: WindowWriter;

    /// Opens `window` for writing after its last checkpoint. Data that an earlier run wrote after
    /// `window.sink_position` is taken back where the destination allows it.
    ///
    /// The caller holds the window's lease.
    fn open(&self, window: &Window)
    -> impl Future<Output = Result<Self::Writer, SinkError>> + Send;
}

/// Writes the pages of one window, in order, for one owner of its lease.
pub trait WindowWriter: Send {
    /// Writes one page, or the next piece of a large one. After an error, the page may be partly
    /// delivered; the caller releases the window, and the next `open` returns to the last
    /// checkpoint.
    fn write(&mut self, batch: &Batch) -> impl Future<Output = Result<Written, SinkError>> + Send;

    /// Returns the number of lines that the sink itself has put among the rejects since the last call,
    /// because they are too large for the destination. A sink without such a limit needs no
    /// implementation.
    fn take_rejected(&mut self) -> usize {
        0
    }

    /// Makes every held batch durable, and returns the position after it. Called before a
    /// checkpoint, and only after [`Written::Held`]: a writer that never holds needs no
    /// implementation.
    fn flush(&mut self) -> impl Future<Output = Result<Option<String>, SinkError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Returns true if [`Self::finish`] gives the output its final place. The caller then makes the
    /// state durable first: final output must belong to a window that survives a power loss.
    fn makes_final(&self) -> bool {
        false
    }

    /// Makes every held batch durable, and the window's output final. Called after the last page
    /// was written and before the state marks the window done. `open` after `finish` must be
    /// possible, because the process may stop between the two.
    fn finish(&mut self) -> impl Future<Output = Result<(), SinkError>> + Send;
}
