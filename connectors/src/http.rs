//! The network: its one seam, and the only file that uses reqwest. This layer also denies every
//! forbidden request, in addition to the layers above: plain http, user names in URLs, redirects,
//! unbounded bodies.

mod decode;
mod error;

use std::error::Error;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue, LOCATION};
use tokio::task::consume_budget;
use url::Url;
use windlass_core::limits;

use self::decode::{codings, decoded};
pub use self::error::TransportError;
use crate::exchange::{ApiRequest, ApiResponse, Headers, Method, is_confidential};
use crate::hosts::AllowedHosts;
use crate::paging::next_link::printable_host;

/// Idle connections kept per vendor: a source has a few workers, and a vendor's load balancer
/// closes other idle connections anyway.
const IDLE_CONNECTIONS_MAX: usize = 4;
/// Initial capacity for a body of unknown length.
const BODY_BYTES_FIRST: usize = 64 * 1024;
/// Spare capacity of a body that is not returned to the allocator.
const BODY_BYTES_SPARE: usize = 1024 * 1024;

/// Sends one request and returns the complete response.
pub trait Transport: Send + Sync {
    /// Sends `request` once: no retries, no redirects. A response of any status other than 3xx is
    /// `Ok`. The body is complete, decompressed and at most [`limits::BODY_BYTES_MAX`] bytes; that of an
    /// error may be empty instead.
    fn send(
        &self,
        request: &ApiRequest,
    ) -> impl Future<Output = Result<ApiResponse, TransportError>> + Send;
}

impl<T: Transport> Transport for Arc<T> {
    fn send(
        &self,
        request: &ApiRequest,
    ) -> impl Future<Output = Result<ApiResponse, TransportError>> + Send {
        T::send(self, request)
    }
}

/// The real network: TLS by rustls with the platform's trust store, HTTP/1.1, gzip, brotli and
/// zstd. Ignores proxies from the environment. Clones share one connection pool.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
    /// `None` leaves bodies unread.
    body_bytes_max: Option<usize>,
    /// `None` allows every host.
    allowed: Option<Arc<AllowedHosts>>,
}

/// Timeouts of the phases of one request.
struct Timeouts {
    connect: Duration,
    /// Maximum time without data from the server, uploads included.
    read: Option<Duration>,
    total: Option<Duration>,
}

impl HttpTransport {
    /// A transport with the timeouts of [`limits`].
    ///
    /// # Errors
    /// [`TransportError::Refused`] if TLS cannot be initialized on this machine.
    pub fn new() -> Result<Self, TransportError> {
        Self::with_timeouts(&Timeouts {
            connect: Duration::from_millis(limits::CONNECT_TIMEOUT_MS),
            read: Some(Duration::from_millis(limits::READ_TIMEOUT_MS)),
            total: Some(Duration::from_millis(limits::REQUEST_TIMEOUT_MS)),
        })
    }

    fn with_timeouts(timeouts: &Timeouts) -> Result<Self, TransportError> {
        let mut client = reqwest::Client::builder()
            .user_agent(concat!("windlass/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .default_headers(accepted())
            .http1_only()
            .connect_timeout(timeouts.connect)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX);
        if let Some(read) = timeouts.read {
            client = client.read_timeout(read);
        }
        if let Some(total) = timeouts.total {
            client = client.timeout(total);
        }
        let client = client.build().map_err(|error| {
            TransportError::Refused(format!("cannot set up TLS: {}", last_cause(&error)))
        })?;
        Ok(Self {
            client,
            body_bytes_max: Some(limits::BODY_BYTES_MAX),
            allowed: None,
        })
    }

    /// The same transport, limited to the hosts in `allowed`: a request to another host fails with
    /// [`TransportError::Refused`] before a connection is made.
    pub fn confined_to(self, allowed: AllowedHosts) -> Self {
        let allowed = Some(Arc::new(allowed));
        Self { allowed, ..self }
    }

    /// A transport for servers whose status is the whole response: the body is left unread. Only
    /// connecting has a timeout, because the caller knows the duration of an upload. The same hosts
    /// are allowed, over separate connections.
    ///
    /// # Errors
    /// [`TransportError::Refused`] if TLS cannot be initialized on this machine.
    pub fn for_uploads(&self) -> Result<Self, TransportError> {
        let timeouts = Timeouts {
            connect: Duration::from_millis(limits::CONNECT_TIMEOUT_MS),
            read: None,
            total: None,
        };
        Ok(Self {
            body_bytes_max: None,
            allowed: self.allowed.clone(),
            ..Self::with_timeouts(&timeouts)?
        })
    }

    async fn exchange(&self, request: &ApiRequest) -> Result<ApiResponse, TransportError> {
        check_url(&request.url)?;
        self.check_host(&request.url)?;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut builder = self.client.request(method, request.url.clone());
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let response = builder.send().await.map_err(classify)?;
        let status = response.status();
        if status.is_redirection() {
            let to = response.headers().get(LOCATION);
            let to = to.and_then(|to| request.url.join(to.to_str().ok()?).ok());
            return Err(TransportError::Redirect {
                status: status.as_u16(),
                to: to.and_then(|to| printable_host(&to, &request.url)),
            });
        }
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
            .collect::<Headers>();
        let body = match self.body_bytes_max {
            Some(limit) => read_body(response, &headers, limit).await,
            None => Ok(Bytes::new()),
        };
        let body = match body {
            // The status and the headers of an error classify it without its body.
            Err(TransportError::Undecodable(_) | TransportError::TooLarge { .. })
                if !status.is_success() =>
            {
                Bytes::new()
            }
            body => body?,
        };
        Ok(ApiResponse {
            status: status.as_u16(),
            headers,
            body,
        })
    }

    fn check_host(&self, url: &Url) -> Result<(), TransportError> {
        match &self.allowed {
            Some(allowed) if !allowed.allow(url) => {
                let host = url.host_str().unwrap_or("no host");
                let port = url.port().map_or(String::new(), |port| format!(":{port}"));
                Err(TransportError::Refused(format!(
                    "{host}{port} is not among the allowed hosts; add it to \
                     WINDLASS_ALLOWED_HOSTS (a template parameter)"
                )))
            }
            _ => Ok(()),
        }
    }
}

/// Reads and decompresses the body of a response with `headers`, at most `limit` bytes of it, both
/// compressed and plain.
async fn read_body(
    mut response: reqwest::Response,
    headers: &Headers,
    limit: usize,
) -> Result<Bytes, TransportError> {
    // Absent for a chunked body, otherwise the vendor's claim: used for capacity only.
    let declared_bytes = response
        .content_length()
        .and_then(|bytes| usize::try_from(bytes).ok());
    if declared_bytes.is_some_and(|bytes| bytes > limit) {
        return Err(TransportError::TooLarge { limit });
    }
    let codings = codings(headers)?;
    // A response without a body may declare an encoding all the same.
    let Some(first) = response.chunk().await.map_err(classify)? else {
        return Ok(Bytes::new());
    };
    if !codings.is_empty() {
        return decoded(chunks(first, response, limit), &codings, limit).await;
    }
    if declared_bytes == Some(first.len()) {
        // A small body in one chunk is used without a copy.
        return Ok(first);
    }
    let mut body = Vec::with_capacity(declared_bytes.unwrap_or(BODY_BYTES_FIRST).min(limit));
    let mut next = Some(first);
    while let Some(chunk) = next {
        if chunk.len() > limit - body.len() {
            return Err(TransportError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
        consume_budget().await;
        next = response.chunk().await.map_err(classify)?;
    }
    Ok(trimmed(body))
}

/// The chunks of the body as sent, up to `limit` bytes: `first`, and the rest of `response`. A compressed
/// body of any length can hold nothing at all.
fn chunks(
    first: Bytes,
    response: reqwest::Response,
    limit: usize,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let begin = (Some(first), response, limit);
    stream::try_unfold(begin, move |(first, mut response, left)| async move {
        let chunk = match first {
            Some(first) => Some(first),
            None => response
                .chunk()
                .await
                .map_err(classify)
                .map_err(io::Error::other)?,
        };
        let Some(chunk) = chunk else {
            return Ok(None);
        };
        match left.checked_sub(chunk.len()) {
            Some(left) => Ok(Some((chunk, (None, response, left)))),
            None => Err(io::Error::other(TransportError::TooLarge { limit })),
        }
    })
}

/// `body` without much spare capacity: growth has doubled it, and the body stays until all its records
/// are delivered.
fn trimmed(mut body: Vec<u8>) -> Bytes {
    if body.capacity() - body.len() > BODY_BYTES_SPARE {
        body.shrink_to_fit();
    }
    Bytes::from(body)
}

impl Transport for HttpTransport {
    fn send(
        &self,
        request: &ApiRequest,
    ) -> impl Future<Output = Result<ApiResponse, TransportError>> + Send {
        self.exchange(request)
    }
}

/// The headers of every request.
fn accepted() -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(decode::ACCEPTED))])
}

/// Fails on forbidden URLs, before a connection is made.
fn check_url(url: &Url) -> Result<(), TransportError> {
    let problem = if !url.username().is_empty() || url.password().is_some() {
        "the address contains a user name or password"
    } else if !is_confidential(url) {
        "the address is not https (plain http is for loopback addresses only)"
    } else {
        return Ok(());
    };
    let host = url.host_str().unwrap_or("no host");
    Err(TransportError::Refused(format!(
        "request to {host} not sent: {problem}"
    )))
}

/// The error, classified by its cure.
fn classify(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    let text = last_cause(&error);
    if is_certificate_problem(&text) {
        TransportError::Certificate(text)
    } else if is_plain_http(&text) {
        TransportError::Connect(format!(
            "the server did not respond with TLS ({text}); it may serve plain http on this port"
        ))
    } else if error.is_builder() {
        TransportError::Refused(format!("the request cannot be built: {text}"))
    } else if error.is_timeout() {
        // The underlying causes add no detail.
        TransportError::Timeout(
            if error.is_connect() {
                "no connection in time"
            } else {
                "no complete response in time"
            }
            .to_owned(),
        )
    } else if error.is_connect() {
        TransportError::Connect(text)
    } else {
        TransportError::Interrupted(text)
    }
}

/// Returns true for a response that is not TLS. rustls reports it only in its text.
fn is_plain_http(text: &str) -> bool {
    text.contains("received corrupt message")
}

/// Returns true for a certificate error. rustls reports it only in its text; its error type is
/// private to the stack below.
fn is_certificate_problem(text: &str) -> bool {
    text.contains("invalid peer certificate")
}

/// The text of the root cause; the errors above it only name the layer.
pub(crate) fn last_cause(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

#[cfg(test)]
#[path = "http/body_tests.rs"]
mod body_tests;
#[cfg(test)]
#[path = "http/refused_tests.rs"]
mod refused_tests;
#[cfg(test)]
#[path = "http_tests.rs"]
pub(crate) mod tests;
