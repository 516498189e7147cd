//! The planning of windows: one tick reads each source's timelines, lets `windlass-core` plan them,
//! and carries out the plans, in an order that survives a stop anywhere.
//!
//! A tick may be repeated, may overlap another, and may die midway; the next one repairs any
//! partial result. It never waits for a worker.

mod agenda;
mod carry;
mod dispatch;
mod known;
#[cfg(feature = "lambda")]
pub mod lambda;
mod ledger;
mod listing;
mod losses;
mod outbox;
mod overview;
mod recover;
mod report;
mod run;
mod runs;
mod still;
mod survey;
mod suspects;
mod tick;
mod view;
mod visit;

#[cfg(test)]
mod clocks_tests;
#[cfg(test)]
mod testing;

pub use agenda::Agenda;
pub use dispatch::{Dispatch, DispatchError};
pub use known::Known;
pub use overview::{Listed, Overview, overview};
pub use recover::recover;
pub use report::{Activity, SourceReport, TickReport, WindowError};
pub use still::{read_still, requests_of};
pub use survey::{history_until, look, oldest_in_trouble};
pub use suspects::SuspectPlace;
pub use tick::{Tick, TickOptions};
pub use view::read_source;
