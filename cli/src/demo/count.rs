//! Comparison of delivered records with the vendor's records.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

use super::vendor::Timeline;

/// The counts of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    /// Distinct delivered records.
    pub(crate) delivered: u64,
    /// Records of the vendor that are missing.
    pub(crate) lost: u64,
    /// Lines beyond the first of each record, and lines that are not a record of the vendor.
    pub(crate) duplicated: u64,
}

#[derive(Deserialize)]
struct Line {
    id: Id,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Id {
    unique_qualifier: String,
}

/// Counts the lines of every finished file under `dir`.
pub(crate) fn count(dir: &Path, timeline: Timeline) -> anyhow::Result<Counted> {
    let mut lines: HashMap<String, u64> = HashMap::new();
    read_dir(dir, &mut lines)?;
    let mut counted = Counted::default();
    for number in 0..timeline.records() {
        match lines.remove(&Timeline::qualifier(number)) {
            Some(times) => {
                counted.delivered += 1;
                counted.duplicated += times - 1;
            }
            None => counted.lost += 1,
        }
    }
    counted.duplicated += lines.values().sum::<u64>();
    Ok(counted)
}

fn read_dir(dir: &Path, lines: &mut HashMap<String, u64>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            read_dir(&path, lines)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "ndjson")
        {
            let file = File::open(&path)?;
            for line in BufReader::new(file).lines() {
                let line: Line = serde_json::from_str(&line?)
                    .with_context(|| format!("a line of {} is damaged", path.display()))?;
                *lines.entry(line.id.unique_qualifier).or_default() += 1;
            }
        }
    }
    Ok(())
}
