//! Shared parts of the cross-room suites: vendors with deliberate faults, the real `windlass`
//! process under control, and a ledger of delivered records.
//!
//! | module | holds |
//! | --- | --- |
//! | [`timeline`] | a vendor's records, generated from a seed |
//! | [`vendor`] | an HTTP server that serves a timeline in a vendor's shape, and logs every request |
//! | [`fault_proxy`] | connections that break where a server cannot break them |
//! | [`trap`] | an address that must never be contacted |
//! | [`collector`] | an HTTP server that accepts batches of lines, and fails some |
//! | [`windlass`] | building, configuring, running and killing the binary |
//! | [`ledger`] | output compared with the timeline: lost, duplicated, altered |
//! | [`power_loss`] | a disk that keeps synced data, and a random part of the rest |
//! | [`wrong_clock`] | a wall clock that is ahead or behind, and jumps on request |
//! | [`aws`] | an emulator of AWS, and fakes for kills, losses and limits |
//! | [`test_key`] | a key without any use outside the tests |

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
