//! The changes of an adoption, computed before anything is written.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use windlass_core::adopt::Adoption;
use windlass_core::ids::SourceName;
use windlass_core::seen::SeenPage;
use windlass_sink::ndjson::Folder;

use super::damage::Salvage;
use crate::local::folders::Place;
use crate::output::{grouped, lines, table};

/// Unreadable files that are named; further ones are counted.
const NAMED_MAX: usize = 100;

/// All adoptions, with their counts for the report.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    pub(super) adoptions: Vec<(Adoption, Vec<SeenPage>)>,
    sources: BTreeMap<SourceName, Counts>,
    /// Number of files of sources outside the configuration, which stay unchanged.
    pub(super) strangers: u64,
    /// Changes of damaged files, with the number of their folder.
    pub(super) salvages: Vec<(usize, Salvage)>,
    /// The reasons why files cannot be read; nothing is adopted then.
    pub(super) unreadable: Vec<String>,
}

/// The counts of one source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) files: u64,
    /// Number of files that the state did not know.
    pub(super) adopted: u64,
    pub(super) done: u64,
    pub(super) again: u64,
    pub(super) overlapping: u64,
    /// Number of files whose time cannot be swept, because their records have no ids.
    pub(super) nameless: u64,
    /// Number of files that are cut or empty.
    pub(super) damaged: u64,
    /// Number of files of done windows that are missing.
    pub(super) missing: u64,
    /// Number of files that end after now.
    pub(super) future: u64,
}

impl Plan {
    /// Makes the changes of damaged files.
    pub(super) fn salvage(&self, taken: &[(Place, Folder)]) -> anyhow::Result<()> {
        for (number, salvage) in &self.salvages {
            if let Some((_, folder)) = taken.get(*number) {
                salvage.carry_out(folder)?;
            }
        }
        Ok(())
    }

    /// The counts of `source`.
    pub(super) fn counts(&mut self, source: &SourceName) -> &mut Counts {
        self.sources.entry(source.clone()).or_default()
    }

    /// The changes to store.
    pub(super) fn into_adoptions(self) -> Vec<(Adoption, Vec<SeenPage>)> {
        self.adoptions
    }

    fn total(&self) -> Counts {
        let counts = self.sources.values();
        counts.fold(Counts::default(), |total, counts| total.plus(*counts))
    }

    /// A one-line summary.
    pub(super) fn summary(&self) -> String {
        let total = self.total();
        format!(
            "{} of {} files of {} sources: {} windows done, {} windows to read again",
            grouped(total.adopted),
            grouped(total.files),
            self.sources.len(),
            grouped(total.done),
            grouped(total.again)
        )
    }

    /// One row per source, and the files that stay unchanged.
    pub(super) fn text(&self) -> String {
        let mut table = table(["source", "files", "adopted", "done", "to read again"]);
        for (name, counts) in &self.sources {
            let numbers = [counts.files, counts.adopted, counts.done, counts.again];
            let [files, adopted, done, again] = numbers.map(grouped);
            table.add_row([name.to_string(), files, adopted, done, again]);
        }
        let mut text = lines(&table);
        let total = self.total();
        for (count, what) in [
            (
                self.strangers,
                "of sources that the configuration does not name; left unchanged",
            ),
            (
                total.overlapping,
                "that overlap others; see `windlass verify`",
            ),
            (
                total.nameless,
                "whose records have no vendor ids; their time counts as delivered",
            ),
            (total.damaged, "cut or empty; their time is read again"),
            (
                total.missing,
                "missing; `windlass adopt --missing` reads their time again",
            ),
            (
                total.future,
                "with an end after now; their time does not count as delivered; set this \
                 machine's clock, or remove the files",
            ),
            (
                self.unreadable.len() as u64,
                "or folders that cannot be read:",
            ),
        ] {
            if count > 0 {
                let noun = if count == 1 { "file" } else { "files" };
                text.push_str(&format!("{} {noun} {what}\n", grouped(count)));
            }
        }
        for problem in self.unreadable.iter().take(NAMED_MAX) {
            text.push_str(&format!("  {problem}\n"));
        }
        text
    }

    pub(super) fn to_json(&self) -> Value {
        let of = |counts: &Counts| {
            json!({
                "files": counts.files,
                "adopted": counts.adopted,
                "windows_done": counts.done,
                "windows_to_read_again": counts.again,
                "overlapping": counts.overlapping,
                "without_ids": counts.nameless,
                "damaged": counts.damaged,
                "missing": counts.missing,
                "after_now": counts.future,
            })
        };
        let sources: BTreeMap<_, _> = self
            .sources
            .iter()
            .map(|(name, counts)| (name.as_str(), of(counts)))
            .collect();
        json!({
            "sources": sources,
            "total": of(&self.total()),
            "files_of_other_sources": self.strangers,
            "unreadable": self.unreadable,
        })
    }
}

impl Counts {
    fn plus(self, other: Self) -> Self {
        Self {
            files: self.files + other.files,
            adopted: self.adopted + other.adopted,
            done: self.done + other.done,
            again: self.again + other.again,
            overlapping: self.overlapping + other.overlapping,
            nameless: self.nameless + other.nameless,
            damaged: self.damaged + other.damaged,
            missing: self.missing + other.missing,
            future: self.future + other.future,
        }
    }
}
