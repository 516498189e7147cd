//! The disk of a world whose sources write files: the sink in memory, one for each file name. Each
//! call has a wait on both sides, so that a process stopped there has made the call or has not.
//! Acknowledged pages survive a power loss.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use windlass_core::breaks::{Break, broken};
use windlass_core::ids::{Lane, WindowId};
use windlass_core::time::Timestamp;
use windlass_core::window::Window;
use windlass_sink::aws::StreamSink;
use windlass_sink::memory::{MemorySink, MemoryWriter};
use windlass_sink::{Batch, Sink, SinkError, WindowWriter, Written};

use crate::clock::wait_ms;
use crate::stream::{Delivered, Stream, read_line};
use crate::true_time;
use crate::world::{World, lock};

/// Longest wait on one side of a call, in milliseconds.
const LATENCY_MS_MAX: u64 = 25;

/// A file's name: it has both bounds of its window.
type Name = (WindowId, Timestamp);

/// Every file of a world. Clones share them.
#[derive(Clone)]
pub(crate) struct Files {
    world: Arc<World>,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    sinks: BTreeMap<Name, MemorySink>,
    finals: BTreeMap<Name, Vec<Delivered>>,
    /// Rises with every change of `finals`.
    version: u64,
    violations: Vec<String>,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the world, which holds the owner of this.
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

impl Files {
    /// The empty disk of `world`.
    pub(crate) fn new(world: &Arc<World>) -> Self {
        Self {
            world: Arc::clone(world),
            shared: Arc::default(),
        }
    }

    /// Number of the last change of a final file.
    pub(crate) fn version(&self) -> u64 {
        lock(&self.shared).version
    }

    /// The lines of all final files.
    pub(crate) fn delivered(&self) -> Vec<Delivered> {
        lock(&self.shared)
            .finals
            .values()
            .flatten()
            .cloned()
            .collect()
    }

    /// Forbidden lines in files.
    pub(crate) fn violations(&self) -> Vec<String> {
        lock(&self.shared).violations.clone()
    }

    async fn pause(&self) {
        let ms = self.world.below(LATENCY_MS_MAX);
        wait_ms(i64::try_from(ms).unwrap_or(0)).await;
    }

    /// Removes the files of the window of `name` from before it was halved, as the sink does.
    fn remove_others(&self, name: &Name) {
        let mut shared = lock(&self.shared);
        let is_other = |other: &Name| other.0 == name.0 && other.1 != name.1;
        shared.sinks.retain(|other, _| !is_other(other));
        let before = shared.finals.len();
        shared.finals.retain(|other, _| !is_other(other));
        if shared.finals.len() != before {
            shared.version += 1;
        }
    }

    /// Reads the final file `name` again.
    fn look(&self, name: &Name) {
        let mut shared = lock(&self.shared);
        let Some(sink) = shared.sinks.get(name) else {
            return;
        };
        let lines = sink.output(&name.0).unwrap_or_default();
        let now = true_time::now();
        let mut delivered = Vec::new();
        for line in &lines {
            let text = String::from_utf8_lossy(&line.text);
            match read_line(&text, now) {
                Ok(line) => delivered.push(line),
                Err(problem) => shared.violations.push(problem),
            }
        }
        if shared.finals.get(name).map_or(&[][..], Vec::as_slice).len() != delivered.len() {
            shared.version += 1;
        }
        shared.finals.insert(name.clone(), delivered);
    }
}

/// The destination of a world's records.
#[derive(Debug, Clone)]
pub(crate) enum Output {
    /// A stream.
    Stream(Arc<Stream>),
    /// Files on one machine.
    Files(Files),
}

/// The sink of a world.
#[derive(Debug)]
pub(crate) enum SimSink {
    /// The production sink of a stream.
    Stream(StreamSink),
    /// The model of the sink of files.
    Files(Files),
}

/// The writer of one window.
pub(crate) enum SimWriter {
    /// Writes to a stream.
    Stream(<StreamSink as Sink>::Writer),
    /// Writes to a file.
    File {
        files: Files,
        name: Name,
        writer: MemoryWriter,
    },
}

impl Sink for SimSink {
    type Writer = SimWriter;

    async fn open(&self, window: &Window) -> Result<SimWriter, SinkError> {
        let files = match self {
            Self::Stream(sink) => return sink.open(window).await.map(SimWriter::Stream),
            Self::Files(files) => files.clone(),
        };
        let name = (window.id().clone(), window.to());
        files.pause().await;
        let sink = {
            let mut shared = lock(&files.shared);
            let sink = shared.sinks.entry(name.clone());
            sink.or_insert_with(|| MemorySink::new("files")).clone()
        };
        let opened = sink.open(window).await;
        files.look(&name);
        files.pause().await;
        opened.map(|writer| SimWriter::File {
            files,
            name,
            writer,
        })
    }
}

/// The written part of `batch`: nothing for a sweep that takes every record for delivered.
fn as_taken(batch: &Batch) -> Batch {
    let is_sweep = matches!(batch.window.timeline.lane, Lane::Sweep(_));
    let mut taken = batch.clone();
    if is_sweep && broken(Break::SweepKnowsAll) {
        taken.lines.clear();
        taken.ends.clear();
    }
    taken
}

impl WindowWriter for SimWriter {
    async fn write(&mut self, batch: &Batch) -> Result<Written, SinkError> {
        let batch = &as_taken(batch);
        match self {
            Self::Stream(writer) => writer.write(batch).await,
            Self::File { files, writer, .. } => {
                files.pause().await;
                let written = writer.write(batch).await;
                files.pause().await;
                written
            }
        }
    }

    async fn flush(&mut self) -> Result<Option<String>, SinkError> {
        match self {
            Self::Stream(writer) => writer.flush().await,
            Self::File { writer, .. } => writer.flush().await,
        }
    }

    fn makes_final(&self) -> bool {
        match self {
            Self::Stream(writer) => writer.makes_final(),
            Self::File { writer, .. } => writer.makes_final(),
        }
    }

    async fn finish(&mut self) -> Result<(), SinkError> {
        match self {
            Self::Stream(writer) => writer.finish().await,
            Self::File {
                files,
                name,
                writer,
            } => {
                files.pause().await;
                let finished = writer.finish().await;
                if finished.is_ok() {
                    files.remove_others(name);
                }
                files.look(name);
                files.pause().await;
                finished
            }
        }
    }
}
