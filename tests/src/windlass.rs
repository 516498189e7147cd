//! The real `windlass` process: started, killed at chosen moments, and observed.

mod binary;
mod project;
mod status;

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::{Child, Command};
use windlass_core::clock::Clock;
use windlass_core::system::SystemClock;

pub use binary::{binary, shipped_binary};
pub(crate) use binary::{target_directory, under_test};
pub(crate) use project::files_below;
pub use project::{Project, Pull};
pub use status::SourceStatus;

use crate::vendor::Vendor;

/// The exit codes of `windlass --help` that tests use.
pub mod exit {
    /// An unexpected failure.
    pub const UNEXPECTED: i32 = 1;
    /// The command line, the configuration or a manifest is wrong.
    pub const USAGE: i32 = 2;
    /// A source is blocked.
    pub const BLOCKED: i32 = 3;
    /// Windows are parked, so there are gaps.
    pub const HOLES: i32 = 4;
    /// The state cannot be used.
    pub const STATE: i32 = 5;
    /// Stopped before everything was caught up.
    pub const UNFINISHED: i32 = 6;
    /// Output files differ from the state.
    pub const MISMATCH: i32 = 9;
}

/// Maximum duration of a process. Ends a hanging test and decides nothing else.
const HANG_GUARD: Duration = Duration::from_mins(30);
/// Interval between two looks at a log, in milliseconds.
const LOOK_MS: i64 = 20;

/// The outcome of a process.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it; `None` if it exited.
    pub signal: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Outcome {
    /// Returns true if it exited with code 0.
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }

    /// Its whole output, for searching.
    pub fn said(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }

    /// Fails, showing everything, unless it exited with code 0.
    pub fn expect_success(self) -> anyhow::Result<Self> {
        if self.is_success() {
            Ok(self)
        } else {
            bail!("windlass failed: {self:#?}")
        }
    }

    /// Fails, showing everything, unless it exited with `code` and its output contains each of
    /// `words`, in any case.
    pub fn expect_failure(self, code: i32, words: &[&str]) -> anyhow::Result<Self> {
        if self.code != Some(code) {
            bail!("exit code {code} was expected: {self:#?}");
        }
        let said = self.said().to_lowercase();
        if let Some(word) = words
            .iter()
            .find(|word| !said.contains(&word.to_lowercase()))
        {
            bail!("the failure does not mention `{word}`: {self:#?}");
        }
        Ok(self)
    }
}

/// The moment at which to kill a process.
#[derive(Debug, Clone, Copy)]
pub struct KillAt {
    /// Number of pages that its vendor serves before.
    pub pages: u64,
    /// An additional delay in milliseconds, so that the kill hits delivery, checkpoint or the next
    /// request.
    pub then_ms: i64,
}

/// The end of a process that was to be killed.
#[derive(Debug, Clone)]
pub enum Ended {
    /// The kill ended it.
    Killed,
    /// It ended before that moment.
    Finished(Outcome),
}

/// A running process. Killed on drop.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    /// Starts `command` with its output in files named after `stem`: a file survives a kill, and
    /// never blocks like a full pipe.
    pub(crate) fn start(mut command: Command, stem: &Path) -> anyhow::Result<Self> {
        let (stdout, stderr) = (stem.with_extension("stdout"), stem.with_extension("stderr"));
        let file = |path: &Path| {
            File::create(path).with_context(|| format!("cannot create {}", path.display()))
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(file(&stdout)?)
            .stderr(file(&stderr)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        Ok(Self {
            child,
            stdout,
            stderr,
        })
    }

    /// Its process id; `None` after its end.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends it SIGTERM, like a service manager.
    pub fn terminate(&self) -> anyhow::Result<()> {
        self.signal("-TERM")
    }

    /// Sends it SIGHUP, like a closed terminal.
    pub fn hang_up(&self) -> anyhow::Result<()> {
        self.signal("-HUP")
    }

    fn signal(&self, option: &str) -> anyhow::Result<()> {
        let id = self.id().context("windlass is over already")?.to_string();
        let status = std::process::Command::new("kill")
            .args([option, &id])
            .status();
        let status = status.context("cannot run kill")?;
        if status.success() {
            Ok(())
        } else {
            bail!("kill said: {status}")
        }
    }

    /// Waits until `text` is in its log. Fails if the process ends before.
    pub async fn until_logged(&mut self, text: &str) -> anyhow::Result<()> {
        let logged = async {
            while !read(&self.stderr)?.contains(text) {
                if let Some(status) = self.child.try_wait().context("cannot look at windlass")? {
                    bail!("windlass ended ({status}): {}", read(&self.stderr)?);
                }
                SystemClock.sleep(LOOK_MS).await;
            }
            Ok(())
        };
        let logged = tokio::time::timeout(HANG_GUARD, logged).await;
        logged.with_context(|| format!("windlass never logged `{text}`"))?
    }

    /// Waits for the end.
    pub async fn finish(mut self) -> anyhow::Result<Outcome> {
        let Ok(status) = tokio::time::timeout(HANG_GUARD, self.child.wait()).await else {
            bail!(
                "windlass did not end within {HANG_GUARD:?}; it said: {}",
                read(&self.stderr)?
            );
        };
        self.outcome(status.context("cannot wait for windlass")?)
    }

    /// Sends `SIGKILL` at the moment `at`, unless the process ends before.
    pub async fn kill(mut self, vendor: &Vendor, at: KillAt) -> anyhow::Result<Ended> {
        let mut pages = vendor.pages_served();
        let threshold = *pages.borrow() + at.pages;
        let moment = async {
            let reached = pages.wait_for(|served| *served >= threshold).await.is_ok();
            SystemClock.sleep(at.then_ms).await;
            reached
        };
        tokio::select! {
            status = self.child.wait() => {
                let status = status.context("cannot wait for windlass")?;
                return self.outcome(status).map(Ended::Finished);
            }
            reached = tokio::time::timeout(HANG_GUARD, moment) => {
                if !reached.unwrap_or(false) {
                    bail!("the vendor never served {threshold} pages: {}", read(&self.stderr)?);
                }
            }
        }
        self.child.start_kill().context("cannot kill windlass")?;
        // After the wait, the operating system has released its locks.
        let status = self
            .child
            .wait()
            .await
            .context("cannot wait for windlass")?;
        if status.signal().is_some() {
            return Ok(Ended::Killed);
        }
        self.outcome(status).map(Ended::Finished)
    }

    fn outcome(&self, status: ExitStatus) -> anyhow::Result<Outcome> {
        Ok(Outcome {
            code: status.code(),
            signal: status.signal(),
            stdout: read(&self.stdout)?,
            stderr: read(&self.stderr)?,
        })
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
#[path = "windlass_tests.rs"]
mod tests;
