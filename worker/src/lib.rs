//! The run of one window: claim, fetch page n+1 while page n is delivered, checkpoint, complete.
//!
//! The decisions about time, leases and retries belong to `windlass-core`; the worker knows only
//! the next step inside one window. It checkpoints a page after the sink has acknowledged every
//! record of it, never before.

mod abandon;
mod advertised;
mod block;
mod clocks;
mod collector;
mod cooldowns;
mod delivery;
mod end;
mod ends;
mod fetch;
#[cfg(feature = "lambda")]
pub mod lambda;
mod lines;
mod log_once;
mod next;
mod outcome;
mod pages;
mod permit;
mod persist;
mod rate_limiter;
mod reading;
mod reservations;
mod run;
mod sink_calls;
mod slots;
mod spans;
mod stop;
mod sweep;
#[cfg(test)]
mod tests;
mod token_use;
mod waits;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

pub use collector::HttpCollector;
pub use outcome::{Outcome, Report};
pub use stop::Stop;
pub use waits::{On, Stalled};
use windlass_connectors::client::{Client, ClientError};
use windlass_connectors::http::Transport;
use windlass_core::checkpoint::PageTotals;
pub use windlass_core::deadline::Deadline;
use windlass_core::source::SourceRecord;
use windlass_core::window::Window;
use windlass_core::{Clock, Entropy};
use windlass_sink::Sink;
use windlass_state::StateStore;

/// Builds the connector client and the sink of a source.
pub trait AdapterFactory: Send + Sync {
    /// The HTTP transport of the clients.
    type Transport: Transport;
    /// The destination of records.
    type Sink: Sink;

    /// The client and sink for `source`, built once per version of its definition.
    ///
    /// # Errors
    /// If the definition is invalid, or one of its dependencies is unavailable.
    fn adapters(
        &self,
        source: &SourceRecord,
    ) -> impl Future<Output = Result<Adapters<Self::Transport, Self::Sink>, AdapterError>> + Send;
}

/// The connector client and the sink of a source.
#[derive(Debug)]
pub struct Adapters<T: Transport, K> {
    /// Requests pages from the vendor, with credentials.
    pub client: Arc<Client<T>>,
    /// Delivers the records.
    pub sink: Arc<K>,
}

impl<T: Transport, K> Clone for Adapters<T, K> {
    fn clone(&self) -> Self {
        Self {
            client: Arc::clone(&self.client),
            sink: Arc::clone(&self.sink),
        }
    }
}

/// The reason why a source cannot be worked on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdapterError {
    /// The configuration is invalid: an unknown connector, a missing secret, a rejecting sink. The
    /// text names the problem and the cure; the source is blocked with it.
    #[error("{0}")]
    Refused(String),
    /// Denied, perhaps only briefly: by a service whose permissions and credentials take effect
    /// with a delay, or because a deployment in progress has changed the connector. The window
    /// waits; if that does not help, the source is blocked with this reason.
    #[error("{0}")]
    Denied(String),
    /// Unavailable for now, such as a secret whose store does not respond. The window waits.
    #[error("{0}")]
    Unavailable(String),
}

impl From<ClientError> for AdapterError {
    /// A secret that may exist a moment later must not block its source.
    fn from(error: ClientError) -> Self {
        Self::of(&error, error.to_string())
    }
}

impl AdapterError {
    /// The same class of failure as `error`, with the text `why`.
    pub fn of(error: &ClientError, why: String) -> Self {
        match error {
            ClientError::Secret(error) if error.may_pass() => Self::Unavailable(why),
            ClientError::Secret(error) if error.is_denied() => Self::Denied(why),
            ClientError::Secret(_) | ClientError::Credentials(_) => Self::Refused(why),
        }
    }
}

/// Receives every page as it becomes durable. For progress bars and metrics.
pub trait Observer: Send + Sync + fmt::Debug {
    /// `window` was checkpointed or completed with one more page of `totals`.
    fn page(&self, window: &Window, totals: &PageTotals);
}

/// Runs windows, one after the other.
#[derive(Debug)]
pub struct Worker<S, O> {
    store: S,
    factory: O,
    seams: Seams,
    permits: permit::Permits,
    log_once: log_once::LogOnce,
    waits: waits::Waits,
}

/// Time, randomness, the request to stop, and the observer.
#[derive(Debug, Clone)]
pub struct Seams {
    /// Time and sleep.
    pub clock: Arc<dyn Clock>,
    /// Randomness for owners and jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Checked between pages.
    pub stop: Stop,
    /// Receives each durable page.
    pub observer: Option<Arc<dyn Observer>>,
}

impl<S: StateStore, O: AdapterFactory> Worker<S, O> {
    /// A worker on `store`, with clients and sinks from `factory`.
    pub fn new(store: S, factory: O, seams: Seams) -> Self {
        Self {
            store,
            factory,
            seams,
            permits: permit::Permits::default(),
            log_once: log_once::LogOnce::default(),
            waits: waits::Waits::default(),
        }
    }

    /// The windows of this process whose vendor or sink has made no progress for
    /// [`STALL_MS`](windlass_core::limits::STALL_MS) or longer, by name.
    pub fn stalled(&self) -> Vec<Stalled> {
        self.waits.stalled(self.seams.clock.steady_ms())
    }

    fn now(&self) -> windlass_core::Timestamp {
        self.seams.clock.now()
    }
}
