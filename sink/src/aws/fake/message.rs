//! The messages between the sockets and the services.

use bytes::Bytes;

use super::To;

/// A complete request.
pub(super) struct Arrived {
    pub(super) to: To,
    pub(super) signed_by: String,
    pub(super) invocation: String,
    pub(super) region: String,
    pub(super) path: String,
    pub(super) body: Bytes,
}

/// The reaction to a request.
pub(super) enum Reaction {
    /// A status and a body.
    Response(u16, Vec<u8>),
    /// The connection closes.
    Hangup,
    /// No response for as long as the client waits.
    Silence,
}
