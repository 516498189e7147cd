//! A sink that takes its time, so that a page is still being delivered while the next one arrives.

use windlass_core::Window;
use windlass_sink::memory::{MemorySink, MemoryWriter};
use windlass_sink::{Batch, Sink, SinkError, WindowWriter};

/// How often a write lets others run: more often than any exchange with the scripted vendor does.
const TURNS: usize = 32;

#[derive(Debug, Clone)]
pub(super) struct SlowSink(pub(super) MemorySink);

pub(super) struct SlowWriter(MemoryWriter);

impl Sink for SlowSink {
    type Writer = SlowWriter;

    async fn open(&self, window: &Window) -> Result<SlowWriter, SinkError> {
        self.0.open(window).await.map(SlowWriter)
    }
}

impl WindowWriter for SlowWriter {
    async fn write(&mut self, batch: &Batch) -> Result<Option<String>, SinkError> {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        self.0.write(batch).await
    }

    async fn finish(&mut self) -> Result<(), SinkError> {
        self.0.finish().await
    }
}
