//! The complete files of one source, timeline by timeline.

use std::collections::BTreeMap;
use std::path::PathBuf;

use windlass_core::ids::{SourceName, Timeline};
use windlass_core::time::Timestamp;
use windlass_sink::SinkError;
use windlass_sink::ndjson::{Folder, Kind, Stage, position};

/// The complete files of one window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Complete {
    /// The file with records; `None` if all of them were rejected.
    pub(super) lines: Option<PathBuf>,
    lines_bytes: u64,
    rejects_bytes: u64,
}

/// Files by the bounds in their names.
pub(super) type Found = BTreeMap<(Timestamp, Option<Timestamp>), Complete>;

impl Complete {
    /// The position at the end of both files.
    pub(super) fn position(&self) -> String {
        position(self.lines_bytes, self.rejects_bytes)
    }
}

/// The complete files of `source` in `folder`.
pub(super) fn complete(
    folder: &Folder,
    source: &SourceName,
) -> Result<BTreeMap<Timeline, Found>, SinkError> {
    let mut timelines: BTreeMap<Timeline, Found> = BTreeMap::new();
    for file in folder.files_of(source)? {
        let file = file?;
        let Some(name) = file.name else { continue };
        let Stage::Output { to } = name.stage else {
            continue;
        };
        let found = timelines.entry(name.window.timeline).or_default();
        let complete = found.entry((name.window.from, to)).or_default();
        match name.kind {
            Kind::Lines => {
                complete.lines = Some(file.path);
                complete.lines_bytes = file.bytes;
            }
            Kind::Rejects => complete.rejects_bytes = file.bytes,
        }
    }
    Ok(timelines)
}
