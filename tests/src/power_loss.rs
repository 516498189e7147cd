//! Power losses: a C library that is preloaded into the real binary writes down every file operation
//! below one folder and kills the process before one of them; from that journal `Disk` builds a disk as
//! the power loss may have left it.
//!
//! What was synced stays. Of everything else a seed decides: each write is kept, dropped, torn at any
//! byte, or leaves its length and no bytes; each name that came, went or changed in a folder that was not
//! synced since did so or did not; all of it also out of order. SQLite's `-shm` files are memory and are
//! dropped.

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

/// The source of the layer.
const SOURCE: &str = "src/power_loss/layer.c";
/// Signal number of SIGKILL.
const SIGKILL: i32 = 9;

/// A moment at which the power goes, and what syncs are worth.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// Number of the file operation that does not happen any more, from 1.
    pub operation: u64,
    /// Decides which of the operations that were not synced reach the disk.
    pub seed: u64,
    /// Whether syncs do nothing, so that the loss of one can be seen.
    pub syncs_ignored: bool,
}

/// How a run ended that was to lose its power.
#[derive(Debug)]
pub struct CutRun {
    /// How the process ended; by SIGKILL when it met the operation.
    pub outcome: Outcome,
    /// Number of writes and changes of names that were not synced.
    pub unsynced: usize,
}

impl CutRun {
    /// Whether the process ended by itself, before the operation.
    pub fn finished(&self) -> bool {
        self.outcome.signal != Some(SIGKILL)
    }
}

/// Runs `windlass run --until-caught-up` in `project` until the power goes at `cut`, and leaves the disk
/// as the loss may have left it. A run that ends before the operation loses its power right afterwards.
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

/// The shell script that loads the layer into the command line that it is given, or into `command` of
/// the program that this begins with.
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

/// The compiled layer. Compiles it on the first call of a process.
fn library() -> anyhow::Result<&'static Path> {
    static LIBRARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let compile = || preload::compile("power_loss", SOURCE);
    let library = LIBRARY.get_or_init(|| compile().map_err(|error| format!("{error:#}")));
    match library {
        Ok(path) => Ok(path),
        Err(problem) => bail!("{problem}"),
    }
}
