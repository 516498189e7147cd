//! A sink that takes its time, so that a page is still being delivered while the next one arrives.

use windlass_core::Window;
use windlass_sink::memory::{MemorySink, MemoryWriter};
use windlass_sink::{Batch, Sink, SinkError, WindowWriter};

use super::harness::Log;

/// How often a write lets others run: more often than any exchange with the scripted vendor does.
const TURNS: usize = 32;

#[derive(Debug, Clone)]
pub(super) struct SlowSink {
    pub(super) inner: MemorySink,
    pub(super) log: Log,
}

pub(super) struct SlowWriter {
    inner: MemoryWriter,
    log: Log,
}

impl Sink for SlowSink {
    type Writer = SlowWriter;

    async fn open(&self, window: &Window) -> Result<SlowWriter, SinkError> {
        let inner = self.inner.open(window).await?;
        let log = self.log.clone();
        Ok(SlowWriter { inner, log })
    }
}

impl WindowWriter for SlowWriter {
    async fn write(&mut self, batch: &Batch) -> Result<Option<String>, SinkError> {
        self.log.push(format!("write {} begins", batch.page));
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        let written = self.inner.write(batch).await;
        self.log.push(format!("write {} ends", batch.page));
        written
    }

    async fn finish(&mut self) -> Result<(), SinkError> {
        self.inner.finish().await
    }
}
