//! The bootstraps of the two Lambda functions.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::windlass::under_test;

/// The two bootstraps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bootstraps {
    /// The orchestrator, which plans and dispatches windows.
    pub orchestrator: PathBuf,
    /// The worker, which reads windows.
    pub worker: PathBuf,
}

/// Both binaries as built for the tests.
pub fn bootstraps() -> anyhow::Result<Bootstraps> {
    Ok(Bootstraps {
        orchestrator: under_test("orchestrator")?,
        worker: under_test("worker")?,
    })
}

/// Both binaries as packaged by `cargo lambda build` in `target/lambda`.
pub fn packaged_bootstraps() -> anyhow::Result<Bootstraps> {
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
    find().context(
        "target/lambda has no bootstraps; build them as README.md says, for this machine's processor",
    )
}
