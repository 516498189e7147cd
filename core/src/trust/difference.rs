//! A difference between two clocks, in words.

use super::Dispute;
use crate::duration::Rounded;
use crate::limits;
use crate::time::{SECOND_MS, Timestamp};

/// The interpretation of a difference between two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The machine clock is the suspect.
    Plain,
    /// The machine clock is the suspect, and has been set back since the vendor clock was observed.
    AtLeast,
    /// Other vendors agree with the machine clock.
    VendorWrong,
    /// The difference is more than a day, without evidence for either clock.
    Disputed,
}

/// A difference between the machine clock and a vendor clock that operators should see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// The machine clock.
    pub ours: Timestamp,
    /// The vendor clock.
    pub vendor: Timestamp,
    standing: Standing,
}

impl Difference {
    /// The difference; `None` within the usual clock skew.
    pub(super) fn of(ours: Timestamp, vendor: Timestamp, standing: Standing) -> Option<Self> {
        let difference_ms = vendor.ms_since(ours).abs();
        (difference_ms > limits::CLOCK_SKEW_MS).then_some(Self {
            ours,
            vendor,
            standing,
        })
    }

    /// Returns whether no window completes and no time is skipped until an operator acts.
    pub fn is_disputed(&self) -> bool {
        self.standing == Standing::Disputed
    }

    /// The difference as a sentence, for the clock of `vendor`.
    pub fn describe(&self, vendor: &str) -> String {
        let ms = self.ours.ms_since(self.vendor);
        let length = Rounded(ms.abs());
        let (ours, ahead, behind) = ("this machine's clock", "ahead of", "behind");
        let at_least = if self.standing == Standing::AtLeast {
            "at least "
        } else {
            ""
        };
        let way = if ms > 0 { ahead } else { behind };
        let shown = format!("{} here, {} there", second(self.ours), second(self.vendor));
        match self.standing {
            Standing::VendorWrong => {
                let way = if ms > 0 { behind } else { ahead };
                format!(
                    "{vendor}'s clock is {length} {way} this machine's, with which other vendors \
                     agree ({shown})"
                )
            }
            Standing::Disputed => format!(
                "{ours} is {length} {way} {vendor}'s ({shown}); no window completes until they \
                 agree: set the clock, or `clock: ours` or `clock: vendor` on the source"
            ),
            Standing::Plain | Standing::AtLeast => {
                format!("{ours} is {at_least}{length} {way} {vendor}'s ({shown})")
            }
        }
    }
}

impl From<Dispute> for Difference {
    fn from(dispute: Dispute) -> Self {
        let Dispute { ours, vendor } = dispute;
        Self {
            ours,
            vendor,
            standing: Standing::Disputed,
        }
    }
}

/// The text form in whole seconds: `2026-01-01T00:00:00Z`.
pub(super) fn second(time: Timestamp) -> String {
    let text = time.floor_to(SECOND_MS).to_string();
    text.replace(".000Z", "Z")
}
