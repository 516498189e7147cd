//! The report of a tick.

use windlass_core::ids::{SourceName, WindowId};
use windlass_core::shard::Shard;
use windlass_core::time::Timestamp;
use windlass_state::StateError;

/// The activity of a source, as one tick saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activity {
    /// Windows are in flight or ready to be.
    Working,
    /// Nothing can run before this instant: an unfinished window or the rate group waits.
    Waiting(Timestamp),
    /// Every created window is done or parked, and there is no due time.
    #[default]
    Idle,
    /// Blocked: its windows keep their place until a probe delivers a page.
    Blocked,
    /// Paused by its definition.
    Paused,
}

/// A window and the error of its last run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowError {
    /// The window.
    pub window: WindowId,
    /// The error, with its cure.
    pub error: String,
}

/// One source's part of a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceReport {
    /// Name of the source.
    pub source: SourceName,
    /// Its activity at the tick.
    pub activity: Activity,
    /// Watermark: everything before it is delivered.
    pub complete_through: Timestamp,
    /// Lag in milliseconds; 0 for a paused or finished source.
    pub lag_ms: i64,
    /// Age of its oldest window that is neither done nor parked, in milliseconds; 0 without one.
    pub oldest_open_ms: i64,
    /// Windows created.
    pub created: usize,
    /// Windows for workers; see [`TickReport::refused`].
    pub dispatched: usize,
    /// Expired leases and dispatches.
    pub expired: usize,
    /// Windows parked by this tick.
    pub parked: usize,
    /// Windows split by this tick.
    pub split: usize,
    /// Windows that the vendor dropped before anything of them was read.
    pub lapsed: usize,
    /// Gaps, old and new.
    pub holes: usize,
    /// Spans of settled time that could not be swept for late-arriving records. Their records were
    /// delivered as of the first read. Not among `holes`.
    pub sweep_holes: usize,
    /// Milliseconds until the vendor's retention drops undelivered records. Negative once it has
    /// begun; `None` for an unknown retention, and for a finished source.
    pub retention_left_ms: Option<i64>,
    /// True if `retention_left_ms` is low enough for an alarm.
    pub is_endangered: bool,
    /// Next probe of a blocked source; `None` while one is due or in flight.
    pub probe_at: Option<Timestamp>,
    /// The oldest window that is being retried, with the error of its last run.
    pub last_error: Option<WindowError>,
    /// The reason why this source could not be planned; the others were.
    pub error: Option<String>,
}

impl SourceReport {
    /// The report of a source of which only the start is known.
    pub fn of(source: &SourceName, start: Timestamp) -> Self {
        Self {
            source: source.clone(),
            activity: Activity::default(),
            complete_through: start,
            lag_ms: 0,
            oldest_open_ms: 0,
            created: 0,
            dispatched: 0,
            expired: 0,
            parked: 0,
            split: 0,
            lapsed: 0,
            holes: 0,
            sweep_holes: 0,
            retention_left_ms: None,
            is_endangered: false,
            probe_at: None,
            last_error: None,
            error: None,
        }
    }
}

/// The result of one tick, by source name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TickReport {
    /// One report per source.
    pub sources: Vec<SourceReport>,
    /// Shards that could not be read, with their errors; their sources were not planned.
    pub unread: Vec<(Shard, StateError)>,
    /// Worker invocations that were accepted.
    pub invocations: usize,
    /// Worker invocations that were not accepted. Their windows are sent again once their dispatch
    /// has expired.
    pub refused: usize,
}

impl TickReport {
    /// Returns true if no source has work: all are idle, blocked or paused.
    pub fn is_quiet(&self) -> bool {
        self.sources.iter().all(|source| {
            matches!(
                source.activity,
                Activity::Idle | Activity::Blocked | Activity::Paused
            ) && source.error.is_none()
        }) && self.unread.is_empty()
    }

    /// The earliest instant at which a waiting source may run, if everything else is quiet.
    pub fn wakes_at(&self) -> Option<Timestamp> {
        self.sources
            .iter()
            .filter_map(|source| match source.activity {
                Activity::Waiting(until) => Some(until),
                Activity::Blocked => source.probe_at,
                _ => None,
            })
            .min()
    }
}
