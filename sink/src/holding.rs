//! A wrapper that makes any sink hold batches until it is flushed or finished, like a sink that
//! collects pages into larger objects.

use windlass_core::window::Window;

use crate::{Batch, Sink, SinkError, WindowWriter, Written};

/// A sink whose writers hold batches. Clones share the wrapped sink as its own clones do.
#[derive(Debug, Clone)]
pub struct HoldingSink<S> {
    inner: S,
    holds: bool,
}

impl<S> HoldingSink<S> {
    /// `inner` with writers that hold every batch; with `holds` false, they pass each on at once.
    pub const fn new(inner: S, holds: bool) -> Self {
        Self { inner, holds }
    }
}

impl<S: Sink> Sink for HoldingSink<S> {
    type Writer = HoldingWriter<S::Writer>;

    async fn open(&self, window: &Window) -> Result<Self::Writer, SinkError> {
        Ok(HoldingWriter {
            inner: self.inner.open(window).await?,
            holds: self.holds,
            held: Vec::new(),
        })
    }
}

/// Writes one window. Held batches are lost on drop.
#[derive(Debug)]
pub struct HoldingWriter<W> {
    inner: W,
    holds: bool,
    held: Vec<Batch>,
}

impl<W: WindowWriter> WindowWriter for HoldingWriter<W> {
    async fn write(&mut self, batch: &Batch) -> Result<Written, SinkError> {
        if !self.holds {
            return self.inner.write(batch).await;
        }
        self.held.push(batch.clone());
        Ok(Written::Held)
    }

    async fn flush(&mut self) -> Result<Option<String>, SinkError> {
        let mut position = None;
        for batch in std::mem::take(&mut self.held) {
            position = match self.inner.write(&batch).await? {
                Written::Durable(position) => position,
                Written::Held => self.inner.flush().await?,
            };
        }
        Ok(position)
    }

    fn makes_final(&self) -> bool {
        self.inner.makes_final() || !self.held.is_empty()
    }

    async fn finish(&mut self) -> Result<(), SinkError> {
        self.flush().await?;
        self.inner.finish().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reject;
    use crate::conformance::{self, Destination, TakingBack, page, window};
    use crate::memory::MemorySink;

    #[derive(Clone)]
    struct Held(MemorySink);

    impl Destination for Held {
        type Sink = HoldingSink<MemorySink>;

        fn sink(&self) -> Self::Sink {
            HoldingSink::new(self.0.clone(), true)
        }

        fn output(&self, window: &Window) -> Option<Vec<String>> {
            Destination::output(&self.0, window)
        }

        fn rejects(&self, window: &Window) -> Vec<(u64, Reject)> {
            Destination::rejects(&self.0, window)
        }
    }

    impl TakingBack for Held {
        fn in_progress(&self, window: &Window) -> Vec<String> {
            TakingBack::in_progress(&self.0, window)
        }

        fn lose(&self, window: &Window) {
            TakingBack::lose(&self.0, window);
        }
    }

    fn held() -> Held {
        Held(MemorySink::new("memory"))
    }

    #[tokio::test]
    async fn holding_sink_keeps_sink_contract() {
        conformance::keeps_the_contract(held).await;
    }

    #[tokio::test]
    async fn held_batches_become_durable_at_flush() {
        let (place, window) = (held(), window("okta"));
        let mut writer = place.sink().open(&window).await.unwrap();
        let written = writer.write(&page(&window, 0, 0..3)).await.unwrap();
        assert_eq!(written, Written::Held);
        assert!(place.0.written().is_empty());
        assert_eq!(writer.flush().await.unwrap().as_deref(), Some("r0:3:0"));
        assert_eq!(place.0.written().len(), 3);
    }
}
