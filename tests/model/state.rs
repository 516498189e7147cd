//! One state: the table, the knowledge of planners and workers, and the delivered records.

use std::hash::{Hash, Hasher};

use windlass_core::delivery::Step;
use windlass_core::lease::Guard;
use windlass_core::transition::Event;
use windlass_core::{Status, Timestamp};

use crate::row::{Grip, Marks, Row, hash_event};
use crate::store::Store;

/// The remaining number of each event. Only bounds the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct FaultLimits {
    /// Ticks that may begin.
    pub(crate) ticks: u8,
    /// Ticks that may stop forever.
    pub(crate) planner_stops: u8,
    /// Steps of the clock, each longer than any lease.
    pub(crate) clock: u8,
    /// Workers that may wait between learning of a window and claiming it.
    pub(crate) late_claims: u8,
    /// Workers that may die.
    pub(crate) crashes: u8,
    /// Writes that may apply while their response is lost.
    pub(crate) lost_responses: u8,
    /// Runs that may end between two pages at a request to stop.
    pub(crate) yields: u8,
    /// Runs that may end at their deadline.
    pub(crate) overruns: u8,
    /// Page tokens that the vendor may reject.
    pub(crate) rejections: u8,
    /// Pages that may be unusable.
    pub(crate) failures: u8,
    /// Requests that may be too large for the vendor.
    pub(crate) too_large: u8,
    /// Parked windows that an operator may retry.
    pub(crate) retries: u8,
    /// Windows that may vanish from the table.
    pub(crate) vanishing: u8,
}

/// One write of a planner's plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Write {
    Decide {
        from: Timestamp,
        epoch: u64,
        status: Status,
        event: Event,
    },
    Split {
        parent: Box<Row>,
        event: Event,
        parts: Vec<Row>,
        marks: Box<Marks>,
    },
    Create(Box<Row>),
    Save(Marks),
}

/// A write; if its condition fails, it may void the ones after it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Planned {
    pub(crate) write: Write,
    pub(crate) carries_the_rest: bool,
}

impl Write {
    pub(crate) fn guard(epoch: u64, status: Status) -> Guard {
        Guard::Planner { epoch, status }
    }
}

impl Hash for Write {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Decide {
                from,
                epoch,
                status,
                event,
            } => {
                (0_u8, from, epoch, status).hash(state);
                hash_event(event, state);
            }
            Self::Split {
                parent,
                event,
                parts,
                marks,
            } => {
                (3_u8, parent, parts, marks).hash(state);
                hash_event(event, state);
            }
            Self::Create(row) => (1_u8, row).hash(state),
            Self::Save(marks) => (2_u8, marks).hash(state),
        }
    }
}

/// One tick over one lane.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Planner {
    Idle,
    /// It has read the marks, and not yet the windows.
    Reads {
        lane: usize,
        marks: Box<Marks>,
    },
    /// The remaining writes.
    Carries {
        lane: usize,
        writes: Vec<Planned>,
    },
}

/// The current page of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FetchedPage {
    /// Its records.
    pub(crate) records: Vec<u8>,
    /// The delivered ones of them, in a sweep not all.
    pub(crate) delivered: Vec<u8>,
    pub(crate) next: Option<String>,
    /// True once the sink has acknowledged it.
    pub(crate) acknowledged: bool,
    /// The next step of its worker.
    pub(crate) step: Step,
}

/// The state of one worker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Worker {
    Idle,
    /// It has learned of a window, or read one, at this epoch.
    Asks {
        lane: usize,
        from: Timestamp,
        epoch: u64,
    },
    Holds {
        lane: usize,
        grip: Box<Grip>,
        /// The known records of a sweep; `None` before it has read them.
        known: Option<Vec<u8>>,
        page: Option<FetchedPage>,
    },
}

/// The state of the whole system.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) clock: u8,
    pub(crate) store: Store,
    pub(crate) planners: Vec<Planner>,
    pub(crate) workers: Vec<Worker>,
    /// Bit n: the record n is delivered.
    pub(crate) delivered: u32,
    /// Allowed repetitions of records by the stops and restarts so far, minus the actual ones.
    pub(crate) margin: i8,
    /// True once a worker moved a window that it did not hold.
    pub(crate) trespass: bool,
    pub(crate) left: FaultLimits,
}
