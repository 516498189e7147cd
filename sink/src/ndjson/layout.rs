//! Where the files of a window are.

use std::path::{Path, PathBuf};

use windlass_core::ids::WindowId;

/// The two files a window can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Its records.
    Lines,
    /// What could not be forwarded.
    Rejects,
}

/// The places of one window's files.
#[derive(Debug)]
pub(super) struct Layout {
    directory: PathBuf,
    stem: String,
}

impl Layout {
    /// The places of `window` below `base`. Every part of the path is a validated name, so no
    /// window can leave `base`.
    pub(super) fn new(base: &Path, window: &WindowId) -> Self {
        let timeline = &window.timeline;
        let day = window.from.to_datetime().format("%Y-%m-%d").to_string();
        Self {
            directory: base
                .join(timeline.source.as_str())
                .join(timeline.lane.to_string())
                .join(day),
            stem: format!("{}-{}", window.from.compact(), timeline.generation),
        }
    }

    /// The directory that holds all of them.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file once the window is done.
    pub(super) fn output(&self, kind: Kind) -> PathBuf {
        self.directory.join(match kind {
            Kind::Lines => format!("{}.ndjson", self.stem),
            Kind::Rejects => format!("{}.rejects.jsonl", self.stem),
        })
    }

    /// The file while the pass after so many `restarts` is in progress.
    pub(super) fn part(&self, kind: Kind, restarts: u32) -> PathBuf {
        self.directory.join(match kind {
            Kind::Lines => format!("{}.r{restarts}.part", self.stem),
            Kind::Rejects => format!("{}.r{restarts}.rejects.part", self.stem),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_found_by_source_lane_day_start_and_generation() {
        let window = "okta/0123456789ab/backfill-q1/2026-01-31T23:59:59.999Z"
            .parse()
            .unwrap();
        let layout = Layout::new(Path::new("/out"), &window);
        let stem = "/out/okta/backfill-q1/2026-01-31/20260131T235959.999Z-0123456789ab";
        for (path, expected) in [
            (layout.output(Kind::Lines), ".ndjson"),
            (layout.output(Kind::Rejects), ".rejects.jsonl"),
            (layout.part(Kind::Lines, 0), ".r0.part"),
            (layout.part(Kind::Rejects, 12), ".r12.rejects.part"),
        ] {
            assert_eq!(path, Path::new(&format!("{stem}{expected}")));
        }
    }
}
