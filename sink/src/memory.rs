//! A sink in memory that behaves like the one for files: it takes back, restarts beside earlier
//! output, and replaces it on finish. It also keeps everything ever written, so that duplicates can
//! be counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use windlass_core::ids::WindowId;
use windlass_core::window::Window;

use crate::ndjson::Position;
use crate::{Batch, Reject, Sink, SinkError, WindowWriter, Written};

/// Keeps delivered data in memory. Clones share everything.
#[derive(Debug, Clone)]
pub struct MemorySink {
    name: Arc<str>,
    delivered: Arc<Mutex<Delivered>>,
}

/// One line as delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The page of the line.
    pub page: u64,
    /// The line without its end.
    pub text: Bytes,
}

#[derive(Debug, Default)]
struct Delivered {
    windows: BTreeMap<WindowId, Output>,
    written: Vec<(WindowId, Line)>,
}

#[derive(Debug, Default)]
struct Output {
    /// Unfinished output, by number of restarts.
    attempts: BTreeMap<u32, Attempt>,
    done: Option<Attempt>,
    /// The number of times the window was opened; only the latest writer's pages count.
    opened: u64,
}

#[derive(Debug, Clone, Default)]
struct Attempt {
    lines: Vec<Line>,
    rejects: Vec<(u64, Reject)>,
}

impl MemorySink {
    /// An empty sink with this name.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            delivered: Arc::default(),
        }
    }

    /// Every window ever opened, ascending.
    pub fn windows(&self) -> Vec<WindowId> {
        self.delivered().windows.keys().cloned().collect()
    }

    /// The final lines of `window`; `None` while it has none, even if it is done.
    pub fn output(&self, window: &WindowId) -> Option<Vec<Line>> {
        let delivered = self.delivered();
        let done = delivered.windows.get(window)?.done.as_ref()?;
        (!done.lines.is_empty()).then(|| done.lines.clone())
    }

    /// The lines of `window` in its newest unfinished output.
    pub fn in_progress(&self, window: &WindowId) -> Vec<Line> {
        let delivered = self.delivered();
        let attempt = delivered
            .windows
            .get(window)
            .and_then(|output| output.attempts.values().next_back());
        attempt
            .map(|attempt| attempt.lines.clone())
            .unwrap_or_default()
    }

    /// The rejects of `window` with their pages: the final ones, else those of its newest
    /// unfinished output.
    pub fn rejects(&self, window: &WindowId) -> Vec<(u64, Reject)> {
        let delivered = self.delivered();
        let Some(output) = delivered.windows.get(window) else {
            return Vec::new();
        };
        let attempt = output
            .done
            .as_ref()
            .or_else(|| output.attempts.values().next_back());
        attempt
            .map(|attempt| attempt.rejects.clone())
            .unwrap_or_default()
    }

    /// Every line ever written, in order, including lines that were taken back.
    pub fn written(&self) -> Vec<(WindowId, Line)> {
        self.delivered().written.clone()
    }

    /// Forgets the output of `window`, so that the next `open` at a position finds it lost.
    pub fn lose(&self, window: &WindowId) {
        self.delivered().windows.remove(window);
    }

    fn delivered(&self) -> MutexGuard<'_, Delivered> {
        self.delivered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self, problem: String) -> SinkError {
        SinkError::Lost {
            sink: self.name.to_string(),
            problem,
        }
    }
}

impl Output {
    /// Returns to `position`. False if data before it is missing.
    fn resume(&mut self, position: Position) -> bool {
        let Position {
            restarts,
            lines,
            rejects,
        } = position;
        let (Ok(lines), Ok(rejects)) = (usize::try_from(lines), usize::try_from(rejects)) else {
            return false;
        };
        let reaches =
            |attempt: &Attempt| lines <= attempt.lines.len() && rejects <= attempt.rejects.len();
        if lines == 0 && rejects == 0 {
            self.attempts.insert(restarts, Attempt::default());
        } else if !self.attempts.contains_key(&restarts)
            && let Some(done) = self.done.take_if(|done| reaches(done))
        {
            self.attempts.insert(restarts, done);
        }
        match self.attempts.get_mut(&restarts) {
            Some(attempt) if reaches(attempt) => {
                attempt.lines.truncate(lines);
                attempt.rejects.truncate(rejects);
                true
            }
            _ => false,
        }
    }
}

impl Sink for MemorySink {
    type Writer = MemoryWriter;

    async fn open(&self, window: &Window) -> Result<MemoryWriter, SinkError> {
        let position = Position::read(window.sink_position(), window.restarts())
            .map_err(|problem| self.lost(problem))?;
        let mut delivered = self.delivered();
        let output = delivered.windows.entry(window.id().clone()).or_default();
        if !output.resume(position) {
            return Err(self.lost(format!("{} does not reach to {position}", window.id())));
        }
        output.opened += 1;
        let opened = output.opened;
        drop(delivered);
        Ok(MemoryWriter {
            sink: self.clone(),
            window: window.id().clone(),
            position,
            opened,
        })
    }
}

/// Writes one window.
///
/// A writer whose window was opened again meanwhile still receives acknowledgements, like a worker
/// that lost its lease does from a stream; its pages are only in [`MemorySink::written`].
#[derive(Debug)]
pub struct MemoryWriter {
    sink: MemorySink,
    window: WindowId,
    position: Position,
    opened: u64,
}

impl WindowWriter for MemoryWriter {
    async fn write(&mut self, batch: &Batch) -> Result<Written, SinkError> {
        assert_eq!(batch.window, self.window, "a page goes to its own window");
        let lines = lines_of(batch);
        let mut delivered = self.sink.delivered();
        delivered
            .written
            .extend(lines.iter().map(|line| (self.window.clone(), line.clone())));
        self.position.lines += lines.len() as u64;
        self.position.rejects += batch.rejects.len() as u64;
        if let Some(output) = delivered.windows.get_mut(&self.window)
            && output.opened == self.opened
        {
            let attempt = output.attempts.entry(self.position.restarts).or_default();
            attempt.lines.extend(lines);
            attempt.rejects.extend(
                batch
                    .rejects
                    .iter()
                    .map(|reject| (batch.page, reject.clone())),
            );
        }
        Ok(Written::Durable(Some(self.position.to_string())))
    }

    fn makes_final(&self) -> bool {
        self.position.lines > 0 || self.position.rejects > 0
    }

    async fn finish(&mut self) -> Result<(), SinkError> {
        let mut delivered = self.sink.delivered();
        if let Some(output) = delivered.windows.get_mut(&self.window)
            && output.opened == self.opened
            && let Some(attempt) = output.attempts.remove(&self.position.restarts)
        {
            output.done = Some(attempt);
            output
                .attempts
                .retain(|restarts, _| *restarts > self.position.restarts);
        }
        Ok(())
    }
}

fn lines_of(batch: &Batch) -> Vec<Line> {
    let starts = std::iter::once(0).chain(batch.ends.iter().copied());
    let spans = starts.zip(&batch.ends);
    spans
        .map(|(start, end)| Line {
            page: batch.page,
            text: batch.lines.slice(start..end - 1),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Destination, TakingBack, line, lines, page, window};

    impl Destination for MemorySink {
        type Sink = Self;

        fn sink(&self) -> Self {
            self.clone()
        }

        fn output(&self, window: &Window) -> Option<Vec<String>> {
            self.output(window.id()).map(|lines| texts(&lines))
        }

        fn rejects(&self, window: &Window) -> Vec<(u64, Reject)> {
            self.rejects(window.id())
        }
    }

    impl TakingBack for MemorySink {
        fn in_progress(&self, window: &Window) -> Vec<String> {
            let delivered = self.delivered();
            let output = delivered.windows.get(window.id());
            let attempt = output.and_then(|output| output.attempts.get(&window.restarts()));
            attempt
                .map(|attempt| texts(&attempt.lines))
                .unwrap_or_default()
        }

        fn lose(&self, window: &Window) {
            self.lose(window.id());
        }
    }

    fn texts(lines: &[Line]) -> Vec<String> {
        lines
            .iter()
            .map(|line| String::from_utf8(line.text.to_vec()).unwrap())
            .collect()
    }

    #[tokio::test]
    async fn memory_keeps_sink_contract() {
        conformance::keeps_the_contract(|| MemorySink::new("memory")).await;
    }

    #[tokio::test]
    async fn memory_truncates_unacknowledged_lines() {
        conformance::takes_back(|| MemorySink::new("memory")).await;
    }

    #[tokio::test]
    async fn truncated_lines_still_count_as_written() {
        let (sink, window) = (MemorySink::new("memory"), window("okta"));
        for _ in 0..2 {
            let mut writer = sink.open(&window).await.unwrap();
            writer.write(&page(&window, 0, 0..2)).await.unwrap();
        }
        assert_eq!(texts(&sink.in_progress(window.id())), lines(&window, 0..2));
        assert_eq!(sink.written().len(), 4);
    }

    #[tokio::test]
    async fn fenced_writer_changes_no_output() {
        let (sink, window) = (MemorySink::new("memory"), window("okta"));
        let mut zombie = sink.open(&window).await.unwrap();
        let mut holder = sink.open(&window).await.unwrap();
        holder.write(&page(&window, 0, 0..1)).await.unwrap();
        zombie.write(&page(&window, 0, 0..1)).await.unwrap();
        zombie.finish().await.unwrap();
        assert_eq!(sink.output(window.id()), None);
        holder.finish().await.unwrap();
        assert_eq!(sink.output(window.id()).unwrap().len(), 1);
        let written = sink.written();
        assert_eq!(written.len(), 2);
        assert_eq!(
            written[0].1,
            Line {
                page: 0,
                text: line(&window, 0).into()
            }
        );
        assert_eq!(sink.windows(), [window.id().clone()]);
    }
}
