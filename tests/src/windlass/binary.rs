//! The paths of the programs: cargo builds them with the tests, into the same target directory.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// The path of `windlass` as built for the tests.
pub fn binary() -> anyhow::Result<PathBuf> {
    under_test("windlass")
}

/// The path of `windlass` in its release form, built by this call: for measurements.
pub fn shipped_binary() -> anyhow::Result<PathBuf> {
    let here = env::current_exe().context("this program does not know where it is")?;
    let place = Place::of_test(&here)?;
    let output = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--package",
            "windlass",
            "--bin",
            "windlass",
        ])
        .args(["--profile", place.profile])
        .arg("--target-dir")
        .arg(place.target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!(
            "cargo build failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    existing(place.directory.join("windlass"))
}

/// The program `name` as built for the tests: a binary of this package, which cargo builds before
/// it runs the tests in `tests/`.
pub(crate) fn under_test(name: &str) -> anyhow::Result<PathBuf> {
    let here = env::current_exe().context("this test does not know where it is")?;
    let directory = Place::of_test(&here)?.directory;
    existing(directory.join(format!("{name}-under-test")))
}

fn existing(binary: PathBuf) -> anyhow::Result<PathBuf> {
    if !binary.is_file() {
        bail!("cargo built no {}", binary.display());
    }
    Ok(binary)
}

/// The target directory of this test.
pub(crate) fn target_directory() -> anyhow::Result<PathBuf> {
    let here = env::current_exe().context("this test does not know where it is")?;
    Ok(Place::of_test(&here)?.target.to_owned())
}

/// The output directory of a profile.
#[derive(Debug, PartialEq, Eq)]
struct Place<'a> {
    /// `target/debug`.
    directory: &'a Path,
    /// `target`.
    target: &'a Path,
    /// The profile's name on cargo's command line.
    profile: &'a str,
}

impl<'a> Place<'a> {
    /// The directory of the test binary `test`, which is `TARGET/PROFILE/deps/NAME-HASH`.
    fn of_test(test: &'a Path) -> anyhow::Result<Self> {
        let deps = test.parent().filter(|parent| parent.ends_with("deps"));
        let place = deps.and_then(Path::parent).and_then(|directory| {
            let name = directory.file_name()?.to_str()?;
            // Only the profile `dev` has a directory of another name.
            let profile = if name == "debug" { "dev" } else { name };
            Some(Self {
                directory,
                target: directory.parent()?,
                profile,
            })
        });
        place.with_context(|| format!("{} is not TARGET/PROFILE/deps/TEST", test.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_is_read_from_test_binary_path() {
        let debug = Place::of_test(Path::new("/w/target/debug/deps/e2e-0123")).unwrap();
        assert_eq!(
            (debug.profile, debug.target),
            ("dev", Path::new("/w/target"))
        );
        let lambda = Place::of_test(Path::new("/w/target/lambda/deps/e2e-0123")).unwrap();
        assert_eq!(
            (lambda.profile, lambda.directory),
            ("lambda", Path::new("/w/target/lambda"))
        );
    }

    #[test]
    fn binary_elsewhere_is_rejected() {
        assert!(Place::of_test(Path::new("/usr/bin/e2e")).is_err());
    }
}
