//! The bootstraps of the two Lambda functions, built as the test was built.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, bail};

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
    match BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}"))) {
        Ok(bootstraps) => Ok(bootstraps),
        Err(problem) => bail!("{problem}"),
    }
}

/// Both as they are packaged: what `cargo lambda build` has left in `target/lambda`.
pub fn packaged_bootstraps() -> anyhow::Result<&'static Bootstraps> {
    static FOUND: OnceLock<Option<Bootstraps>> = OnceLock::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/lambda");
    let find = || {
        let bootstrap = |name: &str| {
            let path = folder.join(name).join("bootstrap");
            path.is_file().then_some(path)
        };
        Some(Bootstraps {
            orchestrator: bootstrap("orchestrator")?,
            worker: bootstrap("worker")?,
        })
    };
    let found = FOUND.get_or_init(find).as_ref();
    found.context(
        "target/lambda has no bootstraps; build them as README.md says, for this machine's processor",
    )
}

/// In one go, so that what both depend on is compiled once and with the same features.
fn build() -> anyhow::Result<Bootstraps> {
    let directory = build_with(&[
        "--package=windlass-orchestrator",
        "--bin=orchestrator",
        "--features=windlass-orchestrator/lambda",
        "--package=windlass-worker",
        "--bin=worker",
        "--features=windlass-worker/lambda",
    ])?;
    Ok(Bootstraps {
        orchestrator: built(&directory, "orchestrator")?,
        worker: built(&directory, "worker")?,
    })
}
