//! `windlass adopt`: rebuilds a lost or outdated state from its output folders, and makes the state
//! their owner.
//!
//! It takes the locks of `windlass run`, on the state and on the folders. All windows are stored in
//! one transaction, and the folders are marked last: until then, `run` does not accept them, so a
//! repeated call resumes after any stop.

mod content;
mod damage;
mod files;
mod plan;
mod source;
mod survey;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use windlass_core::clock::{Clock, Entropy};
use windlass_core::ids::SourceName;
use windlass_core::ownership::Marker;
use windlass_core::source::{SourceDefinition, SourceRecord};
use windlass_core::system::{SystemClock, SystemEntropy};
use windlass_sink::SinkError;
use windlass_sink::ndjson::Folder;
use windlass_state::sqlite::SqliteStore;

use self::plan::Plan;
use self::survey::survey;
use crate::args::AdoptArgs;
use crate::config::Config;
use crate::exit_code::{ExitCode, StateUnusable, UsageError};
use crate::local::StateLock;
use crate::local::folders::{self, Place};
use crate::output::Output;
use crate::state::{StateAddress, sources};
use crate::target::Target;

/// Adopts the files of every source whose configuration delivers into a folder.
pub(crate) async fn adopt(
    target: &Target,
    args: &AdoptArgs,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let config = target.config()?;
    let StateAddress::Sqlite(path) = &config.state else {
        let problem = format!(
            "cannot adopt into {}: only a state file has output folders; name one with --state \
             sqlite:PATH",
            config.state
        );
        return Err(UsageError(problem).into());
    };
    let _lock = StateLock::take(path)?;
    let taken = take(&config)?;
    let (stored, now) = (stored(path)?, SystemClock.now());
    let preview = survey(&config, stored.as_ref(), &taken, args.missing, now).await?;
    let is_unreadable = !preview.unreadable.is_empty();
    let is_dry = args.dry_run || taken.is_empty() || is_unreadable;
    if !output.is_json() {
        output.result(&Value::Null, || preview.text())?;
    }
    if !is_dry && !args.yes {
        let question = format!("Make {} the owner of these files?", path.display());
        match output.confirmed(&question) {
            Some(true) => {}
            Some(false) => {
                output.note("nothing was adopted");
                return Ok(ExitCode::Unfinished);
            }
            None => {
                let problem = "nothing was adopted: no terminal for the confirmation; review the \
                               files with `windlass adopt --dry-run`, then pass --yes";
                return Err(UsageError(problem.to_owned()).into());
            }
        }
    }
    if !is_dry {
        carry_out(path, &config, preview.clone(), &taken).await?;
    }
    let json = json!({ "adopted": !is_dry, "found": preview.to_json() });
    output.result(&json, || {
        if is_unreadable {
            "nothing was adopted: make the files readable first\n".to_owned()
        } else if is_dry {
            "nothing was adopted\n".to_owned()
        } else {
            format!("adopted {}\n", preview.summary())
        }
    })?;
    Ok(if is_unreadable {
        ExitCode::Mismatch
    } else {
        ExitCode::Success
    })
}

/// Every existing output folder, locked for this process.
fn take(config: &Config) -> anyhow::Result<Vec<(Place, Folder)>> {
    let mut taken = Vec::new();
    for place in folders::places(config) {
        if place.dir.is_dir() {
            let folder = Folder::take(&place.sink, &place.dir, place.readers);
            let folder = folder.map_err(|error| StateUnusable(error.to_string()))?;
            taken.push((place, folder));
        }
    }
    Ok(taken)
}

/// The state, migrated as by a run; `None` if the file does not exist.
fn stored(path: &Path) -> anyhow::Result<Option<SqliteStore>> {
    Ok(if path.exists() {
        Some(SqliteStore::open(path)?)
    } else {
        None
    })
}

async fn carry_out(
    path: &Path,
    config: &Config,
    plan: Plan,
    taken: &[(Place, Folder)],
) -> anyhow::Result<()> {
    let store = SqliteStore::open(path)?;
    let present = present(&store, config).await?;
    let absent: Vec<&SourceDefinition> = config
        .sources
        .values()
        .map(|source| &source.definition)
        .filter(|definition| !present.contains_key(&definition.name))
        .collect();
    let identity = store.identity(SystemEntropy.next_u128())?;
    let found = taken.iter().map(|(_, folder)| Ok((folder, owner(folder)?)));
    let found: Vec<_> = found.collect::<Result<_, SinkError>>()?;
    let runs = found
        .iter()
        .filter_map(|(_, owner)| owner.as_ref().map(|it| it.run));
    let last_run = runs.fold(identity.run, u64::max);
    plan.salvage(taken)?;
    store.adopt(&plan.into_adoptions())?;
    // Without their windows, these sources would have started a new timeline.
    sources::put(&store, &absent, SystemClock.now(), |_| {}).await?;
    Ok(folders::mark(&found, &store, last_run, &SystemEntropy)?)
}

/// The owner of `folder`; `None` if its marker is torn, which the new one replaces.
fn owner(folder: &Folder) -> Result<Option<Marker>, SinkError> {
    match folder.owner() {
        Err(SinkError::Unusable { .. }) => Ok(None),
        owner => owner,
    }
}

/// The sources of the configuration that the state holds.
async fn present(
    store: &SqliteStore,
    config: &Config,
) -> anyhow::Result<BTreeMap<SourceName, SourceRecord>> {
    let definitions: Vec<_> = config
        .sources
        .values()
        .map(|source| source.definition.clone())
        .collect();
    let records = sources::present(store, &definitions).await?;
    let by_name = records
        .into_iter()
        .map(|record| (record.definition.name.clone(), record));
    Ok(by_name.collect())
}
