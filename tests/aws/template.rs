//! `infra/`: the resources, permissions and alarms of the template, resolved as by CloudFormation,
//! and the documents beside it.
//!
//! | module | holds |
//! | --- | --- |
//! | [`resolved`] | the template after the SAM transform, with parameters, conditions and functions resolved |
//! | [`deployed`] | the template deployed into an emulator |
//! | [`policies`] | the actions that each function may call |
//! | others | the rules of the template |

mod alarms;
mod confinement;
pub(crate) mod deployed;
mod documents;
mod draining;
mod functions;
mod lint;
pub(crate) mod policies;
mod resolved;
mod schedules;
mod storage;
