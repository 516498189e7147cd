//! End to end: the real `windlass` process against a vendor on a loopback port, stopped, starved,
//! misled and misconfigured. The files on the disk are the result.

mod adopt;
mod backup;
mod bad_input;
mod bounds;
#[cfg(target_os = "linux")]
mod clocks;
mod collector;
mod days;
mod deadline;
mod faults;
mod folders;
mod full_disk;
mod hostile;
mod kill;
mod operate;
mod pipe;
mod power_loss;
mod scene;
mod sinks;
