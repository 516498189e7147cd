//! The commands, one file each.

pub(crate) mod adopt;
pub(crate) mod apply;
pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod connectors;
pub(crate) mod pause;
pub(crate) mod retry;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod verify;
pub(crate) mod windows;
