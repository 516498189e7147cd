//! `windlass status`: each source's watermark, lag and open windows.

#[cfg(test)]
mod clock_tests;
mod late;
mod manifests;
mod reading;
#[cfg(test)]
mod since_tests;
mod standing;
mod text;
mod trouble;
mod workers;

use futures_util::{StreamExt, stream};
use serde_json::json;
use windlass_core::clock::Clock;
use windlass_core::source::{SourceDefinition, SourceRecord};
use windlass_core::system::SystemClock;
use windlass_core::time::Timestamp;
use windlass_orchestrator::{Known, read_still};

use self::manifests::Manifests;
use self::reading::{Reading, all};
use self::standing::{Standing, Surroundings, contention};
use self::text::text;
use crate::exit_code::{ExitCode, UsageError};
use crate::local::StateLock;
use crate::output::{Output, Paint, columns_of_stdout};
use crate::state::{Purpose, StateAddress, Store};
use crate::target::{Found, Target};

/// Version of a source that exists only in the configuration: stored versions begin at 1.
const NOT_STORED: u64 = 0;
/// Number of sources read concurrently.
const READS_AT_ONCE: usize = 16;

/// Prints the standing of each source. Safe beside any writer of the state.
pub(crate) async fn status(
    target: &Target,
    only: Option<&str>,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let found = target.state(Purpose::Look).await?;
    let now = SystemClock.now();
    let manifests = Manifests::with(found.config.as_ref());
    let surroundings = Surroundings {
        manifests: &manifests,
        config: found.config.as_ref(),
        address: &found.address,
        // Tested before the state is read: a run that ends in between was not interrupted.
        has_workers: match &found.address {
            StateAddress::Sqlite(path) => StateLock::is_held(path),
            StateAddress::DynamoDb(_) => true,
        },
        now,
    };
    let sources = match only {
        Some(name) => vec![one(&found, name, now).await?],
        None => all(&found, now).await?,
    };
    let reads = sources
        .into_iter()
        .map(|source| standing_of(&found.store, source, &surroundings));
    let mut reads = stream::iter(reads).buffered(READS_AT_ONCE);
    let mut standings = Vec::new();
    while let Some(standing) = reads.next().await {
        standings.push(standing?);
    }
    let json = json!({
        "now": now,
        "sources": standings.iter().map(Standing::to_json).collect::<Vec<_>>(),
        "workers": contention(&standings).map(|it| it.to_json()),
    });
    let columns = columns_of_stdout();
    output.result(&json, || text(&standings, Paint::of_stdout(), columns))?;
    Ok(ExitCode::Success)
}

/// The source `name`, from the state or from the configuration.
async fn one(found: &Found, name: &str, now: Timestamp) -> anyhow::Result<(Reading, Known)> {
    let record = match found.source(name).await {
        Ok(record) => record,
        Err(error) => definitions(found)
            .find(|definition| definition.name.as_str() == name && error.is::<UsageError>())
            .map(|definition| not_started(definition, now))
            .ok_or(error)?,
    };
    let known = Known::read(&found.store, &record.definition.policy.rate_group).await?;
    Ok((Reading::Exact(record), known))
}

async fn standing_of(
    store: &Store,
    (source, known): (Reading, Known),
    surroundings: &Surroundings<'_>,
) -> anyhow::Result<Standing> {
    let now = surroundings.now;
    let (view, cooldown) = match source {
        // None of its windows waits for its rate group.
        Reading::Listed(view) => (view, None),
        Reading::Exact(record) => {
            let view = read_still(store, record, now).await?;
            (view, known.cooldown(now).cloned())
        }
    };
    let clocks = known.time(&view.record, now);
    Ok(Standing::of(&view, cooldown, &clocks, surroundings))
}

/// The sources of the configuration, in their stored form.
fn definitions(found: &Found) -> impl Iterator<Item = &SourceDefinition> {
    let configs = found.config.iter();
    configs.flat_map(|config| config.sources.values().map(|source| &source.definition))
}

/// The record of a source that is not stored yet.
fn not_started(definition: &SourceDefinition, now: Timestamp) -> SourceRecord {
    SourceRecord {
        definition: definition.clone(),
        version: NOT_STORED,
        blocked: None,
        held_since: None,
        applied_at: now,
    }
}

#[cfg(test)]
#[path = "status/status_tests.rs"]
mod tests;
