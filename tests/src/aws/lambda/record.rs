//! The records of invocations.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

/// The outcome of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The function returned this response.
    Returned(Bytes),
    /// The function reported an error with this body.
    Failed(Bytes),
    /// The invocation was killed at its timeout.
    TimedOut,
    /// The invocation was killed by a fault.
    Killed,
    /// The environment was stopped by a fault; it may be resumed later.
    Frozen,
    /// The process exited by itself.
    Exited(String),
    /// The process never requested an invocation, for this reason.
    NotStarted(String),
}

impl Outcome {
    /// Returns true if the function returned a response.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Returned(_))
    }

    /// The error that Lambda returns to a synchronous caller.
    pub(super) fn as_error(&self, request_id: &str) -> Value {
        let (kind, message) = match self {
            Self::Failed(body) => {
                let ended_with = serde_json::from_slice(body);
                return ended_with.unwrap_or_else(|_| json!({"errorType": "Unknown"}));
            }
            Self::TimedOut => ("Sandbox.Timedout", "Task timed out".to_owned()),
            other => ("Runtime.ExitError", format!("{other:?}")),
        };
        json!({"errorType": kind, "errorMessage": format!("RequestId: {request_id} Error: {message}")})
    }
}

/// One ended invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The name of the function.
    pub function: String,
    /// The same for every delivery of one event.
    pub request_id: String,
    /// Number of its environment, from 1.
    pub environment: u32,
    /// The access key id of the environment.
    pub access_key_id: String,
    /// The payload of the event.
    pub payload: Bytes,
    /// Its duration, without the start of its environment.
    pub duration: Duration,
    /// Duration of its environment's start; `None` unless it was the first invocation in it.
    pub init: Option<Duration>,
    /// Peak resident memory of the process so far, in KB; `None` where the system does not report
    /// it.
    pub max_rss_kb: Option<u64>,
    /// The outcome of the invocation.
    pub outcome: Outcome,
}

impl Invocation {
    /// The billed duration: start and run, in whole milliseconds.
    /// <https://aws.amazon.com/lambda/pricing/>
    pub fn billed_ms(&self) -> u64 {
        let total = self.duration + self.init.unwrap_or_default();
        u64::try_from(total.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
    }
}

/// An event for the on-failure destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedEvent {
    /// The request id of the event.
    pub request_id: String,
    /// The payload of the event.
    pub payload: Bytes,
    /// The outcome of its invocation, or its age.
    pub condition: String,
}

/// One line of a function's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Number of its environment, from 1.
    pub environment: u32,
    /// The text of the line.
    pub text: String,
}

impl LogLine {
    /// The line as JSON; `None` if it is not JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.text).ok()
    }
}
