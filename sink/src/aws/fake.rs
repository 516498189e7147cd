//! Fakes of Firehose, Kinesis, S3 and STS on the loopback interface, for tests. They enforce the
//! services' size limits, keep accepted records, and fail as planned.

mod http;
mod message;
mod service;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_firehose::config::{Credentials, SharedCredentialsProvider};
use tokio::task::JoinHandle;
use windlass_core::Timestamp;
use windlass_core::clock::{ManualClock, SeededEntropy};

use super::StreamSink;
use crate::Seams;
use crate::stream_config::{StreamConfig, StreamKind};

/// The access key of the program itself.
pub(super) const OWN_KEY: &str = "AKIDOWN";
/// The access key that STS issues for every role.
pub(super) const ROLE_KEY: &str = "AKIDROLE";
/// The region of clients that name none.
pub(super) const REGION: &str = "eu-west-1";

/// The service of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum To {
    Firehose,
    Kinesis,
    S3,
    Sts,
}

/// A planned failure of one request.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// The response has this status, code and message.
    Response(u16, &'static str, &'static str),
    /// The connection closes; `applied` is true if the request was carried out before.
    Hangup { applied: bool },
    /// The request is carried out, and no response arrives.
    Silence,
    /// The request succeeds, except for the entries with these numbers.
    Entries(Vec<usize>),
    /// The request is carried out, and the response lacks its last entry.
    ShortResponse,
    /// Nothing is carried out, and the response counts one failure without naming the entry.
    Uncounted,
}

/// One record that a stream has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) stream: String,
    pub(super) key: Option<String>,
    pub(super) data: Vec<u8>,
}

/// One request as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) to: To,
    /// The access key of its signature.
    pub(super) signed_by: String,
    /// The SDK invocation that it belongs to: each new invocation has a new signature.
    pub(super) invocation: String,
    /// The region of its signature.
    pub(super) region: String,
    /// Number of its records.
    pub(super) entries: usize,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) taken: Vec<Taken>,
    /// The objects in S3, by `/BUCKET/KEY`.
    pub(super) objects: BTreeMap<String, Vec<u8>>,
    pub(super) requests: Vec<Request>,
    /// The forms sent to STS.
    pub(super) assumed: Vec<String>,
    faults: BTreeMap<To, VecDeque<Fault>>,
    /// The random generator and the share of entries that fail; `None` if none do.
    failing: Option<(fastrand::Rng, f64)>,
}

/// A service and the settings of a stream.
pub(super) type Destination = (StreamKind, StreamConfig);

/// The fake services; they stop on drop.
pub(super) struct FakeAws {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
    pub(super) clock: Arc<ManualClock>,
}

impl Drop for FakeAws {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakeAws {
    /// Empty services without planned failures. Needs a runtime.
    pub(super) fn start() -> Self {
        let state = Arc::<Mutex<State>>::default();
        let (address, server) = http::serve(Arc::clone(&state));
        Self {
            address,
            state,
            server,
            clock: Arc::new(ManualClock::at(Timestamp::from_ms(1_767_225_600_000))),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Plans the failures of the next requests `to` a service, in order.
    pub(super) fn fail(&self, to: To, faults: impl IntoIterator<Item = Fault>) {
        let mut state = self.state();
        state.faults.entry(to).or_default().extend(faults);
    }

    /// Makes `share` of all entries fail from now on.
    pub(super) fn fail_entries(&self, seed: u64, share: f64) {
        self.state().failing = Some((fastrand::Rng::with_seed(seed), share));
    }

    /// The lines of all accepted records, in order of acceptance.
    pub(super) fn lines(&self) -> Vec<String> {
        let state = self.state();
        let records = state.taken.iter();
        let lines = records.flat_map(|taken| std::str::from_utf8(&taken.data).unwrap().lines());
        lines.map(str::to_owned).collect()
    }

    /// The number of requests `to` a service, and the total number of their records.
    pub(super) fn requests(&self, to: To) -> (usize, usize) {
        let state = self.state();
        let of = state.requests.iter().filter(|request| request.to == to);
        of.fold((0, 0), |(requests, entries), request| {
            (requests + 1, entries + request.entries)
        })
    }

    /// The address of the services.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The configuration that a program would load.
    pub(super) fn sdk(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(own_credentials())
            .endpoint_url(self.url())
            .region(Region::from_static(REGION))
            .build()
    }

    /// A new sink whose waits take no time.
    pub(super) async fn sink(&self, (kind, stream): &Destination) -> StreamSink {
        let (name, sdk) = ("lake".to_owned(), self.sdk());
        let sink = StreamSink::new(name, *kind, stream, &sdk, self.seams(7));
        sink.await.unwrap()
    }

    /// A clock whose waits take no time, and the jitter of `seed`.
    pub(super) fn seams(&self, seed: u64) -> Seams {
        Seams {
            clock: self.clock.clone(),
            entropy: Arc::new(SeededEntropy::new(seed)),
        }
    }
}

pub(super) fn own_credentials() -> SharedCredentialsProvider {
    let credentials = Credentials::builder()
        .access_key_id(OWN_KEY)
        .secret_access_key("not-a-secret")
        .provider_name("test");
    SharedCredentialsProvider::new(credentials.build())
}

/// The settings of the stream `audit`, packed, in this account.
pub(super) fn stream() -> StreamConfig {
    StreamConfig {
        stream: "audit".to_owned(),
        region: None,
        role_arn: None,
        external_id: None,
        packed: true,
        partitions: None,
        rejects: "s3://audit-lake/rejects".parse().unwrap(),
    }
}

pub(super) fn firehose() -> Destination {
    (StreamKind::Firehose, stream())
}

pub(super) fn kinesis() -> Destination {
    (StreamKind::Kinesis, stream())
}

/// A stream with one line per record.
pub(super) fn unpacked(kind: StreamKind) -> Destination {
    let stream = StreamConfig {
        packed: false,
        ..stream()
    };
    (kind, stream)
}
