//! Comparison of delivered records with the vendor's records: lost, duplicated, altered, foreign.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;
use windlass_core::ids::WindowId;
use windlass_core::time::Timestamp;

use crate::timeline::Timeline;
use crate::vendor::Shape;
use crate::windlass::files_below;

/// The member that windlass adds to each record.
const METADATA: &str = "_windlass";
/// Maximum number of ids of each kind in a verdict.
const IDS_PRINTED_MAX: usize = 5;

/// One line of output.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    /// The file of the line; `None` for a stream.
    file: Option<PathBuf>,
    /// The vendor's id.
    id: String,
    metadata: Option<Value>,
    /// The record without the member that windlass added.
    record: Value,
}

/// All deliveries: every finished output file of one NDJSON sink, or every line of a stream.
#[derive(Debug)]
pub struct Ledger {
    shape: Shape,
    lines: Vec<Line>,
    rejects: Vec<String>,
}

impl Ledger {
    /// Reads every finished `*.ndjson` below `dir`. A line that is not one JSON object with the
    /// vendor's id is an error: a test vendor never produces one.
    pub fn read(dir: &Path, shape: Shape) -> anyhow::Result<Self> {
        let mut ledger = Self {
            shape,
            lines: Vec::new(),
            rejects: Vec::new(),
        };
        for path in files_below(dir)? {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            let is_rejects = name.ends_with(".rejects.jsonl");
            if !is_rejects && !name.ends_with(".ndjson") {
                continue;
            }
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            if !text.is_empty() && !text.ends_with('\n') {
                bail!("{} ends in the middle of a line", path.display());
            }
            if is_rejects {
                ledger.rejects.extend(text.lines().map(str::to_owned));
                continue;
            }
            for (number, text) in text.lines().enumerate() {
                let line = Line::parse(text, Some(&path), shape)
                    .with_context(|| format!("{} line {}", path.display(), number + 1))?;
                ledger.lines.push(line);
            }
        }
        Ok(ledger)
    }

    /// Reads the `lines` of a stream. A line that is not one JSON object with the vendor's id is an
    /// error.
    pub fn of_lines<L: AsRef<str>>(
        lines: impl IntoIterator<Item = L>,
        shape: Shape,
    ) -> anyhow::Result<Self> {
        let parse = |(number, line): (usize, L)| {
            Line::parse(line.as_ref(), None, shape)
                .with_context(|| format!("line {} of the stream", number + 1))
        };
        let lines = lines.into_iter().enumerate().map(parse);
        Ok(Self {
            shape,
            lines: lines.collect::<anyhow::Result<_>>()?,
            rejects: Vec::new(),
        })
    }

    /// The number of deliveries that repeat an earlier one.
    pub fn repeats(&self) -> usize {
        let distinct: BTreeSet<&str> = self.lines.iter().map(|line| line.id.as_str()).collect();
        self.lines.len() - distinct.len()
    }

    /// The number of delivered records, repeats included.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Returns true if nothing was delivered.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Compares with a complete pull of `timeline` by the source `source`.
    pub fn compare(&self, timeline: &Timeline, source: &str) -> Verdict {
        let events: Vec<_> = timeline.expected().copied().collect();
        let mut expected: BTreeMap<String, (Timestamp, String)> = events
            .iter()
            .map(|event| {
                let record = self.shape.record(event, timeline.record_bytes());
                (self.shape.id_of(event), (event.time, record))
            })
            .collect();
        let mut verdict = Verdict {
            rejected: self.rejects.clone(),
            ..Verdict::default()
        };
        let mut copies: BTreeMap<&str, usize> = BTreeMap::new();
        let mut ids_given: BTreeMap<String, &str> = BTreeMap::new();
        for line in &self.lines {
            *copies.entry(&line.id).or_default() += 1;
            let Some((time, record)) = expected.get(&line.id) else {
                verdict.foreign.push(line.id.clone());
                continue;
            };
            if serde_json::from_str::<Value>(record).ok().as_ref() != Some(&line.record) {
                verdict.altered.push(line.id.clone());
            }
            match line.check_metadata(*time, source, self.shape) {
                Ok(id) => {
                    let other = ids_given.insert(id, &line.id);
                    if other.is_some_and(|other| other != line.id) {
                        verdict
                            .metadata
                            .push(format!("{}: an id given to two records", line.id));
                    }
                }
                Err(problem) => verdict.metadata.push(format!("{}: {problem:#}", line.id)),
            }
        }
        for (id, count) in copies {
            expected.remove(id);
            if count > 1 {
                verdict.duplicated.push(id.to_owned());
            }
        }
        verdict.lost = expected.into_keys().collect();
        verdict
    }
}

impl Line {
    fn parse(text: &str, file: Option<&Path>, shape: Shape) -> anyhow::Result<Self> {
        let mut record: Value = serde_json::from_str(text).context("not JSON")?;
        let metadata = record
            .as_object_mut()
            .context("not an object")?
            .remove(METADATA);
        let id = shape.id_in(&record).context("no vendor id")?.to_owned();
        Ok(Self {
            file: file.map(Path::to_owned),
            id,
            metadata,
            record,
        })
    }

    /// Checks the metadata of the record, and returns its id.
    fn check_metadata(
        &self,
        time: Timestamp,
        source: &str,
        shape: Shape,
    ) -> anyhow::Result<String> {
        let metadata = self.metadata.as_ref().context("no metadata")?;
        let text = |name: &str| {
            metadata
                .get(name)
                .and_then(Value::as_str)
                .with_context(|| format!("no {name}"))
        };
        let window: WindowId = text("window")?.parse().context("window")?;
        if text("source")? != source || window.timeline.source.as_str() != source {
            bail!("it names another source");
        }
        if text("connector")? != shape.connector() {
            bail!("it names another connector");
        }
        if window.from > time {
            bail!("the window {window} begins after the record's time {time}");
        }
        let place = format!("{source}/{}/", window.timeline.lane);
        if let Some(file) = &self.file
            && !file.to_string_lossy().contains(&place)
        {
            bail!("it lies in {} and not below {place}", file.display());
        }
        if text("time")?.parse::<Timestamp>()? != time {
            bail!("its time is not the record's");
        }
        text("pulled_at")?.parse::<Timestamp>()?;
        metadata
            .get("page")
            .and_then(Value::as_u64)
            .context("no page")?;
        if text("id_kind")? != "vendor" {
            bail!("the id is not the vendor's although the vendor gives ids");
        }
        text("id").map(str::to_owned)
    }
}

/// The differences between output and timeline. Ids are the vendor's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Ids of records never delivered.
    pub lost: Vec<String>,
    /// Ids of records delivered more than once.
    pub duplicated: Vec<String>,
    /// Ids of records whose delivered content differs from the vendor's.
    pub altered: Vec<String>,
    /// Ids of records delivered although outside the span.
    pub foreign: Vec<String>,
    /// Ids of records written to rejects.
    pub rejected: Vec<String>,
    /// Errors in `_windlass`, by record.
    pub metadata: Vec<String>,
}

impl Verdict {
    /// Returns true if every record arrived unaltered, possibly repeated, and no other record did.
    pub fn is_complete(&self) -> bool {
        let once = Self {
            duplicated: Vec::new(),
            ..self.clone()
        };
        once.is_exact()
    }

    /// Returns true if every record arrived exactly once, unaltered, and no other record did.
    pub fn is_exact(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, ids) in [
            ("lost", &self.lost),
            ("duplicated", &self.duplicated),
            ("altered", &self.altered),
            ("foreign", &self.foreign),
            ("rejected", &self.rejected),
            ("metadata", &self.metadata),
        ] {
            let shown: Vec<_> = ids.iter().take(IDS_PRINTED_MAX).collect();
            write!(f, "{what} {} {shown:?}; ", ids.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
