use super::*;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS};

const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

fn seen(offset_ms: i64, ago_ms: i64) -> ClockOffset {
    ClockOffset {
        offset_ms: Some(offset_ms),
        observed_at: NOW.minus_ms(ago_ms),
    }
}

fn jury(choice: Option<WhoseClock>, witnesses: &[ClockOffset]) -> Jury<'_> {
    Jury { choice, witnesses }
}

/// The trusted instant as an offset from the machine clock; `None` in a dispute.
fn judged(offset_ms: i64, jury: &Jury<'_>) -> Option<i64> {
    let judged = jury.judge(NOW, Some(NOW.plus_ms(offset_ms)));
    judged.ok().map(|trusted| trusted.at().ms_since(NOW))
}

#[test]
fn earlier_clock_is_trusted_within_a_day() {
    let alone = jury(None, &[]);
    for ms in [61_000, 10 * MINUTE_MS, DAY_MS] {
        assert_eq!(judged(ms, &alone), Some(0));
        assert_eq!(judged(-ms, &alone), Some(-ms));
    }
    for ms in [-60_000, 0, 60_000] {
        assert_eq!(judged(ms, &alone), Some(ms), "no more than machines differ");
    }
    for ms in [DAY_MS + 1, 200 * DAY_MS] {
        assert_eq!(judged(ms, &alone), None);
        assert_eq!(judged(-ms, &alone), None);
    }
}

#[test]
fn witnesses_decide_beyond_a_day() {
    let far = 200 * DAY_MS;
    for offset_ms in [far, -far] {
        let as_theirs = [seen(offset_ms + MINUTE_MS, 0)];
        let as_ours = [seen(-MINUTE_MS, 0)];
        let both = [as_theirs[0], as_ours[0]];
        let neither = [seen(offset_ms / 2, 0)];
        let old = [seen(0, limits::CLOCK_BELIEVED_MS + 1)];
        assert_eq!(judged(offset_ms, &jury(None, &as_theirs)), Some(offset_ms));
        assert_eq!(judged(offset_ms, &jury(None, &as_ours)), Some(-MINUTE_MS));
        for no_help in [&both[..], &neither, &old, &[]] {
            assert_eq!(judged(offset_ms, &jury(None, no_help)), None);
        }
        let ours = Some(WhoseClock::Ours);
        let vendor = Some(WhoseClock::Vendor);
        assert_eq!(judged(offset_ms, &jury(ours, &as_theirs)), Some(0));
        assert_eq!(judged(offset_ms, &jury(vendor, &as_ours)), Some(offset_ms));
    }
}

#[test]
fn dateless_vendor_uses_machine_clock_unless_contradicted() {
    let without = |witnesses: &[ClockOffset]| {
        let trusted = jury(None, witnesses).judge(NOW, None).unwrap();
        trusted.at().ms_since(NOW)
    };
    assert_eq!(without(&[]), 0);
    assert_eq!(without(&[seen(5 * DAY_MS, 0)]), 0);
    let far = seen(-200 * DAY_MS, 0);
    assert_eq!(without(&[far]), -200 * DAY_MS);
    // One clock that others contradict delays nothing.
    let (near, late) = (seen(0, 0), seen(-HOUR_MS, 0));
    assert_eq!(without(&[far, near]), 0);
    assert_eq!(without(&[far, near, late]), -HOUR_MS);
    assert_eq!(without(&[far, far, near]), -200 * DAY_MS);
}

#[test]
fn slow_page_shows_no_clock_offset() {
    let asked_at = NOW.minus_ms(2 * MINUTE_MS);
    let offset_ms = |served_at| ClockOffset::of(Some(served_at), asked_at, NOW).offset_ms;
    for served_at in [asked_at, NOW.minus_ms(MINUTE_MS), NOW] {
        assert_eq!(offset_ms(served_at), Some(0));
    }
    assert_eq!(offset_ms(asked_at.minus_ms(HOUR_MS)), Some(-HOUR_MS));
    assert_eq!(offset_ms(NOW.plus_ms(HOUR_MS)), Some(HOUR_MS));
}

#[test]
fn clock_jump_during_page_shows_offset() {
    for jump_ms in [10 * MINUTE_MS, 200 * DAY_MS, -200 * DAY_MS] {
        let (asked_at, now) = (NOW, NOW.plus_ms(jump_ms));
        let seen = ClockOffset::of(Some(NOW), asked_at, now);
        assert_eq!(seen.offset_ms, Some(-jump_ms));
    }
}

fn plan_time(now: Timestamp, seen: Option<ClockOffset>) -> PlanTime {
    PlanTime::of(now, seen.as_ref(), &jury(None, &[]))
}

#[test]
fn nothing_is_trusted_before_first_response() {
    let time = plan_time(NOW, None);
    assert_eq!((time.cut(), time.edge()), (Cut::OneWindow, NOW));
    assert_eq!(time.trusted(), None);
    let ours = jury(Some(WhoseClock::Ours), &[]);
    let time = PlanTime::of(NOW, None, &ours);
    assert_eq!(
        (time.cut(), time.trusted()),
        (Cut::Freely, Some(Trusted::of(NOW)))
    );
}

#[test]
fn machine_clock_step_moves_no_trusted_instant() {
    let at = NOW.plus_ms(-5_000);
    for step_ms in [
        0,
        10 * MINUTE_MS,
        -10 * MINUTE_MS,
        200 * DAY_MS,
        -200 * DAY_MS,
    ] {
        let time = plan_time(NOW.plus_ms(step_ms), Some(seen(-5_000, 0)));
        assert_eq!(time.trusted(), Some(Trusted::of(at)), "{step_ms}");
    }
}

#[test]
fn stale_offset_cuts_one_window() {
    let cut = |ago_ms| plan_time(NOW, Some(seen(0, ago_ms))).cut();
    assert_eq!(cut(limits::CLOCK_BELIEVED_MS), Cut::Freely);
    assert_eq!(cut(limits::CLOCK_BELIEVED_MS + 1), Cut::OneWindow);
    // Another machine has observed it, with a clock that is a little ahead.
    assert_eq!(cut(-limits::CLOCK_SKEW_MS), Cut::Freely);
    let back = cut(-limits::CLOCK_SKEW_MS - 1);
    assert_eq!(back, Cut::OneWindow, "the clock was set back");
}

#[test]
fn vendor_clock_bounds_cut_and_lag() {
    for offset_ms in [-3 * HOUR_MS, 10 * MINUTE_MS] {
        let time = plan_time(NOW, Some(seen(offset_ms, HOUR_MS)));
        assert_eq!(time.cut(), Cut::Freely);
        assert_eq!(time.edge(), NOW.plus_ms(offset_ms.min(0)));
        assert_eq!(time.lag_at(), NOW.plus_ms(offset_ms));
    }
    // Set back a day after the vendor's response: the response is a lower bound.
    let time = plan_time(NOW.minus_ms(DAY_MS), Some(seen(0, 0)));
    assert_eq!(time.lag_at(), NOW);
}

#[test]
fn disputed_clock_trusts_nothing() {
    for offset_ms in [-200 * DAY_MS, 200 * DAY_MS] {
        let time = plan_time(NOW, Some(seen(offset_ms, 0)));
        assert_eq!((time.cut(), time.trusted()), (Cut::OneWindow, None));
        assert_eq!(time.edge(), NOW.plus_ms(offset_ms.min(0)));
        assert!(time.difference().unwrap().is_disputed());
    }
}

#[test]
fn offset_is_stored_again_when_moved_or_old() {
    let stored = seen(0, 0);
    let later = |ms: i64, offset_ms| ClockOffset {
        offset_ms,
        observed_at: NOW.plus_ms(ms),
    };
    let replaces = |new: ClockOffset| new.replaces(Some(&stored));
    assert!(later(0, Some(0)).replaces(None));
    assert!(!replaces(later(
        limits::CLOCK_STORED_MS - 1,
        Some(limits::CLOCK_SKEW_MS)
    )));
    assert!(replaces(later(limits::CLOCK_STORED_MS, Some(0))));
    assert!(replaces(later(0, Some(limits::CLOCK_SKEW_MS + 1))));
    assert!(!replaces(later(-limits::CLOCK_SKEW_MS, Some(0))));
    let back = later(-limits::CLOCK_SKEW_MS - 1, Some(0));
    assert!(replaces(back), "the clock was set back");
    assert!(!replaces(later(0, None)), "a proxy without a clock");
    let later_still = later(limits::CLOCK_STORED_MS, None);
    assert!(
        !replaces(later_still),
        "neither by our clock that has jumped"
    );
    assert!(later(0, Some(0)).replaces(Some(&later(0, None))));
}

#[test]
fn description_names_wrong_clock_with_both_times() {
    let text = |offset_ms, witnesses: &[ClockOffset]| {
        let time = PlanTime::of(NOW, Some(&seen(offset_ms, 0)), &jury(None, witnesses));
        time.difference().map(|it| it.describe("okta"))
    };
    assert_eq!(text(60_000, &[]), None);
    let texts = [
        text(-10 * MINUTE_MS, &[]),
        text(90 * MINUTE_MS, &[]),
        text(-3 * DAY_MS, &[seen(-3 * DAY_MS, 0)]),
        text(-3 * DAY_MS, &[seen(0, 0)]),
        text(200 * DAY_MS, &[]),
    ];
    let expected = [
        "this machine's clock is 10m ahead of okta's (2027-01-15T08:00:00Z here, \
         2027-01-15T07:50:00Z there)",
        "this machine's clock is 1h 30m behind okta's (2027-01-15T08:00:00Z here, \
         2027-01-15T09:30:00Z there)",
        "this machine's clock is 3d ahead of okta's (2027-01-15T08:00:00Z here, \
         2027-01-12T08:00:00Z there)",
        "okta's clock is 3d behind this machine's, with which other vendors agree \
         (2027-01-15T08:00:00Z here, 2027-01-12T08:00:00Z there)",
        "this machine's clock is 200d behind okta's (2027-01-15T08:00:00Z here, \
         2027-08-03T08:00:00Z there); no window completes until they agree: set the clock, or \
         `clock: ours` or `clock: vendor` on the source",
    ];
    assert_eq!(texts.map(Option::unwrap), expected);
    let set_back = plan_time(NOW.minus_ms(200 * DAY_MS), Some(seen(0, 0)));
    assert_eq!(
        set_back.difference().unwrap().describe("okta"),
        "this machine's clock is at least 200d behind okta's (2026-06-29T08:00:00Z here, \
         2027-01-15T08:00:00Z there)"
    );
}

#[test]
fn earlier_agreeing_witness_is_trusted() {
    // The machine clock is right, and the vendor clock a day and an hour behind or ahead; or the
    // reverse.
    let hour = 10 * HOUR_MS;
    for (offset_ms, seen_ms) in [(-35 * HOUR_MS, -hour), (35 * HOUR_MS, 25 * HOUR_MS)] {
        let witnesses = [seen(seen_ms, 0)];
        assert_eq!(judged(offset_ms, &jury(None, &witnesses)), Some(seen_ms));
    }
    let time = PlanTime::of(
        NOW,
        Some(&seen(-35 * HOUR_MS, 0)),
        &jury(None, &[seen(-hour, 0)]),
    );
    assert_eq!(time.edge(), NOW.minus_ms(hour));
    let text = time.difference().unwrap().describe("okta");
    assert!(text.starts_with("okta's clock is"), "{text}");
}

/// P1: whatever other vendors' clocks show, time is skipped by the earlier of the two clocks.
#[test]
fn earlier_clock_decides_skipping_despite_vote() {
    let passed = |offset_ms: i64, jury: &Jury<'_>| {
        let judged = jury.judge(NOW, Some(NOW.plus_ms(offset_ms)));
        judged.ok().map(|trusted| trusted.passed().ms_since(NOW))
    };
    let far = 200 * DAY_MS;
    for offset_ms in [far, -far] {
        let for_vendor = [seen(offset_ms, 0)];
        let for_ours = [seen(0, 0)];
        for witnesses in [&for_vendor, &for_ours] {
            let jury = jury(None, witnesses);
            assert!(judged(offset_ms, &jury).is_some(), "a vote decides");
            let earlier_ms = offset_ms.min(0);
            assert!(passed(offset_ms, &jury) <= Some(earlier_ms), "{offset_ms}");
        }
        assert_eq!(passed(offset_ms, &jury(None, &[])), None);
        let chosen = jury(Some(WhoseClock::Vendor), &[]);
        assert_eq!(passed(offset_ms, &chosen), Some(offset_ms));
    }
    for offset_ms in [-HOUR_MS, HOUR_MS] {
        assert_eq!(passed(offset_ms, &jury(None, &[])), Some(offset_ms.min(0)));
    }
}
