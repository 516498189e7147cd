//! One call to a service that takes records: its failures, by what the sink can do about them.

use std::fmt;

use crate::SinkError;

/// A call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// The same call may succeed later. It may have been carried out.
    Again(String),
    /// The service asks for a wait of so many milliseconds before the next call.
    Throttled {
        /// What the service returned.
        problem: String,
        /// The wait.
        wait_ms: i64,
    },
    /// It timed out: a smaller call may not.
    Slow(String),
    /// Credentials, a permission or a name are refused: often for a moment, otherwise until a person
    /// acts.
    Denied(String),
    /// Nothing helps until a person acts.
    Refused(String),
}

impl CallError {
    /// The same error, with its text rewritten by `say`.
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

    /// The failure of a write to `sink` that gives up with this error.
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
