//! The secrets of one process: those of this machine, and those of AWS in builds with that feature,
//! with a cache in front of reads that cost a request.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;
use tokio::sync::Mutex as AsyncMutex;
#[cfg(feature = "aws")]
use windlass_aws::SdkConfig;
use windlass_core::time::MINUTE_MS;
use windlass_core::{Clock, Entropy, Timestamp};

#[cfg(feature = "aws")]
use super::aws::Aws;
use super::file::Files;
use super::{SecretError, SecretRead, SecretRef, SecretSource, Stored};

/// Lifetime of a cached secret: each read is a request that AWS bills, and a replaced secret also
/// shows up as a rejection by the vendor.
const TTL_MS: i64 = 5 * MINUTE_MS;
/// Maximum reduction of the lifetime, so that processes started together do not read together.
const SPREAD_MS: i64 = MINUTE_MS;
/// Maximum number of cached secrets. A secret has at most 64 KiB
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>), and most
/// processes need one or two.
const ENTRIES_MAX: usize = 256;

/// Fetches secrets; one per process. Sources whose references differ only in the field share a
/// read. Debug output holds no secret.
pub struct Vault {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    cache: Mutex<HashMap<String, Arc<Entry>>>,
    files: Files,
    #[cfg(feature = "aws")]
    aws: Option<Aws>,
}

/// The cached value of one name. Locked during a read: a concurrent caller waits and finds the
/// value here.
#[derive(Default)]
struct Entry(AsyncMutex<Option<Cached>>);

struct Cached {
    secret: SecretString,
    read_at: Timestamp,
    ttl_ms: i64,
}

impl Cached {
    fn is_fresh(&self, now: Timestamp) -> bool {
        // A clock that stepped back must not extend the lifetime.
        (0..self.ttl_ms).contains(&(now.as_ms() - self.read_at.as_ms()))
    }
}

impl Vault {
    /// A vault that reads environment variables and files. Neither is cached: they cost no request.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            files: Files::new(Arc::clone(&clock)),
            clock,
            entropy,
            cache: Mutex::default(),
            #[cfg(feature = "aws")]
            aws: None,
        }
    }

    /// The same vault, with Secrets Manager and the Parameter Store: in the region of `sdk`, with its
    /// credentials and retries, and with timeouts of their own.
    #[cfg(feature = "aws")]
    pub fn with_aws(self, sdk: &SdkConfig) -> Self {
        let aws = Some(Aws::new(sdk));
        Self { aws, ..self }
    }

    /// The secret that `reference` names, at most a few minutes old.
    ///
    /// # Errors
    /// See [`SecretError`]; where it [may pass](SecretError::may_pass), the caller waits.
    /// [`SecretError::Unavailable`] for the stores of AWS in a vault without them.
    pub async fn fetch(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        self.get(reference, true).await
    }

    /// The secret that `reference` names, read now; later fetches find it in the cache.
    ///
    /// # Errors
    /// As [`Vault::fetch`]. The cached value then stays.
    pub async fn fetch_again(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        self.get(reference, false).await
    }

    async fn get(
        &self,
        reference: &SecretRef,
        from_cache: bool,
    ) -> Result<SecretString, SecretError> {
        let stored = match reference {
            SecretRef::Env(_) => return reference.resolve(),
            SecretRef::File(_) => return self.files.read(reference).await,
            SecretRef::SecretsManager(stored) | SecretRef::Ssm(stored) => stored,
        };
        let entry = self.entry(reference, stored);
        let mut cached = entry.0.lock().await;
        let read_at = self.clock.now();
        let fresh = cached.as_ref().filter(|cached| cached.is_fresh(read_at));
        // The field may have been added since the cached read.
        if let Some(cached) = fresh.filter(|_| from_cache)
            && let Ok(part) = stored.part_of(&cached.secret, reference)
        {
            return Ok(part);
        }
        let secret = self.read(reference).await?;
        let part = stored.part_of(&secret, reference);
        *cached = Some(Cached {
            secret,
            read_at,
            ttl_ms: ttl_ms(self.entropy.next_u64()),
        });
        part
    }

    #[cfg(feature = "aws")]
    async fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        match &self.aws {
            Some(aws) => aws.read(reference).await,
            None => Err(SecretError::Unavailable(reference.scheme())),
        }
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_async, reason = "awaited like the one that asks AWS")]
    async fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        Err(SecretError::Unavailable(reference.scheme()))
    }

    /// The cache entry for the name in `reference`, created if absent.
    fn entry(&self, reference: &SecretRef, stored: &Stored) -> Arc<Entry> {
        let key = format!("{}:{}", reference.scheme(), stored.name);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = cache.get(&key) {
            return Arc::clone(entry);
        }
        if cache.len() >= ENTRIES_MAX {
            make_room(&mut cache, self.clock.now());
        }
        Arc::clone(cache.entry(key).or_default())
    }
}

/// Drops expired entries, or the oldest when none has expired. A caller that still uses an entry
/// keeps it; only the cache forgets it.
fn make_room(cache: &mut HashMap<String, Arc<Entry>>, now: Timestamp) {
    let read_at = |entry: &Arc<Entry>| {
        let cached = entry.0.try_lock().ok()?;
        let cached = cached.as_ref().filter(|cached| cached.is_fresh(now))?;
        Some(cached.read_at)
    };
    cache.retain(|_, entry| read_at(entry).is_some());
    if cache.len() >= ENTRIES_MAX {
        let oldest = cache.iter().min_by_key(|(_, entry)| read_at(entry));
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            cache.remove(&key);
        }
    }
}

fn ttl_ms(random: u64) -> i64 {
    TTL_MS - i64::try_from(random % SPREAD_MS.unsigned_abs()).unwrap_or(0)
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

/// One source's reference and the vault that resolves it, for a client whose credentials are
/// rejected.
#[derive(Debug, Clone)]
pub struct VaultSecret {
    vault: Arc<Vault>,
    reference: SecretRef,
}

impl VaultSecret {
    /// The secret that `reference` names in `vault`.
    pub fn new(vault: Arc<Vault>, reference: SecretRef) -> Self {
        Self { vault, reference }
    }
}

impl SecretSource for VaultSecret {
    fn read_again(&self) -> SecretRead<'_> {
        Box::pin(self.vault.fetch_again(&self.reference))
    }
}

#[cfg(test)]
#[cfg(feature = "aws")]
#[path = "vault_tests.rs"]
mod tests;
