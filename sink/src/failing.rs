//! A wrapper that makes any sink fail as planned: before a call, half-way through it, or after it
//! was carried out, as with a lost response.

use std::sync::{Arc, Mutex, PoisonError};

use windlass_core::window::Window;

use crate::{Batch, Sink, SinkError, WindowWriter, Written};

/// The call that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkCall {
    /// [`Sink::open`].
    Open,
    /// [`WindowWriter::write`].
    Write,
    /// [`WindowWriter::flush`].
    Flush,
    /// [`WindowWriter::finish`].
    Finish,
}

/// The extent to which a failing call is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The call has no effect.
    Nothing,
    /// The first half of a page's lines and none of its rejects; no effect for other calls.
    Half,
    /// The call is complete, and only its response is lost.
    All,
}

#[derive(Debug)]
struct Fault {
    call: SinkCall,
    number: u64,
    applied: Applied,
    error: SinkError,
}

#[derive(Debug, Default)]
struct Script {
    opens: u64,
    writes: u64,
    flushes: u64,
    finishes: u64,
    faults: Vec<Fault>,
}

/// A sink whose calls fail by script. Clones share the script and the counts.
#[derive(Debug, Clone)]
pub struct FailingSink<S> {
    inner: S,
    script: Arc<Mutex<Script>>,
}

impl<S> FailingSink<S> {
    /// `inner` without planned failures.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            script: Arc::default(),
        }
    }

    /// The wrapped sink.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Plans that `call` number `number` (from 1, counted over all windows) fails with `error`
    /// after it was carried out to the extent `applied`.
    pub fn fail(&self, call: SinkCall, number: u64, applied: Applied, error: SinkError) {
        let fault = Fault {
            call,
            number,
            applied,
            error,
        };
        self.script(|script| script.faults.push(fault));
    }

    /// The number of calls of this kind so far, failed ones included.
    pub fn calls(&self, call: SinkCall) -> u64 {
        self.script(|script| *script.count(call))
    }

    fn script<T>(&self, work: impl FnOnce(&mut Script) -> T) -> T {
        work(&mut self.script.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts one call, and returns its planned failure; `None` if it is to succeed.
    fn next(&self, call: SinkCall) -> Option<(Applied, SinkError)> {
        self.script(|script| {
            let count = script.count(call);
            *count += 1;
            let number = *count;
            let planned = |fault: &Fault| fault.call == call && fault.number == number;
            let index = script.faults.iter().position(planned)?;
            let fault = script.faults.swap_remove(index);
            Some((fault.applied, fault.error))
        })
    }
}

impl Script {
    fn count(&mut self, call: SinkCall) -> &mut u64 {
        match call {
            SinkCall::Open => &mut self.opens,
            SinkCall::Write => &mut self.writes,
            SinkCall::Flush => &mut self.flushes,
            SinkCall::Finish => &mut self.finishes,
        }
    }
}

impl<S: Sink + Clone> Sink for FailingSink<S> {
    type Writer = FailingWriter<S>;

    async fn open(&self, window: &Window) -> Result<FailingWriter<S>, SinkError> {
        let fault = self.next(SinkCall::Open);
        if let Some((Applied::Nothing | Applied::Half, error)) = fault {
            return Err(error);
        }
        let inner = self.inner.open(window).await?;
        match fault {
            Some((_, error)) => Err(error),
            None => Ok(FailingWriter {
                sink: self.clone(),
                inner,
                failed: None,
            }),
        }
    }
}

/// Writes one window. After a failure, every further call repeats that failure and passes nothing
/// on: its owner must open the window again.
pub struct FailingWriter<S: Sink> {
    sink: FailingSink<S>,
    inner: S::Writer,
    failed: Option<SinkError>,
}

impl<S: Sink + Clone> WindowWriter for FailingWriter<S> {
    async fn write(&mut self, batch: &Batch) -> Result<Written, SinkError> {
        let fault = self.sink.next(SinkCall::Write);
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let written = match fault {
            None => self.inner.write(batch).await,
            Some((Applied::Nothing, error)) => Err(error),
            Some((Applied::Half, error)) => {
                self.inner.write(&first_half(batch)).await.and(Err(error))
            }
            Some((Applied::All, error)) => self.inner.write(batch).await.and(Err(error)),
        };
        self.failed = written.as_ref().err().cloned();
        written
    }

    async fn flush(&mut self) -> Result<Option<String>, SinkError> {
        let fault = self.sink.next(SinkCall::Flush);
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let flushed = match fault {
            None => self.inner.flush().await,
            Some((Applied::Nothing | Applied::Half, error)) => Err(error),
            Some((Applied::All, error)) => self.inner.flush().await.and(Err(error)),
        };
        self.failed = flushed.as_ref().err().cloned();
        flushed
    }

    fn take_rejected(&mut self) -> usize {
        self.inner.take_rejected()
    }

    fn makes_final(&self) -> bool {
        self.inner.makes_final()
    }

    async fn finish(&mut self) -> Result<(), SinkError> {
        let fault = self.sink.next(SinkCall::Finish);
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let finished = match fault {
            None => self.inner.finish().await,
            Some((Applied::Nothing | Applied::Half, error)) => Err(error),
            Some((Applied::All, error)) => self.inner.finish().await.and(Err(error)),
        };
        self.failed = finished.as_ref().err().cloned();
        finished
    }
}

fn first_half(batch: &Batch) -> Batch {
    let ends: Vec<_> = batch
        .ends
        .iter()
        .copied()
        .take(batch.ends.len() / 2)
        .collect();
    let lines = batch.lines.slice(..ends.last().copied().unwrap_or(0));
    Batch {
        window: batch.window.clone(),
        page: batch.page,
        first: batch.first,
        lines,
        ends,
        rejects: Vec::new(),
    }
}

#[cfg(test)]
#[path = "failing_tests.rs"]
mod tests;
