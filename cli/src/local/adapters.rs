//! Clients and sinks of the configured sources.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_config::SdkConfig;
use tokio::sync::OnceCell;
use windlass_connectors::client::{Client, ClientError, ClientMaker, SecretAge};
use windlass_connectors::http::HttpTransport;
use windlass_connectors::secret::{SecretRef, Vault};
use windlass_core::ids::SourceName;
use windlass_core::source::SourceRecord;
use windlass_core::{Clock, Entropy};
use windlass_sink::any::{AnySink, Means};
use windlass_sink::{Seams, SinkConfig};
use windlass_worker::{AdapterError, AdapterFactory, Adapters, HttpCollector};

use super::folders::Folders;
use super::sinks::Sinks;
use crate::aws;
use crate::config::{Config, Source};

/// The clients and the sinks of the sources that run.
#[derive(Debug)]
pub(crate) struct LocalAdapterFactory {
    inputs: BuildInputs,
    sinks: Arc<Sinks>,
    clients: BTreeMap<SourceName, LateClient>,
}

/// The client of one source: created on first use, so that an unreadable secret stops only its own
/// source. A failed creation is retried on the next use.
type LateClient = OnceCell<Arc<Client<HttpTransport>>>;

impl LocalAdapterFactory {
    /// The clients and sinks of `config`, with output folders claimed through `folders`. Opens and
    /// reads nothing. Omits paused sources; with `only`, omits every other source.
    ///
    /// # Errors
    /// The HTTP client cannot be created.
    pub(crate) async fn build(
        config: &Arc<Config>,
        only: Option<&SourceName>,
        folders: Option<Arc<Folders>>,
        (clock, entropy): (&Arc<dyn Clock>, &Arc<dyn Entropy>),
    ) -> anyhow::Result<Self> {
        let is_wanted = |source: &&Source| match only {
            Some(only) => *only == source.definition.name,
            None => !source.definition.paused,
        };
        let wanted: Vec<_> = config.sources.values().filter(is_wanted).collect();
        let vault = Vault::new(Arc::clone(clock), Arc::clone(entropy));
        let (sdk, vault) = if wanted.iter().any(|source| is_on_aws(source, config)) {
            // A stream may name a region of its own.
            let sdk = aws::load(aws::region().await.ok(), None).await;
            let vault = vault.with_aws(&sdk);
            (sdk, vault)
        } else {
            (SdkConfig::builder().build(), vault)
        };
        let (transport, vault) = (HttpTransport::new()?, Arc::new(vault));
        let collector = HttpCollector::new(&transport, Arc::clone(&vault), Arc::clone(clock))?;
        let means = Means {
            sdk,
            collector: Arc::new(collector),
            seams: Seams {
                clock: Arc::clone(clock),
                entropy: Arc::clone(entropy),
            },
        };
        let inputs = BuildInputs {
            config: Arc::clone(config),
            clients: ClientMaker::new(transport, vault, Arc::clone(clock), Arc::clone(entropy)),
        };
        let names = wanted.iter().map(|source| source.definition.sink.clone());
        let sinks = Sinks::new(config, names, means, folders);
        let clients = wanted
            .iter()
            .map(|source| (source.definition.name.clone(), OnceCell::new()));
        Ok(Self {
            inputs,
            sinks: Arc::new(sinks),
            clients: clients.collect(),
        })
    }

    /// The sinks.
    pub(crate) const fn sinks(&self) -> &Arc<Sinks> {
        &self.sinks
    }

    /// The client of `source`, with its secret.
    ///
    /// # Errors
    /// A `YamlError` with the place of the secret if it is missing or unusable; any other error if
    /// it is temporarily unreadable.
    pub(crate) async fn client(
        &self,
        source: &SourceName,
    ) -> anyhow::Result<&Arc<Client<HttpTransport>>> {
        let configured = self.inputs.config.sources.get(source.as_str());
        let (Some(configured), Some(client)) = (configured, self.clients.get(source)) else {
            anyhow::bail!("{source}: no client, because the source is paused");
        };
        let made = self.inputs.client_of(configured, client).await;
        made.map_err(|error| self.inputs.problem(configured, &error))
    }
}

/// Returns true if the secret of `source`, its sink, or the sink's secret is on AWS.
fn is_on_aws(source: &Source, config: &Config) -> bool {
    let definition = &source.definition;
    let sink = &config.sinks[&definition.sink];
    let is_stored = |reference: &str| {
        matches!(
            reference.parse(),
            Ok(SecretRef::SecretsManager(_) | SecretRef::Ssm(_))
        )
    };
    let mut secrets = definition
        .secret
        .as_deref()
        .into_iter()
        .chain(sink.secret());
    matches!(sink, SinkConfig::Firehose(_) | SinkConfig::Kinesis(_)) || secrets.any(is_stored)
}

/// The shared inputs of clients.
#[derive(Debug)]
struct BuildInputs {
    config: Arc<Config>,
    clients: ClientMaker<HttpTransport>,
}

impl BuildInputs {
    /// The client of `source` in `client`, created if absent.
    async fn client_of<'s>(
        &self,
        source: &Source,
        client: &'s LateClient,
    ) -> Result<&'s Arc<Client<HttpTransport>>, ClientError> {
        let make = || async {
            let reference = source.definition.secret.as_deref();
            let reference = reference.map(str::parse::<SecretRef>).transpose()?;
            let connector = Arc::clone(&source.connector);
            let made = self
                .clients
                .client(connector, reference, SecretAge::Minutes);
            made.await.map(Arc::new)
        };
        client.get_or_try_init(make).await
    }

    /// `error` of the client of `source`, with the place of the secret. The configuration is not at
    /// fault if the secret may become readable later.
    fn problem(&self, source: &Source, error: &ClientError) -> anyhow::Error {
        let field = format!("sources.{}.secret", source.definition.name);
        match error {
            ClientError::Secret(secret) if secret.may_pass() => {
                anyhow::Error::msg(format!("{field}: {secret}"))
            }
            _ => self.config.invalid(&field, error).into(),
        }
    }
}

impl AdapterFactory for LocalAdapterFactory {
    type Transport = HttpTransport;
    type Sink = AnySink;

    async fn adapters(
        &self,
        source: &SourceRecord,
    ) -> Result<Adapters<HttpTransport, AnySink>, AdapterError> {
        let name = &source.definition.name;
        let configured = self.inputs.config.sources.get(name.as_str());
        let is_same = configured.is_some_and(|it| it.definition == source.definition);
        let client = self.clients.get(name).filter(|_| is_same);
        let (Some(configured), Some(client)) = (configured, client) else {
            return Err(AdapterError::Refused(
                "its definition in the state has changed since this run started; start `windlass \
                 run` again"
                    .to_owned(),
            ));
        };
        // The engine has opened it before it started a worker for the source.
        let sink = self.sinks.open(&source.definition.sink).await;
        let sink = sink.map_err(|error| AdapterError::Unavailable(error.to_string()))?;
        let made = self.inputs.client_of(configured, client).await;
        let client = made.map_err(|error| {
            let problem = self.inputs.problem(configured, &error);
            AdapterError::of(&error, problem.to_string())
        })?;
        Ok(Adapters {
            client: Arc::clone(client),
            sink,
        })
    }
}

#[cfg(test)]
#[path = "adapters_tests.rs"]
mod tests;
