//! HTTP delivery of a collector's batches: the one HTTP client, with the credential added last.

use std::fmt;
use std::sync::Arc;

use secrecy::ExposeSecret;
use windlass_connectors::exchange::{ApiRequest, Method};
use windlass_connectors::http::{HttpTransport, Transport, TransportError};
use windlass_connectors::secret::{SecretError, SecretRef, Vault};
use windlass_connectors::wait::{retry_after_ms, served_at};
use windlass_core::Clock;
use windlass_sink::CallError;
use windlass_sink::http::{Authorization, Collector, Post, Posted, Ready, Response};

/// Posts batches over HTTP. Clones share connections.
#[derive(Clone)]
pub struct HttpCollector<T = HttpTransport> {
    transport: T,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
}

impl<T> fmt::Debug for HttpCollector<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCollector").finish_non_exhaustive()
    }
}

impl HttpCollector {
    /// A collector restricted to the allowed hosts of `transport`, with secrets from `vault`.
    ///
    /// # Errors
    /// If the HTTP client cannot be created.
    pub fn new(
        transport: &HttpTransport,
        vault: Arc<Vault>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TransportError> {
        Ok(Self {
            transport: transport.for_uploads()?,
            vault,
            clock,
        })
    }
}

impl<T: Transport> HttpCollector<T> {
    async fn send(&self, post: Post<'_>) -> Result<Response, CallError> {
        let host = post.url.origin().ascii_serialization();
        let mut request = ApiRequest {
            method: Method::Post,
            url: post.url.clone(),
            headers: Vec::new(),
            body: Some(post.body),
        };
        request.set_header("content-type", post.content_type);
        request.set_header("idempotency-key", post.key);
        if let Some(authorization) = post.authorization {
            request.set_header("authorization", self.credential(authorization).await?);
        }
        let response = self.transport.send(&request).await;
        let response = response.map_err(|error| failed(&host, &error))?;
        let now = served_at(&response.headers).unwrap_or_else(|| self.clock.now());
        let wait = response.headers.get("retry-after");
        Ok(Response {
            status: response.status,
            retry_after_ms: wait.and_then(|text| retry_after_ms(text, now)),
        })
    }

    /// The value of the `Authorization` header.
    async fn credential(&self, by: Authorization<'_>) -> Result<String, CallError> {
        let reference: SecretRef = by.secret.parse().map_err(|error| no_secret(&error))?;
        let secret = if by.renew {
            self.vault.fetch_again(&reference).await
        } else {
            self.vault.fetch(&reference).await
        };
        let secret = secret.map_err(|error| no_secret(&error))?;
        Ok(format!("{} {}", by.scheme, secret.expose_secret()))
    }
}

impl<T: Transport> Collector for HttpCollector<T> {
    fn ready<'a>(&'a self, authorization: Authorization<'a>) -> Ready<'a> {
        Box::pin(async move { self.credential(authorization).await.map(drop) })
    }

    fn post<'a>(&'a self, post: Post<'a>) -> Posted<'a> {
        Box::pin(self.send(post))
    }
}

fn no_secret(error: &SecretError) -> CallError {
    let problem = format!("the sink's secret: {error}");
    if error.may_pass() {
        CallError::Again(problem)
    } else if error.is_denied() {
        CallError::Denied(problem)
    } else {
        CallError::Refused(problem)
    }
}

fn failed(host: &str, error: &TransportError) -> CallError {
    let problem = format!("collector {host}: {error}");
    match error {
        TransportError::Connect(_)
        | TransportError::Interrupted(_)
        | TransportError::Undecodable(_) => CallError::Again(problem),
        TransportError::Timeout(_) => CallError::Slow(problem),
        TransportError::Redirect { .. } => CallError::Refused(format!(
            "{problem}; set the sink's `url` to the address that accepts batches"
        )),
        TransportError::Certificate(_) => CallError::Refused(format!(
            "{problem}; check the sink's `url`, this machine's clock, and its certificate store"
        )),
        TransportError::TooLarge { .. } | TransportError::Refused(_) => CallError::Refused(problem),
    }
}

#[cfg(test)]
#[path = "collector_tests.rs"]
mod tests;
