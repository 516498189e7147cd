//! `windlass status`: up to when everything is delivered, and what is still open.

use std::path::Path;

use serde_json::{Value, json};
use windlass_core::clock::Clock;
use windlass_core::source::RateGate;
use windlass_core::system::SystemClock;
use windlass_core::time::Timestamp;
use windlass_core::window::Status;
use windlass_orchestrator::{SourceView, read_source};
use windlass_state::StateStore;
use windlass_state::sqlite::SqliteStore;

use crate::config::Config;
use crate::exit_code::{ExitCode, StateUnusable};
use crate::output::{Output, duration, grouped, table};

/// Prints where each source stands. Reads one consistent state file that a run may be writing.
pub(crate) async fn status(
    path: &Path,
    only: Option<&str>,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let config = Config::load(path)?;
    if let Some(name) = only {
        config.source(name)?;
    }
    let store = open_state(&config)?;
    let now = SystemClock.now();
    let mut standings = Vec::new();
    for record in store.sources().await? {
        if only.is_some_and(|name| name != record.definition.name.as_str()) {
            continue;
        }
        let gate = store
            .rate_gate(&record.definition.policy.rate_group)
            .await?;
        let gate = gate.filter(|gate| gate.not_before > now);
        let view = read_source(&store, record, now).await?;
        standings.push(Standing::of(&view, gate, now));
    }
    let json = json!({
        "now": now,
        "sources": standings.iter().map(Standing::to_json).collect::<Vec<_>>(),
    });
    output.result(&json, || text(&standings))?;
    Ok(ExitCode::Success)
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
}

impl Standing {
    fn of(view: &SourceView, gate: Option<RateGate>, now: Timestamp) -> Self {
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
            () if definition.paused => "paused",
            () if finished => "finished",
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
        })
    }
}

fn text(standings: &[Standing]) -> String {
    let mut table = table([
        "source",
        "state",
        "complete through",
        "lag",
        "records/h",
        "open",
        "running",
        "holes",
    ]);
    for standing in standings {
        table.add_row([
            standing.source.clone(),
            standing.state.to_owned(),
            standing.complete_through.to_string(),
            duration(standing.lag_ms),
            standing
                .records_per_hour
                .map_or_else(|| "-".to_owned(), grouped),
            standing.open.to_string(),
            standing.running.to_string(),
            standing.holes.to_string(),
        ]);
    }
    let mut text = format!("{table}\n");
    for standing in standings {
        if let Some(problem) = &standing.problem {
            text.push_str(&format!("{} is blocked: {problem}\n", standing.source));
        }
        if let Some(gate) = &standing.gate {
            let (source, until) = (&standing.source, gate.not_before);
            text.push_str(&format!("{source} waits until {until}: {}\n", gate.reason));
        }
        for span in &standing.unavailable {
            text.push_str(&format!(
                "{}: {} to {} is before what the vendor keeps\n",
                standing.source,
                span.from(),
                span.to()
            ));
        }
        if standing.holes > 0 {
            let name = &standing.source;
            text.push_str(&format!("see `windlass windows {name} --status parked`\n"));
        }
    }
    text
}
