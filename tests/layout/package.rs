//! `infra/package.sh`: its help, its check of tools, and the version that it compiles into programs.

use std::path::Path;
use std::process::{Command, Output};

use crate::tree::root;

fn package(args: &[&str]) -> Command {
    let mut command = Command::new("bash");
    command.arg(root().join("infra/package.sh")).args(args);
    command
}

fn output(command: &mut Command) -> Output {
    let output = command.output();
    output.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns true for `0.1.0`, `0.1.0 (abcdef123456 2026-11-30)` and the same with `-dirty`.
fn is_version(text: &str) -> bool {
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let is_date = |text: &str| {
        let parts: Vec<_> = text.split('-').collect();
        matches!(parts[..], [y, m, d] if digits(y, 4) && digits(m, 2) && digits(d, 2))
    };
    let is_commit = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match text.strip_prefix(env!("CARGO_PKG_VERSION")) {
        None => false,
        Some("") => true,
        Some(rest) => rest
            .strip_prefix(" (")
            .and_then(|rest| rest.strip_suffix(')'))
            .and_then(|rest| rest.split_once(' '))
            .is_some_and(|(commit, date)| {
                is_commit(commit.trim_end_matches("-dirty")) && is_date(date)
            }),
    }
}

/// A folder with links to `tools` only, as a `PATH`.
fn path_with(tools: &[&str], folder: &Path) {
    for tool in tools {
        let found = output(Command::new("bash").args(["-c", &format!("command -v {tool}")]));
        let found = stdout(&found).trim().to_owned();
        std::os::unix::fs::symlink(found, folder.join(tool))
            .expect("a link can be created in a new folder");
    }
}

#[test]
fn package_script_parses() {
    for script in ["infra/package.sh", "infra/drain.sh"] {
        let script = root().join(script);
        let parsed = output(Command::new("bash").arg("-n").arg(&script));
        assert!(parsed.status.success(), "{}", stderr(&parsed));
        // Where it is installed.
        if let Ok(checked) = Command::new("shellcheck").arg(&script).output() {
            assert!(checked.status.success(), "{}", stdout(&checked));
        }
    }
}

#[test]
fn package_help_names_every_option() {
    let help = output(&mut package(&["--help"]));
    assert!(help.status.success());
    for option in ["--only x86_64|arm64", "--print-version", "[FOLDER]"] {
        assert!(stdout(&help).contains(option), "{option}");
    }
}

#[test]
fn unknown_package_arguments_are_rejected() {
    for (args, problem) in [
        (
            &["--only", "riscv"][..],
            "--only takes x86_64 or arm64, not `riscv`",
        ),
        (&["--only"][..], "--only takes x86_64 or arm64"),
        (&["--fast"][..], "unknown option --fast"),
        (&["a", "b"][..], "more than one folder"),
    ] {
        let rejected = output(&mut package(args));
        assert_eq!(rejected.status.code(), Some(1), "{args:?}");
        assert!(stderr(&rejected).contains(problem), "{}", stderr(&rejected));
    }
}

#[test]
fn packaging_names_all_missing_tools_with_cure() {
    let folder = tempfile::tempdir().unwrap();
    path_with(&["bash", "dirname", "sed"], folder.path());
    let out = folder.path().join("out");
    let mut command = package(&[out.to_str().unwrap()]);
    let failed = output(command.env("PATH", folder.path()));
    assert_eq!(failed.status.code(), Some(1));
    let said = stderr(&failed);
    for line in [
        "zig: pip install ziglang",
        "cargo-zigbuild: pip install cargo-zigbuild",
        "cargo-lambda: pip install cargo-lambda",
        "cargo-cyclonedx: cargo install --locked cargo-cyclonedx",
        "zip: apt-get install zip",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!out.exists(), "a failed check must write nothing");
}

#[test]
fn version_has_number_commit_and_date() {
    let printed = output(&mut package(&["--print-version"]));
    assert!(printed.status.success(), "{}", stderr(&printed));
    let version = stdout(&printed);
    assert!(is_version(version.trim_end()), "{version}");
    assert!(is_version("0.1.0 (abcdef123456-dirty 2026-11-30)"));
    for wrong in [
        "0.1.0 ()",
        "0.1.0 (abcdef 2026-11-30)",
        "0.1.0 (abcdef123456)",
        "1",
    ] {
        assert!(!is_version(wrong), "{wrong}");
    }
}

#[test]
fn version_without_git_is_package_version() {
    let folder = tempfile::tempdir().unwrap();
    path_with(&["bash", "dirname", "sed"], folder.path());
    let printed = output(package(&["--print-version"]).env("PATH", folder.path()));
    assert_eq!(stdout(&printed).trim_end(), env!("CARGO_PKG_VERSION"));
}
