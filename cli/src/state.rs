//! The address of the state, and the one store type that every command uses.

mod address;
mod open;
pub(crate) mod sources;
mod store;

pub(crate) use address::{InvalidAddress, StateAddress, Table};
pub(crate) use open::{Purpose, open};
pub(crate) use store::Store;
