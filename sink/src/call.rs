//! One call to a service that accepts records: its failures, classified by their cure.

use std::fmt;

use crate::SinkError;

/// A call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// The same call may succeed later. It may have been carried out.
    Again(String),
    /// The service requests a wait before the next call.
    Throttled {
        /// The service's error.
        problem: String,
        /// The requested wait in milliseconds.
        wait_ms: i64,
    },
    /// The call timed out: a smaller one may succeed.
    Slow(String),
    /// The service denies the credentials, a permission or a name: often temporarily, otherwise
    /// until an operator acts.
    Denied(String),
    /// Only an operator can cure the failure.
    Refused(String),
}

impl CallError {
    /// The same error, with its text mapped by the closure.
    pub(crate) fn map(self, say: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Again(problem) => Self::Again(say(problem)),
            Self::Throttled { problem, wait_ms } => Self::Throttled {
                problem: say(problem),
                wait_ms,
            },
            Self::Slow(problem) => Self::Slow(say(problem)),
            Self::Denied(problem) => Self::Denied(say(problem)),
            Self::Refused(problem) => Self::Refused(say(problem)),
        }
    }

    /// The failure of a write to `sink` that ends with this error.
    pub(crate) fn into_sink_error(self, sink: &str) -> SinkError {
        let sink = sink.to_owned();
        match self {
            Self::Again(problem) | Self::Slow(problem) => SinkError::Unavailable { sink, problem },
            Self::Throttled { problem, wait_ms } => SinkError::Throttled {
                sink,
                problem,
                wait_ms,
            },
            Self::Denied(problem) => SinkError::Denied { sink, problem },
            Self::Refused(problem) => SinkError::Refused { sink, problem },
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Again(problem)
        | Self::Throttled { problem, .. }
        | Self::Slow(problem)
        | Self::Denied(problem)
        | Self::Refused(problem)) = self;
        f.write_str(problem)
    }
}
