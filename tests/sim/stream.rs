//! A delivery stream in this process, and the bucket for its rejects: the AWS account of a simulated
//! world. It takes what the production sink sends through the real SDK, takes the records apart
//! again, and fails in every way that its spec names.
//!
//! What it does follows from its spec, its seed, and when it is called. Only the signature of a
//! request depends on the machine's clock, and nobody checks that.

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

/// Where rejects go.
const REJECTS: &str = "s3://audit-lake/rejects";
/// Violations that are worth keeping: the first ones say what went wrong.
const VIOLATIONS_MAX: usize = 50;

/// How a stream behaves. Every field may be changed before [`Stream::new`].
#[derive(Debug, Clone)]
pub(crate) struct StreamSpec {
    /// The stream's name.
    pub(crate) name: String,
    /// How long a call takes, in milliseconds.
    pub(crate) latency_ms: RangeInclusive<i64>,
    /// Calls of a thousand that meet a fault, until the stream is quiet.
    pub(crate) faults_per_mille: u32,
    /// Which faults these are; each is as likely as the others.
    pub(crate) kinds: Vec<StreamFault>,
    /// What must not be in any line, such as a vendor's credential.
    pub(crate) canaries: Vec<String>,
}

impl StreamSpec {
    /// A stream that takes everything at once.
    pub(crate) fn plain() -> Self {
        Self {
            name: "audit".to_owned(),
            latency_ms: 5..=40,
            faults_per_mille: 0,
            kinds: StreamFault::ALL.to_vec(),
            canaries: Vec::new(),
        }
    }

    /// Any stream there may be.
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

/// A stream and everything it has taken.
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
    unheard: u64,
    violations: Vec<String>,
}

impl Stream {
    /// The stream of `spec`, empty.
    pub(crate) fn new(spec: StreamSpec, seed: u64) -> Arc<Self> {
        let state = State {
            latency: fastrand::Rng::with_seed(seed),
            faults: StreamFaults::new(&spec, seed.wrapping_add(1)),
            delivered: Vec::new(),
            unheard: 0,
            violations: Vec::new(),
        };
        let state = Mutex::new(state);
        Arc::new(Self { spec, state })
    }

    /// What a program's own configuration would be: calls lead here.
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

    /// Where a sink delivers to so that it arrives here.
    ///
    /// # Panics
    /// Never: the place for rejects is a constant.
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

    /// Faults stop.
    pub(crate) fn quiet(&self) {
        self.state().faults.stop();
    }

    /// Every call meets `fault` from now until `until`.
    pub(crate) fn trouble(&self, fault: StreamFault, until: Timestamp) {
        self.state().faults.trouble(fault, until);
    }

    /// The lines taken after the first `seen`, in the order in which they were.
    pub(crate) fn delivered_from(&self, seen: usize) -> Vec<Delivered> {
        let state = self.state();
        state.delivered.get(seen..).unwrap_or_default().to_vec()
    }

    /// How many lines were taken whose caller did not hear of it: each may rightly come again.
    pub(crate) fn unheard(&self) -> u64 {
        self.state().unheard
    }

    /// How often each fault struck.
    pub(crate) fn faults(&self) -> BTreeMap<&'static str, u64> {
        self.state().faults.struck().clone()
    }

    /// What was sent and never may be; empty as long as the sink behaves.
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
