//! One source's way to its vendor: builds the request, adds credentials, sends it, and reads the
//! reply. The worker sees pages and failures, nothing else.

use std::fmt;
use std::sync::Arc;

use tracing::debug;
use windlass_core::retry::FailureClass;
use windlass_core::{Clock, Entropy, Span};

use crate::auth::Credentials;
use crate::connector::{Connector, Page};
use crate::exchange::{ApiRequest, Failure, Origin};
use crate::http::Transport;

/// Fetches pages of one source. Shared by reference between the workers of a process, so that they
/// also share its access token.
pub struct Client<T> {
    connector: Connector,
    credentials: Credentials,
    transport: T,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What one exchange came to.
enum Outcome {
    Page(Page),
    Failed(Failure),
    /// The vendor rejected credentials that may have run out; worth one more try with new ones.
    Stale(Failure),
}

impl<T: Transport> Client<T> {
    /// A client for one source. Sends nothing yet.
    pub fn new(
        connector: Connector,
        credentials: Credentials,
        transport: T,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            connector,
            credentials,
            transport,
            clock,
            entropy,
        }
    }

    /// The source's connector.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Fetches the page of `span` that `token` stands for, the first one without.
    ///
    /// Sends one request for the page, and one more when the access token had to be renewed: once
    /// after a 401, and not again until the vendor has accepted one. Every other failure is
    /// returned for the worker to decide about. No message holds a credential of this source.
    pub async fn fetch(&self, span: Span, token: Option<&str>) -> Result<Page, Failure> {
        let page = self.fetch_unredacted(span, token).await;
        page.map_err(|failure| {
            let message = self.credentials.redact(&failure.message);
            Failure { message, ..failure }
        })
    }

    async fn fetch_unredacted(&self, span: Span, token: Option<&str>) -> Result<Page, Failure> {
        let request = self.connector.request(span, token)?;
        self.check_origin(&request)?;
        let outcome = match self.exchange(&request, span, token).await? {
            Outcome::Stale(_) => {
                debug!(
                    connector = self.connector.name(),
                    "access token rejected; renewing it"
                );
                self.exchange(&request, span, token).await?
            }
            outcome => outcome,
        };
        match outcome {
            // Page tokens are stored, and a credential never is.
            Outcome::Page(Page {
                next: Some(next), ..
            }) if self.credentials.stand_in(&next) => {
                let message = "the vendor's page token holds the credential it was asked with, \
                               so it cannot be stored; use another way to be authorised";
                Err(Failure::new(FailureClass::Block, message))
            }
            Outcome::Page(page) => Ok(page),
            Outcome::Failed(failure) | Outcome::Stale(failure) => Err(failure),
        }
    }

    /// One request with credentials, and what became of it.
    async fn exchange(
        &self,
        request: &ApiRequest,
        span: Span,
        token: Option<&str>,
    ) -> Result<Outcome, Failure> {
        let mut request = request.clone();
        let (clock, entropy) = (self.clock.as_ref(), self.entropy.as_ref());
        let pass = self
            .credentials
            .authorize(&mut request, &self.transport, clock, entropy)
            .await?;
        let reply = self.transport.send(&request).await;
        let reply = reply.map_err(|error| error.into_failure(self.connector.origin()))?;
        if (200..300).contains(&reply.status) {
            self.credentials.accepted(pass).await;
        }
        // The manifest has the first word: a vendor may say something else with a 401.
        Ok(
            match self.connector.read(span, token, &reply, self.clock.now()) {
                Ok(page) => Outcome::Page(page),
                Err(failure) if reply.status == 401 && failure.class == FailureClass::Block => {
                    if self.credentials.rejected(pass).await {
                        Outcome::Stale(failure)
                    } else {
                        Outcome::Failed(failure)
                    }
                }
                Err(failure) => Outcome::Failed(failure),
            },
        )
    }

    /// The last look before credentials are added; the connector has checked the same.
    fn check_origin(&self, request: &ApiRequest) -> Result<(), Failure> {
        let (asked, allowed) = (Origin::from(&request.url), self.connector.origin());
        let plain = request.url.username().is_empty() && request.url.password().is_none();
        if asked == *allowed && plain {
            return Ok(());
        }
        let message = format!("a request to {asked} was not sent: only {allowed} is allowed");
        Err(Failure::new(FailureClass::Block, message))
    }
}

impl<T> fmt::Debug for Client<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
