//! Power losses: a C library that is preloaded into the real binary journals every file operation
//! below one folder and kills the process before one of them. From that journal, `Disk` builds a
//! disk as the power loss may have left it.
//!
//! Synced data stays. A seed decides about everything else: each write is kept, dropped, torn at
//! any byte, or leaves its length without bytes; each change of a name in an unsynced folder did or
//! did not happen; all of it also out of order. SQLite's `-shm` files are memory and are dropped.

mod disk;
mod journal;
mod tree;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, bail, ensure};

use crate::preload;
use crate::windlass::{Outcome, Project};
use disk::Disk;
use journal::Journal;
use tree::Tree;

/// The source file of the layer.
const SOURCE: &str = "src/power_loss/layer.c";
/// Signal number of SIGKILL.
const SIGKILL: i32 = 9;

/// The moment of a power loss, and the effect of syncs.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// Number of the first file operation that does not happen, from 1.
    pub operation: u64,
    /// Decides which of the unsynced operations reach the disk.
    pub seed: u64,
    /// True if syncs have no effect, so that a missing sync shows.
    pub syncs_ignored: bool,
}

/// The end of a run that was to lose its power.
#[derive(Debug)]
pub struct CutRun {
    /// The outcome of the process: SIGKILL if it reached the operation.
    pub outcome: Outcome,
    /// Number of unsynced writes and name changes.
    pub unsynced: usize,
}

impl CutRun {
    /// Returns true if the process ended by itself, before the operation.
    pub fn finished(&self) -> bool {
        self.outcome.signal != Some(SIGKILL)
    }
}

/// Runs `windlass run --until-caught-up` in `project` until the power loss at `cut`, and leaves the
/// disk in a possible state after the loss. A run that ends before the operation loses its power
/// directly afterwards.
pub async fn run_until(project: &Project, cut: Cut) -> anyhow::Result<CutRun> {
    command_until(project, None, cut).await
}

/// The same with `windlass COMMAND`, if one is given.
pub async fn command_until(
    project: &Project,
    command: Option<&str>,
    cut: Cut,
) -> anyhow::Result<CutRun> {
    let root = project.root().canonicalize()?;
    let outside = tempfile::tempdir().context("no folder for the journal")?;
    let journal = outside.path().join("journal");
    let before = Tree::read(&root)?;
    let outcome = project
        .start_run_in(&["sh"], &script(&root, &journal, command, cut)?)?
        .finish()
        .await?;
    let ended_well = outcome.signal == Some(SIGKILL) || outcome.code.is_some();
    ensure!(
        ended_well && outcome.code != Some(99),
        "the layer failed: {outcome:#?}"
    );
    let mut disk = Disk::new(&before);
    for operation in Journal::read(&journal, &root)? {
        disk.apply(operation?)?;
    }
    let seen = disk.current();
    let real = Tree::read(&root)?;
    if let Some(difference) = real.difference(&seen) {
        bail!("a file operation bypassed the layer: {difference}");
    }
    let unsynced = disk.unsynced();
    disk.after_loss(cut.seed).write(&root)?;
    Ok(CutRun { outcome, unsynced })
}

/// The shell script that preloads the layer into its command line, or into `command` of the program
/// that the command line begins with.
fn script(root: &Path, journal: &Path, command: Option<&str>, cut: Cut) -> anyhow::Result<String> {
    let command = match command {
        None => "\"$@\"".to_owned(),
        Some(command) => format!(
            "\"$1\" {command} --config '{}/windlass.yaml'",
            root.display()
        ),
    };
    let ignore = if cut.syncs_ignored {
        "POWER_LOSS_IGNORE_SYNC=1 "
    } else {
        ""
    };
    Ok(format!(
        "POWER_LOSS_DIR='{}' POWER_LOSS_JOURNAL='{}' POWER_LOSS_AT={} {ignore}LD_PRELOAD='{}' exec {command}",
        root.display(),
        journal.display(),
        cut.operation,
        library()?.display(),
    ))
}

/// The compiled layer, compiled on the first call of a process.
fn library() -> anyhow::Result<&'static Path> {
    static LIBRARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let compile = || preload::compile("power_loss", SOURCE);
    let library = LIBRARY.get_or_init(|| compile().map_err(|error| format!("{error:#}")));
    match library {
        Ok(path) => Ok(path),
        Err(problem) => bail!("{problem}"),
    }
}
