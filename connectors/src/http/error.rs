//! Requests without a usable response, and the cure for each.

use windlass_core::retry::FailureClass;

use crate::exchange::{Failure, Origin};

/// A request without a usable response. Texts never hold a URL, a header value or a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The connection failed; the vendor has not received the request.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The request exceeded `limits::CONNECT_TIMEOUT_MS`, `limits::READ_TIMEOUT_MS` without
    /// data, or `limits::REQUEST_TIMEOUT_MS` in total.
    #[error("timed out: {0}")]
    Timeout(String),
    /// The connection broke, or the body ended early.
    #[error("the response broke off: {0}")]
    Interrupted(String),
    /// The body is not compressed as its headers declare, or in an unsupported way.
    #[error("the response body cannot be decompressed: {0}")]
    Undecodable(String),
    /// The decompressed body exceeds the limit.
    #[error("the response is larger than {limit} bytes")]
    TooLarge {
        /// Maximum size of a body in bytes.
        limit: usize,
    },
    /// The vendor returned a redirect, which is never followed.
    #[error("HTTP {status} redirects to {}, and redirects are not followed",
        .to.as_deref().unwrap_or("a host that is omitted here"))]
    Redirect {
        /// The status, 300 to 399.
        status: u16,
        /// The host of the redirect; the rest of the URL may hold a credential. `None` if it names
        /// none, or one that may hold a page token.
        to: Option<String>,
    },
    /// The certificate of the server is not trusted; nothing was sent.
    #[error("the server's certificate is not trusted: {0}")]
    Certificate(String),
    /// The request is not allowed.
    #[error("{0}")]
    Refused(String),
}

impl TransportError {
    /// The failure for the worker, with the origin `asked` and advice, if any. `setting` is the setting
    /// of the source that names the host, in backquotes.
    pub(crate) fn into_failure(self, asked: &Origin, setting: &str) -> Failure {
        let (class, advice) = match &self {
            Self::Connect(_)
            | Self::Timeout(_)
            | Self::Interrupted(_)
            | Self::Undecodable(_) => (FailureClass::Outage, String::new()),
            Self::TooLarge { .. } => (
                FailureClass::Split,
                "; set a smaller page size if narrower windows do not help".to_owned(),
            ),
            Self::Redirect { to, .. } if to.as_deref() == Some(asked.host()) => (
                FailureClass::Block,
                "; check the path in the manifest, and the credentials: some vendors redirect to a \
                 login page"
                    .to_owned(),
            ),
            Self::Redirect { .. } => (
                FailureClass::Block,
                format!(
                    "; if the vendor has moved there, set {setting} of the source to that host"
                ),
            ),
            Self::Certificate(_) => (
                FailureClass::Block,
                format!(
                    "; check {setting} of the source, this machine's clock, and its certificate \
                     store; nothing was sent"
                ),
            ),
            Self::Refused(_) => (FailureClass::Block, "; nothing was sent".to_owned()),
        };
        Failure {
            timed_out: matches!(self, Self::Timeout(_)),
            ..Failure::new(class, format!("{asked}: {self}{advice}"))
        }
    }
}
