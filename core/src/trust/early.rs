//! A window that may not complete yet, in words.

use super::difference::second;
use crate::limits;
use crate::time::Timestamp;

/// A window that ends, with `settle`, after the instant by which windows complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Early {
    /// The earliest instant of completion: the window's end plus `settle`.
    pub settles_at: Timestamp,
    /// The instant by which windows complete.
    pub trusted: Timestamp,
    /// The machine clock.
    pub ours: Timestamp,
    /// The vendor clock; `None` if no response has shown it.
    pub vendor: Option<Timestamp>,
}

impl Early {
    /// The reason for the wait, with both clocks where they differ. `connector` names the vendor.
    pub fn describe(&self, connector: &str) -> String {
        let Self { ours, trusted, .. } = *self;
        let settles_at = second(self.settles_at);
        let waits = format!("the window may complete at {settles_at}, its end plus `settle`");
        let differs = |vendor: &Timestamp| vendor.ms_since(ours).abs() > limits::CLOCK_SKEW_MS;
        match self.vendor.filter(differs) {
            Some(vendor) if trusted == ours.min(vendor) => {
                let (late, early) = ("ahead of", "behind");
                let way = if ours < vendor { early } else { late };
                format!(
                    "{waits}, by the earlier clock: this machine's ({}) is {way} {connector}'s ({}); set \
                     the clock that is wrong",
                    second(ours),
                    second(vendor)
                )
            }
            _ => format!("{waits}, and it is {} now", second(trusted)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::HOUR_MS;

    #[test]
    fn early_message_names_clock_with_both_times() {
        let ours = Timestamp::from_ms(1_800_000_000_000);
        let early = |trusted, vendor| {
            let settles_at = trusted_after(trusted);
            Early {
                settles_at,
                trusted,
                ours,
                vendor,
            }
            .describe("okta")
        };
        let (behind, ahead) = (ours.minus_ms(HOUR_MS), ours.plus_ms(HOUR_MS));
        assert_eq!(
            early(ours, Some(ahead)),
            "the window may complete at 2027-01-15T08:10:00Z, its end plus `settle`, by the earlier \
             clock: this machine's (2027-01-15T08:00:00Z) is behind okta's (2027-01-15T09:00:00Z); \
             set the clock that is wrong"
        );
        assert_eq!(
            early(behind, Some(behind)),
            "the window may complete at 2027-01-15T07:10:00Z, its end plus `settle`, by the earlier \
             clock: this machine's (2027-01-15T08:00:00Z) is ahead of okta's (2027-01-15T07:00:00Z); \
             set the clock that is wrong"
        );
        for vendor in [None, Some(ours)] {
            assert_eq!(
                early(ours, vendor),
                "the window may complete at 2027-01-15T08:10:00Z, its end plus `settle`, and it is \
                 2027-01-15T08:00:00Z now"
            );
        }
    }

    fn trusted_after(trusted: Timestamp) -> Timestamp {
        trusted.plus_ms(10 * crate::time::MINUTE_MS)
    }
}
