//! The whole worker on fakes: a vendor that responds by a function, a sink and a store in memory
//! that fail on request, and a clock that moves by its sleeps.

mod advertised;
mod blocks;
mod clocks;
mod crowd;
mod differences;
mod fake_vendor;
mod halves;
mod hanging;
mod harness;
mod held;
mod log;
mod model;
mod next;
mod once;
mod pages;
mod pieces;
mod probes;
mod restarts;
mod rivals;
mod sinks;
mod slow_sink;
mod splits;
mod state;
mod sweep_crashes;
mod sweeps;
mod together;
mod vendor;
mod waits;
