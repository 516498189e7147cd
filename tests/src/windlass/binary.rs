//! Finding the binary: built by the cargo that built the test, with the same profile, into the
//! same target directory.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, bail};

static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// The path of an up-to-date `windlass`. Builds it on the first call of a process.
pub fn binary() -> anyhow::Result<&'static Path> {
    let built = BINARY.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    match built {
        Ok(path) => Ok(path),
        Err(problem) => bail!("{problem}"),
    }
}

fn build() -> anyhow::Result<PathBuf> {
    let directory = build_with(&["--package", "windlass", "--bin", "windlass"])?;
    built(&directory, "windlass")
}

/// Runs `cargo build` with `args`, and returns the directory that its binaries are in.
pub(crate) fn build_with(args: &[&str]) -> anyhow::Result<PathBuf> {
    let here = env::current_exe().context("this test does not know where it is")?;
    let place = Place::of_test(&here)?;
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet"])
        .args(args)
        .args(["--profile", place.profile])
        .arg("--target-dir")
        .arg(place.target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!(
            "cargo build {} failed: {}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(place.directory.to_owned())
}

/// The binary `name` in `directory`, which must be there.
pub(crate) fn built(directory: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let binary = directory.join(name);
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
