//! The content of a complete file, as far as an adoption needs it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use windlass_core::seen::digest;
use windlass_core::time::Timestamp;

/// The summary of a file's records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// The digest of each id, with the record's time.
    pub(super) records: Vec<(u64, Option<Timestamp>)>,
    /// Number of records without a vendor id; their positional ids differ between reads.
    pub(super) nameless: u64,
    /// The latest time of a record.
    pub(super) newest: Option<Timestamp>,
    /// The time at which the first record was pulled.
    pub(super) pulled_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "_windlass")]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    id: Option<String>,
    id_kind: Option<String>,
    time: Option<Timestamp>,
    pulled_at: Option<Timestamp>,
}

/// Reads the file at `path`, one line at a time.
pub(super) fn read(path: &Path) -> anyhow::Result<Content> {
    let failed = || format!("cannot read {}", path.display());
    let mut lines = BufReader::new(File::open(path).with_context(failed)?);
    let (mut content, mut line) = (Content::default(), Vec::new());
    while lines.read_until(b'\n', &mut line).with_context(failed)? > 0 {
        content.add(&line);
        line.clear();
    }
    Ok(content)
}

impl Content {
    fn add(&mut self, line: &[u8]) {
        let parsed = serde_json::from_slice::<Line>(line);
        let metadata = parsed.ok().and_then(|line| line.metadata);
        let Some(metadata) = metadata else {
            self.nameless += 1;
            return;
        };
        self.newest = self.newest.max(metadata.time);
        self.pulled_at = match (self.pulled_at, metadata.pulled_at) {
            (Some(before), Some(now)) => Some(before.min(now)),
            (before, now) => before.or(now),
        };
        match (metadata.id, metadata.id_kind.as_deref()) {
            (Some(id), Some("vendor")) => self.records.push((digest(&id), metadata.time)),
            _ => self.nameless += 1,
        }
    }
}
