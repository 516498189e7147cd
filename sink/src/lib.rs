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
//! | [`http`] | HTTP 2xx from the collector | a page can be there twice |
//! | `aws`, with that feature | taken by Firehose or Kinesis, rejects by S3 | a page can be there twice |
//!
//! [`config`] has the settings of every sink, and with the feature `aws` [`any`] makes the sink of any
//! settings; [`pack`] fits lines into what a stream takes. With the feature `test-util` come `memory`, which behaves like files, `failing`, which wraps
//! any sink, `holding`, which holds what any sink takes, and `conformance`, the contract that every sink passes.

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
mod patience;
mod reject_lines;
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
    /// Takes one page, or the next piece of a large one. On an error the page may have been delivered
    /// in part; the caller gives the window up, and the next `open` goes back to the last checkpoint.
    fn write(&mut self, batch: &Batch) -> impl Future<Output = Result<Written, SinkError>> + Send;

    /// Makes durable everything that is held, and returns the position after it. Called before a
    /// checkpoint, and only after [`Written::Held`]: a writer that never holds has nothing to do.
    fn flush(&mut self) -> impl Future<Output = Result<Option<String>, SinkError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Whether [`Self::finish`] gives output its final place. The caller then makes the state durable
    /// first: output that is final belongs to a window that no power failure makes unknown.
    fn makes_final(&self) -> bool {
        false
    }

    /// Makes durable everything that is held, and the window's output final. Called after the last
    /// page was written and before the state says done; `open` after `finish` must be possible,
    /// because the process may stop between the two.
    fn finish(&mut self) -> impl Future<Output = Result<(), SinkError>> + Send;
}
