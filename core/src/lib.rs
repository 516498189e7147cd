//! The windlass protocol, sans I/O: what a window is, who may work on it, how far it got, and what
//! to do next, all decided from arguments alone. No clock is read, no randomness is drawn, nothing
//! is sent or stored here, so every history can be replayed and every decision tested in microseconds.
//!
//! | module | is about |
//! | --- | --- |
//! | [`time`], [`span`] | instants and half-open spans |
//! | [`duration`] | durations as text |
//! | [`ids`] | names that validate: sources, generations, lanes, windows, owners |
//! | [`ownership`] | which state an output folder belongs to |
//! | [`adopt`] | a timeline rebuilt from the files it has delivered |
//! | [`shard`] | the parts of the plan that orchestrators divide among themselves |
//! | [`block`] | why a source does not run, and when it is probed |
//! | [`source`] | what a source is and under which policy its timeline is cut |
//! | [`manifest_change`] | a manifest, compared with what was applied of it |
//! | [`window`], [`transition`] | a window and the one function that moves it |
//! | [`lease`] | the right to move a running window, and the conditions on writes |
//! | [`delivery`] | the order in which a page becomes durable |
//! | [`deadline`] | the time that a run has for pages and for its release |
//! | [`token_cycle`], [`token_use`] | page tokens that lead back, and those that work once |
//! | [`checkpoint`] | durable progress, one page at a time |
//! | [`view`], [`lanes`] | a source as read, and the lanes that it has |
//! | [`progress`], [`creation`], [`plan`], [`planner`], [`scavenge`] | the planner |
//! | [`slots`], [`stalls`] | the order of lanes, and the workers that they get |
//! | [`summary`] | the open windows of a lane in numbers, and its troubles |
//! | [`due`] | the next instant at which a timeline has work |
//! | [`frontier`], [`split`] | where a window that cannot finish is split, and the split itself |
//! | [`causes`] | what becomes of a window that a run could not finish |
//! | [`sweep`], [`seen`] | second passes for late events, and what they compare with |
//! | [`wait`] | stored waits, of windows and of rate groups |
//! | [`reservation`], [`pacing`] | the request rate of a rate group, across processes and within one |
//! | [`trust`] | which clock is right, and what may be done while that is open |
//! | [`retention`] | how near a timeline is to losing records |
//! | [`lateness`] | how late a vendor really is |
//! | [`retry`] | failure classes and what follows them |
//! | [`task`] | what the orchestrator hands to a worker |
//! | [`metric`] | what is counted, by name and unit |
//! | [`limits`] | every bound, in one table |
//! | [`invariant`] | what must hold, by id |
//! | [`breaks`] | the protocol broken on purpose, for the simulator |
//! | [`clock`] | the seams for time and randomness |
//! | [`version`](mod@version) | the version of a program |

pub mod adopt;
pub mod block;
pub mod breaks;
pub mod causes;
pub mod checkpoint;
pub mod clock;
pub mod creation;
pub mod deadline;
pub mod delivery;
pub mod due;
pub mod duration;
pub mod frontier;
pub mod ids;
pub mod invariant;
pub mod lanes;
pub mod lateness;
pub mod lease;
pub mod limits;
pub mod manifest_change;
pub mod metric;
pub mod moves;
pub mod ownership;
pub mod pacing;
pub mod plan;
pub mod planner;
pub mod printable;
pub mod progress;
pub mod reservation;
pub mod retention;
pub mod retry;
pub mod scavenge;
pub mod seen;
pub mod shard;
pub mod slots;
pub mod source;
pub mod span;
pub mod split;
pub mod stalls;
pub mod summary;
pub mod sweep;
#[cfg(feature = "system")]
pub mod system;
pub mod task;
pub mod time;
pub mod token_cycle;
pub mod token_use;
pub mod transition;
pub mod trust;
pub mod version;
pub mod view;
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
