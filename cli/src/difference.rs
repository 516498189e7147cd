//! The changes that applying a configuration makes to the state, by source and field. Pure:
//! `windlass run` and `apply` write them, `diff` shows them.

mod fields;
mod show;

use std::collections::BTreeMap;

use windlass_core::ids::SourceName;
use windlass_core::source::{SourceDefinition, SourceRecord};

use self::fields::{FieldChange, changes};
pub(crate) use self::show::named;
use crate::config::Scope;

/// The change of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The state does not hold it yet.
    New,
    /// Its definition changes.
    Changed,
    /// Its definition is unchanged but written again: the source is blocked and gets a retry, or an
    /// earlier write was interrupted.
    Again,
    /// It equals the configuration.
    Same,
    /// The configuration does not name it: it is paused, and its state stays.
    Paused,
    /// A file of the configuration named it earlier and no longer does; it is left alone.
    Unnamed,
    /// It belongs to a file that the configuration does not read; it is left alone.
    Elsewhere,
}

/// One source: as stored, and as wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceDifference {
    /// The kind of change.
    pub(crate) change: Change,
    /// The stored record; `None` for a new source.
    pub(crate) stored: Option<SourceRecord>,
    /// The definition after the change.
    pub(crate) wanted: SourceDefinition,
}

/// Every source of the state and of the configuration, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) sources: Vec<SourceDifference>,
}

impl Difference {
    /// The difference between `stored` and the sources `wanted`. These are all sources of `scope`,
    /// or all sources of the state if that is `None`. With `prune`, every other source of the scope
    /// is paused.
    pub(crate) fn between(
        stored: Vec<SourceRecord>,
        wanted: &[SourceDefinition],
        scope: Option<&Scope>,
        prune: bool,
    ) -> Self {
        let mut by_name: BTreeMap<SourceName, Vec<SourceRecord>> = BTreeMap::new();
        for record in stored {
            let records = by_name.entry(record.definition.name.clone()).or_default();
            records.push(record);
        }
        let mut sources = Vec::new();
        for definition in wanted {
            let records = by_name.remove(&definition.name).unwrap_or_default();
            sources.push(SourceDifference::of(records, definition));
        }
        for records in by_name.into_values() {
            sources.extend(SourceDifference::unnamed(records, scope, prune));
        }
        sources.sort_by(|a, b| a.wanted.name.cmp(&b.wanted.name));
        Self { sources }
    }

    /// The definitions to write.
    pub(crate) fn writes(&self) -> impl Iterator<Item = &SourceDefinition> {
        let written = self.sources.iter().filter(|source| source.is_written());
        written.map(|source| &source.wanted)
    }

    /// The number of sources with this change.
    pub(crate) fn count(&self, change: Change) -> usize {
        let alike = self.sources.iter().filter(|source| source.change == change);
        alike.count()
    }
}

/// The record with the highest version: a source that has moved to another shard may exist twice
/// until the move is repeated.
fn latest(records: Vec<SourceRecord>) -> Option<SourceRecord> {
    records.into_iter().max_by_key(|record| record.version)
}

impl SourceDifference {
    fn of(records: Vec<SourceRecord>, wanted: &SourceDefinition) -> Self {
        let is_halfway = records.len() > 1;
        let stored = latest(records);
        let change = match &stored {
            None => Change::New,
            Some(record) if record.definition != *wanted => Change::Changed,
            Some(record) if record.blocked.is_some() || is_halfway => Change::Again,
            Some(_) => Change::Same,
        };
        Self {
            change,
            stored,
            wanted: wanted.clone(),
        }
    }

    fn unnamed(records: Vec<SourceRecord>, scope: Option<&Scope>, prune: bool) -> Option<Self> {
        let stored = latest(records)?;
        let mut wanted = stored.definition.clone();
        let is_covered = scope.is_none_or(|scope| {
            let file = wanted.file.as_deref();
            file.is_some_and(|file| scope.covers(file))
        });
        let change = if !is_covered {
            Change::Elsewhere
        } else if prune && !wanted.paused {
            wanted.paused = true;
            Change::Paused
        } else {
            Change::Unnamed
        };
        Some(Self {
            change,
            stored: Some(stored),
            wanted,
        })
    }

    /// Returns true if the change needs a write.
    pub(crate) const fn is_written(&self) -> bool {
        match self.change {
            Change::New | Change::Changed | Change::Again | Change::Paused => true,
            Change::Same | Change::Unnamed | Change::Elsewhere => false,
        }
    }

    /// The stored record, if the source leaves its stored timeline for a new one.
    pub(crate) fn left_behind(&self) -> Option<&SourceRecord> {
        let generation = &self.wanted.generation;
        let stored = self.stored.as_ref();
        stored.filter(|stored| stored.definition.generation != *generation)
    }
}

#[cfg(test)]
#[path = "difference_tests.rs"]
mod tests;
