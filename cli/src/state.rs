//! Where the state is, and the one store that every command works on, whichever it is.

mod address;
mod open;
pub(crate) mod sources;
mod store;

pub(crate) use address::{InvalidAddress, StateAddress, Table};
pub(crate) use open::{Purpose, open};
pub(crate) use store::Store;
