//! windlass on AWS: the real Lambda bootstraps, under a Lambda service that kills them, on an
//! emulated table, against a vendor on a loopback port. The stream's records are the result.

mod account;
mod actions;
mod bad_input;
mod emulated;
mod faults;
mod manifest_change;
mod operate;
mod pull;
mod stack;
mod state;
mod template;
mod units;
mod vendors;
mod waits;
mod zombie;
