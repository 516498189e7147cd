//! The content of a complete file, as far as an adoption needs it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde::de::IgnoredAny;
use windlass_core::seen::digest;
use windlass_core::time::Timestamp;

/// The summary of a file's records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// The digest of each id, with the record's time.
    pub(super) records: Vec<(u64, Option<Timestamp>)>,
    /// Number of records without a vendor id; their positional ids differ between reads.
    pub(super) nameless: u64,
    /// Length in bytes up to the end of the last whole line.
    pub(super) whole_bytes: u64,
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
    let mut at = 0;
    while lines.read_until(b'\n', &mut line).with_context(failed)? > 0 {
        at += line.len() as u64;
        if line.ends_with(b"\n") && content.add(&line) {
            content.whole_bytes = at;
        }
        line.clear();
    }
    Ok(content)
}

impl Content {
    /// Counts the record of a line. Returns false for a line that is not JSON.
    fn add(&mut self, line: &[u8]) -> bool {
        if serde_json::from_slice::<IgnoredAny>(line).is_err() {
            return false;
        }
        let parsed = serde_json::from_slice::<Line>(line);
        let metadata = parsed.ok().and_then(|line| line.metadata);
        let Some(metadata) = metadata else {
            self.nameless += 1;
            return true;
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
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_part_ends_before_torn_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.ndjson");
        let line =
            |id: &str| format!("{{\"_windlass\":{{\"id\":\"{id}\",\"id_kind\":\"vendor\"}}}}\n");
        let whole = format!("{}\0\0\n{}", line("a"), line("b"));
        std::fs::write(&path, format!("{whole}{{\"_wind")).unwrap();
        let content = read(&path).unwrap();
        assert_eq!((content.records.len(), content.nameless), (2, 0));
        assert_eq!(content.whole_bytes, whole.len() as u64);
        // A line without its end: an appended line would join it.
        let unended = format!("{whole}{}", line("c").trim_end());
        std::fs::write(&path, unended).unwrap();
        let content = read(&path).unwrap();
        assert_eq!(content.records.len(), 2);
        assert_eq!(content.whole_bytes, whole.len() as u64);
        std::fs::write(&path, "\0\0\0").unwrap();
        assert_eq!(read(&path).unwrap(), Content::default());
    }
}
