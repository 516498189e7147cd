//! A vendor: an HTTP server on a loopback port that serves a [`Timeline`] in the shape of a real
//! API, page by page, misbehaves as configured, and records every request.

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

/// The static token that the Okta-shaped vendor accepts. A canary: it may appear only in requests
/// to that vendor.
pub const OKTA_TOKEN: &str = "00canary-okta-static-token-7f3a9c";
/// The prefix of every access token of the Google-shaped vendor; a canary like [`OKTA_TOKEN`].
pub const ACCESS_TOKEN_PREFIX: &str = "canary-access-token-";

/// The behavior of a vendor.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The API that it resembles.
    pub shape: Shape,
    /// The seed of latencies.
    pub seed: u64,
    /// The rules for records exactly on a bound. Google and Okta do not publish theirs.
    pub bounds: Bounds,
    /// Maximum number of records per page, whatever a request asks for.
    pub page_cap: usize,
    /// Latency of a page in milliseconds.
    pub latency_ms: RangeInclusive<u64>,
    /// The random faults.
    pub faults: Faults,
    /// The permanent misbehavior.
    pub quirk: Quirk,
}

impl Settings {
    /// A vendor that responds at once and correctly, with at most `page_cap` records per page.
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

/// A permanent misbehavior of a vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quirk {
    /// Correct behavior.
    None,
    /// In windows that contain this instant, every page after the first is empty and returns the
    /// token of its request.
    StuckToken(Timestamp),
    /// Next links lead to this scheme and authority (`http://127.0.0.1:1`) instead of the vendor's
    /// own. Only for vendors that page by link.
    ForeignNext(String),
    /// Every request for a page receives HTTP 429 with this wait in seconds.
    RetryAfter(u32),
    /// Pages after the first redirect to this address.
    Redirect(String),
}

/// A running vendor. Stops on drop.
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
            .respond_with(Responder(Arc::clone(&state)))
            .mount(&server)
            .await;
        Self { server, state }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        *self.server.address()
    }

    /// The start of its URLs, without a trailing slash.
    pub fn uri(&self) -> String {
        self.server.uri()
    }

    /// The API that it resembles.
    pub fn shape(&self) -> Shape {
        self.state.shape()
    }

    /// Its timeline.
    pub fn timeline(&self) -> &Timeline {
        self.state.timeline()
    }

    /// Every request so far.
    pub fn log(&self) -> Log {
        self.state.log()
    }

    /// Assigns later requests to the next run in the log. Returns its number.
    pub fn next_run(&self) -> u32 {
        self.state.next_run()
    }

    /// The number of served pages; changes when a page is about to be sent.
    pub fn pages_served(&self) -> watch::Receiver<u64> {
        self.state.pages_served()
    }

    /// The random faults, with their counts.
    pub fn faults(&self) -> Faults {
        self.state.faults()
    }

    /// Serves `pages` pages in total and holds every further request until [`Vendor::release`]: the
    /// test's actions meanwhile fall into the middle of a pull, however slow the machine is.
    pub fn hold_after(&self, pages: u64) {
        self.state.hold_after(pages);
    }

    /// Responds to held requests, and holds no further ones.
    pub fn release(&self) {
        self.state.release();
    }

    /// Replaces the random faults.
    pub fn set_faults(&self, faults: Faults) {
        self.state.set_faults(faults);
    }

    /// Replaces the permanent misbehavior.
    pub fn set_quirk(&self, quirk: Quirk) {
        self.state.set_quirk(quirk);
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        // The server cannot end while it holds a request.
        self.release();
    }
}

struct Responder(Arc<State>);

impl Respond for Responder {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        self.0.respond(request)
    }
}

#[cfg(test)]
#[path = "vendor_tests.rs"]
mod tests;
