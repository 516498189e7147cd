//! `windlass status`: up to when everything is delivered, and what is still open.

use std::path::Path;

use serde_json::{Value, json};
use windlass_core::clock::Clock;
use windlass_core::ids::SourceName;
use windlass_core::source::{RateGate, SourceDefinition, SourceRecord};
use windlass_core::system::SystemClock;
use windlass_core::time::Timestamp;
use windlass_core::window::Status;
use windlass_orchestrator::{SourceView, oldest_in_trouble, read_source};
use windlass_state::StateStore;
use windlass_state::sqlite::SqliteStore;

use crate::config::Config;
use crate::exit_code::{ExitCode, StateUnusable};
use crate::local::StateLock;
use crate::output::{Output, duration, grouped, lines, table, time};

/// Version of a source that is only in the configuration: stored ones begin at 1.
const NOT_STORED: u64 = 0;

/// Prints where each source stands. Reads one consistent state file that a run may be writing.
pub(crate) async fn status(
    path: &Path,
    only: Option<&str>,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let config = Config::load(path)?;
    let store = open_state(&config)?;
    // Before the state is read: a run that ends in between has not been interrupted.
    let is_held = StateLock::is_held(&config.state);
    let now = SystemClock.now();
    let mut records = store.all_sources().await?;
    let known = |name: &SourceName| records.iter().any(|record| record.definition.name == *name);
    let new: Vec<_> = definitions(&config)
        .filter(|new| !known(&new.name))
        .collect();
    records.extend(
        new.into_iter()
            .map(|definition| not_started(definition, now)),
    );
    records.sort_by(|a, b| a.definition.name.cmp(&b.definition.name));
    records.retain(|record| only.is_none_or(|name| name == record.definition.name.as_str()));
    let mut standings = Vec::new();
    for record in records {
        let gate = store
            .rate_gate(&record.definition.policy.rate_group)
            .await?;
        let gate = gate.filter(|gate| gate.closed_until(now).is_some());
        let view = read_still(&store, record, now).await?;
        standings.push(Standing::of(&view, gate, is_held, now));
    }
    if let (Some(name), true) = (only, standings.is_empty()) {
        config.source(name)?;
    }
    let json = json!({
        "now": now,
        "sources": standings.iter().map(Standing::to_json).collect::<Vec<_>>(),
    });
    output.result(&json, || text(&standings))?;
    Ok(ExitCode::Success)
}

/// The sources of the configuration, as they would be stored.
fn definitions(config: &Config) -> impl Iterator<Item = &SourceDefinition> {
    config.sources.values().map(|source| &source.definition)
}

/// A source that no run has stored yet.
fn not_started(definition: &SourceDefinition, now: Timestamp) -> SourceRecord {
    SourceRecord {
        definition: definition.clone(),
        version: NOT_STORED,
        blocked: None,
        held_since: None,
        applied_at: now,
    }
}

/// Times a source is read again because a tick moved its marks between two reads.
const READS_MAX: usize = 5;

/// Reads a source with marks and windows that belong together: its windows were read while its
/// marks stood still, so that no window lacks a name that only newer marks have for it.
async fn read_still(
    store: &SqliteStore,
    record: SourceRecord,
    now: Timestamp,
) -> anyhow::Result<SourceView> {
    let marks = |view: &SourceView| -> Vec<_> {
        view.lanes
            .iter()
            .map(|lane| lane.progress.clone())
            .collect()
    };
    let mut view = read_source(store, record.clone(), now).await?;
    for _ in 0..READS_MAX {
        let again = read_source(store, record.clone(), now).await?;
        if marks(&again) == marks(&view) {
            break;
        }
        view = again;
    }
    Ok(view)
}

/// The state as it is on disk, for reading only.
pub(crate) fn open_state(config: &Config) -> anyhow::Result<SqliteStore> {
    if !config.state.exists() {
        let problem = format!(
            "there is no state at {} yet; `windlass run` makes it",
            config.state.display()
        );
        return Err(StateUnusable(problem).into());
    }
    Ok(SqliteStore::open_read_only(&config.state)?)
}

/// What is said of one source.
struct Standing {
    source: String,
    state: &'static str,
    problem: Option<String>,
    complete_through: Timestamp,
    scheduled_through: Timestamp,
    end: Option<Timestamp>,
    lag_ms: i64,
    open: usize,
    running: usize,
    holes: usize,
    records_per_hour: Option<u64>,
    unavailable: Vec<windlass_core::Span>,
    gate: Option<RateGate>,
    trouble: Option<Trouble>,
}

/// What holds the oldest open window up.
struct Trouble {
    /// When it is tried again; `None` while it is being, or may be at once.
    waits_until: Option<Timestamp>,
    error: String,
}

impl Trouble {
    fn of(view: &SourceView, now: Timestamp) -> Option<Self> {
        let window = oldest_in_trouble(view, now)?;
        Some(Self {
            waits_until: window.not_before.filter(|until| *until > now),
            error: window.last_error.clone()?,
        })
    }
}

impl Standing {
    fn of(view: &SourceView, gate: Option<RateGate>, is_held: bool, now: Timestamp) -> Self {
        let definition = &view.record.definition;
        let count = |wanted: &[Status]| {
            view.windows()
                .filter(|window| wanted.contains(&window.status))
                .count()
        };
        let complete_through = view.complete_through();
        let live = view.lanes.first();
        let finished = definition.end.is_some_and(|end| complete_through >= end);
        let running = count(&[Status::Running]);
        let open = count(&[Status::Ready, Status::Dispatched, Status::Running]);
        let holes = count(&[Status::Parked]);
        let state = match () {
            () if view.record.blocked.is_some() => "blocked",
            () if view.record.is_paused() => "paused",
            () if finished => "finished",
            () if view.record.version == NOT_STORED => "not started",
            () if running > 0 && !is_held => "interrupted",
            () if running > 0 => "running",
            () if gate.is_some() => "waiting",
            () if open > 0 => "open",
            () if holes > 0 => "holes",
            () => "caught up",
        };
        Self {
            source: definition.name.to_string(),
            state,
            problem: view
                .record
                .blocked
                .as_ref()
                .map(|blocked| blocked.reason.clone()),
            complete_through,
            scheduled_through: live
                .map_or(definition.start, |lane| lane.progress.scheduled_through),
            end: definition.end,
            lag_ms: definition
                .end
                .map_or(now, |end| end.min(now))
                .ms_since(complete_through)
                .max(0),
            open,
            running,
            holes,
            records_per_hour: live.and_then(|lane| lane.progress.records_per_hour),
            unavailable: view
                .lanes
                .iter()
                .flat_map(|l| l.progress.unavailable.clone())
                .collect(),
            gate,
            trouble: Trouble::of(view, now),
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "source": self.source,
            "state": self.state,
            "problem": self.problem,
            "complete_through": self.complete_through,
            "scheduled_through": self.scheduled_through,
            "end": self.end,
            "lag_ms": self.lag_ms,
            "open": self.open,
            "running": self.running,
            "holes": self.holes,
            "records_per_hour": self.records_per_hour,
            "unavailable": self.unavailable,
            "waits_until": self.gate.as_ref().map(|gate| gate.not_before),
            "waits_for": self.gate.as_ref().map(|gate| &gate.reason),
            "last_error": self.trouble.as_ref().map(|trouble| &trouble.error),
        })
    }

    /// What a row of the table has no room for, a line each.
    fn remarks(&self) -> Vec<String> {
        let name = &self.source;
        let mut lines = Vec::new();
        if let Some(problem) = &self.problem {
            lines.push(format!(
                "{name} is blocked: {problem}; mend it and start `windlass run` again"
            ));
        }
        if let Some(gate) = &self.gate {
            let until = time(gate.not_before);
            lines.push(format!("{name} waits until {until}: {}", gate.reason));
        }
        if let Some(Trouble { waits_until, error }) = &self.trouble {
            let does = match waits_until {
                Some(until) => format!("waits until {}", time(*until)),
                None => "is to be tried again".to_owned(),
            };
            lines.push(format!("{name}: the oldest open window {does}: {error}"));
        }
        for span in &self.unavailable {
            let (from, to) = (time(span.from()), time(span.to()));
            lines.push(format!(
                "{name}: {from} to {to} is before what the vendor keeps"
            ));
        }
        if self.holes > 0 {
            lines.push(format!("see `windlass windows {name} --status parked`"));
        }
        lines
    }
}

fn text(standings: &[Standing]) -> String {
    let mut table = table([
        "source",
        "state",
        "complete through",
        "lag",
        "rec/h",
        "open",
        "running",
        "holes",
    ]);
    for standing in standings {
        table.add_row([
            standing.source.clone(),
            standing.state.to_owned(),
            time(standing.complete_through),
            duration(standing.lag_ms),
            standing
                .records_per_hour
                .map_or_else(|| "-".to_owned(), grouped),
            standing.open.to_string(),
            standing.running.to_string(),
            standing.holes.to_string(),
        ]);
    }
    let mut text = lines(&table);
    for remark in standings.iter().flat_map(Standing::remarks) {
        text.push_str(&format!("{remark}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use windlass_core::transition::{Cause, Claim, Release};
    use windlass_core::{Owner, Window};

    use super::*;

    const CONFIG: &str = "\
        {state: {sqlite: w.db}, sinks: {pipe: {stdout: {}}}, sources: {okta: {\
        connector: okta_system_log, params: {domain: acme.okta.com}, \
        start: 2026-01-01T00:00:00Z}}}";

    async fn standing(store: &SqliteStore, is_held: bool, now: Timestamp) -> Standing {
        let record = store.all_sources().await.unwrap().remove(0);
        let view = read_source(store, record, now).await.unwrap();
        Standing::of(&view, None, is_held, now)
    }

    #[tokio::test]
    async fn a_source_is_not_started_then_running_then_interrupted_and_what_failed_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("windlass.yaml");
        std::fs::write(&path, CONFIG).unwrap();
        let config = Config::load(&path).unwrap();
        let definition = &config.sources["okta"].definition;
        let now = definition.start.plus_ms(1_000_000);
        let store = SqliteStore::open(&config.state).unwrap();
        let new = not_started(definition, now);
        let view = read_source(&store, new, now).await.unwrap();
        assert_eq!(Standing::of(&view, None, false, now).state, "not started");

        store.apply_source(definition, now).await.unwrap();
        let id = format!("okta/{}/live/{}", definition.generation, definition.start);
        let window = Window::new(id.parse().unwrap(), now, now).unwrap();
        store.create(&window).await.unwrap();
        let claim = Claim {
            epoch: window.epoch,
            owner: Owner::from_random(1),
            lease_until: Timestamp::MAX,
            now,
        };
        let lease = store.claim(&window.id, &claim).await.unwrap();
        assert_eq!(standing(&store, true, now).await.state, "running");
        assert_eq!(standing(&store, false, now).await.state, "interrupted");

        let release = Release {
            cause: Cause::Outage,
            not_before: Some(now.plus_ms(20_000)),
            error: Some("nobody answers".to_owned()),
            now,
        };
        store.release(&lease, &release).await.unwrap();
        let standing = standing(&store, true, now).await;
        assert_eq!(standing.to_json()["last_error"], "nobody answers");
        assert_eq!(
            standing.remarks(),
            ["okta: the oldest open window waits until 2026-01-01T00:17:00Z: nobody answers"]
        );
    }
}
