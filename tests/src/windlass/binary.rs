//! Finding the programs: cargo builds them with the tests, into the same target directory.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// The path of `windlass` as the tests run it, with what they compile.
pub fn binary() -> anyhow::Result<PathBuf> {
    under_test("windlass")
}

/// The path of `windlass` as it is shipped, which this builds: for what is measured.
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

/// The program `name` as the tests run it: a binary of this package, which cargo builds before it
/// runs the tests in `tests/`.
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

/// The target directory that this test was built into.
pub(crate) fn target_directory() -> anyhow::Result<PathBuf> {
    let here = env::current_exe().context("this test does not know where it is")?;
    Ok(Place::of_test(&here)?.target.to_owned())
}

/// Where a profile's output lies.
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
    /// Of the test binary `test`, which is `TARGET/PROFILE/deps/NAME-HASH`.
    fn of_test(test: &'a Path) -> anyhow::Result<Self> {
        let deps = test.parent().filter(|parent| parent.ends_with("deps"));
        let place = deps.and_then(Path::parent).and_then(|directory| {
            let name = directory.file_name()?.to_str()?;
            // The profile `dev` is the one whose directory has another name.
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
    fn the_profile_is_read_from_where_the_test_binary_lies() {
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
    fn a_binary_that_lies_elsewhere_is_refused() {
        assert!(Place::of_test(Path::new("/usr/bin/e2e")).is_err());
    }
}
