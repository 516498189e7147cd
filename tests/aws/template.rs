//! `infra/`: what the template creates, allows and watches, read as CloudFormation reads it; and the
//! documents beside it.
//!
//! | module | is about |
//! | --- | --- |
//! | [`resolved`] | the template after the SAM transform, with parameters, conditions and functions worked out |
//! | [`deployed`] | the template deployed into an emulator |
//! | [`policies`] | which actions each function may call |
//! | others | what must hold of the template |

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
