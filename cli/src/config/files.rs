//! The files of a configuration: the main file and those it includes, in reading order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use windlass_connectors::secret::{SecretError, SecretRef};
use windlass_connectors::yaml::{self, YamlError};
use windlass_core::limits;

use super::raw;
use crate::exit_code::UsageError;

/// The text of one file, to locate errors.
#[derive(Debug, Clone, Default)]
pub(super) struct SourceText {
    /// The path of the file in messages.
    pub(super) shown: String,
    /// The content of the file.
    pub(super) text: String,
}

impl SourceText {
    /// An error about the first of `fields` that the file contains.
    pub(super) fn invalid_in(&self, fields: &[&str], problem: impl Display) -> YamlError {
        yaml::invalid_in(&self.shown, &self.text, fields, problem, None)
    }

    /// An error about `field`.
    pub(super) fn invalid(&self, field: &str, problem: impl Display) -> YamlError {
        self.invalid_in(&[field], problem)
    }
}

/// One parsed file.
#[derive(Debug)]
pub(super) struct ConfigFile {
    /// The text of the file.
    pub(super) text: SourceText,
    /// Its path relative to the folder of the main file, with `/` between components.
    pub(super) path: String,
    /// The file name that its sources store: `name:`, or the path, after the main file's `name:`.
    pub(super) name: String,
    /// The folder of the main file.
    root: PathBuf,
    /// The parsed content.
    pub(super) raw: raw::Config,
}

impl ConfigFile {
    pub(super) fn invalid(&self, field: &str, problem: impl Display) -> YamlError {
        self.text.invalid(field, problem)
    }

    /// The path that `entry` in this file refers to.
    pub(super) fn path_to(&self, entry: &str) -> PathBuf {
        match self.relative_to_root(entry) {
            Some(path) => self.root.join(path),
            None => PathBuf::from(entry),
        }
    }

    /// The secret reference `text`, with a relative path resolved against the folder of this file.
    pub(super) fn secret(&self, text: &str) -> Result<String, SecretError> {
        Ok(match text.parse()? {
            SecretRef::File(path) => {
                let path = path.to_str().map_or(path.clone(), |it| self.path_to(it));
                SecretRef::File(path).to_string()
            }
            other => other.to_string(),
        })
    }

    /// `entry`, a path in this file, relative to the folder of the main file; `None` for an
    /// absolute path.
    pub(super) fn relative_to_root(&self, entry: &str) -> Option<String> {
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        relative(folder, entry)
    }
}

/// All files of a configuration.
#[derive(Debug)]
pub(super) struct Files {
    /// The main file, then each included file in order.
    pub(super) files: Vec<ConfigFile>,
    /// The sources that `apply --prune` may pause.
    pub(super) scope: Scope,
}

/// The files that a configuration covers, by the names that sources store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The files that were read.
    files: BTreeSet<String>,
    /// Folders whose files were all read, so that any other file in them has been deleted.
    folders: BTreeSet<String>,
}

impl Scope {
    /// Returns true if the configuration covers the sources of `file`.
    pub(crate) fn covers(&self, file: &str) -> bool {
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.files.contains(file) || self.folders.contains(folder)
    }
}

impl Files {
    /// The file at `path` and all files that it includes.
    ///
    /// # Errors
    /// [`UsageError`] if the main file cannot be read, [`YamlError`] for any other problem.
    pub(super) fn load(path: &Path) -> anyhow::Result<Self> {
        let usage = |problem: String| UsageError(format!("{}: {problem}", path.display()));
        let text = open(path)
            .and_then(|file| read(file, limits::CONFIG_BYTES_MAX))
            .map_err(|problem| {
                let hint = if path.exists() {
                    ""
                } else {
                    "; name another file with --config, or start from examples/nvd.yaml"
                };
                usage(format!("{problem}{hint}"))
            })?;
        let base = path.parent().unwrap_or(Path::new(""));
        Ok(Self::read(path.display().to_string(), text, base)?)
    }

    /// `text`, the content of the file `shown` in the folder `base`, and all files that it
    /// includes.
    pub(super) fn read(shown: String, text: String, base: &Path) -> Result<Self, YamlError> {
        let path = Path::new(&shown).file_name().map_or_else(
            || "windlass.yaml".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
        let mut reader = Reader {
            root: base.to_owned(),
            bytes_left: limits::CONFIG_BYTES_MAX.saturating_sub(text.len() as u64),
            seen: BTreeMap::new(),
            files: Vec::new(),
            folders: BTreeSet::new(),
        };
        if let Ok(place) = fs::canonicalize(base.join(&path)) {
            reader.seen.insert(place, 0);
        }
        reader.push(SourceText { shown, text }, path)?;
        reader.include_all(&[0])?;
        reader.check_names()?;
        let scope = Scope {
            files: reader.files.iter().map(|it| it.name.clone()).collect(),
            folders: reader.folders,
        };
        Ok(Self {
            files: reader.files,
            scope,
        })
    }
}

/// Reads the files one after another.
struct Reader {
    root: PathBuf,
    bytes_left: u64,
    /// The files by canonical path, so that a file is recognized under all of its paths.
    seen: BTreeMap<PathBuf, usize>,
    files: Vec<ConfigFile>,
    folders: BTreeSet<String>,
}

impl Reader {
    fn push(&mut self, text: SourceText, path: String) -> Result<(), YamlError> {
        let raw: raw::Config = yaml::load(&text.shown, &text.text)?;
        let name = raw.name.clone().unwrap_or_else(|| self.name_of(&path));
        if name.is_empty() || name.len() > limits::FILE_NAME_BYTES_MAX {
            let problem = format!(
                "`{name}` does not name the file in the state: give it a `name:` of 1 to {} bytes",
                limits::FILE_NAME_BYTES_MAX
            );
            return Err(text.invalid("name", problem));
        }
        self.files.push(ConfigFile {
            text,
            path,
            name,
            root: self.root.clone(),
            raw,
        });
        Ok(())
    }

    /// The stored name of the file at `path`, unless it sets its own: two configurations may have
    /// equal paths.
    fn name_of(&self, path: &str) -> String {
        let first = self.files.first();
        match first.and_then(|first| first.raw.name.as_deref()) {
            Some(prefix) => format!("{prefix}/{path}"),
            None => path.to_owned(),
        }
    }

    /// Reads the includes of the last file in `open`, the chain of files in progress, each included
    /// by the one before.
    fn include_all(&mut self, open: &[usize]) -> Result<(), YamlError> {
        let Some(at) = open.last().copied() else {
            return Ok(());
        };
        for (index, entry) in self.files[at].raw.include.clone().iter().enumerate() {
            let field = format!("include[{index}]");
            let wrong = |problem: String| self.files[at].invalid(&field, problem);
            let Some(path) = self.files[at].relative_to_root(entry) else {
                return Err(wrong(format!(
                    "`{entry}` must be relative to the folder of this file"
                )));
            };
            let place = self.root.join(&path);
            let found = fs::metadata(&place)
                .map_err(|error| wrong(format!("`{entry}` cannot be read: {error}")))?;
            if !found.is_dir() {
                self.include(open, &field, path)?;
                continue;
            }
            let names =
                yaml_files(&place).map_err(|problem| wrong(format!("`{entry}` {problem}")))?;
            for name in names {
                // The folder itself may be `.` or similar.
                let path = relative(&path, &name).unwrap_or(name);
                self.include(open, &field, path)?;
            }
            let folder = self.name_of(&path);
            self.folders.insert(folder.trim_end_matches('/').to_owned());
        }
        Ok(())
    }

    fn include(&mut self, open: &[usize], field: &str, path: String) -> Result<(), YamlError> {
        let at = open.last().copied().unwrap_or_default();
        let wrong = |problem: String| self.files[at].invalid(field, problem);
        let place = self.root.join(&path);
        let shown = place.display().to_string();
        let unread = |problem: String| wrong(format!("{shown}: {problem}"));
        let real = fs::canonicalize(&place).map_err(|error| unread(error.to_string()))?;
        if let Some(first) = self.seen.get(&real) {
            return Err(wrong(self.met_again(&shown, *first, open)));
        }
        if open.len() >= limits::INCLUDE_DEPTH_MAX {
            let max = limits::INCLUDE_DEPTH_MAX;
            return Err(wrong(format!(
                "{shown} is include number {} in a row, and the limit is {max}",
                max + 1
            )));
        }
        if self.files.len() >= limits::CONFIG_FILES_MAX {
            let max = limits::CONFIG_FILES_MAX;
            return Err(wrong(format!(
                "the configuration has more than {max} files"
            )));
        }
        // A FIFO would wait for a writer.
        if !fs::metadata(&real).is_ok_and(|found| found.is_file()) {
            return Err(unread("is neither a file nor a folder".to_owned()));
        }
        let text = open_and_read(&real, self.bytes_left).map_err(unread)?;
        self.bytes_left = self.bytes_left.saturating_sub(text.len() as u64);
        let index = self.files.len();
        self.seen.insert(real, index);
        self.push(SourceText { shown, text }, path)?;
        self.include_all(&[open, &[index]].concat())
    }

    /// The reason why the file `shown`, which is the one at index `first`, is not read again.
    fn met_again(&self, shown: &str, first: usize, open: &[usize]) -> String {
        let name = |index: &usize| self.files[*index].text.shown.as_str();
        match open.iter().position(|index| *index == first) {
            Some(from) => {
                let cycle: Vec<_> = open[from..].iter().map(name).chain([shown]).collect();
                format!("the files include each other: {}", cycle.join(" -> "))
            }
            None => format!("{shown} is included twice; keep one of them"),
        }
    }

    /// Fails on two files of the same name: `apply --prune` would confuse their sources.
    fn check_names(&self) -> Result<(), YamlError> {
        let mut names = BTreeMap::new();
        for file in &self.files {
            if let Some(first) = names.insert(&file.name, file) {
                let problem = format!(
                    "`{}` is also the name of {}; give each file a name of its own",
                    file.name, first.text.shown
                );
                return Err(file.invalid("name", problem));
            }
        }
        Ok(())
    }
}

/// The files of `folder` that end in `.yaml` or `.yml`, by name, without hidden files, which
/// editors create.
fn yaml_files(folder: &Path) -> Result<Vec<String>, String> {
    let unread = |error: std::io::Error| format!("cannot be read: {error}");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        let name = entry.map_err(unread)?.file_name();
        let is_yaml = Path::new(&name)
            .extension()
            .is_some_and(|end| end == "yaml" || end == "yml");
        if !is_yaml || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        match name.into_string() {
            Ok(name) => names.push(name),
            Err(name) => {
                let name = name.display();
                return Err(format!("has a file whose name is not UTF-8: {name}"));
            }
        }
        if names.len() > limits::CONFIG_FILES_MAX {
            return Err(format!("has more than {} files", limits::CONFIG_FILES_MAX));
        }
    }
    if names.is_empty() {
        // An empty folder is more likely a failed checkout than a configuration without sources.
        return Err("has no file that ends in .yaml or .yml".to_owned());
    }
    names.sort();
    Ok(names)
}

/// `entry` relative to `folder`, which is relative itself; `None` when `entry` is absolute.
fn relative(folder: &str, entry: &str) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    let components = Path::new(folder).components();
    for component in components.chain(Path::new(entry).components()) {
        match component {
            Component::CurDir => {}
            Component::ParentDir if parts.last().is_some_and(|last| last != "..") => {
                parts.pop();
            }
            Component::ParentDir => parts.push("..".to_owned()),
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

fn open(path: &Path) -> Result<File, String> {
    File::open(path).map_err(|error| format!("cannot be read: {error}"))
}

fn open_and_read(path: &Path, bytes_left: u64) -> Result<String, String> {
    read(open(path)?, bytes_left)
}

/// The content of `file`, limited to `bytes_left` bytes.
fn read(file: File, bytes_left: u64) -> Result<String, String> {
    let mut text = String::new();
    file.take(bytes_left + 1)
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot be read: {error}"))?;
    if text.len() as u64 > bytes_left {
        let max = limits::CONFIG_BYTES_MAX;
        return Err(format!(
            "makes the configuration larger than {max} bytes, all files together"
        ));
    }
    Ok(text)
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
