//! Firehose, Kinesis and S3 over HTTP, as far as a sink uses them: with the real limits, with
//! partial failures inside HTTP 200, and with lost responses.

mod account;
mod faults;
mod limits;
mod objects;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use windlass_core::clock::Clock;
use windlass_core::system::SystemClock;

pub use account::{Entry, Usage};
pub use faults::{CallFault, StreamFaults};
use limits::Limits;
pub use limits::StreamKind;

use account::Stream;

use super::calls::{Call, Calls, Signer};
use super::emulator::{ACCOUNT, REGION};
use super::http::{HttpRequest, HttpResponse, Reaction, Server};
use super::refusals::Refusals;

/// Time for which a timed-out call is held: longer than any client waits.
const HELD_MS: i64 = 600_000;

/// The fake services. They stop on drop.
#[derive(Debug)]
pub struct Streams {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    calls: Calls,
    refusals: Refusals,
    changing: Mutex<Changing>,
}

#[derive(Debug)]
struct Changing {
    streams: BTreeMap<(StreamKind, String), Stream>,
    buckets: BTreeMap<String, BTreeMap<String, Bytes>>,
    faults: StreamFaults,
}

impl Streams {
    /// Listens on a free loopback port, without streams and buckets. Observed calls go to `calls`;
    /// those in `refusals` are denied.
    pub async fn start(calls: Calls, refusals: Refusals) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            calls,
            refusals,
            changing: Mutex::new(Changing {
                streams: BTreeMap::new(),
                buckets: BTreeMap::new(),
                faults: StreamFaults::none(),
            }),
        });
        let server = Server::start({
            let shared = Arc::clone(&shared);
            move |request| {
                let shared = Arc::clone(&shared);
                async move { shared.respond(request).await }
            }
        });
        Ok(Self {
            server: server.await?,
            shared,
        })
    }

    /// The start of its URLs, without a trailing slash.
    pub fn uri(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Creates a stream.
    pub fn create(&self, kind: StreamKind, name: &str) {
        let mut changing = self.shared.changing();
        changing
            .streams
            .insert((kind, name.to_owned()), Stream::default());
    }

    /// Creates a bucket.
    pub fn create_bucket(&self, name: &str) {
        self.shared
            .changing()
            .buckets
            .entry(name.to_owned())
            .or_default();
    }

    /// Replaces the fault plan.
    pub fn set_faults(&self, faults: StreamFaults) {
        self.shared.changing().faults = faults;
    }

    /// The fault plan, with its counts.
    pub fn faults(&self) -> StreamFaults {
        self.shared.changing().faults.clone()
    }

    /// Every entry that a stream has accepted, in order; empty for a stream that does not exist.
    pub fn entries(&self, kind: StreamKind, name: &str) -> Vec<Entry> {
        let changing = self.shared.changing();
        let stream = changing.streams.get(&(kind, name.to_owned()));
        stream
            .map(|stream| stream.entries.clone())
            .unwrap_or_default()
    }

    /// Every line of every accepted entry, in order. An entry that is not text, or does not end
    /// with a line break, is an error: its last line would run into the first line of the next one.
    pub fn lines(&self, kind: StreamKind, name: &str) -> anyhow::Result<Vec<String>> {
        let mut lines = Vec::new();
        for entry in self.entries(kind, name) {
            lines.extend(entry.lines()?.map(str::to_owned));
        }
        Ok(lines)
    }

    /// The delivered and billed data of a stream.
    pub fn usage(&self, kind: StreamKind, name: &str) -> Usage {
        let changing = self.shared.changing();
        let stream = changing.streams.get(&(kind, name.to_owned()));
        stream.map(|stream| stream.usage).unwrap_or_default()
    }

    /// The objects of a bucket by key.
    pub fn objects(&self, bucket: &str) -> BTreeMap<String, Bytes> {
        self.shared
            .changing()
            .buckets
            .get(bucket)
            .cloned()
            .unwrap_or_default()
    }
}

impl Shared {
    fn changing(&self) -> MutexGuard<'_, Changing> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn respond(&self, request: HttpRequest) -> Reaction {
        let signer = Signer::of(&request);
        let (kind, operation) = match request.header("x-amz-target").split_once('.') {
            Some(("Firehose_20150804", operation)) => (StreamKind::Firehose, operation.to_owned()),
            Some(("Kinesis_20131202", operation)) => (StreamKind::Kinesis, operation.to_owned()),
            _ if request.method == Method::PUT => return self.put_object(&signer, &request),
            _ => return objects::error(StatusCode::NOT_IMPLEMENTED, "NotImplemented", "").into(),
        };
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let name = stream_name(kind, &body);
        let call = Call {
            caller: signer.access_key_id.clone(),
            action: format!("{}:{operation}", kind.service()),
            on: format!("{}/{name}", kind.resource()),
            key: String::new(),
        };
        self.calls.record(call.clone());
        if let Some(refused) = self.refusals.respond(&call) {
            return refused.into();
        }
        if operation != kind.put() {
            let message = format!("this fake knows {} only", kind.put());
            return HttpResponse::error(
                StatusCode::BAD_REQUEST,
                "UnknownOperationException",
                &message,
            )
            .into();
        }
        if signer.region != REGION {
            return not_found(kind, &name).into();
        }
        self.put(kind, &name, &body).await
    }

    /// Accepts the entries of one call, subject to the fault plan.
    async fn put(&self, kind: StreamKind, name: &str, body: &Value) -> Reaction {
        let (response, held) = self.apply(kind, name, body);
        if held {
            SystemClock.sleep(HELD_MS).await;
        }
        response
    }

    /// The response to one call, and whether it is held. Applies the call without a pause, so
    /// that a disconnecting client changes nothing.
    fn apply(&self, kind: StreamKind, name: &str, body: &Value) -> (Reaction, bool) {
        let mut changing = self.changing();
        let Changing {
            streams, faults, ..
        } = &mut *changing;
        let Some(stream) = streams.get_mut(&(kind, name.to_owned())) else {
            return (not_found(kind, name).into(), false);
        };
        let entries = match Limits::of(kind).read(body) {
            Ok(entries) => entries,
            Err(problem) => {
                let response =
                    HttpResponse::error(StatusCode::BAD_REQUEST, kind.invalid(), &problem);
                return (response.into(), false);
            }
        };
        stream.usage.calls += 1;
        let fault = faults.draw_call();
        if fault == Some(CallFault::Unavailable) {
            stream.usage.refused_calls += 1;
            return (unavailable(kind).into(), false);
        }
        let mut results = Vec::with_capacity(entries.len());
        let mut failed = 0_u32;
        for entry in entries {
            if faults.draw_entry() {
                failed += 1;
                stream.usage.refused_entries += 1;
                results.push(kind.failed_entry());
            } else {
                results.push(kind.accepted_entry(stream.entries.len()));
                stream.accept(kind, entry);
            }
        }
        let response = HttpResponse::json(StatusCode::OK, &kind.results(failed, &results));
        match fault {
            Some(CallFault::LostResponse) => (Reaction::HangUp, false),
            Some(CallFault::Timeout) => (Reaction::HangUp, true),
            _ => (response.into(), false),
        }
    }

    fn put_object(&self, signer: &Signer, request: &HttpRequest) -> Reaction {
        let (bucket, key) = match objects::place(request.uri.path()) {
            Ok(place) => place,
            Err(problem) => {
                return objects::error(StatusCode::BAD_REQUEST, "InvalidURI", &problem).into();
            }
        };
        let call = Call {
            caller: signer.access_key_id.clone(),
            action: "s3:PutObject".to_owned(),
            on: format!("{bucket}/{key}"),
            key: String::new(),
        };
        self.calls.record(call.clone());
        if let Some(refused) = self.refusals.respond(&call) {
            return objects::as_xml(&refused).into();
        }
        let Some(body) = objects::body(request) else {
            let kind = "IncompleteBody";
            return objects::error(StatusCode::BAD_REQUEST, kind, "the chunks do not add up")
                .into();
        };
        let mut changing = self.changing();
        let Some(objects) = changing.buckets.get_mut(&bucket) else {
            let message = "The specified bucket does not exist";
            return objects::error(StatusCode::NOT_FOUND, "NoSuchBucket", message).into();
        };
        objects.insert(key, body);
        HttpResponse::empty(StatusCode::OK).into()
    }
}

/// The stream of a call; Kinesis also accepts an ARN.
fn stream_name(kind: StreamKind, body: &Value) -> String {
    let text = |field: &str| body[field].as_str().map(str::to_owned);
    match kind {
        StreamKind::Firehose => text("DeliveryStreamName").unwrap_or_default(),
        StreamKind::Kinesis => {
            let of_arn = || text("StreamARN")?.split('/').nth(1).map(str::to_owned);
            text("StreamName").or_else(of_arn).unwrap_or_default()
        }
    }
}

fn not_found(kind: StreamKind, name: &str) -> HttpResponse {
    let message = match kind {
        StreamKind::Firehose => format!("Firehose {name} not found under account {ACCOUNT}."),
        StreamKind::Kinesis => format!("Stream {name} under account {ACCOUNT} not found."),
    };
    HttpResponse::error(
        StatusCode::BAD_REQUEST,
        "ResourceNotFoundException",
        &message,
    )
}

fn unavailable(kind: StreamKind) -> HttpResponse {
    match kind {
        StreamKind::Firehose => HttpResponse::error(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailableException",
            "Slow down.",
        ),
        StreamKind::Kinesis => HttpResponse::error(
            StatusCode::BAD_REQUEST,
            "ProvisionedThroughputExceededException",
            "Rate exceeded for the stream.",
        ),
    }
}

/// The decoded bytes of a base64 text.
fn decoded(text: Option<&str>) -> Result<Bytes, String> {
    let text = text.ok_or("a record has no Data")?;
    let bytes = STANDARD
        .decode(text)
        .map_err(|error| format!("Data is no base64: {error}"))?;
    Ok(bytes.into())
}

impl StreamKind {
    /// The result of an entry that failed inside HTTP 200.
    fn failed_entry(self) -> Value {
        match self {
            Self::Firehose => json!({
                "ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down.",
            }),
            Self::Kinesis => json!({
                "ErrorCode": "ProvisionedThroughputExceededException",
                "ErrorMessage": "Rate exceeded for shard shardId-000000000000.",
            }),
        }
    }

    /// The result of an accepted entry.
    fn accepted_entry(self, number: usize) -> Value {
        match self {
            Self::Firehose => json!({"RecordId": format!("record-{number}")}),
            Self::Kinesis => json!({
                "SequenceNumber": number.to_string(), "ShardId": "shardId-000000000000",
            }),
        }
    }

    fn results(self, failed: u32, results: &[Value]) -> Value {
        match self {
            Self::Firehose => json!({
                "FailedPutCount": failed, "Encrypted": false, "RequestResponses": results,
            }),
            Self::Kinesis => json!({"FailedRecordCount": failed, "Records": results}),
        }
    }
}

#[cfg(test)]
#[path = "streams_tests.rs"]
mod tests;
