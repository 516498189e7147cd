//! A log in memory, for tests of log lines.

use std::io;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde_json::Value;
use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing_subscriber::EnvFilter;

use crate::json_lines;

/// A subscriber beside those of the logs, for the life of the process. With a single subscriber,
/// `tracing` asks the one of the thread that first meets a span or an event whether it is enabled,
/// and keeps the result for all threads: a test without a log would disable lines of one with a
/// log.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// The lines of a log. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct LogLines(Arc<Mutex<Vec<u8>>>);

impl LogLines {
    /// Starts the log of a function for this thread, filtered by `filter`. It ends with the guard.
    pub fn start(&self, filter: &str) -> DefaultGuard {
        LazyLock::force(&ANOTHER);
        let lines = self.clone();
        let log = json_lines(EnvFilter::new(filter), move || lines.clone());
        tracing::subscriber::set_default(log)
    }

    /// The lines since the last call.
    ///
    /// # Panics
    /// Panics if a line is not JSON.
    pub fn take(&self) -> Vec<Value> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let lines = bytes.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        let parsed = lines.map(|line| serde_json::from_slice(line).expect("a line of JSON"));
        parsed.collect()
    }
}

impl io::Write for LogLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
