//! The network: the one seam for it, and the one file that knows reqwest. Everything a request must
//! never do is refused here as well as above: plain http, user names in URLs, following redirects,
//! bodies without end.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::consume_budget;
use url::Url;
use windlass_core::limits;
use windlass_core::retry::FailureClass;

use crate::exchange::{ApiRequest, ApiResponse, Failure, Headers, Method, Origin, is_confidential};
use crate::hosts::AllowedHosts;

/// Idle connections kept to one vendor: a source has a few workers, and a vendor's load balancer
/// closes what idles longer anyway.
const IDLE_CONNECTIONS_MAX: usize = 4;
/// What a body is first given room for when its length is unknown.
const BODY_BYTES_FIRST: usize = 64 * 1024;

/// Room beyond a body's end that is not worth giving back.
const BODY_BYTES_SPARE: usize = 1024 * 1024;

/// Sends one request and returns the whole reply.
pub trait Transport: Send + Sync {
    /// Sends `request` once: no retries, no redirects. A reply of any status other than 3xx is
    /// `Ok`. The body is complete, decompressed and at most [`limits::BODY_BYTES_MAX`] bytes.
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

/// A request without a usable reply. Texts never hold a URL, a header value or a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection was made; the vendor has not seen the request.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// It took longer than [`limits::CONNECT_TIMEOUT_MS`], [`limits::READ_TIMEOUT_MS`] of silence,
    /// or [`limits::REQUEST_TIMEOUT_MS`] altogether.
    #[error("timed out: {0}")]
    Timeout(String),
    /// The connection broke, or the body ended early or could not be decompressed.
    #[error("the reply broke off: {0}")]
    Interrupted(String),
    /// The body is larger than allowed, after decompression.
    #[error("the reply is larger than {limit} bytes")]
    TooLarge {
        /// The most bytes a body may have.
        limit: usize,
    },
    /// The vendor answered with a redirect, which is never followed.
    #[error("answered with status {status}, a redirect to {}, which is not followed",
        .to.as_deref().unwrap_or("nowhere"))]
    Redirect {
        /// The status, 300 to 399.
        status: u16,
        /// The host it pointed to; the rest of the address may hold a credential.
        to: Option<String>,
    },
    /// The request may not be sent at all, or not to who answers there.
    #[error("{0}")]
    Refused(String),
}

impl TransportError {
    /// The same for the worker, with who was asked and what to do, if anything.
    pub(crate) fn into_failure(self, asked: &Origin) -> Failure {
        let (class, advice) = match &self {
            Self::Connect(_) | Self::Timeout(_) | Self::Interrupted(_) => {
                (FailureClass::Outage, "")
            }
            Self::TooLarge { .. } => (
                FailureClass::Split,
                "; ask for smaller pages if smaller windows do not help",
            ),
            Self::Redirect { .. } => (
                FailureClass::Block,
                "; set base_url to the address the API answers at",
            ),
            Self::Refused(_) => (FailureClass::Block, "; nothing was sent"),
        };
        Failure::new(class, format!("{asked}: {self}{advice}"))
    }
}

/// The real network: TLS by rustls with the platform's trust, HTTP/1.1, gzip, brotli and zstd.
/// Proxies set in the environment are not used. Clones share one pool of connections.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
    /// `None` where bodies are left unread.
    body_bytes_max: Option<usize>,
    /// Any host where there is no list.
    allowed: Option<Arc<AllowedHosts>>,
}

/// How long the parts of one request may take.
struct Timeouts {
    connect: Duration,
    /// Silence of the server, an upload included.
    read: Option<Duration>,
    total: Option<Duration>,
}

impl HttpTransport {
    /// A transport with the bounds of [`limits`].
    ///
    /// Fails with [`TransportError::Refused`] when TLS cannot be set up on this machine.
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

    /// The same transport, which refuses every request to another host than `allowed` lists before
    /// a connection is made: [`TransportError::Refused`].
    pub fn confined_to(self, allowed: AllowedHosts) -> Self {
        let allowed = Some(Arc::new(allowed));
        Self { allowed, ..self }
    }

    /// A transport for servers whose status is the whole reply: the body is left unread, and only
    /// connecting has a limit, because the caller knows how long an upload may take. It is confined
    /// to the same hosts, over connections of its own.
    ///
    /// # Errors
    /// [`TransportError::Refused`] when TLS cannot be set up on this machine.
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
        let reply = builder.send().await.map_err(classify)?;
        let status = reply.status();
        if status.is_redirection() {
            let to = reply
                .headers()
                .get(reqwest::header::LOCATION)
                .and_then(|location| request.url.join(location.to_str().ok()?).ok())
                .and_then(|target| target.host_str().map(str::to_owned));
            return Err(TransportError::Redirect {
                status: status.as_u16(),
                to,
            });
        }
        let headers = reply
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
            .collect::<Headers>();
        let body = match self.body_bytes_max {
            Some(limit) => read_body(reply, limit).await?,
            None => Bytes::new(),
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

/// Reads the body, counting what comes out of decompression and stopping at the cap.
async fn read_body(mut reply: reqwest::Response, limit: usize) -> Result<Bytes, TransportError> {
    // Absent when the body is compressed, and a vendor's word otherwise: only room, no proof.
    let announced = reply
        .content_length()
        .and_then(|bytes| usize::try_from(bytes).ok());
    if announced.is_some_and(|bytes| bytes > limit) {
        return Err(TransportError::TooLarge { limit });
    }
    let Some(first) = reply.chunk().await.map_err(classify)? else {
        return Ok(Bytes::new());
    };
    if announced == Some(first.len()) && first.len() <= limit {
        // A small body that came in one piece is used where it lies.
        return Ok(first);
    }
    let mut body = Vec::with_capacity(announced.unwrap_or(BODY_BYTES_FIRST).min(limit));
    let mut next = Some(first);
    while let Some(chunk) = next {
        if chunk.len() > limit - body.len() {
            return Err(TransportError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
        // A small body can inflate to the cap without a wait for the network in between.
        consume_budget().await;
        next = reply.chunk().await.map_err(classify)?;
    }
    if body.capacity() - body.len() > BODY_BYTES_SPARE {
        // Growing has doubled it, and the body stays until all of its records are delivered.
        body.shrink_to_fit();
    }
    Ok(Bytes::from(body))
}

impl Transport for HttpTransport {
    fn send(
        &self,
        request: &ApiRequest,
    ) -> impl Future<Output = Result<ApiResponse, TransportError>> + Send {
        self.exchange(request)
    }
}

/// Refuses what must not leave this machine, before any connection is made.
fn check_url(url: &Url) -> Result<(), TransportError> {
    let problem = if !url.username().is_empty() || url.password().is_some() {
        "the address holds a user name or password"
    } else if !is_confidential(url) {
        "the address is not https (plain http is for loopback addresses only)"
    } else {
        return Ok(());
    };
    let host = url.host_str().unwrap_or("no host");
    Err(TransportError::Refused(format!(
        "not sent to {host}: {problem}"
    )))
}

/// What went wrong, by what can be done about it.
fn classify(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    let text = last_cause(&error);
    if is_certificate_problem(&text) {
        TransportError::Refused(format!(
            "the server's certificate is not trusted: {text}; check base_url, the clock and the \
             machine's certificate store"
        ))
    } else if error.is_builder() {
        TransportError::Refused(format!("the request cannot be built: {text}"))
    } else if error.is_timeout() {
        // What lies below says no more than that.
        TransportError::Timeout(
            if error.is_connect() {
                "no connection was made"
            } else {
                "the reply did not come, or not to its end"
            }
            .to_owned(),
        )
    } else if error.is_connect() {
        TransportError::Connect(text)
    } else {
        TransportError::Interrupted(text)
    }
}

/// rustls says so in its text only, and its error type is private to the stack below.
fn is_certificate_problem(text: &str) -> bool {
    text.contains("invalid peer certificate")
}

/// What the error at the bottom says; those above it only say which part of the stack met it.
pub(crate) fn last_cause(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
