//! The engine on one machine: SQLite, local workers, files.

mod adapters;
pub(crate) mod bars;
mod engine;
pub(crate) mod folders;
mod lock;
mod meter;
mod reconcile;
mod sinks;
mod unready;
pub(crate) mod workers;

pub(crate) use adapters::LocalAdapterFactory;
pub(crate) use engine::{Ending, Engine};
pub(crate) use folders::Folders;
pub(crate) use lock::StateLock;
pub(crate) use meter::{Delivered, Meter};
