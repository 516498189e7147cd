//! AWS for the test suites: an emulator for ordinary operations, and fakes for the faults that no
//! emulator offers: kills, losses, duplicates, throttling and limits.
//!
//! | module | holds |
//! | --- | --- |
//! | [`tools`] | a Python environment with pinned packages, created on first use |
//! | [`emulator`] | one ministack process: DynamoDB, Secrets Manager, and all the rest |
//! | [`table`] | the state table, read without windlass's own code |
//! | [`state_proxy`] | the proxy before the table: faults, capacity units, calls and callers |
//! | [`lambda`] | a Lambda service that runs real bootstraps and really kills them |
//! | [`streams`] | Firehose, Kinesis and S3 with their limits, and with faults |
//! | [`binaries`] | the bootstraps |
//! | [`calls`] | every call of every service, with its caller |
//! | [`refusals`] | permanent errors of a service |
//! | [`deployment`] | all of it together: one deployment of windlass |

pub mod binaries;
pub mod calls;
pub mod deployment;
pub mod emulator;
pub(crate) mod http;
pub mod lambda;
pub mod refusals;
mod signal;
pub mod state_proxy;
pub mod streams;
pub mod table;
pub mod tools;
