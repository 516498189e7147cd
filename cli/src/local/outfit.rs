//! Clients and sinks of the configured sources, built once at the start.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use aws_config::SdkConfig;
use windlass_connectors::auth::Credentials;
use windlass_connectors::client::Client;
use windlass_connectors::http::HttpTransport;
use windlass_connectors::secret::{SecretError, SecretRef, Vault, VaultSecret};
use windlass_core::ids::SourceName;
use windlass_core::source::{SourceDefinition, SourceRecord};
use windlass_core::{Clock, Entropy};
use windlass_worker::{Gear, Outfit, OutfitError};

use super::sinks::LocalSink;
use crate::aws;
use crate::config::{Config, SinkConfig, Source};

/// Every source's client and sink.
#[derive(Debug, Default)]
pub(crate) struct LocalOutfit {
    gear: BTreeMap<SourceName, (SourceDefinition, Gear<HttpTransport, LocalSink>)>,
}

impl LocalOutfit {
    /// Builds everything the configuration asks for, so that what is missing is said before
    /// anything is pulled. Paused sources are left out; with `only`, every other source is, and
    /// what is missing for it does not matter.
    ///
    /// # Errors
    /// A missing secret, a key that is none, a folder that cannot be written, a stream without a
    /// region.
    pub(crate) async fn build(
        config: &Config,
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
        let workshop = Workshop {
            config,
            transport: HttpTransport::new()?,
            vault: Arc::new(vault),
            sdk,
            clock,
            entropy,
        };
        let mut sinks: BTreeMap<&str, Arc<LocalSink>> = BTreeMap::new();
        let mut gear = BTreeMap::new();
        for source in wanted {
            let definition = source.definition.clone();
            let name = source.definition.sink.as_str();
            let sink = match sinks.get(name) {
                Some(sink) => Arc::clone(sink),
                None => Arc::new(workshop.sink(name).await?),
            };
            sinks.insert(name, Arc::clone(&sink));
            let client = Arc::new(workshop.client(source).await?);
            gear.insert(definition.name.clone(), (definition, Gear { client, sink }));
        }
        Ok(Self { gear })
    }

    /// The client of `source`.
    pub(crate) fn client(&self, source: &SourceName) -> Option<&Client<HttpTransport>> {
        self.gear.get(source).map(|(_, gear)| &*gear.client)
    }
}

/// Whether something of `source` is on AWS: its secret, or where its records go.
fn is_on_aws(source: &Source, config: &Config) -> bool {
    let definition = &source.definition;
    let reference = definition.secret.as_deref().map(str::parse);
    matches!(config.sinks[&definition.sink], SinkConfig::Stream(_))
        || matches!(
            reference,
            Some(Ok(SecretRef::SecretsManager(_) | SecretRef::Ssm(_)))
        )
}

/// What clients and sinks are made of.
struct Workshop<'a> {
    config: &'a Config,
    transport: HttpTransport,
    vault: Arc<Vault>,
    sdk: SdkConfig,
    clock: &'a Arc<dyn Clock>,
    entropy: &'a Arc<dyn Entropy>,
}

impl Workshop<'_> {
    async fn sink(&self, name: &str) -> anyhow::Result<LocalSink> {
        let sink = &self.config.sinks[name];
        LocalSink::build(name, sink, &self.sdk, self.clock, self.entropy)
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
            source.connector.clone(),
            credentials,
            self.transport.clone(),
            Arc::clone(self.clock),
            Arc::clone(self.entropy),
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
    type Sink = LocalSink;

    async fn outfit(
        &self,
        source: &SourceRecord,
    ) -> Result<Gear<HttpTransport, LocalSink>, OutfitError> {
        match self.gear.get(&source.definition.name) {
            Some((definition, gear)) if *definition == source.definition => Ok(gear.clone()),
            _ => Err(OutfitError::Refused(
                "its definition in the state is not the one this run was started with; \
                 start `windlass run` again"
                    .to_owned(),
            )),
        }
    }
}
