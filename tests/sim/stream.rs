//! A delivery stream in this process, and the bucket for its rejects: the AWS account of a
//! simulated world. It takes the production sink's calls through the real SDK, parses the records
//! again, and fails in every way that its spec names.
//!
//! Its behavior is a function of its spec, its seed, and the times of calls. Only the signature of
//! a request depends on the machine's clock, and it is not verified.

mod call;
mod fault;
mod lines;
mod service;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use windlass_core::Timestamp;
use windlass_sink::stream_config::StreamConfig;

use self::call::Network;
pub(crate) use self::fault::StreamFault;
use self::fault::StreamFaults;
pub(crate) use self::lines::{Delivered, read_line};

/// Destination of rejects.
const REJECTS: &str = "s3://audit-lake/rejects";
/// Number of stored violations: the first ones are the informative ones.
const VIOLATIONS_MAX: usize = 50;

/// The behavior of a stream. Every field may be changed before [`Stream::new`].
#[derive(Debug, Clone)]
pub(crate) struct StreamSpec {
    /// The stream's name.
    pub(crate) name: String,
    /// Duration of a call, in milliseconds.
    pub(crate) latency_ms: RangeInclusive<i64>,
    /// Calls per thousand that meet a fault, until the stream is quiet.
    pub(crate) faults_per_mille: u32,
    /// The possible faults, all equally likely.
    pub(crate) kinds: Vec<StreamFault>,
    /// Texts that must not appear in any line, such as a vendor's credential.
    pub(crate) canaries: Vec<String>,
}

impl StreamSpec {
    /// A stream without faults or latency.
    pub(crate) fn plain() -> Self {
        Self {
            name: "audit".to_owned(),
            latency_ms: 5..=40,
            faults_per_mille: 0,
            kinds: StreamFault::ALL.to_vec(),
            canaries: Vec::new(),
        }
    }

    /// Draws a stream.
    pub(crate) fn draw(rng: &mut fastrand::Rng) -> Self {
        let mut spec = Self::plain();
        spec.faults_per_mille = *rng.choice(&[0, 10, 50, 150]).unwrap_or(&0);
        rng.shuffle(&mut spec.kinds);
        spec.kinds.truncate(rng.usize(1..=StreamFault::ALL.len()));
        let slowest = *rng.choice(&[30, 200, 1_500]).unwrap_or(&30);
        spec.latency_ms = slowest / 10..=slowest;
        spec
    }
}

/// A stream and all the records it has taken.
#[derive(Debug)]
pub(crate) struct Stream {
    spec: StreamSpec,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    latency: fastrand::Rng,
    faults: StreamFaults,
    delivered: Vec<Delivered>,
    unacknowledged: u64,
    violations: Vec<String>,
}

impl Stream {
    /// The stream of `spec`, empty.
    pub(crate) fn new(spec: StreamSpec, seed: u64) -> Arc<Self> {
        let state = State {
            latency: fastrand::Rng::with_seed(seed),
            faults: StreamFaults::new(&spec, seed.wrapping_add(1)),
            delivered: Vec::new(),
            unacknowledged: 0,
            violations: Vec::new(),
        };
        let state = Mutex::new(state);
        Arc::new(Self { spec, state })
    }

    /// The SDK configuration of a program whose calls reach this stream.
    pub(crate) fn sdk(self: &Arc<Self>) -> SdkConfig {
        let credentials = Credentials::new("AKIDSIM", "not-a-secret", None, None, "sim");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .region(Region::from_static("eu-west-1"))
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .http_client(Network::to(Arc::clone(self)))
            .build()
    }

    /// The sink settings whose records arrive here.
    ///
    /// # Panics
    /// Never: the destination of rejects is a constant.
    pub(crate) fn settings(&self) -> StreamConfig {
        StreamConfig {
            stream: self.spec.name.clone(),
            region: None,
            role_arn: None,
            external_id: None,
            packed: true,
            partitions: None,
            rejects: REJECTS.parse().expect("a bucket and a prefix"),
        }
    }

    /// Stops the faults.
    pub(crate) fn quiet(&self) {
        self.state().faults.stop();
    }

    /// Makes every call meet `fault` from now until `until`.
    pub(crate) fn trouble(&self, fault: StreamFault, until: Timestamp) {
        self.state().faults.trouble(fault, until);
    }

    /// The lines taken after the first `seen`, in order.
    pub(crate) fn delivered_from(&self, seen: usize) -> Vec<Delivered> {
        let state = self.state();
        state.delivered.get(seen..).unwrap_or_default().to_vec()
    }

    /// Number of lines taken whose response was lost: each may rightly come again.
    pub(crate) fn unacknowledged(&self) -> u64 {
        self.state().unacknowledged
    }

    /// Count of each fault.
    pub(crate) fn faults(&self) -> BTreeMap<&'static str, u64> {
        self.state().faults.struck().clone()
    }

    /// Forbidden calls; empty as long as the sink behaves.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn violation(&mut self, text: String) {
        if self.violations.len() < VIOLATIONS_MAX && !self.violations.contains(&text) {
            self.violations.push(text);
        }
    }
}

#[cfg(test)]
#[path = "stream/stream_tests.rs"]
mod tests;
