//! `windlass verify`: compares the files of the output folders with the windows of the state. Reads
//! both and changes neither, beside a run or without one; holds one file's end, a few windows and the
//! bounds of one source's files in memory at a time.

mod problem;
mod report;
mod spans;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use windlass_core::ids::{SourceName, Timeline, WindowId};
use windlass_core::progress::Progress;
use windlass_core::span::Span;
use windlass_core::time::Timestamp;
use windlass_core::window::Window;
use windlass_sink::ndjson::{
    FileName, Files, FolderFile, Kind, LastLine, Stage, compare, delivered_bytes,
};
use windlass_state::{StateError, StateStore};

use self::problem::Problem;
use self::report::Report;
use self::spans::Spans;
use crate::config::Config;
use crate::exit_code::{ExitCode, UsageError};
use crate::local::folders::{self, Place};
use crate::output::Output;
use crate::state::{Purpose, Store};
use crate::target::Target;

/// Number of windows read at a time.
const WINDOWS_PER_READ: usize = 1_000;
/// Maximum number of comparisons of a differing file, while a run may be changing both.
const LOOKS_MAX: usize = 5;

/// Compares the files of every source, or of `source`, with the state.
pub(crate) async fn verify(
    target: &Target,
    source: Option<&str>,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let config = target.config()?;
    let places = places(&config, source)?;
    let store = target.open(&config.state, Purpose::Look).await?;
    let mut report = Report::default();
    for place in places {
        for name in &place.sources {
            let definition = &config.source(name.as_str())?.definition;
            let lanes = store.progress_of(definition.shard(), name).await?;
            let mut ledger = Ledger {
                store: &store,
                place: &place,
                lanes,
                spans: BTreeMap::new(),
            };
            ledger.check_files(name, &mut report).await?;
            ledger.check_windows(&mut report).await?;
            ledger.check_overlaps(&mut report);
            report.sources += 1;
        }
    }
    output.result(&report.to_json(), || report.text())?;
    Ok(if report.is_clean() {
        ExitCode::Success
    } else {
        ExitCode::Mismatch
    })
}

/// The folders to search, each with its sources.
fn places(config: &Config, source: Option<&str>) -> anyhow::Result<Vec<Place>> {
    let mut places = folders::places(config);
    let Some(source) = source else {
        return Ok(places);
    };
    let wanted = &config.source(source)?.definition.name;
    for place in &mut places {
        place.sources.retain(|name| name == wanted);
    }
    places.retain(|place| !place.sources.is_empty());
    if places.is_empty() {
        let problem = format!("source {source} does not deliver into files");
        return Err(UsageError(problem).into());
    }
    Ok(places)
}

/// The stored windows of one source, and the folder of its files.
struct Ledger<'a> {
    store: &'a Store,
    place: &'a Place,
    lanes: Vec<Progress>,
    /// The bounds of its files that have no other problem.
    spans: BTreeMap<Timeline, Spans>,
}

/// A failed comparison of one file.
enum Failure {
    /// The state cannot be read: nothing can be compared.
    State(StateError),
    /// This file cannot be read.
    File(String),
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl Ledger<'_> {
    /// Compares each file with its window. A file that cannot be read does not end the comparison.
    async fn check_files(
        &mut self,
        source: &SourceName,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let files = match Files::below(&self.place.sink, &self.place.dir, Some(source)) {
            Ok(files) => files,
            Err(error) => {
                report.add_unchecked(error.to_string());
                return Ok(());
            }
        };
        for file in files {
            report.files += 1;
            let file = match file {
                Ok(file) => file,
                Err(error) => {
                    report.add_unchecked(error.to_string());
                    continue;
                }
            };
            match self.check_file(&file).await {
                Ok(Some(problem)) => report.add(problem, &file.path),
                Ok(None) => self.note_span(&file),
                Err(Failure::File(message)) => report.add_unchecked(message),
                Err(Failure::State(error)) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn note_span(&mut self, file: &FolderFile) {
        let Some(name) = &file.name else { return };
        if let (Stage::Output { to: Some(to) }, Kind::Lines) = (name.stage, name.kind)
            && let Ok(span) = Span::new(name.window.from, to)
        {
            let timeline = name.window.timeline.clone();
            self.spans.entry(timeline).or_default().add(span);
        }
    }

    async fn check_file(&self, file: &FolderFile) -> Result<Option<Problem>, Failure> {
        let Some(name) = &file.name else {
            return Ok(Some(Problem::Unnamed));
        };
        if let Stage::Part { .. } = name.stage {
            return Ok(None);
        }
        let (mut file, mut problem) = (file.clone(), None);
        for _ in 0..LOOKS_MAX {
            let window = self.store.window(&name.window).await?;
            problem = match &window {
                None if self.is_passed(name) => None,
                window => {
                    let agreement = compare(&self.place.sink, &file, window.as_ref())
                        .map_err(|error| Failure::File(error.to_string()))?;
                    Problem::of(agreement, file.bytes)
                }
            };
            if problem.is_none() {
                break;
            }
            // A run may have replaced the file since its length was read.
            match fs::symlink_metadata(&file.path) {
                Ok(metadata) if metadata.len() == file.bytes => break,
                Ok(metadata) => file.bytes = metadata.len(),
                Err(_) => return Ok(None),
            }
        }
        if problem.is_some() {
            return Ok(problem);
        }
        let last = LastLine::of(&file.path, file.bytes);
        let last = last.map_err(|error| {
            Failure::File(format!("cannot read {}: {error}", file.path.display()))
        })?;
        let is_unreadable = last.is_some_and(|line| !line.is_readable());
        Ok(is_unreadable.then_some(Problem::Unreadable))
    }

    /// Returns true if the marks have passed the window of a file, so that its history may be
    /// deleted.
    fn is_passed(&self, file: &FileName) -> bool {
        let id = &file.window;
        let end = match file.stage {
            Stage::Output { to: Some(to) } => to,
            Stage::Output { to: None } | Stage::Part { .. } => id.from.plus_ms(1),
        };
        self.lanes.iter().any(|lane| {
            lane.timeline == id.timeline
                && id.from >= lane.start
                && end <= lane.open_from
                && !lane.behind.contains(&id.from)
        })
    }

    /// Checks that the file of each done window exists.
    async fn check_windows(&mut self, report: &mut Report) -> anyhow::Result<()> {
        for lane in &self.lanes {
            let mut at = Timestamp::MIN;
            while let Ok(span) = Span::new(at, Timestamp::MAX) {
                let history = self.store.history(&lane.timeline, span, WINDOWS_PER_READ);
                let windows = history.await?;
                for window in &windows {
                    report.windows += 1;
                    self.check_window(window, report);
                    if !window.is_unfinished()
                        && let Some(spans) = self.spans.get_mut(&lane.timeline)
                    {
                        spans.check_window(window.span());
                    }
                }
                match windows.last() {
                    Some(last) if windows.len() == WINDOWS_PER_READ => {
                        at = last.id().from.plus_ms(1);
                    }
                    _ => break,
                }
            }
        }
        Ok(())
    }

    /// Names the files that cover time of other files or windows.
    fn check_overlaps(self, report: &mut Report) {
        for (timeline, spans) in self.spans {
            for (from, to) in spans.overlapping() {
                let name = FileName {
                    window: WindowId {
                        timeline: timeline.clone(),
                        from,
                    },
                    kind: Kind::Lines,
                    stage: Stage::Output { to: Some(to) },
                };
                report.add(Problem::Overlapping, &self.place.dir.join(name.path()));
            }
        }
    }

    fn check_window(&self, window: &Window, report: &mut Report) {
        for kind in [Kind::Lines, Kind::Rejects] {
            let bytes = delivered_bytes(window, kind).unwrap_or(0);
            let path = |to| {
                let name = FileName {
                    window: window.id().clone(),
                    kind,
                    stage: Stage::Output { to },
                };
                self.place.dir.join(name.path())
            };
            // A link or a directory in its place is not the file. An unreadable entry is listed
            // with the files.
            let is_there = |path: &Path| match path.symlink_metadata() {
                Ok(metadata) => metadata.is_file(),
                Err(error) => error.kind() != ErrorKind::NotFound,
            };
            let whole = path(Some(window.to()));
            // Beside an adopted file, the window has delivered a file of its own.
            let is_older = !window.adopted() && is_there(&path(None));
            if bytes > 0 && !is_there(&whole) && !is_older {
                report.add(Problem::Missing { bytes }, &whole);
            }
        }
    }
}
