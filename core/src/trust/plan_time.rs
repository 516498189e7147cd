//! Time for the planner of a rate group.

use super::difference::Standing;
use super::{ClockOffset, Difference, Jury, Trusted, WhoseClock, agree};
use crate::time::Timestamp;

/// The number of windows that a planner may create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// As many as there is room for: the vendor clock is known.
    Freely,
    /// One window, and the next one once it is finished: its response shows the vendor clock.
    OneWindow,
}

/// Time for a planner of one rate group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanTime {
    edge: Timestamp,
    cut: Cut,
    trusted: Option<Trusted>,
    lag_at: Timestamp,
    difference: Option<Difference>,
}

impl PlanTime {
    /// Time at `now`, while `seen` is the stored offset of the vendor clock.
    pub fn of(now: Timestamp, seen: Option<&ClockOffset>, jury: &Jury<'_>) -> Self {
        let ours = jury.choice == Some(WhoseClock::Ours);
        let Some(seen) = seen.filter(|_| !ours) else {
            return Self {
                edge: now,
                cut: if ours { Cut::Freely } else { Cut::OneWindow },
                trusted: ours.then_some(Trusted::of(now)),
                lag_at: now,
                difference: None,
            };
        };
        // Judged at its observation: later steps of the machine clock change nothing.
        let trusted = jury.judge(seen.observed_at, seen.vendor_at()).ok();
        if !seen.is_recent(now) {
            // The vendor's time is past this for certain.
            let behind = seen.vendor_at().filter(|vendor| *vendor > now);
            return Self {
                edge: now,
                cut: Cut::OneWindow,
                trusted,
                lag_at: behind.unwrap_or(now),
                difference: behind
                    .and_then(|vendor| Difference::of(now, vendor, Standing::AtLeast)),
            };
        }
        let vendor = seen.offset_ms.map(|offset_ms| now.plus_ms(offset_ms));
        let Some(vendor) = vendor else {
            return Self {
                edge: jury.without_vendor(now),
                cut: Cut::Freely,
                trusted,
                lag_at: now,
                difference: None,
            };
        };
        let far = !agree(vendor.ms_since(now), 0);
        let (edge, cut, standing) = match jury.weigh(now, vendor) {
            Ok((trusted, WhoseClock::Ours)) if far => {
                (trusted.at(), Cut::Freely, Standing::VendorWrong)
            }
            Ok((trusted, _)) => (trusted.at(), Cut::Freely, Standing::Plain),
            Err(_) => (now.min(vendor), Cut::OneWindow, Standing::Disputed),
        };
        Self {
            edge,
            cut,
            trusted,
            lag_at: if standing == Standing::VendorWrong {
                now
            } else {
                vendor
            },
            difference: Difference::of(now, vendor, standing),
        }
    }

    /// Time by the machine clock alone: enough to check whether there may be work, and for no
    /// irreversible step.
    pub const fn assumed(now: Timestamp) -> Self {
        Self {
            edge: now,
            cut: Cut::Freely,
            trusted: None,
            lag_at: now,
            difference: None,
        }
    }

    /// Time while both clocks show `now`.
    #[cfg(any(test, feature = "test-util"))]
    pub const fn agreed(now: Timestamp) -> Self {
        Self {
            trusted: Some(Trusted::of(now)),
            ..Self::assumed(now)
        }
    }

    /// The time up to which windows may be created, before `settle` is subtracted.
    pub const fn edge(&self) -> Timestamp {
        self.edge
    }

    /// The number of windows that may be created.
    pub const fn cut(&self) -> Cut {
        self.cut
    }

    /// The time for irreversible steps; `None` without a response, or while the clocks are in
    /// dispute.
    pub const fn trusted(&self) -> Option<Trusted> {
        self.trusted
    }

    /// The time by which a sweep looks for work: the machine clock where a window of the sweep may
    /// show the vendor clock.
    pub fn sweeps_at(&self) -> Option<Timestamp> {
        match self.cut {
            Cut::Freely => self.trusted.map(Trusted::at),
            Cut::OneWindow => Some(self.edge),
        }
    }

    /// The time from which lag is computed: the vendor clock where it is known.
    pub const fn lag_at(&self) -> Timestamp {
        self.lag_at
    }

    /// The difference between the clocks, if operators should see it.
    pub const fn difference(&self) -> Option<&Difference> {
        self.difference.as_ref()
    }
}
