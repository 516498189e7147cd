//! The complete files of one source, timeline by timeline.

use std::collections::BTreeMap;

use windlass_core::ids::{SourceName, Timeline};
use windlass_core::time::Timestamp;
use windlass_sink::ndjson::{Folder, FolderFile, Kind, Stage, position};

/// The complete files of one window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Complete {
    /// The file with records; `None` if all of them were rejected.
    pub(super) lines: Option<FolderFile>,
    /// The file with rejects.
    pub(super) rejects: Option<FolderFile>,
}

/// Files by the bounds in their names.
pub(super) type Found = BTreeMap<(Timestamp, Option<Timestamp>), Complete>;

impl Complete {
    /// The position at the end of both files.
    pub(super) fn position(&self) -> String {
        let bytes = |file: &Option<FolderFile>| file.as_ref().map_or(0, |file| file.bytes);
        position(bytes(&self.lines), bytes(&self.rejects))
    }
}

/// The complete files of `source` in `folder`. Adds the unreadable ones to `unreadable`.
pub(super) fn complete(
    folder: &Folder,
    source: &SourceName,
    unreadable: &mut Vec<String>,
) -> BTreeMap<Timeline, Found> {
    let mut timelines: BTreeMap<Timeline, Found> = BTreeMap::new();
    let files = match folder.files_of(source) {
        Ok(files) => files,
        Err(error) => {
            unreadable.push(error.to_string());
            return timelines;
        }
    };
    for file in files {
        let file = match file {
            Ok(file) => file,
            Err(error) => {
                unreadable.push(error.to_string());
                continue;
            }
        };
        let Some(name) = file.name.clone() else {
            continue;
        };
        let Stage::Output { to } = name.stage else {
            continue;
        };
        let found = timelines.entry(name.window.timeline).or_default();
        let complete = found.entry((name.window.from, to)).or_default();
        match name.kind {
            Kind::Lines => complete.lines = Some(file),
            Kind::Rejects => complete.rejects = Some(file),
        }
    }
    timelines
}
