//! Wrong clocks: their draws, and their effect on a deployment.

use windlass_core::time::SECOND_MS;

use super::*;
use crate::runner::run_caught;
use crate::spec::{SourceSettings, WorldSpec};
use crate::vendor::{RateLimit, Shape, VendorSpec};

fn wrong(whose: Whose, period_ms: i64) -> Op {
    Op {
        at_ms: HOUR_MS,
        for_ms: HOUR_MS,
        what: What::WrongClock {
            whose,
            off_ms: -5,
            period_ms,
        },
    }
}

#[test]
fn alternating_clock_is_wrong_every_other_period() {
    let op = wrong(Whose::Machines, 20 * MINUTE_MS);
    let clocks = WrongClocks::of(std::slice::from_ref(&op));
    let seat = Seat::Tick { odd: false };
    let off = |minute: i64| clocks.off_ms(seat, WORLD_EPOCH.plus_ms(minute * MINUTE_MS));
    assert_eq!(
        [59, 60, 79, 80, 99, 100, 119, 120].map(off),
        [0, -5, -5, 0, 0, -5, -5, 0]
    );
    let minutes = |ms: i64| ms / MINUTE_MS;
    let jumps = jumps(&op, 20 * MINUTE_MS);
    let jumps: Vec<_> = jumps
        .iter()
        .map(|(at, is_wrong)| (minutes(*at), *is_wrong))
        .collect();
    assert_eq!(jumps, [(60, true), (80, false), (100, true), (120, false)]);
}

#[test]
fn only_chosen_clocks_are_wrong() {
    let at = WORLD_EPOCH.plus_ms(90 * MINUTE_MS);
    let (tick, worker) = (Seat::Tick { odd: true }, Seat::Worker { odd: false });
    for (whose, expected) in [
        (Whose::Machines, [-5, -5, 0]),
        (Whose::Ticks, [-5, 0, 0]),
        (Whose::Workers, [0, -5, 0]),
        (Whose::Half, [-5, 0, 0]),
        (Whose::Vendor(1), [0, 0, -5]),
        (Whose::Vendor(0), [0, 0, 0]),
    ] {
        let clocks = WrongClocks::of(&[wrong(whose, 0)]);
        let off = [tick, worker, Seat::Vendor(1)].map(|seat| clocks.off_ms(seat, at));
        assert_eq!(off, expected, "{whose:?}");
    }
}

#[test]
fn worlds_draw_clock_errors_of_every_size() {
    let mut faults = std::collections::BTreeSet::new();
    for seed in 0..400 {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let ops = draw(rng, 8 * HOUR_MS, 2, false);
        let clocks = WrongClocks::of(&ops);
        let mut ahead = std::collections::BTreeSet::new();
        for (op, whose, off_ms, _) in clocks.all() {
            faults.insert((whose.fault(off_ms), off_ms > 0));
            assert!(op.at_ms + op.for_ms <= 8 * HOUR_MS, "{op:?}");
            if off_ms > 0 {
                ahead.insert(matches!(whose, Whose::Vendor(_)));
            }
        }
        assert!(ahead.len() < 2, "{ops:?}");
    }
    assert_eq!(faults.len(), 16, "{faults:?}");
}

/// Minutes in which pages are counted, after the first ones.
const COUNTED_MINUTES: std::ops::Range<i64> = 5..35;

/// Pages per minute of a source whose vendor advertises the rest of 30 requests per minute and its
/// reset, while all machines' clocks are `off_ms` wrong.
fn pages_a_minute(off_ms: i64) -> f64 {
    let faults_ms = COUNTED_MINUTES.end * MINUTE_MS;
    let vendor = VendorSpec {
        length_ms: 2 * HOUR_MS,
        events: 4_000,
        page_size: 4,
        rate_limit: Some(RateLimit {
            per_minute: 30,
            declared: None,
        }),
        ..VendorSpec::plain(Shape::Okta)
    };
    let source = SourceSettings {
        vendor: 0,
        feed: 0,
        start_before_ms: vendor.history_ms,
        min_ms: MINUTE_MS,
        max_ms: HOUR_MS,
        every_ms: 5 * MINUTE_MS,
        max_in_flight: 4,
        max_open_windows: 16,
        sweeps_ms: Vec::new(),
    };
    let wrong = Op {
        at_ms: 0,
        for_ms: faults_ms,
        what: What::WrongClock {
            whose: Whose::Machines,
            off_ms,
            period_ms: 0,
        },
    };
    let spec = WorldSpec {
        faults_ms,
        vendors: vec![vendor],
        settings: vec![source],
        files: false,
        timeout_ms: 900 * SECOND_MS,
        ops: vec![wrong],
        ..WorldSpec::draw(1)
    };
    let outcome = run_caught(&spec, None, true);
    assert_eq!(outcome.violations, Vec::<String>::new());
    let minutes = (COUNTED_MINUTES.start, COUNTED_MINUTES.end);
    let [from, to] = [minutes.0, minutes.1].map(|it| WORLD_EPOCH.plus_ms(it * MINUTE_MS));
    let is_page = |line: &&String| {
        let mut words = line.split(' ');
        let at = words.next().and_then(|at| at.parse::<Timestamp>().ok());
        let is_counted = at.is_some_and(|at| from <= at && at < to);
        is_counted && matches!(words.next(), Some("checkpoint" | "complete"))
    };
    let pages = outcome.trace.iter().filter(is_page).count();
    f64::from(u32::try_from(pages).unwrap())
        / f64::from(i32::try_from(to.ms_since(from) / MINUTE_MS).unwrap())
}

/// P5: a wrong clock of ours neither stretches nor shortens a wait.
#[test]
fn clock_error_does_not_change_quota_use() {
    let right = pages_a_minute(0);
    assert!(right > 10.0, "{right} pages a minute");
    for off_ms in [10 * MINUTE_MS, -10 * MINUTE_MS] {
        let wrong = pages_a_minute(off_ms);
        println!("{off_ms} ms off: {wrong} pages a minute, and {right} by a right clock");
        assert!(
            (wrong / right - 1.0).abs() < 0.1,
            "{off_ms}: {wrong} and {right}"
        );
    }
}
