//! What each command does, one file a command.

pub(crate) mod check;
pub(crate) mod connectors;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod windows;
