//! A fresh directory for a pull, and the count of its delivered records.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::workload::Workload;

/// The working directory of windlass, on the disk of the build directory. Deleted on drop.
#[derive(Debug)]
pub(crate) struct Project {
    root: TempDir,
    workload: Workload,
}

impl Project {
    pub(crate) fn new(address: SocketAddr, workload: Workload) -> anyhow::Result<Self> {
        // Not the system's temporary directory: it may be memory, where a sync costs nothing.
        let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let (start, end) = workload.bounds();
        let config = format!(
            "state: {{ sqlite: ./windlass.db }}\n\
             sinks:\n  lake: {{ ndjson: {{ dir: ./out }} }}\n\
             sources:\n  bench:\n\
             \x20   connector: ./manifest.yaml\n\
             \x20   base_url: http://{address}\n\
             \x20   start: {start}\n\
             \x20   end: {end}\n\
             \x20   window: {{ initial: 10m, min: 10m, max: 10m }}\n\
             \x20   sink: lake\n"
        );
        fs::write(
            root.path().join("manifest.yaml"),
            include_str!("manifest.yaml"),
        )?;
        fs::write(root.path().join("windlass.yaml"), config)?;
        Ok(Self { root, workload })
    }

    /// `windlass run --until-caught-up`, with its log in the directory.
    pub(crate) fn command(&self, windlass: &Path) -> anyhow::Result<Command> {
        let log = File::create(self.root.path().join("log"))?;
        let mut command = Command::new(windlass);
        command
            .args(["run", "--until-caught-up"])
            .current_dir(self.root.path())
            .env_remove("WINDLASS_LOG")
            .stdout(Stdio::null())
            .stderr(log);
        Ok(command)
    }

    /// The log of windlass.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.root.path().join("log")).unwrap_or_default()
    }

    /// Fails unless there is one line for every record.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let out = self.root.path().join("out");
        let lines = lines_below(&out).context("cannot count what arrived")?;
        let records = self.workload.records();
        ensure!(
            lines == records,
            "{lines} lines arrived for {records} records"
        );
        Ok(())
    }
}

/// The number of lines in all NDJSON files below `directory`, which also holds the owner's marker.
fn lines_below(directory: &Path) -> anyhow::Result<u64> {
    let mut lines = 0;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            lines += lines_below(&path)?;
        } else if path.extension().is_some_and(|ending| ending == "ndjson") {
            lines += lines_of(&path)?;
        }
    }
    Ok(lines)
}

fn lines_of(path: &Path) -> anyhow::Result<u64> {
    // Line by line: the memory of this process counts towards the peak of its children.
    let mut file = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    let mut lines = 0;
    while file.read_until(b'\n', &mut line)? > 0 {
        line.clear();
        lines += 1;
    }
    Ok(lines)
}
