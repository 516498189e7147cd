//! What the suites across rooms share: vendors that misbehave on purpose, the real `windlass`
//! process under control, and a ledger that counts what arrived.
//!
//! | module | is about |
//! | --- | --- |
//! | [`timeline`] | the records a vendor has, generated from a seed |
//! | [`vendor`] | an HTTP server that serves a timeline in a vendor's shape, and logs who asked what |
//! | [`fault_proxy`] | connections that break where a server cannot break them |
//! | [`trap`] | an address that must never be contacted |
//! | [`collector`] | an HTTP server that takes batches of lines, and fails at some |
//! | [`windlass`] | building, configuring, running and killing the binary |
//! | [`ledger`] | output compared with the timeline: lost, duplicated, altered |
//! | [`power_loss`] | a disk that keeps what was synced, and of the rest what a seed says |
//! | [`wrong_clock`] | a wall clock that is ahead or behind, and jumps when a test says so |
//! | [`aws`] | an emulator of AWS, and fakes of what no emulator does: kills, losses, limits |
//! | [`test_key`] | a key that guards nothing |

pub mod aws;
pub mod collector;
pub mod fault_proxy;
pub mod ledger;
pub mod power_loss;
pub mod preload;
pub mod test_key;
pub mod timeline;
pub mod trap;
pub mod vendor;
pub mod windlass;
pub mod wrong_clock;
