//! A vendor in this process: the network of a simulated world. It has records, returns pages of
//! them in the shape of a real API after some virtual time, fails in every way that its spec names,
//! and records violations of its clients.
//!
//! Its behavior is a function of its spec, its seed, and the times of requests. One vendor stands
//! for one rate group: its feeds are separate sources that share its quota.

mod arrival;
mod events;
mod fault;
mod limit;
mod listing;
mod manifest;
mod response;
mod shape;
mod spec;
mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use windlass_connectors::exchange::{ApiRequest, ApiResponse};
use windlass_connectors::http::{Transport, TransportError};
use windlass_core::Timestamp;

pub(crate) use self::events::Truth;
pub(crate) use self::fault::Fault;
use self::fault::Faults;
use self::limit::SlidingMinute;
use self::listing::Listing;
pub(crate) use self::spec::VendorSpec;
#[cfg(test)]
pub(crate) use self::spec::{RateLimit, Shape};
use crate::clock::wait_ms;
use crate::true_time;

/// The credential of every vendor. A canary: it may appear in its header and nowhere else.
const SECRET: &str = "canary-vendor-credential-5d1f0a";
/// Number of stored violations: the first ones are the informative ones.
const VIOLATIONS_MAX: usize = 50;

/// A vendor and its memory.
#[derive(Debug)]
pub(crate) struct Vendor {
    spec: VendorSpec,
    /// The credential that it accepts.
    secret: &'static str,
    listing: Listing,
    truth: Vec<Truth>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    latency: fastrand::Rng,
    faults: Faults,
    minute: SlidingMinute,
    tokens_given: u64,
    /// One-time tokens that have been used.
    used: BTreeSet<u64>,
    /// The last tokens given, by request.
    recent: BTreeMap<u64, Vec<String>>,
    violations: Vec<String>,
}

impl Vendor {
    /// The vendor of `spec`, with records from before now until `length_ms` after. The same spec
    /// and seed give the same records, and the same responses to the same requests at the same
    /// times.
    pub(crate) fn new(spec: VendorSpec, seed: u64) -> Arc<Self> {
        let begin = true_time::now();
        let events = events::generate(&spec, begin, seed);
        let truth = events.iter().map(|it| it.truth(spec.shape)).collect();
        let state = State {
            latency: fastrand::Rng::with_seed(seed.wrapping_add(1)),
            faults: Faults::new(&spec, seed.wrapping_add(2)),
            minute: SlidingMinute::default(),
            tokens_given: 0,
            used: BTreeSet::new(),
            recent: BTreeMap::new(),
            violations: Vec::new(),
        };
        Arc::new(Self {
            secret: SECRET,
            listing: Listing::new(events),
            truth,
            spec,
            state: Mutex::new(state),
        })
    }

    /// Its specification.
    pub(crate) fn spec(&self) -> &VendorSpec {
        &self.spec
    }

    /// The manifest of its connector, as text.
    pub(crate) fn manifest(&self) -> String {
        manifest::manifest(&self.spec)
    }

    /// The parameters of the source that pulls `feed`.
    pub(crate) fn params(&self, feed: u32) -> BTreeMap<String, String> {
        debug_assert!(feed < self.spec.feeds, "there is no such feed");
        BTreeMap::from([("feed".to_owned(), feed.to_string())])
    }

    /// The secret of all its sources. It must never be stored or delivered.
    pub(crate) fn secret(&self) -> &'static str {
        self.secret
    }

    /// A transport to it. Clones lead to the same vendor.
    pub(crate) fn transport(self: &Arc<Self>) -> VendorTransport {
        VendorTransport(Arc::clone(self))
    }

    /// Stops the faults. The vendor's own properties stay: its limits, its latency, the lifetime of
    /// tokens, and late-arriving records.
    pub(crate) fn quiet(&self) {
        self.state().faults.stop();
    }

    /// Makes every request meet `fault` from now until `until`: an outage, or a quota that other
    /// clients use up.
    pub(crate) fn trouble(&self, fault: Fault, until: Timestamp) {
        self.state().faults.trouble(fault, until);
    }

    /// Every record it has or will have, by time.
    pub(crate) fn truth(&self) -> &[Truth] {
        &self.truth
    }

    /// Forbidden requests; empty as long as clients behave.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// Count of each fault.
    pub(crate) fn faults(&self) -> BTreeMap<&'static str, u64> {
        self.state().faults.struck().clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn exchange(&self, request: &ApiRequest) -> Result<ApiResponse, TransportError> {
        let latency_ms = self.state().latency.i64(self.spec.latency_ms.clone());
        let there_ms = latency_ms / 2;
        wait_ms(there_ms).await;
        let (after_ms, result) = self.arrive(request, true_time::now());
        wait_ms(latency_ms - there_ms + after_ms).await;
        result
    }
}

impl State {
    fn violation(&mut self, text: String) {
        if self.violations.len() < VIOLATIONS_MAX && !self.violations.contains(&text) {
            self.violations.push(text);
        }
    }
}

/// Sends requests to a [`Vendor`] and waits for its responses in virtual time.
#[derive(Debug, Clone)]
pub(crate) struct VendorTransport(Arc<Vendor>);

impl Transport for VendorTransport {
    fn send(
        &self,
        request: &ApiRequest,
    ) -> impl Future<Output = Result<ApiResponse, TransportError>> + Send {
        self.0.exchange(request)
    }
}

#[cfg(test)]
#[path = "vendor/vendor_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "vendor/token_tests.rs"]
mod token_tests;
