//! What a tick found and did.

use windlass_core::ids::SourceName;
use windlass_core::shard::Shard;
use windlass_core::time::Timestamp;
use windlass_state::StateError;

/// What a source is doing, as one tick saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activity {
    /// Windows are in flight or ready to be.
    Working,
    /// Nothing can run before this: an unfinished window or the rate group waits.
    Waiting(Timestamp),
    /// Everything carved is done or parked, and there is nothing to carve.
    #[default]
    Idle,
    /// Blocked: its windows keep their place until a probe delivers a page.
    Blocked,
    /// Paused by its definition.
    Paused,
}

/// One source's part of a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceReport {
    /// Which.
    pub source: SourceName,
    /// What it is doing.
    pub activity: Activity,
    /// Everything before this is delivered.
    pub complete_through: Timestamp,
    /// How far that trails now, in milliseconds; 0 for what is paused or finished.
    pub lag_ms: i64,
    /// Age of its oldest window that is neither done nor parked, in milliseconds; 0 without one.
    pub oldest_open_ms: i64,
    /// Windows created.
    pub created: usize,
    /// Windows to be handed to workers; see [`TickReport::refused`].
    pub dispatched: usize,
    /// Leases and dispatches that ran out.
    pub expired: usize,
    /// Windows given up.
    pub parked: usize,
    /// Windows split.
    pub split: usize,
    /// Windows that the vendor dropped before anything of them was read.
    pub lapsed: usize,
    /// Holes there are, old and new.
    pub holes: usize,
    /// Spans of settled time that could not be read again for late events; all of it was delivered
    /// as it was when it was read first. Not among `holes`.
    pub sweep_holes: usize,
    /// How long, in milliseconds, before records are lost because the vendor keeps them no longer:
    /// what is not delivered by then. Negative once it has begun; `None` where the vendor does not
    /// say how long it keeps them, and for a source that is finished.
    pub retention_left_ms: Option<i64>,
    /// Whether that is so little that somebody should know.
    pub is_endangered: bool,
    /// Next probe of a blocked source; `None` while one is due or on its way.
    pub probe_at: Option<Timestamp>,
    /// What ended the last run of the oldest window that is being tried again.
    pub last_error: Option<String>,
    /// Why this source could not be planned; the others were.
    pub error: Option<String>,
}

impl SourceReport {
    /// The report of a source of which nothing is known yet but where it starts.
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

/// What one tick came to, by source name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TickReport {
    /// One entry a source.
    pub sources: Vec<SourceReport>,
    /// Shards that could not be read, and why; their sources were not planned.
    pub unread: Vec<(Shard, StateError)>,
    /// Worker invocations asked for and accepted.
    pub invocations: usize,
    /// Worker invocations that were refused. Their windows are sent again once their dispatch has
    /// run out.
    pub refused: usize,
}

impl TickReport {
    /// Whether no source has anything to do: all idle, blocked or paused.
    pub fn is_quiet(&self) -> bool {
        self.sources.iter().all(|source| {
            matches!(
                source.activity,
                Activity::Idle | Activity::Blocked | Activity::Paused
            ) && source.error.is_none()
        }) && self.unread.is_empty()
    }

    /// The earliest instant at which something that waits may run, if everything else is quiet.
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
