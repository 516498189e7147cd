//! `windlass windows`: the windows of a source. `windlass show`: one window in full.

mod list;
mod show;

use windlass_core::clock::Clock;
use windlass_core::ids::Lane;
use windlass_core::system::SystemClock;
use windlass_core::view::{LaneView, SourceView};
use windlass_core::window::{Status, Window};
use windlass_core::{Span, Timestamp};
use windlass_orchestrator::read_source;
use windlass_state::{StateError, StateStore};

pub(crate) use self::show::show;
use crate::args::WindowsArgs;
use crate::exit_code::{ExitCode, UsageError};
use crate::output::{Output, grouped};
use crate::state::{Purpose, Store};
use crate::target::Target;

/// Number of windows read from the history at a time.
const READ_AT_ONCE: usize = 10_000;
/// Default number of listed windows.
const LISTED_DEFAULT: usize = 50;

/// Lists a source's windows.
pub(crate) async fn windows(
    target: &Target,
    args: &WindowsArgs,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let found = target.state(Purpose::Look).await?;
    let record = found.source(&args.source).await?;
    let now = SystemClock.now();
    let wanted = Wanted::new(args, output.is_json())?;
    let view = read_source(&found.store, record, now).await?;
    let picked = pick(&found.store, &view, &wanted).await?;
    let json = picked.windows.iter().map(show::to_json).collect();
    output.result(&json, || {
        list::text(&picked.windows, output.is_terminal(), now)
    })?;
    for note in picked.notes(&wanted) {
        output.note(&note);
    }
    Ok(ExitCode::Success)
}

/// The filter of the listed windows.
struct Wanted {
    span: Span,
    status: Option<Status>,
    lane: Option<Lane>,
    /// Only unfinished windows, oldest first.
    open: bool,
    /// Also sweep windows without anything to read.
    quiet: bool,
    limit: usize,
}

impl Wanted {
    fn new(args: &WindowsArgs, json: bool) -> Result<Self, UsageError> {
        let span = Span::new(
            args.from.unwrap_or(Timestamp::MIN),
            args.to.unwrap_or(Timestamp::MAX),
        );
        let limit_default = if args.open {
            usize::MAX
        } else {
            LISTED_DEFAULT
        };
        Ok(Self {
            span: span.map_err(|error| UsageError(error.to_string()))?,
            status: args.status,
            lane: args.lane.clone(),
            open: args.open,
            // A script can filter them itself, but could not detect their absence.
            quiet: args.all || json,
            limit: args.limit.unwrap_or(limit_default),
        })
    }

    /// The lanes of `view` that match the filter.
    fn lanes<'a>(&self, view: &'a SourceView) -> Result<Vec<&'a LaneView>, UsageError> {
        let all = || view.lanes.iter();
        let Some(wanted) = &self.lane else {
            return Ok(all().collect());
        };
        let of_name = |it: &&LaneView| it.progress.timeline.lane == *wanted;
        let lanes: Vec<_> = all().filter(of_name).collect();
        if lanes.is_empty() {
            let known: Vec<_> = all()
                .map(|it| it.progress.timeline.lane.to_string())
                .collect();
            let (name, known) = (&view.record.definition.name, known.join(", "));
            let problem = format!("source {name} has no lane `{wanted}`; its lanes: {known}");
            return Err(UsageError(problem));
        }
        Ok(lanes)
    }

    fn is(&self, window: &Window) -> bool {
        self.status.is_none_or(|status| window.status() == status)
            && (!self.open || window.is_unfinished())
            && self.span.contains(window.id().from)
    }
}

/// The windows to list, ordered by start, across lanes.
#[derive(Default)]
struct Picked {
    windows: Vec<Window>,
    /// Number of matching windows, including those beyond the limit.
    matching: u64,
    /// Number of these that are unfinished.
    unfinished: u64,
    /// Number of omitted sweep windows without anything to read.
    quiet: u64,
}

async fn pick(store: &Store, view: &SourceView, wanted: &Wanted) -> anyhow::Result<Picked> {
    let mut picked = Picked::default();
    for lane in wanted.lanes(view)? {
        if wanted.open {
            // Unfinished windows need no history: the planner reads them on every tick.
            picked.add(lane.windows().cloned(), wanted);
        } else {
            picked.add_ledger(store, lane, wanted).await?;
        }
    }
    Ok(picked)
}

impl Picked {
    async fn add_ledger(
        &mut self,
        store: &Store,
        lane: &LaneView,
        wanted: &Wanted,
    ) -> Result<(), StateError> {
        let mut from = wanted.span.from();
        while let Ok(rest) = Span::new(from, wanted.span.to()) {
            let timeline = &lane.progress.timeline;
            let read = store.history(timeline, rest, READ_AT_ONCE).await?;
            let Some(last) = read.last() else { break };
            from = last.id().from.plus_ms(1);
            self.add(read, wanted);
        }
        Ok(())
    }

    /// Adds the matching windows of `read`, and keeps at most as many as may be listed.
    fn add(&mut self, read: impl IntoIterator<Item = Window>, wanted: &Wanted) {
        for window in read.into_iter().filter(|window| wanted.is(window)) {
            if is_quiet(&window) && !wanted.quiet {
                self.quiet += 1;
            } else {
                self.matching += 1;
                self.unfinished += u64::from(window.is_unfinished());
                self.windows.push(window);
            }
        }
        self.windows
            .sort_by(|a, b| (a.id().from, &a.id().timeline).cmp(&(b.id().from, &b.id().timeline)));
        if wanted.open {
            self.windows.truncate(wanted.limit);
        } else {
            let surplus = self.windows.len().saturating_sub(wanted.limit);
            self.windows.drain(..surplus);
        }
    }

    /// Notes on omitted windows and how to list them, one per line.
    fn notes(&self, wanted: &Wanted) -> Vec<String> {
        let mut notes = Vec::new();
        let listed = self.windows.len() as u64;
        if listed < self.matching {
            let which = if wanted.open { "oldest" } else { "latest" };
            notes.push(format!(
                "the {which} {} of {} windows; `--limit` changes the number",
                grouped(listed),
                grouped(self.matching)
            ));
        }
        let unfinished = self.windows.iter().filter(|it| it.is_unfinished());
        match self.unfinished - unfinished.count() as u64 {
            0 => {}
            _ if wanted.open => {}
            1 => notes.push("1 earlier window is not done; `--open` lists it".to_owned()),
            many => notes.push(format!(
                "{} earlier windows are not done; `--open` lists them",
                grouped(many)
            )),
        }
        match self.quiet {
            0 => {}
            1 => notes.push("1 sweep window had nothing to read; `--all` lists it too".to_owned()),
            many => notes.push(format!(
                "{} sweep windows had nothing to read; `--all` lists them too",
                grouped(many)
            )),
        }
        notes
    }
}

/// Returns true for a sweep window that became done without a run: its span had nothing to read
/// again, or must not be read.
fn is_quiet(window: &Window) -> bool {
    matches!(window.id().timeline.lane, Lane::Sweep(_))
        && window.status() == Status::Done
        && window.runs() == 0
        && window.last_error().is_none()
}

#[cfg(test)]
#[path = "windows_tests.rs"]
mod tests;
