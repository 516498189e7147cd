//! Lines to a pipe or a terminal, rejects to another.
//!
//! A page is acknowledged when both streams have taken it and were flushed; what becomes of it
//! behind a pipe is not known here. Nothing that was written can be taken back, so there is no
//! position, and every stop can repeat a page. A window that has one was begun by another sink, and
//! begins again here. After a failure in the middle of a page the next
//! one begins on a new line, so at most one line is torn.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Mutex, PoisonError};

use windlass_core::window::Window;

use crate::ndjson::{blocking, error_of_kind};
use crate::reject_lines::reject_lines;
use crate::{Batch, Sink, SinkError, WindowWriter};

/// Writes the lines of all windows to one stream and their rejects to another, whole pages at a
/// time. Clones share the streams.
#[derive(Clone)]
pub struct StdoutSink {
    name: Arc<str>,
    streams: Arc<Mutex<Streams>>,
}

struct Streams {
    lines: Stream,
    rejects: Stream,
}

struct Stream {
    name: &'static str,
    to: Box<dyn Write + Send>,
    /// Whether a failed write may have left a line without its end.
    torn: bool,
}

impl StdoutSink {
    /// The sink `name` that writes records to `lines` and rejects to `rejects`, usually the
    /// process's standard output and standard error. Rejects have the form that
    /// [`crate::ndjson`] describes.
    pub fn new(name: String, lines: Box<dyn Write + Send>, rejects: Box<dyn Write + Send>) -> Self {
        let streams = Streams {
            lines: Stream {
                name: "stdout",
                to: lines,
                torn: false,
            },
            rejects: Stream {
                name: "the stream for rejects",
                to: rejects,
                torn: false,
            },
        };
        Self {
            name: name.into(),
            streams: Arc::new(Mutex::new(streams)),
        }
    }
}

impl fmt::Debug for StdoutSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdoutSink")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Sink for StdoutSink {
    type Writer = StdoutWriter;

    async fn open(&self, window: &Window) -> Result<StdoutWriter, SinkError> {
        // Going on here would leave the first pages in an output that nobody completes any more.
        if window.sink_position.is_some() {
            return Err(SinkError::Lost {
                sink: self.name.to_string(),
                problem: format!("another sink has the first pages of {}", window.id),
            });
        }
        Ok(StdoutWriter {
            sink: self.clone(),
            broken: false,
        })
    }
}

/// Writes the pages of one window.
///
/// A call must be awaited to its end: one that is dropped goes on in the background.
#[derive(Debug)]
pub struct StdoutWriter {
    sink: StdoutSink,
    broken: bool,
}

impl WindowWriter for StdoutWriter {
    async fn write(&mut self, batch: &Batch) -> Result<Option<String>, SinkError> {
        let name = &self.sink.name;
        // Set for the whole call, so that a call that is dropped half-way counts as failed.
        if std::mem::replace(&mut self.broken, true) {
            return Err(SinkError::Unavailable {
                sink: name.to_string(),
                problem: "an earlier write failed; open the window again".to_owned(),
            });
        }
        let rejects = reject_lines(&batch.window, batch.page, &batch.rejects);
        let lines = batch.lines.clone();
        let streams = Arc::clone(&self.sink.streams);
        let written = blocking(name, move || {
            let mut streams = streams.lock().unwrap_or_else(PoisonError::into_inner);
            streams.lines.write(&lines)?;
            streams.rejects.write(&rejects)
        })
        .await?;
        written.map_err(|failure| failure.into_sink_error(name))?;
        self.broken = false;
        Ok(None)
    }

    async fn finish(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// A stream that did not take what it was given.
struct StreamError {
    stream: &'static str,
    error: io::Error,
}

impl StreamError {
    fn into_sink_error(self, sink: &str) -> SinkError {
        let Self { stream, error } = self;
        if error.kind() == ErrorKind::BrokenPipe {
            let problem =
                format!("{stream} was closed; run again with something that reads it to the end");
            return SinkError::Refused {
                sink: sink.to_owned(),
                problem,
            };
        }
        error_of_kind(
            sink,
            format!("cannot write to {stream}: {error}"),
            error.kind(),
        )
    }
}

impl Stream {
    /// Writes whole lines and flushes them. Nothing happens when there are none.
    fn write(&mut self, lines: &[u8]) -> Result<(), StreamError> {
        if lines.is_empty() {
            return Ok(());
        }
        self.try_write(lines).map_err(|error| StreamError {
            stream: self.name,
            error,
        })
    }

    fn try_write(&mut self, lines: &[u8]) -> io::Result<()> {
        if std::mem::replace(&mut self.torn, true) {
            self.to.write_all(b"\n")?;
        }
        self.to.write_all(lines)?;
        self.to.flush()?;
        self.torn = false;
        Ok(())
    }
}

#[cfg(test)]
#[path = "stdout_tests.rs"]
mod tests;
