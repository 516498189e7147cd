//! The stored form of a timeline's progress.

use serde::{Deserialize, Serialize};
use windlass_core::ids::{Generation, Lane, SourceName, Timeline};
use windlass_core::progress::Progress;
use windlass_core::span::Span;
use windlass_core::summary::Summary;
use windlass_core::time::Timestamp;

use super::{Attributes, Stored, is_default, read, write};
use crate::error::StateError;

#[derive(Serialize, Deserialize)]
struct ProgressItem {
    source: SourceName,
    generation: Generation,
    lane: Lane,
    start: Timestamp,
    end: Option<Timestamp>,
    scheduled_through: Timestamp,
    open_from: Timestamp,
    behind: Vec<Timestamp>,
    unavailable: Vec<Span>,
    width_ms: i64,
    records_per_hour: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    late: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    known: u64,
    open: Option<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    parked: u32,
    parked_since: Option<Timestamp>,
    failing_since: Option<Timestamp>,
    version: u64,
    updated_at: Timestamp,
}

impl Stored for Progress {
    fn to_attributes(&self) -> Attributes {
        write(&ProgressItem::from(self.clone()))
    }

    fn from_attributes(key: &str, attributes: Attributes) -> Result<Self, StateError> {
        read(key, attributes, ProgressItem::into_progress)
    }
}

impl From<Progress> for ProgressItem {
    fn from(progress: Progress) -> Self {
        let Timeline {
            source,
            generation,
            lane,
        } = progress.timeline;
        Self {
            source,
            generation,
            lane,
            start: progress.start,
            end: progress.end,
            scheduled_through: progress.scheduled_through,
            open_from: progress.open_from,
            behind: progress.behind,
            unavailable: progress.unavailable,
            width_ms: progress.width_ms,
            records_per_hour: progress.records_per_hour,
            late: progress.late,
            known: progress.known,
            open: progress.summary.map(|summary| summary.open),
            parked: progress.summary.map_or(0, |summary| summary.parked),
            parked_since: progress.summary.and_then(|summary| summary.parked_since),
            failing_since: progress.summary.and_then(|summary| summary.failing_since),
            version: progress.version,
            updated_at: progress.updated_at,
        }
    }
}

impl ProgressItem {
    fn into_progress(self) -> Result<Progress, String> {
        let summary = self.summary()?;
        let timeline = Timeline {
            source: self.source,
            generation: self.generation,
            lane: self.lane,
        };
        Ok(Progress {
            timeline,
            start: self.start,
            end: self.end,
            scheduled_through: self.scheduled_through,
            open_from: self.open_from,
            behind: self.behind,
            unavailable: self.unavailable,
            width_ms: self.width_ms,
            records_per_hour: self.records_per_hour,
            late: self.late,
            known: self.known,
            summary,
            version: self.version,
            updated_at: self.updated_at,
        })
    }

    /// The summary; `None` in marks of earlier versions.
    fn summary(&self) -> Result<Option<Summary>, String> {
        let (parked_since, failing_since) = (self.parked_since, self.failing_since);
        match self.open {
            Some(open) => Ok(Some(Summary {
                open,
                parked: self.parked,
                parked_since,
                failing_since,
            })),
            None if self.parked == 0 && parked_since.or(failing_since).is_none() => Ok(None),
            None => Err("`parked`, `parked_since` and `failing_since` need `open`".to_owned()),
        }
    }
}
