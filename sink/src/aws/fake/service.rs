//! The reactions of the fake services to requests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::message::{Arrived, Reaction};
use super::{Fault, ROLE_KEY, Request, State, Taken, To};

/// Source: API references of PutRecordBatch and PutRecords, the same as in
/// [`crate::pack::StreamLimits`] but without its safety margin.
const RECORDS_MAX: usize = 500;
const FIREHOSE_RECORD_BYTES_MAX: usize = 1_024_000;
const FIREHOSE_BASE64_BYTES_MAX: usize = 4 * 1_024 * 1_024;
const KINESIS_RECORD_BYTES_MAX: usize = 1_024 * 1_024;
const KINESIS_CALL_BYTES_MAX: usize = 5 * 1_024 * 1_024;
/// Maximum number of lines in a record that Firehose de-aggregates.
const LINES_MAX: usize = 500;

/// One record as received.
struct Entry {
    key: Option<String>,
    base64_bytes: usize,
    data: Vec<u8>,
}

/// Carries out `arrived`, or fails as planned.
pub(super) fn service_reaction(state: &mut State, arrived: &Arrived) -> Reaction {
    let fault = state.faults.entry(arrived.to).or_default().pop_front();
    let (stream, entries) = match arrived.to {
        To::Firehose => entries(arrived, "DeliveryStreamName"),
        To::Kinesis => entries(arrived, "StreamName"),
        To::S3 | To::Sts => (String::new(), Vec::new()),
    };
    state.requests.push(Request {
        to: arrived.to,
        signed_by: arrived.signed_by.clone(),
        invocation: arrived.invocation.clone(),
        region: arrived.region.clone(),
        entries: entries.len(),
    });
    match fault {
        Some(Fault::Response(status, code, message)) => {
            return Reaction::Response(status, error(arrived.to, code, message));
        }
        Some(Fault::Hangup { applied: false }) => return Reaction::Hangup,
        _ => {}
    }
    let (status, body) = match arrived.to {
        To::S3 => {
            let (path, body) = (arrived.path.clone(), arrived.body.to_vec());
            state.objects.insert(path, body);
            (200, Vec::new())
        }
        To::Sts => assume_role(state, arrived),
        To::Firehose | To::Kinesis => put(state, arrived.to, &stream, entries, fault.as_ref()),
    };
    match fault {
        Some(Fault::Hangup { .. }) => Reaction::Hangup,
        Some(Fault::Silence) => Reaction::Silence,
        _ => Reaction::Response(status, body),
    }
}

fn entries(arrived: &Arrived, name: &str) -> (String, Vec<Entry>) {
    let body: Value = serde_json::from_slice(&arrived.body).unwrap();
    let entry = |record: &Value| {
        let base64 = record["Data"].as_str().unwrap();
        Entry {
            key: record["PartitionKey"].as_str().map(str::to_owned),
            base64_bytes: base64.len(),
            data: STANDARD.decode(base64).unwrap(),
        }
    };
    let records = body["Records"].as_array().unwrap().iter();
    let stream = body[name].as_str().unwrap().to_owned();
    (stream, records.map(entry).collect())
}

fn put(
    state: &mut State,
    to: To,
    stream: &str,
    entries: Vec<Entry>,
    fault: Option<&Fault>,
) -> (u16, Vec<u8>) {
    if let Some(problem) = over_a_limit(to, &entries) {
        return (400, error(to, "InvalidArgumentException", &problem));
    }
    if matches!(fault, Some(Fault::Uncounted)) {
        let all = entries.iter().map(|_| None).collect();
        return (200, output(to, 1, all));
    }
    let mut failures = Vec::new();
    for (number, Entry { key, data, .. }) in entries.into_iter().enumerate() {
        let planned = matches!(fault, Some(Fault::Entries(failing)) if failing.contains(&number));
        let by_chance = state
            .failing
            .as_mut()
            .is_some_and(|(dice, share)| dice.f64() < *share);
        if planned || by_chance {
            failures.push(Some(()));
        } else {
            let stream = stream.to_owned();
            state.taken.push(Taken { stream, key, data });
            failures.push(None);
        }
    }
    if matches!(fault, Some(Fault::ShortResponse)) {
        failures.pop();
    }
    let failed = failures.iter().flatten().count();
    (200, output(to, failed, failures))
}

fn over_a_limit(to: To, entries: &[Entry]) -> Option<String> {
    let kinesis = to == To::Kinesis;
    let key_bytes = |entry: &Entry| entry.key.as_ref().map_or(0, String::len);
    let (record_max, call_max) = if kinesis {
        (KINESIS_RECORD_BYTES_MAX, KINESIS_CALL_BYTES_MAX)
    } else {
        (FIREHOSE_RECORD_BYTES_MAX, FIREHOSE_BASE64_BYTES_MAX)
    };
    let counted = |entry: &Entry| {
        if kinesis {
            entry.data.len() + key_bytes(entry)
        } else {
            entry.base64_bytes
        }
    };
    if entries.is_empty() || entries.len() > RECORDS_MAX {
        return Some(format!("{} records", entries.len()));
    }
    if entries.iter().map(counted).sum::<usize>() > call_max {
        return Some("the call is too large".to_owned());
    }
    entries.iter().find_map(|entry| {
        let lines = entry.data.split_inclusive(|byte| *byte == b'\n').count();
        let bytes = entry.data.len() + key_bytes(entry);
        let key_fits = (1..=256).contains(&key_bytes(entry)) == kinesis;
        let fits = key_fits && lines <= LINES_MAX && bytes <= record_max;
        let whole = entry.data.last() == Some(&b'\n');
        (!fits || !whole).then(|| format!("a record of {bytes} bytes and {lines} lines"))
    })
}

/// The body of a response with these failures.
fn output(to: To, failed: usize, failures: Vec<Option<()>>) -> Vec<u8> {
    let entry = |(number, failure): (usize, Option<()>)| match (failure, to) {
        (Some(()), To::Kinesis) => json!({
            "ErrorCode": "ProvisionedThroughputExceededException",
            "ErrorMessage": "Rate exceeded for shard",
        }),
        (Some(()), _) => json!({
            "ErrorCode": "ServiceUnavailableException",
            "ErrorMessage": "Slow down.",
        }),
        (None, To::Kinesis) => json!({
            "SequenceNumber": number.to_string(),
            "ShardId": "shardId-000000000000",
        }),
        (None, _) => json!({ "RecordId": number.to_string() }),
    };
    let entries: Vec<_> = failures.into_iter().enumerate().map(entry).collect();
    let body = match to {
        To::Kinesis => json!({ "FailedRecordCount": failed, "Records": entries }),
        _ => json!({ "FailedPutCount": failed, "RequestResponses": entries }),
    };
    body.to_string().into_bytes()
}

fn error(to: To, code: &str, message: &str) -> Vec<u8> {
    let text = match to {
        To::Firehose | To::Kinesis => json!({ "__type": code, "message": message }).to_string(),
        To::S3 => format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"),
        To::Sts => format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
             <Message>{message}</Message></Error></ErrorResponse>"
        ),
    };
    text.into_bytes()
}

fn assume_role(state: &mut State, arrived: &Arrived) -> (u16, Vec<u8>) {
    let form = String::from_utf8(arrived.body.to_vec()).unwrap();
    state.assumed.push(form);
    let body = format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{ROLE_KEY}</AccessKeyId>\
         <SecretAccessKey>not-a-secret</SecretAccessKey><SessionToken>token</SessionToken>\
         <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>\
         </AssumeRoleResponse>"
    );
    (200, body.into_bytes())
}
