//! The client of one source: builds the request, adds credentials, sends it, and reads the
//! response. The worker receives pages and failures, nothing else.

mod apart;
mod keyring;
mod maker;

use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;
use tracing::debug;
use windlass_core::retry::FailureClass;
use windlass_core::{Clock, Entropy, Span};

use crate::auth::Credentials;
use crate::connector::{Connector, Page, PageRequest};
use crate::exchange::{ApiRequest, Failure, Origin};
use crate::http::Transport;
use crate::paging::Next;
use crate::secret::SecretSource;

use self::keyring::Keyring;
pub use self::maker::{ClientError, ClientMaker, SecretAge};

/// Fetches pages of one source. The workers of a process share it by reference, and with it the
/// access token.
pub struct Client<T> {
    connector: Arc<Connector>,
    keys: Keyring,
    transport: T,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// The result of one exchange, except for other failures.
enum Outcome {
    Page(Page),
    /// The vendor rejected an access token that may have expired; one retry with a new token can
    /// help.
    Stale(Failure),
    /// The vendor or its token endpoint rejected the request permanently. Another secret may help.
    Rejected(Failure),
}

impl<T: Transport> Client<T> {
    /// A client for one source, which may share its connector. Sends nothing yet.
    pub fn new(
        connector: impl Into<Arc<Connector>>,
        credentials: Credentials,
        transport: T,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            connector: connector.into(),
            keys: Keyring::new(credentials),
            transport,
            clock,
            entropy,
        }
    }

    /// The same client, with credentials from `secret`, which `source` can read again. After a
    /// permanent rejection, whatever its reason, the client reads the secret once more and repeats
    /// the request if the secret has changed. At most one such read per minute.
    pub fn with_renewal(mut self, secret: SecretString, source: Arc<dyn SecretSource>) -> Self {
        self.keys = self.keys.with_renewal(secret, source);
        self
    }

    /// The connector of the source.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Fetches the page of `span` that `token` names; the first page without a token.
    ///
    /// Sends one request for the page, and a second one in these cases:
    ///
    /// - The access token had to be renewed: once after HTTP 401, and not again until the vendor
    ///   has accepted a token.
    /// - The [secret could be read again](Self::with_renewal) and had changed.
    ///
    /// Returns every other failure to the worker. No message holds a credential of this source.
    pub async fn fetch(&self, span: Span, token: Option<&str>) -> Result<Page, Failure> {
        let used = self.keys.current();
        let page = self.fetch_unredacted(&used, span, token).await;
        page.map_err(|failure| {
            // The credentials may have been replaced more than once since the request began.
            let message = used.redact(&self.keys.redact(&failure.message));
            Failure { message, ..failure }
        })
    }

    async fn fetch_unredacted(
        &self,
        used: &Arc<Credentials>,
        span: Span,
        token: Option<&str>,
    ) -> Result<Page, Failure> {
        let request = self.connector.request(span, token)?;
        self.check_origin(request.http())?;
        let mut outcome = self.exchange(used, &request).await?;
        let connector = self.connector.name();
        if let Outcome::Stale(_) = outcome {
            debug!(connector, "access token rejected; renewing the token");
            outcome = self.exchange(used, &request).await?;
        }
        if let Outcome::Stale(failure) | Outcome::Rejected(failure) = outcome {
            let (auth, now) = (self.connector.auth(), self.clock.now());
            let renewed = self.keys.renewed(used, auth, failure, now).await?;
            debug!(
                connector,
                "request rejected and the secret has changed; retrying with the new one"
            );
            outcome = self.exchange(&renewed, &request).await?;
        }
        match outcome {
            // Page tokens are stored, and a credential must never be.
            Outcome::Page(Page {
                next: Next::Page(next),
                ..
            }) if used.stand_in(&next) || self.keys.stand_in(&next) => {
                let message = "the vendor's page token contains the credential of its request and \
                               cannot be stored; use another kind of auth";
                Err(Failure::new(FailureClass::Block, message))
            }
            Outcome::Page(page) => Ok(page),
            Outcome::Stale(failure) | Outcome::Rejected(failure) => Err(failure),
        }
    }

    /// Sends one request with `credentials` and returns its outcome.
    async fn exchange(
        &self,
        credentials: &Credentials,
        request: &PageRequest,
    ) -> Result<Outcome, Failure> {
        let mut http = request.http().clone();
        let (clock, entropy) = (self.clock.as_ref(), self.entropy.as_ref());
        let generation = credentials.authorize(&mut http, &self.transport, clock, entropy);
        let generation = match generation.await {
            Ok(generation) => generation,
            Err(failure) if is_refusal(&failure) => return Ok(Outcome::Rejected(failure)),
            Err(failure) => return Err(failure),
        };
        let response = self.transport.send(&http).await;
        let connector = &self.connector;
        let response = response
            .map_err(|error| error.into_failure(connector.origin(), connector.host_setting()))?;
        let status = response.status;
        if (200..300).contains(&status) {
            credentials.accepted(generation).await;
        }
        // The manifest's rules take precedence: a vendor may use HTTP 401 for another reason.
        let now = self.clock.now();
        match apart::read(connector, request, response, now).await {
            Ok(page) => Ok(Outcome::Page(page)),
            Err(failure) if is_refusal(&failure) => {
                // An expired token is HTTP 401: RFC 6750, section 3.1.
                let is_stale = status == 401 && credentials.rejected(generation).await;
                Ok(if is_stale {
                    Outcome::Stale(failure)
                } else {
                    Outcome::Rejected(failure)
                })
            }
            Err(failure) => Err(failure),
        }
    }

    /// The final check before credentials are added; the connector has already checked the same.
    fn check_origin(&self, request: &ApiRequest) -> Result<(), Failure> {
        let (asked, allowed) = (Origin::from(&request.url), self.connector.origin());
        let plain = request.url.username().is_empty() && request.url.password().is_none();
        if asked == *allowed && plain {
            return Ok(());
        }
        let message =
            format!("request to {asked} not sent: only {allowed} is allowed; check `base_url`");
        Err(Failure::new(FailureClass::Block, message))
    }
}

/// Returns true if a response of the vendor or its token endpoint is a permanent rejection. It need
/// not name the credentials: for a revoked key, some vendors return HTTP 403 or 404, or an error
/// with HTTP 200.
fn is_refusal(failure: &Failure) -> bool {
    failure.class == FailureClass::Block && failure.status.is_some()
}

impl<T> fmt::Debug for Client<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("credentials", &self.keys.current())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "client/links_tests.rs"]
mod links_tests;
#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
