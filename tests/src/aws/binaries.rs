//! The bootstraps of the two Lambda functions, built as the test was built.

use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::bail;

use crate::windlass::{build_with, built};

/// The two bootstraps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bootstraps {
    /// Decides what runs.
    pub orchestrator: PathBuf,
    /// Does windows.
    pub worker: PathBuf,
}

static BUILT: OnceLock<Result<Bootstraps, String>> = OnceLock::new();

/// Both, up to date. Builds them on the first call of a process.
pub fn bootstraps() -> anyhow::Result<&'static Bootstraps> {
    match BUILT.get_or_init(|| build(None).map_err(|error| format!("{error:#}"))) {
        Ok(bootstraps) => Ok(bootstraps),
        Err(problem) => bail!("{problem}"),
    }
}

/// Both as they are deployed, but for this machine's processor: a profile that takes minutes to
/// build. Builds them on the first call of a process.
pub fn deployed_bootstraps() -> anyhow::Result<&'static Bootstraps> {
    static BUILT: OnceLock<Result<Bootstraps, String>> = OnceLock::new();
    match BUILT.get_or_init(|| build(Some("lambda")).map_err(|error| format!("{error:#}"))) {
        Ok(bootstraps) => Ok(bootstraps),
        Err(problem) => bail!("{problem}"),
    }
}

/// In one go, so that what both depend on is compiled once and with the same features.
fn build(profile: Option<&str>) -> anyhow::Result<Bootstraps> {
    let directory = build_with(
        &[
            "--package=windlass-orchestrator",
            "--bin=orchestrator",
            "--features=windlass-orchestrator/lambda",
            "--package=windlass-worker",
            "--bin=worker",
            "--features=windlass-worker/lambda",
        ],
        profile,
    )?;
    Ok(Bootstraps {
        orchestrator: built(&directory, "orchestrator")?,
        worker: built(&directory, "worker")?,
    })
}
