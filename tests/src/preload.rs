//! C libraries that are preloaded into the real binary, and change its view of the operating
//! system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::windlass::target_directory;

/// Returns true if this machine can preload a library.
pub fn is_supported() -> bool {
    cfg!(target_os = "linux")
}

/// Compiles the file `source` of this package into the library `name`.
pub(crate) fn compile(name: &str, source: &str) -> anyhow::Result<PathBuf> {
    let target = target_directory()?;
    let library = target.join(format!("{name}.so"));
    // Concurrent test processes may compile: each renames a complete file into place.
    let own = target.join(format!("{name}.{}.so", std::process::id()));
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"])
        .args(["-fvisibility=hidden", "-pthread", "-o"])
        .arg(&own)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(source))
        .output()
        .context("cannot start cc, the C compiler")?;
    ensure!(
        output.status.success(),
        "cc failed on {source}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    fs::rename(&own, &library).context("cannot move the compiled layer")?;
    Ok(library)
}
