//! The accepted and billed data of a stream.

use anyhow::{Context, ensure};
use bytes::Bytes;

use super::StreamKind;

/// Billing step of a Firehose record in bytes. <https://aws.amazon.com/firehose/pricing/>
const FIREHOSE_STEP_BYTES: u64 = 5 * 1024;
/// Payload unit of a Kinesis record in bytes.
/// <https://aws.amazon.com/kinesis/data-streams/pricing/>
const KINESIS_STEP_BYTES: u64 = 25 * 1024;

/// One accepted entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The partition key; `None` for Firehose.
    pub partition_key: Option<String>,
    /// The data of the entry.
    pub data: Bytes,
}

impl Entry {
    /// The lines of the data.
    pub fn lines(&self) -> anyhow::Result<std::str::Lines<'_>> {
        let text = std::str::from_utf8(&self.data).context("an entry that is not text")?;
        ensure!(
            text.ends_with('\n'),
            "an entry ends in the middle of a line"
        );
        Ok(text.lines())
    }
}

/// The counters of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Calls within the limits.
    pub calls: u64,
    /// Calls within the limits that failed as a whole.
    pub refused_calls: u64,
    /// Accepted entries.
    pub entries: u64,
    /// Entries that failed inside HTTP 200.
    pub refused_entries: u64,
    /// Total size of the accepted entries in bytes.
    pub bytes: u64,
    /// Billed size of the accepted entries in bytes: each rounded up to the service's step.
    pub billed_bytes: u64,
}

/// One stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Stream {
    pub(super) entries: Vec<Entry>,
    pub(super) usage: Usage,
}

impl Stream {
    pub(super) fn accept(&mut self, kind: StreamKind, entry: Entry) {
        let bytes = u64::try_from(entry.data.len()).unwrap_or(u64::MAX);
        let step = match kind {
            StreamKind::Firehose => FIREHOSE_STEP_BYTES,
            StreamKind::Kinesis => KINESIS_STEP_BYTES,
        };
        self.usage.entries += 1;
        self.usage.bytes += bytes;
        self.usage.billed_bytes += bytes.div_ceil(step) * step;
        self.entries.push(entry);
    }
}
