//! What is remembered of invocations.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With this answer.
    Returned(Bytes),
    /// With an error that the function reported: this body.
    Failed(Bytes),
    /// Killed at the timeout.
    TimedOut,
    /// Killed on purpose before that.
    Killed,
    /// Stopped on purpose; it may go on later.
    Frozen,
    /// The process ended by itself.
    Exited(String),
    /// The process never asked for an invocation: why.
    NotStarted(String),
}

impl Outcome {
    /// Whether the function answered.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Returned(_))
    }

    /// What Lambda tells whoever waited.
    pub(super) fn as_error(&self, request_id: &str) -> Value {
        let (kind, message) = match self {
            Self::Failed(body) => {
                let said = serde_json::from_slice(body);
                return said.unwrap_or_else(|_| json!({"errorType": "Unknown"}));
            }
            Self::TimedOut => ("Sandbox.Timedout", "Task timed out".to_owned()),
            other => ("Runtime.ExitError", format!("{other:?}")),
        };
        json!({"errorType": kind, "errorMessage": format!("RequestId: {request_id} Error: {message}")})
    }
}

/// One invocation that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The function's name.
    pub function: String,
    /// The same for every delivery of one event.
    pub request_id: String,
    /// Which environment ran it, from 1.
    pub environment: u32,
    /// The access key id that the environment signs with.
    pub access_key_id: String,
    /// What it was given.
    pub payload: Bytes,
    /// How long it ran, without its environment's start.
    pub duration: Duration,
    /// How long its environment took to start, if it was the first one in it.
    pub init: Option<Duration>,
    /// Most resident memory of the process so far, in KB; where the system tells.
    pub max_rss_kb: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
}

impl Invocation {
    /// What is billed: start and run, in whole milliseconds.
    /// <https://aws.amazon.com/lambda/pricing/>
    pub fn billed_ms(&self) -> u64 {
        let total = self.duration + self.init.unwrap_or_default();
        u64::try_from(total.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
    }
}

/// What an on-failure destination is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedEvent {
    /// The event's request.
    pub request_id: String,
    /// The event.
    pub payload: Bytes,
    /// Why: an outcome in words, or its age.
    pub condition: String,
}

/// One line of a function's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Which environment wrote it, from 1.
    pub environment: u32,
    /// What it wrote.
    pub text: String,
}

impl LogLine {
    /// The line as JSON, if it is.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.text).ok()
    }
}
