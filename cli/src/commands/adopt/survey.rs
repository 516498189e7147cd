//! The comparison of all output folders with the state.

use std::collections::BTreeSet;

use windlass_core::ids::SourceName;
use windlass_core::time::Timestamp;
use windlass_sink::ndjson::{FileName, Folder};
use windlass_state::sqlite::SqliteStore;

use super::files::complete;
use super::plan::Plan;
use super::source::{Source, believable};
use crate::config::Config;
use crate::local::folders::Place;

/// Compares the folders `taken` with `store`, if the state exists. `with_missing` also plans to read
/// the time of missing files again.
pub(super) async fn survey(
    config: &Config,
    store: Option<&SqliteStore>,
    taken: &[(Place, Folder)],
    with_missing: bool,
    now: Timestamp,
) -> anyhow::Result<Plan> {
    let mut plan = Plan::default();
    for (number, (place, folder)) in taken.iter().enumerate() {
        for name in &place.sources {
            let definition = &config.source(name.as_str())?.definition;
            plan.counts(name);
            let timelines = complete(folder, name, &mut plan.unreadable);
            let source = Source {
                definition,
                store,
                folder: number,
                with_missing,
                ours: now,
                now: believable(definition, store, &timelines, now).await?,
            };
            source.plan(timelines, &mut plan).await?;
        }
        plan.strangers += strangers(folder, &place.sources)?;
    }
    Ok(plan)
}

/// The number of files of other sources than `known`.
fn strangers(folder: &Folder, known: &BTreeSet<SourceName>) -> anyhow::Result<u64> {
    let is_other = |name: &FileName| !known.contains(&name.window.timeline.source);
    // Unreadable files of the known sources are already in the plan.
    let files = folder.files()?.filter_map(Result::ok);
    let others = files.filter(|file| file.name.as_ref().is_some_and(is_other));
    Ok(others.count() as u64)
}
