//! The connector client and the sink of a source on Lambda. Created at the source's first task, and
//! kept until the source is applied again or the environment ends.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use windlass_connectors::client::{Client, ClientMaker, SecretAge};
use windlass_connectors::connector::{Connector, Settings as ConnectorSettings};
use windlass_connectors::http::{HttpTransport, TransportError};
use windlass_connectors::manifest::Manifest;
use windlass_connectors::registry;
use windlass_connectors::secret::{SecretError, SecretRef, Vault};
use windlass_core::ids::SourceName;
use windlass_core::manifest_change::ManifestChange;
use windlass_core::source::{SourceDefinition, SourceRecord};
use windlass_core::{Clock, Entropy};
use windlass_sink::any::{AnySink, Means};
use windlass_sink::{Seams, SinkConfig, UsageSnapshot};

use super::Settings;
use crate::{AdapterError, AdapterFactory, Adapters, HttpCollector};

/// Number of sources whose clients are kept. Beyond it, all are created again, at one read of a
/// secret each.
const SOURCES_BUILT_MAX: usize = 1_000;

type LambdaAdapters = Adapters<HttpTransport, AnySink>;

/// The client and sink of a source, with the definition that they were created for.
struct Built {
    version: u64,
    definition: SourceDefinition,
    adapters: LambdaAdapters,
}

impl Built {
    /// Returns true if it still fits `source`. Applying a blocked source gives it a new version
    /// even without a change: that is how an operator reports a corrected secret.
    fn is_for(&self, source: &SourceRecord) -> bool {
        self.version == source.version && self.definition == source.definition
    }
}

/// A destination in its stored form.
type DestinationMap = BTreeMap<String, String>;

/// Creates clients and sinks from the definitions in the state.
pub struct LambdaAdapterFactory {
    means: Means,
    clients: ClientMaker<HttpTransport>,
    manifests: PathBuf,
    built: Mutex<BTreeMap<SourceName, Arc<Built>>>,
    sinks: Mutex<BTreeMap<DestinationMap, Arc<AnySink>>>,
}

impl fmt::Debug for LambdaAdapterFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LambdaAdapterFactory")
            .finish_non_exhaustive()
    }
}

impl LambdaAdapterFactory {
    /// A factory that is restricted to the allowed hosts of `settings`.
    ///
    /// # Errors
    /// If the HTTP client cannot be created.
    pub fn new(
        settings: &Settings,
        sdk: SdkConfig,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, TransportError> {
        let transport = HttpTransport::new()?.confined_to(settings.allowed_hosts.clone());
        let vault = Vault::new(Arc::clone(&clock), Arc::clone(&entropy)).with_aws(&sdk);
        let vault = Arc::new(vault);
        let collector = HttpCollector::new(&transport, Arc::clone(&vault), Arc::clone(&clock))?;
        let seams = Seams {
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
        };
        let means = Means {
            sdk,
            collector: Arc::new(collector),
            seams,
        };
        Ok(Self {
            means,
            clients: ClientMaker::new(transport, vault, clock, entropy),
            manifests: settings.manifests.clone(),
            built: Mutex::default(),
            sinks: Mutex::default(),
        })
    }

    /// Counts of all sinks since the last call.
    pub(super) fn take_usage(&self) -> UsageSnapshot {
        let sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = sinks.values().map(|sink| sink.take_usage());
        taken.fold(UsageSnapshot::default(), |sum, one| UsageSnapshot {
            lines: sum.lines + one.lines,
            bytes_sent: sum.bytes_sent + one.bytes_sent,
            bytes_billed: sum.bytes_billed + one.bytes_billed,
            calls: sum.calls + one.calls,
            entries_resent: sum.entries_resent + one.entries_resent,
            rejected: sum.rejected + one.rejected,
        })
    }

    /// The last client and sink of the source `name`.
    fn built(&self, name: &SourceName) -> Option<Arc<Built>> {
        let built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        built.get(name).cloned()
    }

    fn remember(&self, source: &SourceRecord, made: &LambdaAdapters) {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if built.len() >= SOURCES_BUILT_MAX {
            built.clear();
        }
        let of = Built {
            version: source.version,
            definition: source.definition.clone(),
            adapters: made.clone(),
        };
        built.insert(source.definition.name.clone(), Arc::new(of));
    }

    async fn make(
        &self,
        definition: &SourceDefinition,
        age: SecretAge,
    ) -> Result<LambdaAdapters, AdapterError> {
        let sink = self.sink(definition).await?;
        let client = Arc::new(self.client(definition, age).await?);
        Ok(Adapters { client, sink })
    }

    async fn client(
        &self,
        definition: &SourceDefinition,
        age: SecretAge,
    ) -> Result<Client<HttpTransport>, AdapterError> {
        let refused = |error: &dyn fmt::Display| AdapterError::Refused(error.to_string());
        let manifest = registry::find_in(&self.manifests, &definition.connector)
            .map_err(|error| refused(&error))?;
        unchanged(&manifest, definition)?;
        let settings = ConnectorSettings {
            params: definition.params.clone(),
            base_url: definition.base_url.clone(),
            token_url: definition.token_url.clone(),
        };
        let connector =
            Connector::compile(&manifest, &settings).map_err(|error| refused(&error.problem))?;
        let reference = definition.secret.as_deref();
        let reference = reference.map(|reference| stored_elsewhere("its secret", reference));
        let made = self
            .clients
            .client(Arc::new(connector), reference.transpose()?, age);
        made.await.map_err(AdapterError::from)
    }

    /// The sink of `definition`; sources with the same destination share it.
    async fn sink(&self, definition: &SourceDefinition) -> Result<Arc<AnySink>, AdapterError> {
        let map = &definition.destination;
        if map.is_empty() {
            let problem = format!(
                "sink `{}` exists only on the machine of its configuration; use a sink such as \
                 `firehose`, and run `windlass apply` again",
                definition.sink
            );
            return Err(AdapterError::Refused(problem));
        }
        if let Some(sink) = self
            .sinks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(map)
        {
            return Ok(Arc::clone(sink));
        }
        let refused = |error: &dyn fmt::Display| AdapterError::Refused(error.to_string());
        let config = SinkConfig::from_map(map).map_err(|error| refused(&error))?;
        if let Some(reference) = config.secret() {
            stored_elsewhere("the secret of its sink", reference)?;
        }
        let sink = AnySink::build(definition.sink.clone(), &config, &self.means)
            .await
            .map_err(|error| refused(&error))?;
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        // Two tasks can create it at the same time; both use the first one.
        let sink = sinks.entry(map.clone()).or_insert_with(|| Arc::new(sink));
        Ok(Arc::clone(sink))
    }
}

/// Fails if `manifest` cannot read the windows of `definition`. Logs a change that the stored
/// policy covers.
fn unchanged(manifest: &Manifest, definition: &SourceDefinition) -> Result<(), AdapterError> {
    let change = manifest.change_since(definition);
    let Some(problem) = change.describe(&definition.connector) else {
        return Ok(());
    };
    if change == ManifestChange::Policy {
        let source = &definition.name;
        tracing::warn!(%source, "{problem}; the applied policy stays in effect until `windlass \
                                 apply`");
        return Ok(());
    }
    let cure = "run `windlass apply`, or deploy the version whose manifest was applied";
    Err(AdapterError::Denied(format!("{problem}; {cure}")))
}

/// The reference to a secret outside the function. The function's own credentials are in its
/// environment: with write access to the table, one could have them sent to a chosen host.
fn stored_elsewhere(whose: &str, reference: &str) -> Result<SecretRef, AdapterError> {
    let reference: SecretRef = reference
        .parse()
        .map_err(|error: SecretError| AdapterError::Refused(format!("{whose}: {error}")))?;
    if matches!(reference, SecretRef::Env(_) | SecretRef::File(_)) {
        let problem = format!(
            "{whose} `{reference}` exists only on the machine of its configuration; use \
             `secretsmanager:NAME` or `ssm:NAME`, and run `windlass apply` again"
        );
        return Err(AdapterError::Refused(problem));
    }
    Ok(reference)
}

impl AdapterFactory for Arc<LambdaAdapterFactory> {
    type Transport = HttpTransport;
    type Sink = AnySink;

    async fn adapters(&self, source: &SourceRecord) -> Result<LambdaAdapters, AdapterError> {
        let built = self.built(&source.definition.name);
        let age = match built {
            Some(built) if built.is_for(source) => return Ok(built.adapters.clone()),
            Some(_) => SecretAge::New,
            None => SecretAge::Minutes,
        };
        let made = self.make(&source.definition, age).await?;
        self.remember(source, &made);
        Ok(made)
    }
}

#[cfg(test)]
#[path = "adapters_tests.rs"]
mod tests;
