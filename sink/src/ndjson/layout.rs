//! The paths of a window's files, and the window of a file.

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use windlass_core::ids::{Timeline, WindowId};
use windlass_core::time::Timestamp;

use super::file_error::{FileError, IoContext};

/// The two kinds of files of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The delivered records.
    Lines,
    /// The records that could not be forwarded.
    Rejects,
}

/// The two states of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// In progress, after this number of restarts of its window.
    Part {
        /// Number of restarts of the window.
        restarts: u32,
    },
    /// A complete file.
    Output {
        /// The end of the window; `None` in names of the old form without an end.
        to: Option<Timestamp>,
    },
}

/// The parsed path of a file below the output folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileName {
    /// Timeline and start of its window.
    pub window: WindowId,
    /// The kind of the file.
    pub kind: Kind,
    /// In progress or complete.
    pub stage: Stage,
}

impl FileName {
    /// The path below the output folder. Every component is a validated name, so no window can
    /// leave the folder.
    pub fn path(&self) -> PathBuf {
        directory(&self.window).join(self.name())
    }

    /// Parses `path`, relative to the output folder; `None` if [`Self::path`] cannot produce it.
    pub fn parse(path: &Path) -> Option<Self> {
        let mut parts = path.components().map(|part| match part {
            Component::Normal(text) => text.to_str(),
            _ => None,
        });
        let mut next = || parts.next().flatten();
        let (source, lane, _day, name) = (next()?, next()?, next()?, next()?);
        let (span, rest) = name.rsplit_once('-')?;
        let (generation, suffix) = rest.split_at_checked(rest.find('.')?)?;
        let (from, to) = match span.split_once('_') {
            Some((from, to)) => (from, Some(Timestamp::from_compact(to)?)),
            None => (span, None),
        };
        let (kind, stage) = parse_suffix(suffix, to)?;
        let timeline = Timeline {
            source: source.parse().ok()?,
            generation: generation.parse().ok()?,
            lane: lane.parse().ok()?,
        };
        let from = Timestamp::from_compact(from)?;
        let parsed = Self {
            window: WindowId { timeline, from },
            kind,
            stage,
        };
        (parsed.path() == path).then_some(parsed)
    }

    fn name(&self) -> String {
        let (from, generation) = (self.window.from.compact(), &self.window.timeline.generation);
        let rejects = self.kind == Kind::Rejects;
        match self.stage {
            Stage::Part { restarts } => {
                let kind = if rejects { ".rejects" } else { "" };
                format!("{from}-{generation}.r{restarts}{kind}.part")
            }
            Stage::Output { to } => {
                let to = to.map_or_else(String::new, |to| format!("_{}", to.compact()));
                let suffix = if rejects { "rejects.jsonl" } else { "ndjson" };
                format!("{from}{to}-{generation}.{suffix}")
            }
        }
    }
}

fn parse_suffix(suffix: &str, to: Option<Timestamp>) -> Option<(Kind, Stage)> {
    match suffix {
        ".ndjson" => return Some((Kind::Lines, Stage::Output { to })),
        ".rejects.jsonl" => return Some((Kind::Rejects, Stage::Output { to })),
        _ => {}
    }
    let part = suffix.strip_prefix(".r")?.strip_suffix(".part")?;
    let (restarts, kind) = match part.strip_suffix(".rejects") {
        Some(restarts) => (restarts, Kind::Rejects),
        None => (part, Kind::Lines),
    };
    let restarts = restarts.parse().ok()?;
    // A part has no end in its name: a split may still move it.
    to.is_none().then_some((kind, Stage::Part { restarts }))
}

/// The directory of `window`'s files below the output folder.
fn directory(window: &WindowId) -> PathBuf {
    let timeline = &window.timeline;
    Path::new(timeline.source.as_str())
        .join(timeline.lane.to_string())
        .join(day(window.from))
}

/// The directory name of the UTC day of `from`; sorts chronologically.
pub(super) fn day(from: Timestamp) -> String {
    from.to_datetime().format("%Y-%m-%d").to_string()
}

/// The places of one window's files.
#[derive(Debug)]
pub(super) struct Layout {
    base: PathBuf,
    window: WindowId,
    to: Timestamp,
}

impl Layout {
    /// The places below `base` of the window that ends at `to`.
    pub(super) fn new(base: &Path, window: &WindowId, to: Timestamp) -> Self {
        Self {
            base: base.to_owned(),
            window: window.clone(),
            to,
        }
    }

    /// The directory of all its files.
    pub(super) fn directory(&self) -> PathBuf {
        self.base.join(directory(&self.window))
    }

    /// Path of the complete file.
    pub(super) fn output(&self, kind: Kind) -> PathBuf {
        self.file(kind, Stage::Output { to: Some(self.to) })
    }

    /// Path of the file in progress after `restarts` restarts.
    pub(super) fn part(&self, kind: Kind, restarts: u32) -> PathBuf {
        self.file(kind, Stage::Part { restarts })
    }

    /// Complete files of the same window with another end in their name: the window was split after
    /// an earlier run had made them final and before it was done. A name without an end stays: its
    /// file may have been adopted.
    pub(super) fn other_outputs(&self) -> Result<Vec<PathBuf>, FileError> {
        let directory = self.directory();
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.doing("list", &directory)?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.doing("list", &directory)?.path();
            let below = path.strip_prefix(&self.base).ok();
            let name = below.and_then(FileName::parse);
            let is_other = |name: FileName| {
                let ends_elsewhere =
                    matches!(name.stage, Stage::Output { to: Some(to) } if to != self.to);
                name.window == self.window && ends_elsewhere
            };
            if name.is_some_and(is_other) {
                found.push(path);
            }
        }
        Ok(found)
    }

    fn file(&self, kind: Kind, stage: Stage) -> PathBuf {
        let window = self.window.clone();
        let name = FileName {
            window,
            kind,
            stage,
        };
        self.base.join(name.path())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn path_holds_source_lane_day_bounds_generation() {
        let window: WindowId = "okta/0123456789ab/backfill-q1/2026-01-31T23:59:59.999Z"
            .parse()
            .unwrap();
        let to = "2026-02-01T00:20:00Z".parse().unwrap();
        let layout = Layout::new(Path::new("/out"), &window, to);
        let dir = "/out/okta/backfill-q1/2026-01-31";
        let from = "20260131T235959.999Z";
        let both = format!("{from}_20260201T002000.000Z");
        for (path, expected) in [
            (
                layout.output(Kind::Lines),
                format!("{both}-0123456789ab.ndjson"),
            ),
            (
                layout.output(Kind::Rejects),
                format!("{both}-0123456789ab.rejects.jsonl"),
            ),
            (
                layout.part(Kind::Lines, 0),
                format!("{from}-0123456789ab.r0.part"),
            ),
            (
                layout.part(Kind::Rejects, 12),
                format!("{from}-0123456789ab.r12.rejects.part"),
            ),
        ] {
            assert_eq!(path, Path::new(dir).join(expected));
        }
    }

    #[test]
    fn name_without_end_parses() {
        let path = Path::new("okta/live/2026-01-01/20260101T030000.000Z-0123456789ab.ndjson");
        let name = FileName::parse(path).unwrap();
        assert_eq!(name.stage, Stage::Output { to: None });
        assert_eq!(name.path(), path);
    }

    #[test]
    fn path_of_no_window_is_not_parsed() {
        let good = "20260101T030000.000Z_20260101T040000.000Z-0123456789ab.ndjson";
        for bad in [
            format!("okta/live/2026-01-02/{good}"),
            format!("okta/live/{good}"),
            format!("okta/live/2026-01-01/x/{good}"),
            format!("/okta/live/2026-01-01/{good}"),
            format!("okta/../okta/live/2026-01-01/{good}"),
            format!("Okta/live/2026-01-01/{good}"),
            format!("okta/live/2026-01-01/{good}~"),
            "okta/live/2026-01-01/20260101T030000.000Z-0123456789ab.r01.part".to_owned(),
            "okta/live/2026-01-01/20260101T030000.000Z_20260101T040000.000Z-0123456789ab.r0.part"
                .to_owned(),
            "okta/live/2026-01-01/20260101T030000Z-0123456789ab.ndjson".to_owned(),
            ".windlass-owner".to_owned(),
        ] {
            assert_eq!(FileName::parse(Path::new(&bad)), None, "{bad}");
        }
    }

    fn timestamp() -> impl Strategy<Value = Timestamp> {
        (Timestamp::MIN.as_ms()..=Timestamp::MAX.as_ms()).prop_map(Timestamp::from_ms)
    }

    prop_compose! {
        fn file_name()(
            source in "[a-z0-9][a-z0-9-]{0,20}",
            generation in "[0-9a-f]{12}",
            lane in prop_oneof![
                Just("live".to_owned()), "sweep-[1-9]", "backfill-[a-z0-9][a-z0-9-]{0,8}",
            ],
            from in timestamp(),
            kind in prop_oneof![Just(Kind::Lines), Just(Kind::Rejects)],
            stage in prop_oneof![
                any::<u32>().prop_map(|restarts| Stage::Part { restarts }),
                prop::option::of(timestamp()).prop_map(|to| Stage::Output { to }),
            ],
        ) -> FileName {
            let timeline = Timeline {
                source: source.parse().unwrap(),
                generation: generation.parse().unwrap(),
                lane: lane.parse().unwrap(),
            };
            FileName { window: WindowId { timeline, from }, kind, stage }
        }
    }

    proptest! {
        #[test]
        fn every_name_round_trips_through_path(name in file_name()) {
            prop_assert_eq!(FileName::parse(&name.path()), Some(name));
        }

        #[test]
        fn parsed_path_equals_path_of_its_name(text in "[-a-z0-9TZ._/]{0,80}") {
            if let Some(name) = FileName::parse(Path::new(&text)) {
                prop_assert_eq!(name.path(), Path::new(&text));
            }
        }
    }
}
