//! A Python environment with the emulator and the template tools, created on first use.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, bail};

use crate::windlass::target_directory;

/// The pinned packages.
const REQUIREMENTS: &str = include_str!("requirements.txt");
/// The prefix of messages about missing tools.
const NEEDED: &str = "the aws tests need python3 with venv and pip, and pip a package index";
/// Maximum length of a failed command's output in a message, which keeps its end.
const ERROR_TEXT_CHARS_MAX: usize = 2_000;

static VENV: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// The folder of the environment, with a working `bin/python`. The first call on a machine installs
/// the packages, which takes about half a minute; later calls check for a file.
pub fn venv() -> anyhow::Result<PathBuf> {
    let made = VENV.get_or_init(|| {
        let tools = target_directory().map(|target| target.join("tools"));
        let made = tools.and_then(|tools| make(&tools, "python3", REQUIREMENTS));
        made.map_err(|error| format!("{error:#}"))
    });
    match made {
        Ok(path) => Ok(path.clone()),
        Err(problem) => bail!("{problem}"),
    }
}

/// A command that runs the environment's Python.
pub fn python() -> anyhow::Result<Command> {
    Ok(Command::new(venv()?.join("bin/python")))
}

/// Creates the environment for `requirements` below `tools`, or finds it. Concurrent processes are
/// safe: one creates it, the others wait for its lock, which the system releases with its owner. A
/// file written last marks the environment as complete; an incomplete one is created again.
fn make(tools: &Path, python: &str, requirements: &str) -> anyhow::Result<PathBuf> {
    let folder = tools.join(format!("aws-{:016x}", fingerprint(requirements)));
    let whole = folder.join("whole");
    if whole.is_file() {
        return Ok(folder);
    }
    fs::create_dir_all(tools).with_context(|| format!("cannot make {}", tools.display()))?;
    let lock = folder.with_extension("lock");
    let lock = File::create(&lock).with_context(|| format!("cannot open {}", lock.display()))?;
    lock.lock().context("cannot lock the tools' folder")?;
    if whole.is_file() {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    run(Command::new(python).args(["-m", "venv"]).arg(&folder))?;
    let list = folder.join("requirements.txt");
    fs::write(&list, requirements).with_context(|| format!("cannot write {}", list.display()))?;
    run(Command::new(folder.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--no-deps"])
        .args(["--disable-pip-version-check", "--requirement"])
        .arg(&list))?;
    fs::write(&whole, "").with_context(|| format!("cannot write {}", whole.display()))?;
    Ok(folder)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = shown(command);
    let output = command.output();
    let output = output.with_context(|| format!("{NEEDED}; cannot start `{shown}`"))?;
    if output.status.success() {
        return Ok(());
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    bail!(
        "{NEEDED}; `{shown}` said: {}",
        last_chars(said.trim(), ERROR_TEXT_CHARS_MAX)
    )
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

/// The last `chars` characters of `text`.
pub(crate) fn last_chars(text: &str, chars: usize) -> &str {
    let start = text.char_indices().rev().nth(chars.saturating_sub(1));
    start.map_or(text, |(at, _)| &text[at..])
}

/// FNV-1a, the same on every machine: the folder's name is a hash of its contents, so that a
/// changed list never meets an old environment.
/// <https://www.ietf.org/archive/id/draft-eastlake-fnv-21.html>
fn fingerprint(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned() {
        let packages = REQUIREMENTS.lines().filter(|line| !line.starts_with('#'));
        let packages: Vec<_> = packages.collect();
        assert!(
            packages.iter().all(|line| line.split("==").count() == 2),
            "{packages:?}"
        );
        assert!(packages.contains(&"ministack==1.5.33"));
    }

    #[test]
    fn unfinished_environment_is_rebuilt() {
        let tools = tempfile::tempdir().unwrap();
        let folder = make(tools.path(), "python3", "").unwrap();
        assert!(folder.join("bin/python").exists());
        fs::write(folder.join("mark"), "").unwrap();
        assert_eq!(make(tools.path(), "python3", "").unwrap(), folder);
        assert!(folder.join("mark").exists());
        fs::remove_file(folder.join("whole")).unwrap();
        assert_eq!(make(tools.path(), "python3", "").unwrap(), folder);
        assert!(!folder.join("mark").exists());
    }

    #[test]
    fn missing_tool_is_named() {
        let tools = tempfile::tempdir().unwrap();
        let error = make(tools.path(), "no-such-python", "").unwrap_err();
        assert!(
            format!("{error:#}").contains("need python3 with venv and pip"),
            "{error:#}"
        );
        let error = make(tools.path(), "false", "").unwrap_err();
        assert!(format!("{error:#}").contains("`false -m venv"), "{error:#}");
    }

    #[test]
    fn folder_follows_package_list() {
        assert_eq!(fingerprint("a"), 0xaf63_dc4c_8601_ec8c);
        assert_ne!(fingerprint("a==1"), fingerprint("a==2"));
    }

    #[test]
    fn only_end_of_long_message_is_kept() {
        assert_eq!(last_chars("abc\u{e9}d", 3), "c\u{e9}d");
        assert_eq!(last_chars("ab", 3), "ab");
        assert_eq!(last_chars("", 3), "");
    }
}
