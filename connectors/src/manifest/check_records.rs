//! Rules for records of windows that can be split at a frontier or swept.

use super::Manifest;
use super::fault::{Fault, fault};
use super::records::Order;
use super::request::FilterClock;

pub(super) fn records(manifest: &Manifest) -> Result<(), Fault> {
    let records = &manifest.records;
    if records.strict && (records.order == Order::Unknown || records.time.is_none()) {
        let hint = "add the documented `order` and `time`, or remove `strict`";
        return Err(fault("records.strict", "needs an order by time", hint));
    }
    if records.strict && manifest.window.clock != FilterClock::Event {
        let hint = "remove it unless `window.clock` is `event`";
        let problem = "needs `window.clock: event`, the time that requests filter on";
        return Err(fault("records.strict", problem, hint));
    }
    let sweeps = &manifest.window.sweeps;
    if !sweeps.is_empty() && records.id.is_empty() {
        let hint = "add `records.id`, or remove `sweeps`";
        let problem = "needs record ids that are the same on every read";
        return Err(fault("window.sweeps", problem, hint));
    }
    if !sweeps.is_empty() && manifest.window.clock != FilterClock::Event {
        let hint = "remove `sweeps`: by arrival time, no record is late-arriving";
        let problem = "needs `window.clock: event`";
        return Err(fault("window.sweeps", problem, hint));
    }
    if sweeps.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
        let hint = "write it like `sweeps: [24h, 72h]`";
        return Err(fault("window.sweeps", "must be ascending", hint));
    }
    Ok(())
}
