//! Construction of a sink from its settings, and the one sink type that programs deliver through.

use std::sync::Arc;

use aws_config::SdkConfig;
use windlass_core::window::Window;

use crate::aws::{StreamSink, StreamWriter};
use crate::config::SinkConfig;
use crate::http::{Collector, HttpSink, HttpWriter};
use crate::ndjson::{NdjsonSink, NdjsonWriter, blocking};
use crate::stdout::{StdoutSink, StdoutWriter};
use crate::stream_config::StreamKind;
use crate::usage::UsageSnapshot;
use crate::{Batch, Seams, Sink, SinkError, WindowWriter, Written};

/// The inputs of a sink besides its settings.
#[derive(Debug, Clone)]
pub struct Means {
    /// Credentials, region and endpoints for a sink on AWS.
    pub sdk: SdkConfig,
    /// The network for a collector.
    pub collector: Arc<dyn Collector>,
    /// Time and randomness.
    pub seams: Seams,
}

/// A sink of any kind.
#[derive(Debug)]
pub enum AnySink {
    /// One file per window.
    Ndjson(NdjsonSink),
    /// Standard output, with rejects on standard error.
    Stdout(StdoutSink),
    /// A Firehose or Kinesis stream.
    Stream(StreamSink),
    /// A collector over HTTPS.
    Http(HttpSink),
}

/// The writer of any kind of sink.
#[derive(Debug)]
pub enum AnyWriter {
    /// The writer of files.
    Ndjson(Box<NdjsonWriter>),
    /// The writer to standard output.
    Stdout(StdoutWriter),
    /// The writer to a Firehose or Kinesis stream.
    Stream(StreamWriter),
    /// The writer to a collector over HTTPS.
    Http(HttpWriter),
}

impl AnySink {
    /// The sink `name` with the settings `config`.
    ///
    /// # Errors
    /// The sink cannot be used as configured, as far as that is known before the first page.
    pub async fn build(
        name: String,
        config: &SinkConfig,
        means: &Means,
    ) -> Result<Self, SinkError> {
        let Means {
            sdk,
            collector,
            seams,
        } = means;
        let (kind, stream) = match config {
            SinkConfig::Ndjson(ndjson) => {
                let (dir, readers) = (ndjson.dir.clone(), ndjson.readable_by);
                let made = name.clone();
                let made = blocking(&made, move || NdjsonSink::new(name, dir, readers)).await?;
                return made.map(Self::Ndjson);
            }
            SinkConfig::Stdout(_) => return StdoutSink::of_process(name).map(Self::Stdout),
            SinkConfig::Http(http) => {
                let made = HttpSink::new(name, http, Arc::clone(collector), seams.clone());
                return made.map(Self::Http);
            }
            SinkConfig::Firehose(stream) => (StreamKind::Firehose, stream),
            SinkConfig::Kinesis(stream) => (StreamKind::Kinesis, stream),
        };
        let made = StreamSink::new(name, kind, stream, sdk, seams.clone());
        made.await.map(Self::Stream)
    }

    /// Counts of delivered and billed data since the last call; zero for sinks without costs.
    pub fn take_usage(&self) -> UsageSnapshot {
        match self {
            Self::Ndjson(_) | Self::Stdout(_) => UsageSnapshot::default(),
            Self::Stream(sink) => sink.usage().take(),
            Self::Http(sink) => sink.usage().take(),
        }
    }
}

impl Sink for AnySink {
    type Writer = AnyWriter;

    async fn open(&self, window: &Window) -> Result<AnyWriter, SinkError> {
        Ok(match self {
            Self::Ndjson(sink) => AnyWriter::Ndjson(Box::new(sink.open(window).await?)),
            Self::Stdout(sink) => AnyWriter::Stdout(sink.open(window).await?),
            Self::Stream(sink) => AnyWriter::Stream(sink.open(window).await?),
            Self::Http(sink) => AnyWriter::Http(sink.open(window).await?),
        })
    }
}

/// Calls the inner writer.
macro_rules! each {
    ($writer:expr, $it:ident => $call:expr) => {
        match $writer {
            AnyWriter::Ndjson($it) => $call,
            AnyWriter::Stdout($it) => $call,
            AnyWriter::Stream($it) => $call,
            AnyWriter::Http($it) => $call,
        }
    };
}

impl WindowWriter for AnyWriter {
    async fn write(&mut self, batch: &Batch) -> Result<Written, SinkError> {
        each!(self, it => it.write(batch).await)
    }

    async fn flush(&mut self) -> Result<Option<String>, SinkError> {
        each!(self, it => it.flush().await)
    }

    fn take_rejected(&mut self) -> usize {
        each!(self, it => it.take_rejected())
    }

    fn makes_final(&self) -> bool {
        each!(self, it => it.makes_final())
    }

    async fn finish(&mut self) -> Result<(), SinkError> {
        each!(self, it => it.finish().await)
    }
}
