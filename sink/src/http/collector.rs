//! The seam to the network: the room above adds the credential and sends. This room handles neither
//! credentials nor connections.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use url::Url;

use crate::CallError;

/// Largest body of a batch, unless a single line is larger: collectors commonly accept 1 MB
/// (Splunk's HTTP Event Collector and nginx by default) or more.
pub(super) const BODY_BYTES_MAX: usize = 1_000_000;

/// One batch to post.
#[derive(Debug, Clone)]
pub struct Post<'a> {
    /// The URL.
    pub url: &'a Url,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The value of `Idempotency-Key`.
    pub key: String,
    /// The credential; `None` if the collector needs none.
    pub authorization: Option<Authorization<'a>>,
    /// The lines of the batch.
    pub body: Bytes,
}

/// The value of the `Authorization` header, with its secret by reference.
#[derive(Debug, Clone, Copy)]
pub struct Authorization<'a> {
    /// The scheme before the secret, such as `Bearer`.
    pub scheme: &'a str,
    /// The reference to the secret.
    pub secret: &'a str,
    /// True if the collector has just rejected the secret, so that it must be read again.
    pub renew: bool,
}

/// A response without its body, which is never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The wait of `Retry-After` in milliseconds from now; `None` without the header.
    pub retry_after_ms: Option<i64>,
}

/// A pending response. Boxed, so that a [`Collector`] can be a trait object.
pub type Posted<'a> = Pin<Box<dyn Future<Output = Result<Response, CallError>> + Send + 'a>>;

/// A pending check. Boxed like [`Posted`].
pub type Ready<'a> = Pin<Box<dyn Future<Output = Result<(), CallError>> + Send + 'a>>;

/// Sends batches. Follows no redirect, verifies TLS, and bounds the part of a response that is
/// read.
pub trait Collector: fmt::Debug + Send + Sync {
    /// Checks that the credential can be read, without a call to the collector.
    fn ready<'a>(&'a self, authorization: Authorization<'a>) -> Ready<'a>;

    /// Posts one batch once.
    fn post<'a>(&'a self, post: Post<'a>) -> Posted<'a>;
}
