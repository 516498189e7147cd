//! The measured lateness of a vendor, and the settle that it suggests.

use crate::ids::Lane;
use crate::progress::Progress;
use crate::source::Policy;
use crate::time::{HOUR_MS, MINUTE_MS};

/// The share of records that may be left to sweeps: a proposed settle aims at it.
const LATE_SHARE_WANTED: f64 = 0.001;
/// Compared records that a proposal needs at least.
const RECORDS_MIN: u64 = 1_000;
/// The longest proposed settle: sweeps are the better way to later records.
const SETTLE_MS_MAX: i64 = 6 * HOUR_MS;

/// The counts of one sweep lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The age of time when the lane read it again, in milliseconds.
    pub after_ms: i64,
    /// Late-arriving records, which the lane delivered.
    pub late: u64,
    /// Records that had been delivered before.
    pub known: u64,
}

impl Found {
    /// The share of late-arriving records among all compared ones; `None` before the first.
    pub fn late_share(&self) -> Option<f64> {
        let all = self.late.saturating_add(self.known);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a share, shown with three digits"
        )]
        (all > 0).then(|| self.late as f64 / all as f64)
    }
}

/// The counts of the sweep lanes among `lanes`, ascending by age.
pub fn found<'a>(policy: &Policy, lanes: impl IntoIterator<Item = &'a Progress>) -> Vec<Found> {
    let mut found: Vec<_> = lanes
        .into_iter()
        .filter_map(|progress| {
            let Lane::Sweep(number) = progress.timeline.lane else {
                return None;
            };
            let index = usize::from(number).checked_sub(1)?;
            Some(Found {
                after_ms: *policy.sweeps_ms.get(index)?,
                late: progress.late,
                known: progress.known,
            })
        })
        .collect();
    found.sort_unstable_by_key(|found| found.after_ms);
    found
}

/// The settle that would leave about one record in a thousand to sweeps, in milliseconds, rounded
/// up to a minute. `None` if:
///
/// - the present settle achieves that,
/// - too few records have been compared,
/// - it would be so long that sweeps are the better way.
///
/// Known points are the share later than settle, and later than each sweep. Between them, the share
/// is taken to fall evenly with the logarithm of the delay.
pub fn proposed_settle_ms(settle_ms: i64, found: &[Found]) -> Option<i64> {
    let first = found.first()?;
    if first.late.saturating_add(first.known) < RECORDS_MIN {
        return None;
    }
    // Records later than settle are those of all sweeps; records later than one sweep are those of
    // the sweeps after it.
    let mut points = Vec::new();
    let mut rest: f64 = found.iter().filter_map(Found::late_share).sum();
    points.push((settle_ms.max(MINUTE_MS), rest));
    for lane in found {
        rest -= lane.late_share().unwrap_or(0.0);
        points.push((lane.after_ms, rest.max(0.0)));
    }
    if points[0].1 <= LATE_SHARE_WANTED {
        return None;
    }
    let crossing = points
        .windows(2)
        .find(|pair| pair[0].1 > LATE_SHARE_WANTED && pair[1].1 <= LATE_SHARE_WANTED)?;
    let settle_ms = between(crossing[0], crossing[1]);
    (settle_ms <= SETTLE_MS_MAX).then_some(settle_ms)
}

/// The delay between two points at which the wanted share remains.
fn between((early_ms, above): (i64, f64), (late_ms, below): (i64, f64)) -> i64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "an estimate, rounded to minutes"
    )]
    let minutes = {
        let part = (above - LATE_SHARE_WANTED) / (above - below);
        let (early, late) = (early_ms as f64, late_ms as f64);
        let ms = early * (late / early).powf(part);
        (ms / MINUTE_MS as f64).ceil() as i64
    };
    minutes * MINUTE_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{DAY_MS, Timestamp};

    fn lane(after_ms: i64, late: u64) -> Found {
        Found {
            after_ms,
            late,
            known: 100_000 - late,
        }
    }

    #[test]
    fn punctual_vendor_needs_no_longer_settle() {
        let found = [lane(DAY_MS, 100), lane(3 * DAY_MS, 0)];
        assert_eq!(proposed_settle_ms(10 * MINUTE_MS, &found), None);
        assert_eq!(proposed_settle_ms(10 * MINUTE_MS, &[]), None);
    }

    #[test]
    fn only_moderate_lateness_proposes_longer_settle() {
        let little = [lane(DAY_MS, 140), lane(3 * DAY_MS, 0)];
        let proposed = proposed_settle_ms(10 * MINUTE_MS, &little).unwrap();
        assert!(
            (10 * MINUTE_MS..2 * HOUR_MS).contains(&proposed),
            "{proposed}"
        );
        let much = [lane(DAY_MS, 5_000), lane(3 * DAY_MS, 0)];
        assert_eq!(proposed_settle_ms(10 * MINUTE_MS, &much), None);
    }

    #[test]
    fn few_records_propose_nothing() {
        let found = [Found {
            after_ms: DAY_MS,
            late: 5,
            known: 10,
        }];
        assert_eq!(proposed_settle_ms(10 * MINUTE_MS, &found), None);
    }

    #[test]
    fn late_share_counts_every_compared_record() {
        assert_eq!(lane(DAY_MS, 1_000).late_share(), Some(0.01));
        let nothing = Found {
            after_ms: DAY_MS,
            late: 0,
            known: 0,
        };
        assert_eq!(nothing.late_share(), None);
        let one = Found { late: 1, ..nothing };
        assert_eq!(one.late_share(), Some(1.0));
    }

    #[test]
    fn lateness_lists_configured_lanes_by_age() {
        let policy = Policy {
            sweeps_ms: vec![DAY_MS, 3 * DAY_MS],
            ..crate::source::tests::policy()
        };
        let lane = |lane, late, known| {
            let timeline = crate::ids::Timeline {
                source: "okta".parse().unwrap(),
                generation: "0123456789ab".parse().unwrap(),
                lane,
            };
            let begin = Timestamp::from_ms(0);
            Progress {
                late,
                known,
                ..Progress::begin(timeline, begin, None, &policy, begin)
            }
        };
        let lanes = [
            lane(Lane::Sweep(2), 3, 4),
            lane(Lane::Live, 9, 9),
            lane(Lane::Sweep(3), 9, 9),
            lane(Lane::Sweep(1), 1, 2),
        ];
        let first = Found {
            after_ms: DAY_MS,
            late: 1,
            known: 2,
        };
        let second = Found {
            after_ms: 3 * DAY_MS,
            late: 3,
            known: 4,
        };
        assert_eq!(found(&policy, &lanes), [first, second]);
    }

    #[test]
    fn proposal_interpolates_around_target_share() {
        let minutes = |settle_ms, found: &[Found]| {
            let proposed = proposed_settle_ms(settle_ms, found)?;
            assert_eq!(proposed % MINUTE_MS, 0);
            Some(proposed / MINUTE_MS)
        };
        // 0.19 % are later than ten minutes, and 0.05 % later than a day.
        let before_the_first = [lane(DAY_MS, 140), lane(3 * DAY_MS, 50)];
        assert_eq!(minutes(10 * MINUTE_MS, &before_the_first), Some(245));
        // 0.12 % are later than two hours, and none later than three days.
        let after_the_first = [lane(2 * HOUR_MS, 100), lane(3 * DAY_MS, 120)];
        assert_eq!(minutes(10 * MINUTE_MS, &after_the_first), Some(219));
        assert_eq!(minutes(10 * MINUTE_MS, &[lane(DAY_MS, 140)]), Some(42));
        // A settle of zero counts as a minute.
        assert_eq!(minutes(0, &[lane(DAY_MS, 140)]), Some(8));
        let beyond = [lane(DAY_MS, 100), lane(3 * DAY_MS, 200)];
        assert_eq!(minutes(10 * MINUTE_MS, &beyond), None);
    }

    #[test]
    fn proposal_needs_1000_records() {
        let of = |records| Found {
            after_ms: DAY_MS,
            late: 2,
            known: records - 2,
        };
        assert_eq!(proposed_settle_ms(MINUTE_MS, &[of(RECORDS_MIN - 1)]), None);
        assert!(proposed_settle_ms(MINUTE_MS, &[of(RECORDS_MIN)]).is_some());
    }
}
