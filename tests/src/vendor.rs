//! A vendor: an HTTP server on a loopback port that serves a [`Timeline`] in the shape of a real
//! API, page by page, misbehaves as told, and remembers every request.

mod faults;
mod google;
mod log;
mod okta;
mod shape;
mod state;
#[cfg(test)]
mod testing;
mod tokens;

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use tokio::sync::watch;
use windlass_core::time::Timestamp;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

pub use faults::{Fault, Faults};
pub use log::{Entry, Log, Served, WindowKey};
pub use shape::Shape;
use state::State;

use crate::timeline::{Bounds, Timeline};

/// The static token the Okta-shaped vendor accepts. A canary: it may appear in requests to that
/// vendor and nowhere else.
pub const OKTA_TOKEN: &str = "00canary-okta-static-token-7f3a9c";
/// What every access token of the Google-shaped vendor begins with; a canary like [`OKTA_TOKEN`].
pub const ACCESS_TOKEN_PREFIX: &str = "canary-access-token-";

/// How a vendor behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose API it resembles.
    pub shape: Shape,
    /// What latencies are drawn from.
    pub seed: u64,
    /// Whether records exactly on a bound are returned. Google and Okta do not publish theirs.
    pub bounds: Bounds,
    /// Most records on a page, whatever a request asks for.
    pub page_cap: usize,
    /// How long a page takes, in milliseconds.
    pub latency_ms: RangeInclusive<u64>,
    /// Random trouble.
    pub faults: Faults,
    /// Steady misbehaviour.
    pub quirk: Quirk,
}

impl Settings {
    /// A vendor that answers at once and well, with pages of at most `page_cap` records.
    pub fn new(shape: Shape, page_cap: usize) -> Self {
        Self {
            shape,
            seed: 0,
            bounds: Bounds::INCLUSIVE,
            page_cap,
            latency_ms: 0..=0,
            faults: Faults::none(),
            quirk: Quirk::None,
        }
    }
}

/// What a vendor does wrong every time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quirk {
    /// Nothing.
    None,
    /// In windows that hold this instant, every page after the first is empty and gives back the
    /// token it was asked with.
    StuckToken(Timestamp),
    /// Next links lead to this scheme and authority (`http://127.0.0.1:1`) instead of the vendor's
    /// own. Only vendors that page by link.
    ForeignNext(String),
    /// Every request for a page is answered with 429 and this many seconds to wait.
    RetryAfter(u32),
    /// Pages after the first are redirects to this address.
    Redirect(String),
}

/// A running vendor. Stops when dropped.
#[derive(Debug)]
pub struct Vendor {
    server: MockServer,
    state: Arc<State>,
}

impl Vendor {
    /// Starts a vendor with the records of `timeline` on a free loopback port.
    pub async fn start(settings: Settings, timeline: Timeline) -> Self {
        let server = MockServer::builder()
            .disable_request_recording()
            .start()
            .await;
        let state = Arc::new(State::new(settings, timeline));
        Mock::given(any())
            .respond_with(Answer(Arc::clone(&state)))
            .mount(&server)
            .await;
        Self { server, state }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        *self.server.address()
    }

    /// Where it listens, as the start of a URL, without a slash at the end.
    pub fn uri(&self) -> String {
        self.server.uri()
    }

    /// Whose API it resembles.
    pub fn shape(&self) -> Shape {
        self.state.shape()
    }

    /// Its records.
    pub fn timeline(&self) -> &Timeline {
        self.state.timeline()
    }

    /// Every request so far.
    pub fn log(&self) -> Log {
        self.state.log()
    }

    /// Requests from here on belong to the next run in the log. Returns its number.
    pub fn next_run(&self) -> u32 {
        self.state.next_run()
    }

    /// How many pages it has served; changes when a page is about to be sent.
    pub fn pages_served(&self) -> watch::Receiver<u64> {
        self.state.pages_served()
    }

    /// The random trouble, with how much of it has struck.
    pub fn faults(&self) -> Faults {
        self.state.faults()
    }

    /// Serves `pages` pages in all and holds every further request until [`Vendor::release`]: what a
    /// test does meanwhile happens in the middle of a pull, however slow the machine is.
    pub fn hold_after(&self, pages: u64) {
        self.state.hold_after(pages);
    }

    /// Answers what is held, and holds nothing any more.
    pub fn release(&self) {
        self.state.release();
    }

    /// Replaces the random trouble.
    pub fn set_faults(&self, faults: Faults) {
        self.state.set_faults(faults);
    }

    /// Replaces the steady misbehaviour.
    pub fn set_quirk(&self, quirk: Quirk) {
        self.state.set_quirk(quirk);
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        // Its server could not end while a request is held.
        self.release();
    }
}

struct Answer(Arc<State>);

impl Respond for Answer {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        self.0.answer(request)
    }
}

#[cfg(test)]
#[path = "vendor_tests.rs"]
mod tests;
