//! The summary at the end of `windlass run`, and its exit code.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use windlass_core::ids::SourceName;
use windlass_core::shard::Shard;
use windlass_core::source::SourceRecord;
use windlass_core::time::Timestamp;
use windlass_orchestrator::{Activity, SourceReport, TickReport};
use windlass_state::{StateError, StateStore};

use crate::config::Config;
use crate::exit_code::ExitCode;
use crate::local::{Delivered, Ending, Meter};
use crate::output::{Output, grouped, second, time};
use crate::state::Store;

/// A run that has ended.
pub(super) struct Ended<'a> {
    pub(super) config: &'a Config,
    /// The records that it delivered.
    pub(super) meter: &'a Meter,
    pub(super) ending: &'a Ending,
    /// Whether it was to end once it has caught up.
    pub(super) until_caught_up: bool,
}

/// Prints the standing of every source at the end of a run.
pub(super) async fn summarize(
    store: &Store,
    ended: Ended<'_>,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let Ended {
        config,
        meter,
        ending,
        until_caught_up,
    } = ended;
    let mut text = String::new();
    let mut sources = Vec::new();
    let records = records(store).await?;
    for source in &ending.report().sources {
        let delivered = meter.of(&source.source);
        let record = records.get(&source.source);
        let blocked = record.and_then(|record| record.blocked.as_ref());
        let unnamed_since = record.and_then(|record| config.unnamed_since(record));
        text.push_str(&summary(source, delivered, record, unnamed_since));
        sources.push(json!({
            "source": source.source.as_str(),
            "complete_through": source.complete_through,
            "records": delivered.records,
            "pages": delivered.pages,
            "bytes": delivered.bytes,
            "rejected": delivered.rejected,
            "holes": source.holes,
            "blocked": blocked.map(|blocked| &blocked.reason),
            "held_since": record.and_then(|record| record.held_since),
            "unnamed_since": unnamed_since,
            "last_error": source.last_error.as_ref().map(|last| &last.error),
            "error": source.error,
        }));
    }
    let unread = &ending.report().unread;
    for (shard, error) in unread {
        text.push_str(&format!("shard {shard} of the state: FAILED: {error}\n"));
    }
    let code = exit_code(ending, until_caught_up);
    let caught_up = matches!(ending, Ending::CaughtUp(_)) && code == ExitCode::Success;
    output.result(
        &json!({ "caught_up": caught_up, "sources": sources, "unread": unread_json(unread) }),
        || text,
    )?;
    Ok(code)
}

/// The sources by name. An unreadable shard has already been reported.
async fn records(store: &Store) -> Result<BTreeMap<SourceName, SourceRecord>, StateError> {
    let mut records = BTreeMap::new();
    for shard in store.shards().await? {
        for record in store.sources(shard).await.unwrap_or_default() {
            records.insert(record.definition.name.clone(), record);
        }
    }
    Ok(records)
}

fn unread_json(unread: &[(Shard, StateError)]) -> Value {
    unread
        .iter()
        .map(|(shard, error)| json!({ "shard": shard, "error": error.to_string() }))
        .collect()
}

/// The summary of one source.
fn summary(
    source: &SourceReport,
    delivered: Delivered,
    record: Option<&SourceRecord>,
    unnamed_since: Option<Timestamp>,
) -> String {
    let name = &source.source;
    let mut text = format!(
        "{name}: complete through {}, {} records in {} pages",
        time(source.complete_through),
        grouped(delivered.records),
        grouped(delivered.pages)
    );
    if delivered.rejected > 0 {
        text.push_str(&format!(", {} rejected", grouped(delivered.rejected)));
    }
    if source.holes > 0 {
        text.push_str(&format!(
            ", {} holes (see `windlass windows {name} --status parked`)",
            source.holes
        ));
    }
    if record.is_some_and(|record| record.held_since.is_some()) {
        text.push_str(&format!(
            ", paused by the operator (`windlass resume {name}` resumes it)"
        ));
    }
    if let Some(since) = unnamed_since {
        text.push_str(&format!(
            ", paused since {}: no file of this configuration names it",
            second(since)
        ));
    }
    let blocked = record.and_then(|record| record.blocked.as_ref());
    // The last error of a blocked source usually repeats the reason of the block.
    match (blocked, &source.error, &source.last_error) {
        (Some(blocked), _, _) => text.push_str(&format!("\n  BLOCKED: {}", blocked.reason)),
        (None, Some(problem), _) => text.push_str(&format!("\n  FAILED: {problem}")),
        (None, None, Some(last)) => text.push_str(&format!(", last error: {}", last.error)),
        (None, None, None) => {}
    }
    text.push('\n');
    text
}

fn exit_code(ending: &Ending, until_caught_up: bool) -> ExitCode {
    let report: &TickReport = ending.report();
    let blocked = report
        .sources
        .iter()
        .any(|source| source.activity == Activity::Blocked);
    let holes = report.sources.iter().any(|source| source.holes > 0);
    match ending {
        Ending::Failed(_) => ExitCode::State,
        Ending::Stopped(_) if !until_caught_up => ExitCode::Success,
        Ending::CaughtUp(_) | Ending::Stopped(_) if blocked => ExitCode::Blocked,
        Ending::Stopped(_) => ExitCode::Unfinished,
        Ending::CaughtUp(_) if holes => ExitCode::Holes,
        Ending::CaughtUp(_) => ExitCode::Success,
    }
}
