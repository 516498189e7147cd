//! The current credentials of a client, and their renewal when the secret is replaced during the
//! client's life.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex as AsyncMutex;
use windlass_core::Timestamp;
use windlass_core::retry::FailureClass;
use windlass_core::time::MINUTE_MS;

use crate::auth::{AuthSpec, Credentials};
use crate::exchange::Failure;
use crate::secret::SecretSource;

/// Minimum time between two reads of a rejected secret: a vendor that rejects every request must
/// not turn each rejection into a read.
const REREAD_EVERY_MS: i64 = MINUTE_MS;
/// Number of replaced credentials that are still masked, so that a late complaint about them is
/// recognized. They are replaced at most once per [`REREAD_EVERY_MS`], and no request lasts longer
/// than a few times that.
const EARLIER_MAX: usize = 4;

/// The credentials of one client.
pub(super) struct Keyring {
    generations: Mutex<Generations>,
    renewal: Option<Renewal>,
}

struct Generations {
    current: Arc<Credentials>,
    earlier: VecDeque<Arc<Credentials>>,
}

/// The means to obtain new credentials.
struct Renewal {
    source: Arc<dyn SecretSource>,
    /// Locked while the secret is read: a request rejected meanwhile waits, and finds new
    /// credentials.
    state: AsyncMutex<Last>,
}

struct Last {
    /// The secret of the current credentials.
    secret: SecretString,
    /// The time of the last read, and its failure if the secret was temporarily unreadable.
    read: Option<(Timestamp, Option<Failure>)>,
}

impl Keyring {
    pub(super) fn new(credentials: Credentials) -> Self {
        Self {
            generations: Mutex::new(Generations {
                current: Arc::new(credentials),
                earlier: VecDeque::new(),
            }),
            renewal: None,
        }
    }

    pub(super) fn with_renewal(self, secret: SecretString, source: Arc<dyn SecretSource>) -> Self {
        let state = AsyncMutex::new(Last { secret, read: None });
        let renewal = Some(Renewal { source, state });
        Self { renewal, ..self }
    }

    pub(super) fn current(&self) -> Arc<Credentials> {
        Arc::clone(&self.lock().current)
    }

    /// Credentials other than `used`, which the vendor rejected with `rejected`; the secret may
    /// have been replaced.
    ///
    /// Fails with `rejected` if the secret is unchanged, cannot be read, or was read within the
    /// last minute. Fails with an outage if the secret store is unavailable, because the secret may
    /// then have changed.
    pub(super) async fn renewed(
        &self,
        used: &Arc<Credentials>,
        auth: &AuthSpec,
        rejected: Failure,
        now: Timestamp,
    ) -> Result<Arc<Credentials>, Failure> {
        let Some(renewal) = &self.renewal else {
            return Err(rejected);
        };
        let mut last = renewal.state.lock().await;
        let current = self.current();
        if !Arc::ptr_eq(&current, used) {
            return Ok(current);
        }
        if let Some((read_at, trouble)) = &last.read
            && (0..REREAD_EVERY_MS).contains(&(now.as_ms() - read_at.as_ms()))
        {
            return Err(trouble.clone().unwrap_or(rejected));
        }
        let secret = renewal.source.read_again().await;
        last.read = Some((now, None));
        let with = |text: String| Failure {
            message: Failure::new(rejected.class, text).message,
            ..rejected.clone()
        };
        match secret {
            Ok(secret) if secret.expose_secret() == last.secret.expose_secret() => Err(rejected),
            Ok(secret) => {
                let credentials = Credentials::new(auth, Some(&secret)).map_err(|error| {
                    with(format!(
                        "{rejected}; the changed secret cannot be used: {error}"
                    ))
                })?;
                last.secret = secret;
                Ok(self.replace(credentials))
            }
            Err(error) if error.may_pass() => {
                let message = format!("{error}; the secret is read again because {rejected}");
                let failure = Failure::new(FailureClass::Outage, message);
                last.read = Some((now, Some(failure.clone())));
                Err(failure)
            }
            Err(error) => Err(with(format!(
                "{rejected}; the secret cannot be read again: {error}"
            ))),
        }
    }

    fn replace(&self, credentials: Credentials) -> Arc<Credentials> {
        let new = Arc::new(credentials);
        let mut generations = self.lock();
        let old = std::mem::replace(&mut generations.current, Arc::clone(&new));
        generations.earlier.push_front(old);
        generations.earlier.truncate(EARLIER_MAX);
        new
    }

    /// `text` with the current and the recent credentials masked.
    pub(super) fn redact(&self, text: &str) -> String {
        let generations = self.lock();
        generations
            .all()
            .fold(text.to_owned(), |text, credentials| {
                credentials.redact(&text)
            })
    }

    /// Returns true if a current or recent credential occurs in `text`, in any escaping.
    pub(super) fn stand_in(&self, text: &str) -> bool {
        self.lock()
            .all()
            .any(|credentials| credentials.stand_in(text))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Generations> {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn all(&self) -> impl Iterator<Item = &Arc<Credentials>> {
        std::iter::once(&self.current).chain(&self.earlier)
    }
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod refusal_tests;
#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
