//! Firehose, Kinesis, S3 and STS on the loopback interface, for tests: they refuse what the services
//! refuse for its size, keep what they take, and fail when told to.

mod http;
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
/// The access key that STS gives for any role.
pub(super) const ROLE_KEY: &str = "AKIDROLE";
/// The region of everything that names none.
pub(super) const REGION: &str = "eu-west-1";

/// Which service a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum To {
    Firehose,
    Kinesis,
    S3,
    Sts,
}

/// How one request fails.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// It is answered with this status, code and message.
    Answer(u16, &'static str, &'static str),
    /// The connection ends; whether the request was carried out before is the flag.
    Hangup { applied: bool },
    /// It is carried out, and no answer comes.
    Silence,
    /// It succeeds, but for the entries with these numbers.
    Entries(Vec<usize>),
    /// It is carried out, and the answer lacks its last entry.
    ShortAnswer,
    /// Nothing is carried out, and the answer says that one failed, but not which.
    Uncounted,
}

/// One record that a stream has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) stream: String,
    pub(super) key: Option<String>,
    pub(super) data: Vec<u8>,
}

/// One request, as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) to: To,
    /// The access key it is signed with.
    pub(super) signed_by: String,
    /// Which call of the SDK it belongs to: one that is made anew is signed anew.
    pub(super) invocation: String,
    /// The region it is signed for.
    pub(super) region: String,
    /// How many records it has.
    pub(super) entries: usize,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) taken: Vec<Taken>,
    /// What S3 has, by `/BUCKET/KEY`.
    pub(super) objects: BTreeMap<String, Vec<u8>>,
    pub(super) requests: Vec<Request>,
    /// The forms that STS was sent.
    pub(super) assumed: Vec<String>,
    faults: BTreeMap<To, VecDeque<Fault>>,
    /// Which share of all entries fails, by which dice.
    failing: Option<(fastrand::Rng, f64)>,
}

/// A stream's settings, with its service.
pub(super) type Destination = (StreamKind, StreamConfig);

/// The services, until it is dropped.
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
    /// Services that have nothing and fail at nothing. Needs a runtime around it.
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

    /// Plans how the next requests `to` a service fail, one after the other.
    pub(super) fn fail(&self, to: To, faults: impl IntoIterator<Item = Fault>) {
        let mut state = self.state();
        state.faults.entry(to).or_default().extend(faults);
    }

    /// Lets `share` of all entries fail from now on.
    pub(super) fn fail_entries(&self, seed: u64, share: f64) {
        self.state().failing = Some((fastrand::Rng::with_seed(seed), share));
    }

    /// The lines of all records taken, in the order in which they were taken.
    pub(super) fn lines(&self) -> Vec<String> {
        let state = self.state();
        let records = state.taken.iter();
        let lines = records.flat_map(|taken| std::str::from_utf8(&taken.data).unwrap().lines());
        lines.map(str::to_owned).collect()
    }

    /// How many requests came `to` a service, and how many records they had in all.
    pub(super) fn requests(&self, to: To) -> (usize, usize) {
        let state = self.state();
        let of = state.requests.iter().filter(|request| request.to == to);
        of.fold((0, 0), |(requests, entries), request| {
            (requests + 1, entries + request.entries)
        })
    }

    /// Where everything is.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a program's own configuration would be.
    pub(super) fn sdk(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(own_credentials())
            .endpoint_url(self.url())
            .region(Region::from_static(REGION))
            .build()
    }

    /// A sink that has just been made, whose waits take no time.
    pub(super) async fn sink(&self, (kind, stream): &Destination) -> StreamSink {
        let (name, sdk) = ("lake".to_owned(), self.sdk());
        let sink = StreamSink::new(name, *kind, stream, &sdk, self.seams(7));
        sink.await.unwrap()
    }

    /// Waits that take no time, with the jitter of `seed`.
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

/// The stream `audit`, packed, in this account.
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

/// A stream that gets one line a record.
pub(super) fn unpacked(kind: StreamKind) -> Destination {
    let stream = StreamConfig {
        packed: false,
        ..stream()
    };
    (kind, stream)
}
