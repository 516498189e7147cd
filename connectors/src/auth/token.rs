//! An access token: fetched once for all concurrent callers, kept until shortly before it expires,
//! and renewed at most once per rejection.

use std::pin::Pin;

use secrecy::SecretString;
use tokio::sync::Mutex;
use url::Url;
use windlass_core::time::SECOND_MS;
use windlass_core::{Clock, Entropy, Timestamp};

use crate::exchange::Failure;
use crate::http::Transport;

use super::endpoint::{Endpoint, GrantedToken};
use super::redact::Redactor;

/// A token is not used in this time before its expiry: a request may take a while to arrive.
const MARGIN_MS: i64 = 60 * SECOND_MS;
/// Maximum additional margin, so that sources started together do not renew together.
const SPREAD_MS: i64 = 20 * SECOND_MS;

/// The pending response of a token endpoint.
pub(super) type Granting<'a> =
    Pin<Box<dyn Future<Output = Result<GrantedToken, Failure>> + Send + 'a>>;

/// A way to obtain an access token without user interaction.
pub(super) trait Grant: Send + Sync {
    /// The token endpoint: from the manifest or the settings, never from a secret or a response.
    fn token_url(&self) -> &Url;

    /// Requests a token, once.
    fn ask<'a>(&'a self, endpoint: &'a Endpoint<'a>) -> Granting<'a>;
}

/// A grant and its current access token.
pub(super) struct TokenSource {
    grant: Box<dyn Grant>,
    /// Locked during a fetch: a concurrent caller waits and finds the token here.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// Number of tokens fetched.
    generation: u64,
    /// A token was rejected, and none has been accepted since.
    doubted: bool,
}

/// A token and its generation.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) value: SecretString,
    pub(super) generation: u64,
    renew_at: Timestamp,
}

impl TokenSource {
    pub(super) fn new(grant: Box<dyn Grant>) -> Self {
        Self {
            grant,
            state: Mutex::default(),
        }
    }

    /// The current token. Fetches one first when there is none or the current one is about to
    /// expire.
    pub(super) async fn token<T: Transport>(
        &self,
        transport: &T,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
        redactor: &Redactor,
    ) -> Result<Token, Failure> {
        let mut state = self.state.lock().await;
        let now = clock.now();
        if let Some(token) = state.token.as_ref().filter(|token| now < token.renew_at) {
            return Ok(token.clone());
        }
        let endpoint = Endpoint {
            url: self.grant.token_url(),
            transport,
            now,
            redactor,
        };
        let response = self.grant.ask(&endpoint).await?;
        let granted = response.granted().ok_or_else(|| endpoint.unreadable())?;
        redactor.remember(response.access_token());
        state.generation += 1;
        let renew_at = now.plus_ms(usable_ms(granted.lifetime_ms, entropy.next_u64()));
        let token = Token {
            value: granted.value,
            generation: state.generation,
            renew_at,
        };
        state.token = Some(token.clone());
        Ok(token)
    }

    /// Records that the vendor accepted the token of this generation.
    pub(super) async fn accepted(&self, generation: u64) {
        let mut state = self.state.lock().await;
        if state.generation == generation {
            state.doubted = false;
        }
    }

    /// Records that the vendor rejected the token of this generation. Returns whether another token
    /// may help.
    pub(super) async fn rejected(&self, generation: u64) -> bool {
        let mut state = self.state.lock().await;
        if state.generation != generation || state.token.is_none() {
            return true; // Another request was rejected too, and a new token is being fetched.
        }
        state.token = None;
        // The second rejection in a row also clears the doubt, so that a later start renews once
        // more.
        state.doubted = !state.doubted;
        state.doubted
    }
}

/// The time for which a token of this lifetime is used; at least half of the lifetime.
fn usable_ms(lifetime_ms: i64, random: u64) -> i64 {
    let spread = i64::try_from(random % SPREAD_MS.unsigned_abs()).unwrap_or(0);
    lifetime_ms
        .saturating_sub(MARGIN_MS + spread)
        .max(lifetime_ms / 2)
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
