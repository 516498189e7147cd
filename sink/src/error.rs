//! Why a sink could not deliver, by what the caller can do about it.

/// A sink's failure. Nothing that was acknowledged before is affected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// The same call may succeed later: the window waits.
    #[error("sink `{sink}` is not available: {problem}")]
    Unavailable {
        /// Which sink.
        sink: String,
        /// What happened and to what.
        problem: String,
    },
    /// The destination asks for a wait, which the window obeys.
    #[error("sink `{sink}` asks for a wait of {} s: {problem}", .wait_ms / 1_000)]
    Throttled {
        /// Which sink.
        sink: String,
        /// What the destination returned.
        problem: String,
        /// The wait, in milliseconds from now.
        wait_ms: i64,
    },
    /// There is no room left. The window keeps its place, and the source is probed until there is some.
    #[error("sink `{sink}` is full: {problem}; free some space")]
    Full {
        /// Which sink.
        sink: String,
        /// What happened and to what.
        problem: String,
    },
    /// Credentials, a permission or a name are refused: often for a moment, while a policy takes
    /// effect or a credential is renewed, and otherwise until a person acts.
    #[error("sink `{sink}` is denied: {problem}")]
    Denied {
        /// Which sink.
        sink: String,
        /// What happened, to what, and what to do.
        problem: String,
    },
    /// The destination refuses as configured: nothing helps until a person acts.
    #[error("sink `{sink}` refuses: {problem}")]
    Refused {
        /// Which sink.
        sink: String,
        /// What happened, to what, and what to do.
        problem: String,
    },
    /// What was delivered before is not there any more, so the window cannot be continued and has
    /// to begin again at page one.
    #[error("sink `{sink}` lost what it had: {problem}")]
    Lost {
        /// Which sink.
        sink: String,
        /// What is missing.
        problem: String,
    },
}
