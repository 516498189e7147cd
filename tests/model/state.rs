//! One state of the whole: the table, what planners and workers hold, what is delivered.

use std::hash::{Hash, Hasher};

use windlass_core::delivery::Step;
use windlass_core::lease::Guard;
use windlass_core::transition::Event;
use windlass_core::{Status, Timestamp};

use crate::row::{Grip, Marks, Row, hash_event};
use crate::store::Store;

/// How often each thing may still happen. Bounds the search, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Budgets {
    /// Ticks begun.
    pub(crate) ticks: u8,
    /// Ticks that stop for ever.
    pub(crate) planner_stops: u8,
    /// Steps of the clock, each longer than any lease.
    pub(crate) clock: u8,
    /// Workers that wait between being told of a window and asking for it.
    pub(crate) late_claims: u8,
    /// Workers that die.
    pub(crate) crashes: u8,
    /// Writes that are made and whose reply is lost.
    pub(crate) lost_replies: u8,
    /// Runs that end between two pages because they are told to.
    pub(crate) yields: u8,
    /// Runs that end for lack of time.
    pub(crate) overruns: u8,
    /// Page tokens that the vendor rejects.
    pub(crate) rejections: u8,
    /// Pages that cannot be used.
    pub(crate) failures: u8,
    /// Requests that are too large for the vendor.
    pub(crate) too_large: u8,
    /// Holes that an operator tries again.
    pub(crate) retries: u8,
    /// Windows that vanish from the table.
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

/// A write, and whether its refusal voids those after it.
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
    /// The writes that are left.
    Carries {
        lane: usize,
        writes: Vec<Planned>,
    },
}

/// A page in a worker's hands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct InHand {
    /// Its records.
    pub(crate) records: Vec<u8>,
    /// Those of them that were delivered, in a sweep not all of them.
    pub(crate) delivered: Vec<u8>,
    pub(crate) next: Option<String>,
    /// Whether the sink has acknowledged it.
    pub(crate) acknowledged: bool,
    /// What its worker does with it next.
    pub(crate) step: Step,
}

/// One worker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Worker {
    Idle,
    /// It was told of a window, or read one, at this epoch.
    Asks {
        lane: usize,
        from: Timestamp,
        epoch: u64,
    },
    Holds {
        lane: usize,
        grip: Box<Grip>,
        /// What a sweep knows to be delivered; `None` before it has looked.
        known: Option<Vec<u8>>,
        page: Option<InHand>,
    },
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) clock: u8,
    pub(crate) store: Store,
    pub(crate) planners: Vec<Planner>,
    pub(crate) workers: Vec<Worker>,
    /// Bit n: the record n is delivered.
    pub(crate) delivered: u32,
    /// Deliveries beyond the first of a record that stops and restarts so far account for, less
    /// those that happened.
    pub(crate) margin: i8,
    /// Whether a worker moved a window that it did not hold.
    pub(crate) trespass: bool,
    pub(crate) left: Budgets,
}
