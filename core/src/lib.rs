//! The windlass protocol, sans I/O: windows, their owners, their progress and the next steps, all
//! decided from arguments alone. Nothing here reads a clock, draws randomness, sends or stores, so
//! every history can be replayed and every decision tested in microseconds.
//!
//! | module | subject |
//! | --- | --- |
//! | [`time`], [`span`] | instants and half-open spans |
//! | [`duration`] | durations as text |
//! | [`ids`] | names that validate: sources, generations, lanes, windows, owners |
//! | [`ownership`] | the state that owns an output folder |
//! | [`adopt`] | a timeline rebuilt from the files it has delivered |
//! | [`shard`] | the parts of the plan that orchestrators divide among themselves |
//! | [`block`] | blocked sources and their probes |
//! | [`source`] | sources and their policies |
//! | [`manifest_change`] | a manifest, compared with an applied definition |
//! | [`window`], [`transition`] | a window and the one function that moves it |
//! | [`lease`] | the right to move a running window, and the conditions on writes |
//! | [`delivery`] | the order in which a page becomes durable |
//! | [`checkpoint`] | durable progress, one page at a time |
//! | [`progress`], [`creation`], [`plan`], [`scavenge`] | the planner |
//! | [`summary`] | counts of a lane's open windows, and its troubles |
//! | [`due`] | the next instant at which a timeline has work |
//! | [`frontier`], [`split`] | the split point of a window that cannot finish, and the split itself |
//! | [`causes`] | the causes with which workers release unfinished windows |
//! | [`sweep`], [`seen`] | sweeps for late-arriving records, and the digests that they compare with |
//! | [`wait`] | stored waits, of windows and of rate groups |
//! | [`reservation`] | the request rate of a rate group, shared by its workers |
//! | [`trust`] | the trusted clock, and the steps that need one |
//! | [`retention`] | the time until a timeline loses records |
//! | [`lateness`] | the measured lateness of a vendor |
//! | [`retry`] | failure classes and their consequences |
//! | [`task`] | the payload from the orchestrator to a worker |
//! | [`metric`] | names and units of the metrics |
//! | [`limits`] | every limit, in one table |
//! | [`invariant`] | invariants, by id |
//! | [`breaks`] | deliberate faults of the protocol, for the simulator |
//! | [`clock`] | the seams for time and randomness |

pub mod adopt;
pub mod block;
pub mod breaks;
pub mod causes;
pub mod checkpoint;
pub mod clock;
pub mod creation;
pub mod delivery;
pub mod due;
pub mod duration;
pub mod frontier;
pub mod ids;
pub mod invariant;
pub mod lateness;
pub mod lease;
pub mod limits;
pub mod manifest_change;
pub mod metric;
pub mod moves;
pub mod ownership;
pub mod plan;
pub mod printable;
pub mod progress;
pub mod reservation;
pub mod retention;
pub mod retry;
pub mod scavenge;
pub mod seen;
pub mod shard;
pub mod source;
pub mod span;
pub mod split;
pub mod summary;
pub mod sweep;
#[cfg(feature = "system")]
pub mod system;
pub mod task;
pub mod time;
pub mod transition;
pub mod trust;
pub mod wait;
pub mod window;

pub use clock::{Clock, Entropy};
pub use ids::{Generation, Lane, Owner, RateGroup, SourceName, Timeline, WindowId};
pub use lease::Lease;
pub use progress::Progress;
pub use shard::Shard;
pub use source::{Policy, SourceDefinition, SourceRecord};
pub use span::Span;
pub use summary::Summary;
pub use time::Timestamp;
pub use window::{Status, Window};
