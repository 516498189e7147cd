//! Clients and sinks of the configured sources, built once at the start.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;
use windlass_connectors::auth::Credentials;
use windlass_connectors::client::Client;
use windlass_connectors::http::HttpTransport;
use windlass_connectors::secret::SecretRef;
use windlass_core::ids::SourceName;
use windlass_core::source::{SourceDefinition, SourceRecord};
use windlass_core::window::Window;
use windlass_core::{Clock, Entropy};
use windlass_sink::ndjson::{NdjsonSink, NdjsonWriter};
use windlass_sink::stdout::{StdoutSink, StdoutWriter};
use windlass_sink::{Batch, Sink, SinkError, WindowWriter};
use windlass_worker::{Gear, Outfit, OutfitError};

use crate::config::{Config, SinkConfig, Source};

/// One of the sinks a local run knows.
#[derive(Debug)]
pub(crate) enum LocalSink {
    /// Files.
    Ndjson(NdjsonSink),
    /// Standard output.
    Stdout(StdoutSink),
}

/// A writer of one of them.
#[derive(Debug)]
pub(crate) enum LocalWriter {
    /// Files.
    Ndjson(Box<NdjsonWriter>),
    /// Standard output.
    Stdout(StdoutWriter),
}

impl Sink for LocalSink {
    type Writer = LocalWriter;

    async fn open(&self, window: &Window) -> Result<LocalWriter, SinkError> {
        match self {
            Self::Ndjson(sink) => sink
                .open(window)
                .await
                .map(|writer| LocalWriter::Ndjson(Box::new(writer))),
            Self::Stdout(sink) => sink.open(window).await.map(LocalWriter::Stdout),
        }
    }
}

impl WindowWriter for LocalWriter {
    async fn write(&mut self, batch: &Batch) -> Result<Option<String>, SinkError> {
        match self {
            Self::Ndjson(writer) => writer.write(batch).await,
            Self::Stdout(writer) => writer.write(batch).await,
        }
    }

    async fn finish(&mut self) -> Result<(), SinkError> {
        match self {
            Self::Ndjson(writer) => writer.finish().await,
            Self::Stdout(writer) => writer.finish().await,
        }
    }
}

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
    /// A missing secret, a key that is none, a folder that cannot be written.
    pub(crate) fn build(
        config: &Config,
        only: Option<&SourceName>,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn Entropy>,
    ) -> anyhow::Result<Self> {
        let transport = HttpTransport::new()?;
        let mut sinks: BTreeMap<&str, Arc<LocalSink>> = BTreeMap::new();
        let mut gear = BTreeMap::new();
        for (name, source) in &config.sources {
            let wanted = match only {
                Some(only) => *only == source.definition.name,
                None => !source.definition.paused,
            };
            if !wanted {
                continue;
            }
            let sink_name = source.definition.sink.as_str();
            let sink = if let Some(sink) = sinks.get(sink_name) {
                Arc::clone(sink)
            } else {
                let sink = Arc::new(
                    local_sink(sink_name, &config.sinks[sink_name])
                        .map_err(|error| config.invalid(&format!("sinks.{sink_name}"), error))?,
                );
                sinks.insert(sink_name, Arc::clone(&sink));
                sink
            };
            let credentials = credentials(source)
                .map_err(|error| config.invalid(&format!("sources.{name}.secret"), error))?;
            let client = Client::new(
                source.connector.clone(),
                credentials,
                transport.clone(),
                Arc::clone(clock),
                Arc::clone(entropy),
            );
            let definition = source.definition.clone();
            let gear_of_source = Gear {
                client: Arc::new(client),
                sink,
            };
            gear.insert(definition.name.clone(), (definition, gear_of_source));
        }
        Ok(Self { gear })
    }

    /// The client of `source`.
    pub(crate) fn client(&self, source: &SourceName) -> Option<&Client<HttpTransport>> {
        self.gear.get(source).map(|(_, gear)| &*gear.client)
    }
}

fn credentials(source: &Source) -> anyhow::Result<Credentials> {
    let secret: Option<SecretString> = source
        .definition
        .secret
        .as_deref()
        .map(|reference| reference.parse::<SecretRef>()?.resolve())
        .transpose()?;
    Ok(Credentials::new(source.connector.auth(), secret.as_ref())?)
}

fn local_sink(name: &str, config: &SinkConfig) -> Result<LocalSink, SinkError> {
    match config {
        SinkConfig::Ndjson { dir } => {
            NdjsonSink::new(name.to_owned(), dir.clone()).map(LocalSink::Ndjson)
        }
        SinkConfig::Stdout => Ok(LocalSink::Stdout(StdoutSink::new(
            name.to_owned(),
            Box::new(std::io::stdout()),
            Box::new(std::io::stderr()),
        ))),
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
