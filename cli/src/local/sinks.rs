//! The sinks a run on one machine can deliver to.

use std::sync::Arc;

use aws_config::SdkConfig;
use windlass_core::window::Window;
use windlass_core::{Clock, Entropy};
use windlass_sink::aws::{StreamSink, StreamWriter};
use windlass_sink::ndjson::{NdjsonSink, NdjsonWriter};
use windlass_sink::stdout::{StdoutSink, StdoutWriter};
use windlass_sink::{Batch, Sink, SinkError, WindowWriter};

use crate::config::SinkConfig;

/// One of the sinks a local run knows.
#[derive(Debug)]
pub(crate) enum LocalSink {
    /// Files.
    Ndjson(NdjsonSink),
    /// Standard output.
    Stdout(StdoutSink),
    /// A stream on AWS.
    Stream(StreamSink),
}

/// A writer of one of them.
#[derive(Debug)]
pub(crate) enum LocalWriter {
    /// Files.
    Ndjson(Box<NdjsonWriter>),
    /// Standard output.
    Stdout(StdoutWriter),
    /// A stream on AWS.
    Stream(StreamWriter),
}

impl LocalSink {
    /// The sink called `name`, as `config` says, with `sdk` for what is on AWS.
    pub(super) async fn build(
        name: &str,
        config: &SinkConfig,
        sdk: &SdkConfig,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<Self, SinkError> {
        let name = name.to_owned();
        match config {
            SinkConfig::Ndjson { dir, readers } => {
                NdjsonSink::new(name, dir.clone(), *readers).map(Self::Ndjson)
            }
            SinkConfig::Stdout => StdoutSink::of_process(name).map(Self::Stdout),
            SinkConfig::Stream(destination) => {
                let (clock, entropy) = (Arc::clone(clock), Arc::clone(entropy));
                StreamSink::new(name, destination, sdk, clock, entropy)
                    .await
                    .map(Self::Stream)
            }
        }
    }
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
            Self::Stream(sink) => sink.open(window).await.map(LocalWriter::Stream),
        }
    }
}

impl WindowWriter for LocalWriter {
    async fn write(&mut self, batch: &Batch) -> Result<Option<String>, SinkError> {
        match self {
            Self::Ndjson(writer) => writer.write(batch).await,
            Self::Stdout(writer) => writer.write(batch).await,
            Self::Stream(writer) => writer.write(batch).await,
        }
    }

    fn makes_final(&self) -> bool {
        match self {
            Self::Ndjson(writer) => writer.makes_final(),
            Self::Stdout(writer) => writer.makes_final(),
            Self::Stream(writer) => writer.makes_final(),
        }
    }

    async fn finish(&mut self) -> Result<(), SinkError> {
        match self {
            Self::Ndjson(writer) => writer.finish().await,
            Self::Stdout(writer) => writer.finish().await,
            Self::Stream(writer) => writer.finish().await,
        }
    }
}
