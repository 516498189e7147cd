//! Errors of sinks, classified by their cure.

/// A sink's failure. Earlier acknowledgements stay valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// The same call may succeed later; the window waits.
    #[error("sink `{sink}` is not available: {problem}")]
    Unavailable {
        /// The name of the sink.
        sink: String,
        /// The failure and its object.
        problem: String,
    },
    /// The destination requests a wait, which the window obeys.
    #[error("sink `{sink}` requested a wait of {} s: {problem}", .wait_ms / 1_000)]
    Throttled {
        /// The name of the sink.
        sink: String,
        /// The destination's error.
        problem: String,
        /// The requested wait in milliseconds from now.
        wait_ms: i64,
    },
    /// The destination is out of space. The window keeps its checkpoint, and the source is probed
    /// until there is space.
    #[error("sink `{sink}` is full: {problem}; free some space")]
    Full {
        /// The name of the sink.
        sink: String,
        /// The failure and its object.
        problem: String,
    },
    /// The destination denies the credentials, a permission or a name: often temporarily, while a
    /// policy takes effect or a credential is renewed; otherwise until an operator acts.
    #[error("sink `{sink}` denied access: {problem}")]
    Denied {
        /// The name of the sink.
        sink: String,
        /// The failure, its object and its cure.
        problem: String,
    },
    /// The destination rejects the configuration: only an operator can cure it.
    #[error("sink `{sink}` cannot be used: {problem}")]
    Refused {
        /// The name of the sink.
        sink: String,
        /// The failure, its object and its cure.
        problem: String,
    },
    /// A folder, a stream or a secret of this machine cannot be used as it is: only an operator can
    /// cure it, and the machine shows the cure at once.
    #[error("sink `{sink}` is unusable: {problem}")]
    Unusable {
        /// The name of the sink.
        sink: String,
        /// The failure, its object and its cure.
        problem: String,
    },
    /// Delivered data is missing, so the window cannot be continued and must restart at page one.
    #[error("sink `{sink}` lost delivered data: {problem}")]
    Lost {
        /// The name of the sink.
        sink: String,
        /// The missing data.
        problem: String,
    },
}
