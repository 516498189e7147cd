//! Construction of clients from the shared parts of a process: the network, the secrets, the clock.

use std::fmt;
use std::sync::Arc;

use windlass_core::{Clock, Entropy};

use super::Client;
use crate::auth::{Credentials, CredentialsError};
use crate::connector::Connector;
use crate::http::Transport;
use crate::secret::{SecretError, SecretRef, Vault, VaultSecret};

/// Maximum age of a cached secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretAge {
    /// A few minutes.
    Minutes,
    /// Read from the store now.
    New,
}

/// Creates the client of each source of a process.
#[derive(Clone)]
pub struct ClientMaker<T> {
    transport: T,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// The client cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The secret is missing, or lacks the form that the connector's auth kind needs.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl<T: Transport + Clone> ClientMaker<T> {
    /// A maker whose clients send through `transport` and read their secrets from `vault`.
    pub fn new(
        transport: T,
        vault: Arc<Vault>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            transport,
            vault,
            clock,
            entropy,
        }
    }

    /// The client of `connector` with the secret that `reference` names. The client reads the
    /// secret again after a rejection. A cached secret that cannot be used is read again first.
    ///
    /// # Errors
    /// The secret cannot be read, is missing, or cannot be used.
    pub async fn client(
        &self,
        connector: Arc<Connector>,
        reference: Option<SecretRef>,
        age: SecretAge,
    ) -> Result<Client<T>, ClientError> {
        let Some(reference) = reference else {
            let credentials = Credentials::new(connector.auth(), None)?;
            return Ok(self.plain(connector, credentials));
        };
        let mut secret = match age {
            SecretAge::Minutes => self.vault.fetch(&reference).await?,
            SecretAge::New => self.vault.fetch_again(&reference).await?,
        };
        let mut made = Credentials::new(connector.auth(), Some(&secret));
        if made.is_err() {
            secret = self.vault.fetch_again(&reference).await?;
            made = Credentials::new(connector.auth(), Some(&secret));
        }
        let credentials = made?;
        let source = VaultSecret::new(Arc::clone(&self.vault), reference);
        let client = self.plain(connector, credentials);
        Ok(client.with_renewal(secret, Arc::new(source)))
    }

    fn plain(&self, connector: Arc<Connector>, credentials: Credentials) -> Client<T> {
        Client::new(
            connector,
            credentials,
            self.transport.clone(),
            Arc::clone(&self.clock),
            Arc::clone(&self.entropy),
        )
    }
}

impl<T> fmt::Debug for ClientMaker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientMaker").finish_non_exhaustive()
    }
}
