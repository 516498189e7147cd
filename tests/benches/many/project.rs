//! A fresh directory with a configuration of many sources.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Windows of each source.
pub(crate) const WINDOWS_PER_SOURCE: usize = 3;

/// The working directory of windlass, on the disk of the build directory. Deleted on drop.
#[derive(Debug)]
pub(crate) struct Project {
    root: TempDir,
}

impl Project {
    /// A project of `sources` sources, in one rate group or in one each.
    pub(crate) fn new(address: SocketAddr, sources: usize, shared: bool) -> anyhow::Result<Self> {
        // Not the system's temporary directory: it may be memory, where a sync costs nothing.
        let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let mut config = String::from(
            "state: { sqlite: ./windlass.db }\n\
             sinks: { lake: { ndjson: { dir: ./out } } }\n\
             defaults:\n\
             \x20 connector: ./manifest.yaml\n\
             \x20 start: 2026-01-01T00:00:00Z\n\
             \x20 end: 2026-01-01T00:30:00Z\n\
             \x20 window: { initial: 10m, min: 10m, max: 10m }\n\
             sources:\n",
        );
        for number in 0..sources {
            let group = if shared { 0 } else { number };
            writeln!(
                config,
                "  s{number}: {{ params: {{ n: '{number}', g: '{group}' }} }}"
            )?;
        }
        let manifest = include_str!("manifest.yaml").replace("ADDRESS", &address.to_string());
        fs::write(root.path().join("manifest.yaml"), manifest)?;
        fs::write(root.path().join("windlass.yaml"), config)?;
        Ok(Self { root })
    }

    /// `windlass run` with `args`, with its log in the directory.
    pub(crate) fn command(&self, windlass: &Path, args: &[&str]) -> anyhow::Result<Command> {
        let log = File::create(self.root.path().join("log"))?;
        let mut command = Command::new(windlass);
        command
            .arg("run")
            .args(args)
            .current_dir(self.root.path())
            .env_remove("WINDLASS_LOG")
            .stdout(Stdio::null())
            .stderr(log);
        Ok(command)
    }

    /// The beginning of windlass's log.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(self.root.path().join("log")).unwrap_or_default();
        log.chars().take(2_000).collect()
    }
}
