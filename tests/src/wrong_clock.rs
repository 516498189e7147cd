//! A wrong wall clock: a C library that is preloaded into the real binary shifts its clock by an
//! offset from a file, so that a test can let it jump.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::preload;
use crate::windlass::{Project, Running};

/// The source file of the layer.
const SOURCE: &str = "src/wrong_clock/layer.c";

/// The wall clock of a process.
#[derive(Debug)]
pub struct WrongClock {
    outside: TempDir,
}

impl WrongClock {
    /// A clock that is ahead by `off_ms`, or behind if that is negative.
    pub fn new(off_ms: i64) -> anyhow::Result<Self> {
        let outside = tempfile::tempdir().context("no folder for the clock")?;
        let clock = Self { outside };
        clock.set(off_ms)?;
        Ok(clock)
    }

    /// Lets the clock jump, even in a running process.
    pub fn set(&self, off_ms: i64) -> anyhow::Result<()> {
        // Written in place, because the process has mapped the file.
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.file());
        let file = file.context("cannot open the clock")?;
        std::os::unix::fs::FileExt::write_all_at(&file, &off_ms.to_le_bytes(), 0)
            .context("cannot set the clock")
    }

    /// Starts `windlass run --until-caught-up` in `project` with this clock.
    pub fn start_run(&self, project: &Project) -> anyhow::Result<Running> {
        let script = format!(
            "WRONG_CLOCK='{}' LD_PRELOAD='{}' exec \"$@\"",
            self.file().display(),
            library()?.display(),
        );
        project.start_run_in(&["sh"], &script)
    }

    fn file(&self) -> PathBuf {
        self.outside.path().join("clock")
    }
}

/// The compiled layer, compiled on the first call of a process.
fn library() -> anyhow::Result<&'static PathBuf> {
    static LIBRARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let compile = || preload::compile("wrong_clock", SOURCE);
    let library = LIBRARY.get_or_init(|| compile().map_err(|error| format!("{error:#}")));
    match library {
        Ok(path) => Ok(path),
        Err(problem) => bail!("{problem}"),
    }
}
