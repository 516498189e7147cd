//! AWS as the suites need it: an emulator for what it does well, and fakes of our own for what no
//! emulator does, which is to kill, to lose, to double, to throttle and to keep to the limits.
//!
//! | module | is about |
//! | --- | --- |
//! | [`tools`] | a Python environment with pinned packages, made on first use |
//! | [`emulator`] | one ministack process: DynamoDB, Secrets Manager, and all the rest |
//! | [`table`] | the state table as an outsider sees it |
//! | [`state_proxy`] | what stands in front of it: faults, capacity units, who called what |
//! | [`lambda`] | a Lambda service that runs real bootstraps and really kills them |
//! | [`streams`] | Firehose, Kinesis and S3 with their limits, and with faults |
//! | [`binaries`] | the bootstraps |
//! | [`calls`] | every call of every service, with its caller |
//! | [`refusals`] | errors that a service gives every time |
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
