//! The processing of a call by the stream and the bucket, within the limits of the services.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use windlass_core::Timestamp;
use windlass_core::breaks::{Break, broken};

use super::fault::StreamFault;
use super::lines;
use super::{State, Stream};

/// Most records of a call. This and the next two: Firehose API reference, PutRecordBatch.
const RECORDS_MAX: usize = 500;
/// Most bytes of a record before base64.
const RECORD_BYTES_MAX: usize = 1_000 * 1_024;
/// Most bytes of all records of a call. The documentation is silent on base64, so it counts.
const CALL_BYTES_MAX: usize = 4 * 1_024 * 1_024;
/// Most lines that are separated from one record. Same page.
const LINES_MAX: usize = 500;

/// A response of the service, and the number of lines taken with it.
#[derive(Debug)]
pub(super) struct ServiceResponse {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) lines: u64,
}

impl ServiceResponse {
    fn error(status: u16, code: &str) -> Self {
        Self {
            status,
            body: json!({ "__type": code, "message": "simulated" }).to_string(),
            lines: 0,
        }
    }
}

impl Stream {
    /// Carries out a `PutRecordBatch`, except as `fault` changes it.
    pub(super) fn put_records(
        &self,
        body: &[u8],
        fault: Option<StreamFault>,
        now: Timestamp,
    ) -> ServiceResponse {
        let state = &mut *self.state();
        match fault {
            Some(StreamFault::Throttled) => {
                return ServiceResponse::error(400, "ThrottlingException");
            }
            Some(StreamFault::Broken) => {
                return ServiceResponse::error(500, "ServiceUnavailableException");
            }
            Some(StreamFault::Denied) => {
                return ServiceResponse::error(400, "AccessDeniedException");
            }
            _ => {}
        }
        let records = match understand(&self.spec.name, body) {
            Ok(records) => records,
            Err(problem) => {
                state.violation(format!("{now}: a call with {problem}"));
                return ServiceResponse::error(400, "InvalidArgumentException");
            }
        };
        if fault == Some(StreamFault::Uncounted) {
            let each = records.iter().map(|_| true).collect();
            return responded(1, each, 0);
        }
        let (mut each, mut lines) = (Vec::with_capacity(records.len()), 0);
        for data in &records {
            let fails = fault == Some(StreamFault::Entries) && state.faults.rng().u8(0..3) == 0;
            if !fails {
                lines += self.take(state, data, now);
            }
            each.push(!fails || broken(Break::IgnoreRefusedRecords));
        }
        let failed = each.iter().filter(|taken| !**taken).count();
        if fault == Some(StreamFault::ShortResponse) {
            each.pop();
        }
        responded(failed, each, lines)
    }

    /// Takes one record. Returns the number of its lines.
    fn take(&self, state: &mut State, data: &[u8], now: Timestamp) -> u64 {
        for canary in &self.spec.canaries {
            let is_there = data
                .windows(canary.len().max(1))
                .any(|bytes| bytes == canary.as_bytes());
            if is_there {
                state.violation(format!("{now}: a line holds a credential"));
            }
        }
        match lines::read(data, now) {
            Ok(lines) => {
                let count = lines.len();
                state.delivered.extend(lines);
                u64::try_from(count).unwrap_or(u64::MAX)
            }
            Err(problem) => {
                state.violation(format!("{now}: {problem}"));
                0
            }
        }
    }

    /// Puts an object into the bucket for rejects. The vendors of these worlds send only records
    /// that can be forwarded, so any call is a violation.
    pub(super) fn put_object(
        &self,
        path: &str,
        body: &[u8],
        fault: Option<StreamFault>,
    ) -> ServiceResponse {
        let state = &mut *self.state();
        let (status, body) = match fault {
            Some(StreamFault::Throttled | StreamFault::Uncounted) => (503, error("SlowDown")),
            Some(StreamFault::Broken | StreamFault::Entries) => (500, error("InternalError")),
            Some(StreamFault::Denied) => (403, error("AccessDenied")),
            _ => {
                let text = String::from_utf8_lossy(body);
                state.violation(format!("records were put aside at {path}: {text}"));
                (200, String::new())
            }
        };
        ServiceResponse {
            status,
            body,
            lines: 0,
        }
    }
}

fn error(code: &str) -> String {
    format!("<Error><Code>{code}</Code><Message>simulated</Message></Error>")
}

/// The records of a call, or the reason for the service to reject it.
fn understand(name: &str, body: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let body: Value = serde_json::from_slice(body).map_err(|error| format!("no JSON: {error}"))?;
    if body["DeliveryStreamName"] != name {
        return Err("the name of another stream".to_owned());
    }
    let records = body["Records"].as_array().ok_or("no records")?;
    if records.is_empty() || records.len() > RECORDS_MAX {
        return Err(format!("{} records", records.len()));
    }
    let mut all = Vec::with_capacity(records.len());
    let mut call_bytes = 0;
    for record in records {
        let encoded = record["Data"].as_str().ok_or("a record without data")?;
        call_bytes += encoded.len();
        let data = STANDARD
            .decode(encoded)
            .map_err(|_| "data that is no base64")?;
        let lines = data.split_inclusive(|byte| *byte == b'\n').count();
        if data.is_empty() || data.len() > RECORD_BYTES_MAX || lines > LINES_MAX {
            return Err(format!(
                "a record of {} bytes and {lines} lines",
                data.len()
            ));
        }
        all.push(data);
    }
    if call_bytes > CALL_BYTES_MAX {
        return Err(format!("{call_bytes} bytes"));
    }
    Ok(all)
}

/// The response for entries whose acceptance is in `each`.
fn responded(failed: usize, each: Vec<bool>, lines: u64) -> ServiceResponse {
    let entry = |(number, taken): (usize, bool)| {
        if taken {
            json!({ "RecordId": number.to_string() })
        } else {
            json!({ "ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down." })
        }
    };
    let each: Vec<_> = each.into_iter().enumerate().map(entry).collect();
    ServiceResponse {
        status: 200,
        body: json!({ "FailedPutCount": failed, "RequestResponses": each }).to_string(),
        lines,
    }
}
