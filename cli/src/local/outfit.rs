//! Clients and sinks of the configured sources: sinks are opened at the start, a client is made when
//! its source is worked on first.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use aws_config::SdkConfig;
use tokio::sync::OnceCell;
use windlass_connectors::auth::Credentials;
use windlass_connectors::client::Client;
use windlass_connectors::http::HttpTransport;
use windlass_connectors::secret::{SecretError, SecretRef, Vault, VaultSecret};
use windlass_connectors::yaml::YamlError;
use windlass_core::ids::SourceName;
use windlass_core::source::SourceRecord;
use windlass_core::{Clock, Entropy};
use windlass_sink::any::{AnySink, Means};
use windlass_sink::{Seams, SinkConfig};
use windlass_worker::{Gear, HttpCollector, Outfit, OutfitError};

use crate::aws;
use crate::config::{Config, Source};

/// Every source's client and sink.
#[derive(Debug)]
pub(crate) struct LocalOutfit {
    workshop: Workshop,
    supplies: BTreeMap<SourceName, Supplies>,
}

/// What one source works with.
#[derive(Debug)]
struct Supplies {
    sink: Arc<AnySink>,
    /// Made when it is asked for, so that a secret that cannot be had stops its own source only. One
    /// that could not be made is tried again the next time.
    client: OnceCell<Arc<Client<HttpTransport>>>,
}

impl LocalOutfit {
    /// Opens the sinks that `config` asks for, so that one that cannot be used is reported before
    /// anything is pulled. Paused sources are left out; with `only`, every other source is.
    ///
    /// # Errors
    /// A folder that cannot be written, a stream without a region.
    pub(crate) async fn build(
        config: &Arc<Config>,
        only: Option<&SourceName>,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn Entropy>,
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
            let vault = vault.with_aws_config(&sdk);
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
        let workshop = Workshop {
            config: Arc::clone(config),
            transport,
            vault,
            clock: Arc::clone(clock),
            entropy: Arc::clone(entropy),
        };
        let mut sinks: BTreeMap<&str, Arc<AnySink>> = BTreeMap::new();
        let mut supplies = BTreeMap::new();
        for source in wanted {
            let name = source.definition.sink.as_str();
            let sink = match sinks.get(name) {
                Some(sink) => Arc::clone(sink),
                None => Arc::new(workshop.sink(name, &means).await?),
            };
            sinks.insert(name, Arc::clone(&sink));
            let client = OnceCell::new();
            supplies.insert(source.definition.name.clone(), Supplies { sink, client });
        }
        Ok(Self { workshop, supplies })
    }

    /// The client of `source`, with its secret.
    ///
    /// # Errors
    /// A `YamlError` with the place of the secret when it is missing or not usable as it is; any
    /// other error when it cannot be read for the moment.
    pub(crate) async fn client(
        &self,
        source: &SourceName,
    ) -> anyhow::Result<&Arc<Client<HttpTransport>>> {
        let configured = self.workshop.config.sources.get(source.as_str());
        let (Some(configured), Some(supplies)) = (configured, self.supplies.get(source)) else {
            anyhow::bail!("{source}: there is no client for a source that does not run");
        };
        let make = || async { self.workshop.client(configured).await.map(Arc::new) };
        supplies.client.get_or_try_init(make).await
    }
}

/// Whether something of `source` is on AWS: its secret, its sink, or the sink's secret.
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

/// What clients and sinks are made of.
#[derive(Debug)]
struct Workshop {
    config: Arc<Config>,
    transport: HttpTransport,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Workshop {
    async fn sink(&self, name: &str, means: &Means) -> anyhow::Result<AnySink> {
        let sink = &self.config.sinks[name];
        AnySink::build(name.to_owned(), sink, means)
            .await
            .map_err(|error| self.config.invalid(&format!("sinks.{name}"), error).into())
    }

    async fn client(&self, source: &Source) -> anyhow::Result<Client<HttpTransport>> {
        let field = format!("sources.{}.secret", source.definition.name);
        let invalid = |error: &dyn std::fmt::Display| self.config.invalid(&field, error);
        let reference = source.definition.secret.as_deref();
        let reference = reference.map(str::parse::<SecretRef>).transpose();
        let reference = reference.map_err(|error| invalid(&error))?;
        let secret = match &reference {
            Some(reference) => Some(self.vault.fetch(reference).await),
            None => None,
        };
        let secret = match secret.transpose() {
            // Nothing is wrong with the configuration.
            Err(error) if error.may_pass() => return Err(error).context(field),
            other => other.map_err(|error: SecretError| invalid(&error))?,
        };
        let credentials = Credentials::new(source.connector.auth(), secret.as_ref())
            .map_err(|error| invalid(&error))?;
        let client = Client::new(
            Arc::clone(&source.connector),
            credentials,
            self.transport.clone(),
            Arc::clone(&self.clock),
            Arc::clone(&self.entropy),
        );
        Ok(match (reference, secret) {
            (Some(reference), Some(secret)) => {
                let again = VaultSecret::new(Arc::clone(&self.vault), reference);
                client.with_renewal(secret, Arc::new(again))
            }
            _ => client,
        })
    }
}

impl Outfit for LocalOutfit {
    type Transport = HttpTransport;
    type Sink = AnySink;

    async fn outfit(
        &self,
        source: &SourceRecord,
    ) -> Result<Gear<HttpTransport, AnySink>, OutfitError> {
        let name = &source.definition.name;
        let configured = self.workshop.config.sources.get(name.as_str());
        let is_same = configured.is_some_and(|it| it.definition == source.definition);
        let Some(supplies) = self.supplies.get(name).filter(|_| is_same) else {
            return Err(OutfitError::Refused(
                "its definition in the state is not the one this run was started with; \
                 start `windlass run` again"
                    .to_owned(),
            ));
        };
        let client = self.client(name).await.map_err(|error| unusable(&error))?;
        Ok(Gear {
            client: Arc::clone(client),
            sink: Arc::clone(&supplies.sink),
        })
    }
}

/// A secret that is missing or wrong blocks its source; one that cannot be read now lets it wait.
fn unusable(error: &anyhow::Error) -> OutfitError {
    if error.is::<YamlError>() {
        OutfitError::Refused(error.to_string())
    } else {
        OutfitError::Unavailable(format!("{error:#}"))
    }
}

#[cfg(test)]
#[path = "outfit_tests.rs"]
mod tests;
