//! The seam to the network: the room above adds the credential and sends, and this room sees neither.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use url::Url;

use crate::CallError;

/// One batch on its way.
#[derive(Debug, Clone)]
pub struct Post<'a> {
    /// The address.
    pub url: &'a Url,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The value of `Idempotency-Key`.
    pub key: String,
    /// The credential, if the collector wants one.
    pub authorization: Option<Authorization<'a>>,
    /// The lines.
    pub body: Bytes,
}

/// A value of the `Authorization` header, by reference.
#[derive(Debug, Clone, Copy)]
pub struct Authorization<'a> {
    /// The word before the secret.
    pub scheme: &'a str,
    /// The reference to the secret.
    pub secret: &'a str,
    /// Whether the collector has just refused the secret, so that it is read anew.
    pub renew: bool,
}

/// A response, without its body: nobody reads that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The wait that `Retry-After` asks for, in milliseconds from now.
    pub retry_after_ms: Option<i64>,
}

/// A response on its way. Boxed, so that a collector can be a trait object.
pub type Posted<'a> = Pin<Box<dyn Future<Output = Result<Response, CallError>> + Send + 'a>>;

/// Sends batches. Follows no redirect, verifies TLS, and bounds what it reads of a response.
pub trait Collector: fmt::Debug + Send + Sync {
    /// Posts one batch once.
    fn post<'a>(&'a self, post: Post<'a>) -> Posted<'a>;
}
