//! A slow sink: a page is still being delivered while the next one arrives, or forever. It behaves
//! like files or, on request, like a stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use windlass_core::Window;
use windlass_sink::holding::{HoldingSink, HoldingWriter};
use windlass_sink::memory::{MemorySink, MemoryWriter};
use windlass_sink::{Batch, Sink, SinkError, WindowWriter, Written};

use super::harness::Log;

/// Number of yields per write: more than any exchange with the scripted vendor takes.
const YIELDS: usize = 32;

#[derive(Debug, Clone)]
pub(super) struct SlowSink {
    pub(super) inner: HoldingSink<MemorySink>,
    pub(super) log: Log,
    /// True if it takes nothing back, and so gives no positions.
    pub(super) is_stream: bool,
    /// True if it never acknowledges a write.
    pub(super) hangs: Arc<AtomicBool>,
}

pub(super) struct SlowWriter {
    inner: HoldingWriter<MemoryWriter>,
    sink: SlowSink,
}

impl Sink for SlowSink {
    type Writer = SlowWriter;

    async fn open(&self, window: &Window) -> Result<SlowWriter, SinkError> {
        let inner = self.inner.open(window).await?;
        let sink = self.clone();
        Ok(SlowWriter { inner, sink })
    }
}

impl WindowWriter for SlowWriter {
    async fn write(&mut self, batch: &Batch) -> Result<Written, SinkError> {
        let SlowSink { log, hangs, .. } = &self.sink;
        log.push(format!("write {} begins", batch.page));
        if hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        for _ in 0..YIELDS {
            tokio::task::yield_now().await;
        }
        let written = self.inner.write(batch).await;
        log.push(format!("write {} ends", batch.page));
        if self.sink.is_stream && written != Ok(Written::Held) {
            return written.map(|_| Written::Durable(None));
        }
        written
    }

    async fn flush(&mut self) -> Result<Option<String>, SinkError> {
        self.inner.flush().await
    }

    fn makes_final(&self) -> bool {
        self.inner.makes_final() && !self.sink.is_stream
    }

    async fn finish(&mut self) -> Result<(), SinkError> {
        self.inner.finish().await
    }
}
