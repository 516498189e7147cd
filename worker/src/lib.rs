//! Doing one window: claim, fetch page n+1 while page n is delivered, checkpoint, complete.
//!
//! The worker owns no decision about time, leases or retries; those are `windlass-core`'s. It knows
//! only what comes next inside one window, and it never reports progress that is not durable: a
//! page is checkpointed after the sink has acknowledged every record of it, never before.

mod announced;
mod block;
mod budget;
mod circle;
mod clocks;
mod collector;
mod delivery;
mod end;
mod ends;
mod fetch;
mod gates;
#[cfg(feature = "lambda")]
pub mod lambda;
mod lines;
mod next;
mod outcome;
mod pace;
mod pages;
mod permit;
mod persist;
mod run;
mod sent;
mod sink_calls;
mod slots;
mod spans;
mod stop;
mod sweep;
#[cfg(test)]
mod tests;
mod told;
mod turns;
mod waits;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

pub use budget::Budget;
pub use collector::HttpCollector;
pub use outcome::{Outcome, Report};
pub use stop::Stop;
pub use waits::{On, Stalled};
use windlass_connectors::client::{Client, ClientError};
use windlass_connectors::http::Transport;
use windlass_core::checkpoint::PageTotals;
use windlass_core::source::SourceRecord;
use windlass_core::window::Window;
use windlass_core::{Clock, Entropy};
use windlass_sink::Sink;
use windlass_state::StateStore;

/// What a source needs to be worked on: a client for its vendor and the sink its records go to.
pub trait Outfit: Send + Sync {
    /// How requests are sent.
    type Transport: Transport;
    /// Where records go.
    type Sink: Sink;

    /// The client and sink for `source`, built once per version of its definition.
    ///
    /// # Errors
    /// When the definition cannot be worked with, or what it needs cannot be had for the moment.
    fn outfit(
        &self,
        source: &SourceRecord,
    ) -> impl Future<Output = Result<Gear<Self::Transport, Self::Sink>, OutfitError>> + Send;
}

/// A client and a sink.
#[derive(Debug)]
pub struct Gear<T: Transport, K> {
    /// Speaks to the vendor, with credentials.
    pub client: Arc<Client<T>>,
    /// Takes the records.
    pub sink: Arc<K>,
}

impl<T: Transport, K> Clone for Gear<T, K> {
    fn clone(&self) -> Self {
        Self {
            client: Arc::clone(&self.client),
            sink: Arc::clone(&self.sink),
        }
    }
}

/// A source cannot be worked on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutfitError {
    /// Not as configured: an unknown connector, a missing secret, a sink that refuses. What is
    /// wrong, and what to do; the source is blocked with this reason.
    #[error("{0}")]
    Refused(String),
    /// Refused, but perhaps only for a moment: by a service whose permissions and credentials take
    /// effect a moment later, or because a deployment in progress has changed the connector. The
    /// window waits, and the source is blocked with this reason if that does not help.
    #[error("{0}")]
    Denied(String),
    /// Not for the moment, such as a secret whose store does not answer. The window waits.
    #[error("{0}")]
    Unavailable(String),
}

impl From<ClientError> for OutfitError {
    /// A secret that may be there a moment later must not block its source.
    fn from(error: ClientError) -> Self {
        Self::of(&error, error.to_string())
    }
}

impl OutfitError {
    /// The same kind of failure as `error`, with the words `why`.
    pub fn of(error: &ClientError, why: String) -> Self {
        match error {
            ClientError::Secret(error) if error.may_pass() => Self::Unavailable(why),
            ClientError::Secret(error) if error.is_denied() => Self::Denied(why),
            ClientError::Secret(_) | ClientError::Credentials(_) => Self::Refused(why),
        }
    }
}

/// Hears of every page as it becomes durable. For progress bars and metrics.
pub trait Observer: Send + Sync + fmt::Debug {
    /// `window` was checkpointed or completed with one more page of `totals`.
    fn page(&self, window: &Window, totals: &PageTotals);
}

/// Does windows, one after the other.
#[derive(Debug)]
pub struct Worker<S, O> {
    store: S,
    outfit: O,
    seams: Seams,
    permits: permit::Permits,
    told: told::Told,
    waits: waits::Waits,
}

/// Time, randomness, the request to stop, and who listens.
#[derive(Debug, Clone)]
pub struct Seams {
    /// Now, and how to wait.
    pub clock: Arc<dyn Clock>,
    /// Owners and jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Asked between pages.
    pub stop: Stop,
    /// Told of each page.
    pub observer: Option<Arc<dyn Observer>>,
}

impl<S: StateStore, O: Outfit> Worker<S, O> {
    /// A worker over `store`, with vendors and sinks from `outfit`.
    pub fn new(store: S, outfit: O, seams: Seams) -> Self {
        Self {
            store,
            outfit,
            seams,
            permits: permit::Permits::default(),
            told: told::Told::default(),
            waits: waits::Waits::default(),
        }
    }

    /// The windows of this process whose vendor or sink has let them wait for
    /// [`STALL_MS`](windlass_core::limits::STALL_MS) or longer, by name.
    pub fn stalled(&self) -> Vec<Stalled> {
        self.waits.stalled(self.seams.clock.steady_ms())
    }

    fn now(&self) -> windlass_core::Timestamp {
        self.seams.clock.now()
    }
}
