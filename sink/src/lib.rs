//! Delivering: where records go, and what an acknowledgement means.
//!
//! A [`Sink`] opens one [`WindowWriter`] per run of a window. A write is acknowledged only when
//! every line of it is durable in the sense of that sink; what cannot be delivered goes to the
//! sink's `rejects` with its reason, in the same call and just as durable.
//!
//! | sink | acknowledged means | after a stop |
//! | --- | --- | --- |
//! | [`ndjson`] | synced to the device | goes back to the checkpoint: each record once |
//! | [`stdout`] | taken by the stream and flushed | a page can be there twice |
//! | `aws`, with that feature | taken by Firehose or Kinesis, rejects by S3 | a page can be there twice |
//!
//! [`config`] has the settings of every sink, and with the feature `aws` [`any`] makes the sink of any
//! settings; [`pack`] fits lines into what a stream takes. With the feature `test-util` come `memory`, which behaves like files, `failing`, which wraps
//! any sink, and `conformance`, the contract that every sink passes.

#[cfg(feature = "aws")]
pub mod any;
#[cfg(feature = "aws")]
pub mod aws;
mod batch;
pub mod config;
mod error;

#[cfg(feature = "test-util")]
pub mod conformance;
#[cfg(feature = "test-util")]
pub mod failing;
#[cfg(feature = "test-util")]
pub mod memory;
pub mod ndjson;
pub mod pack;
mod reject_lines;
pub mod stdout;
pub mod stream_config;
mod stream_limits;
mod usage;

use std::future::Future;
use std::sync::Arc;

pub use batch::{Batch, Reject};
pub use config::{ConfigError, SinkConfig};
pub use error::SinkError;
pub use usage::{Usage, UsageSnapshot};
use windlass_core::window::Window;
use windlass_core::{Clock, Entropy};

/// Time and randomness for the waits of a sink.
#[derive(Debug, Clone)]
pub struct Seams {
    /// Now, and a sleep.
    pub clock: Arc<dyn Clock>,
    /// Jitter.
    pub entropy: Arc<dyn Entropy>,
}

/// A destination for records.
pub trait Sink: Send + Sync {
    /// What writes one window.
    type Writer: WindowWriter;

    /// Opens `window` for writing after its last checkpoint: whatever was written after
    /// `window.sink_position` by an earlier run is taken back where the destination allows it.
    ///
    /// The caller holds the window's lease.
    fn open(&self, window: &Window)
    -> impl Future<Output = Result<Self::Writer, SinkError>> + Send;
}

/// Writes the pages of one window, in order, for one holder of its lease.
pub trait WindowWriter: Send {
    /// Delivers one page, or the next piece of a large one. On success every line and every reject
    /// is durable, and the position that the last piece of a page returns is what a checkpoint
    /// stores. On an error the page may have been delivered in part; the caller gives the window up,
    /// and the next `open` goes back to the last checkpoint.
    fn write(
        &mut self,
        batch: &Batch,
    ) -> impl Future<Output = Result<Option<String>, SinkError>> + Send;

    /// Whether [`Self::finish`] gives output its final place. The caller then makes the state durable
    /// first: output that is final belongs to a window that no power failure makes unknown.
    fn makes_final(&self) -> bool {
        false
    }

    /// Makes the window's output final. Called after the last page was written and before the
    /// state says done; `open` after `finish` must be possible, because the process may stop
    /// between the two.
    fn finish(&mut self) -> impl Future<Output = Result<(), SinkError>> + Send;
}
