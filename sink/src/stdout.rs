//! Lines to a pipe or a terminal, rejects to another.
//!
//! A page is acknowledged when both streams have accepted it and were flushed; its fate behind a
//! pipe is unknown here. Written data cannot be taken back, so there is no position, and every stop
//! can repeat a page. A window with a position was begun by another sink, and restarts here.
//!
//! A failure in the middle of a page, or a kill of an earlier process, can tear a line. The next
//! page begins with a line break wherever the last line may be incomplete, so that a torn line
//! never swallows a record. A reader skips empty lines, and lines that are not JSON objects.

use std::fmt;
use std::io::{self, ErrorKind, Write};
#[cfg(unix)]
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use windlass_core::window::Window;

use crate::settings::Settings;

use crate::ndjson::{blocking, error_of_kind};
use crate::reject_lines::reject_lines;
use crate::{Batch, Sink, SinkError, WindowWriter, Written};

/// No settings: `stdout: {}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StdoutConfig {}

impl Settings for StdoutConfig {
    fn local(&self) -> Option<&'static str> {
        Some("standard output")
    }
}

/// Writes the lines of all windows to one stream and their rejects to another, one complete page at
/// a time. Clones share the streams.
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
    /// True if its last line may be incomplete.
    torn: bool,
}

/// A writable stream.
struct Opened {
    to: Box<dyn Write + Send>,
    /// True if an earlier process may have left an incomplete line.
    torn: bool,
}

/// A stream for a duplicate of the descriptor `fd`.
#[cfg(unix)]
fn opened(fd: BorrowedFd<'_>) -> io::Result<Opened> {
    use std::fs::File;
    use std::io::{IsTerminal, Read};
    use std::os::unix::fs::{FileTypeExt, MetadataExt};

    let mut file = File::from(fd.try_clone_to_owned()?);
    // Writes nothing, but fails on a descriptor that is not open for writing.
    let written = file.write(&[])?;
    debug_assert_eq!(written, 0);
    let metadata = file.metadata()?;
    let is_null = metadata.file_type().is_char_device()
        && std::fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == metadata.rdev());
    // At process start, Rust's runtime opens the null device for reading and writing in place of a
    // closed descriptor.
    if is_null && file.read(&mut []).is_ok() {
        return Err(io::Error::new(ErrorKind::NotConnected, "it is closed"));
    }
    let is_new_file = metadata.is_file() && metadata.len() == 0;
    let torn = !is_new_file && !is_null && !file.is_terminal();
    Ok(Opened {
        to: Box::new(Patient(file)),
        torn,
    })
}

/// A descriptor that may be in non-blocking mode, which the parent process can set at any time. A
/// write to a full pipe waits, as in blocking mode, and no byte is written twice.
#[cfg(unix)]
struct Patient(std::fs::File);

#[cfg(unix)]
impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        use rustix::event::{PollFd, PollFlags, poll};
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let mut ready = [PollFd::new(&self.0, PollFlags::OUT)];
                    rustix::io::retry_on_intr(|| poll(&mut ready, None))?;
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl StdoutSink {
    /// The sink `name` that writes records to `lines` and rejects to `rejects`, usually the
    /// process's standard output and standard error. Rejects have the form that [`crate::ndjson`]
    /// describes.
    ///
    /// Both streams must be at the start of a line.
    pub fn new(name: String, lines: Box<dyn Write + Send>, rejects: Box<dyn Write + Send>) -> Self {
        let whole = |to| Opened { to, torn: false };
        Self::over(name, whole(lines), whole(rejects))
    }

    /// The sink `name` on the standard output of this process, with rejects on its standard error.
    ///
    /// # Errors
    /// [`SinkError::Unusable`] if one of them is closed or not open for writing: the standard
    /// library silently drops such writes, so each gets a descriptor of its own here.
    #[cfg(unix)]
    pub fn of_process(name: String) -> Result<Self, SinkError> {
        use std::os::fd::AsFd;
        let open = |what: &str, fd: BorrowedFd<'_>| {
            opened(fd).map_err(|error| SinkError::Unusable {
                sink: name.clone(),
                problem: format!(
                    "cannot write to {what}: {error}; redirect it to a file or a pipe"
                ),
            })
        };
        let lines = open("standard output", io::stdout().as_fd())?;
        let rejects = open("standard error", io::stderr().as_fd())?;
        Ok(Self::over(name, lines, rejects))
    }

    /// The sink `name` on the standard output of this process, with rejects on its standard error.
    #[cfg(not(unix))]
    pub fn of_process(name: String) -> Result<Self, SinkError> {
        Ok(Self::new(
            name,
            Box::new(io::stdout()),
            Box::new(io::stderr()),
        ))
    }

    fn over(name: String, lines: Opened, rejects: Opened) -> Self {
        let stream = |name, Opened { to, torn }| Stream { name, to, torn };
        let streams = Streams {
            lines: stream("stdout", lines),
            rejects: stream("the stream for rejects", rejects),
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
        // Continuing here would leave the first pages in an output that is never completed.
        if window.sink_position().is_some() {
            return Err(SinkError::Lost {
                sink: self.name.to_string(),
                problem: format!(
                    "the first pages of {} were delivered to another sink",
                    window.id()
                ),
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
/// A dropped call has written nothing while it waits for another page; otherwise it continues in the
/// background, and its page can be there twice.
#[derive(Debug)]
pub struct StdoutWriter {
    sink: StdoutSink,
    broken: bool,
}

impl WindowWriter for StdoutWriter {
    async fn write(&mut self, batch: &Batch) -> Result<Written, SinkError> {
        let name = &self.sink.name;
        // Set for the whole call, so that a call that is dropped half-way counts as failed.
        if std::mem::replace(&mut self.broken, true) {
            return Err(SinkError::Unavailable {
                sink: name.to_string(),
                problem: "an earlier write failed; open the window again".to_owned(),
            });
        }
        let (window, page) = (batch.window.clone(), batch.page);
        let (lines, rejects) = (batch.lines.clone(), batch.rejects.clone());
        // Before the thread: a stalled reader occupies one, and a page that only waits behind
        // another has written nothing when its call is dropped.
        let mut streams = Arc::clone(&self.sink.streams).lock_owned().await;
        let written = blocking(name, move || {
            let rejects = reject_lines(&window, page, &rejects);
            streams.lines.write(&lines)?;
            streams.rejects.write(&rejects)
        })
        .await?;
        written.map_err(|failure| failure.into_sink_error(name))?;
        self.broken = false;
        Ok(Written::Durable(None))
    }

    async fn finish(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// A failed write to one of the streams.
struct StreamError {
    stream: &'static str,
    error: io::Error,
}

impl StreamError {
    fn into_sink_error(self, sink: &str) -> SinkError {
        let Self { stream, error } = self;
        if error.kind() == ErrorKind::BrokenPipe {
            let problem = format!(
                "{stream} was closed by its reader; run again with a reader that reads to the end"
            );
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
    /// Writes complete lines and flushes them. Does nothing for empty `lines`.
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
