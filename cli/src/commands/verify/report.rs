//! The report of a verification: counts, and a bounded list of problems.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::problem::Problem;
use crate::output::grouped;

/// Maximum number of listed problems; further ones are only counted.
const NAMED_MAX: usize = 1_000;

/// The results so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) sources: u64,
    pub(super) files: u64,
    pub(super) windows: u64,
    counts: BTreeMap<&'static str, u64>,
    named: Vec<(Problem, PathBuf)>,
    /// The reasons why files or folders cannot be compared.
    unchecked: Vec<String>,
    unchecked_count: u64,
}

impl Problem {
    const fn name(self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Cut { .. } => "cut",
            Self::Grown { .. } => "grown",
            Self::Foreign | Self::Unnamed => "foreign",
            Self::Overlapping => "overlapping",
            Self::Unreadable => "unreadable",
        }
    }

    fn text(self) -> String {
        match self {
            Self::Missing { bytes } => format!("its window has delivered {bytes} bytes"),
            Self::Cut { bytes, expected } | Self::Grown { bytes, expected } => {
                format!("has {bytes} bytes, and its window has delivered {expected}")
            }
            Self::Foreign => {
                "the state has no window for it; `windlass adopt` creates one if no other file \
                 covers its time"
                    .to_owned()
            }
            Self::Unnamed => "not a name of windlass output; restore the content and name of a \
                              compressed or renamed file"
                .to_owned(),
            Self::Overlapping => {
                "its time is delivered by another file or window; move it out of the folder"
                    .to_owned()
            }
            Self::Unreadable => "its last line is incomplete or not JSON".to_owned(),
        }
    }
}

impl Report {
    pub(super) fn add(&mut self, problem: Problem, path: &Path) {
        *self.counts.entry(problem.name()).or_default() += 1;
        if self.named.len() < NAMED_MAX {
            self.named.push((problem, path.to_owned()));
        }
    }

    /// Notes a file or folder that cannot be compared, by a message that names it.
    pub(super) fn add_unchecked(&mut self, message: String) {
        self.unchecked_count += 1;
        if self.unchecked.len() < NAMED_MAX {
            self.unchecked.push(message);
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.counts.is_empty() && self.unchecked_count == 0
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (problem, path) in &self.named {
            text.push_str(&format!(
                "{}: {}: {}\n",
                problem.name(),
                path.display(),
                problem.text()
            ));
        }
        for message in &self.unchecked {
            text.push_str(&format!("unchecked: {message}\n"));
        }
        let all: u64 = self.counts.values().sum::<u64>() + self.unchecked_count;
        let named = (self.named.len() + self.unchecked.len()) as u64;
        if all > named {
            text.push_str(&format!("and {} more\n", grouped(all - named)));
        }
        let unchecked = ("unchecked", self.unchecked_count);
        let counts = self.counts.iter().map(|(name, count)| (*name, *count));
        let counts: Vec<_> = counts
            .chain([unchecked].into_iter().filter(|(_, count)| *count > 0))
            .map(|(name, count)| format!("{} {name}", grouped(count)))
            .collect();
        let found = if counts.is_empty() {
            "no differences".to_owned()
        } else {
            counts.join(", ")
        };
        text.push_str(&format!(
            "checked {} files and {} windows of {} sources: {found}\n",
            grouped(self.files),
            grouped(self.windows),
            grouped(self.sources)
        ));
        text
    }

    pub(super) fn to_json(&self) -> Value {
        let problem = |(problem, path): &(Problem, PathBuf)| {
            let (bytes, expected) = match *problem {
                Problem::Missing { bytes } => (Some(0), Some(bytes)),
                Problem::Cut { bytes, expected } | Problem::Grown { bytes, expected } => {
                    (Some(bytes), Some(expected))
                }
                Problem::Foreign
                | Problem::Unnamed
                | Problem::Overlapping
                | Problem::Unreadable => (None, None),
            };
            json!({
                "problem": problem.name(),
                "file": path.display().to_string(),
                "bytes": bytes,
                "bytes_expected": expected,
            })
        };
        json!({
            "sources": self.sources,
            "files": self.files,
            "windows": self.windows,
            "counts": self.counts,
            "problems": self.named.iter().map(problem).collect::<Vec<_>>(),
            "unchecked": self.unchecked,
        })
    }
}
