//! The state store: the one trait through which windlass stores sources, progress, windows and rate
//! groups, and its implementations.
//!
//! The trait lists domain operations, not key-value ones. Each is a single atomic, conditional
//! write or a consistent read. `windlass-core` decides the writes ([`Window::apply`] and
//! [`Guard`]), so every store agrees by construction and one conformance suite proves it.
//!
//! | module | content |
//! | --- | --- |
//! | [`memory`] | the reference, for tests and simulation |
//! | [`sqlite`] | one file on one machine |
//! | `dynamodb` | one table for many machines (feature `dynamodb`) |
//! | [`item`] | the stored form of all items, and their keys |
//! | `conformance` | the contract as tests, for every store (feature `test-util`) |
//! | `failing` | faults around any store (feature `test-util`) |
//!
//! [`Window::apply`]: windlass_core::window::Window::apply
//! [`Guard`]: windlass_core::lease::Guard

mod apply;
mod error;
pub mod item;
mod store;

#[cfg(feature = "test-util")]
pub mod conformance;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "test-util")]
pub mod failing;
pub mod memory;
pub mod sqlite;

#[cfg(feature = "dynamodb")]
pub use dynamodb::DynamoStore;
pub use error::{MoveError, SaveError, SplitError, StateError};
pub use memory::MemoryStore;
pub use sqlite::SqliteStore;
pub use store::{Created, StateStore};
