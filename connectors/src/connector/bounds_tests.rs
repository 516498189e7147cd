use proptest::prelude::*;

use super::*;

const UNIT_MS: i64 = 1_000;

fn bounds(start: Bound, end: Bound) -> Bounds {
    Bounds {
        start,
        end,
        unit_ms: UNIT_MS,
        format: BoundFormat::EpochMs,
        trims: true,
    }
}

fn span(from: i64, to: i64) -> Span {
    Span::new(Timestamp::from_ms(from), Timestamp::from_ms(to)).unwrap()
}

/// The records that a vendor with these real rules returns for a window, after trimming.
fn pull(bounds: Bounds, real: (Bound, Bound), records: &[i64], span: Span) -> Vec<i64> {
    let (from, to) = bounds.asked(span);
    let (from, to): (i64, i64) = (from.parse().unwrap(), to.parse().unwrap());
    let is_asked = |time: i64| {
        let after = if real.0 == Bound::Inclusive {
            time >= from
        } else {
            time > from
        };
        let before = if real.1 == Bound::Inclusive {
            time <= to
        } else {
            time < to
        };
        after && before
    };
    let kept = |time: i64| !bounds.is_neighbours(span, Timestamp::from_ms(time));
    records
        .iter()
        .copied()
        .filter(|time| is_asked(*time) && kept(*time))
        .collect()
}

const DECLARED: [Bound; 3] = [Bound::Inclusive, Bound::Exclusive, Bound::Unknown];
const REAL: [Bound; 2] = [Bound::Inclusive, Bound::Exclusive];

fn is_honest(declared: Bound, real: Bound) -> bool {
    declared == Bound::Unknown || declared == real
}

/// Every combination of declared and real rules that do not contradict each other.
fn honest() -> impl Iterator<Item = ((Bound, Bound), (Bound, Bound))> {
    let pairs = |kinds: &'static [Bound]| {
        kinds
            .iter()
            .flat_map(move |start| kinds.iter().map(move |end| (*start, *end)))
    };
    pairs(&DECLARED)
        .flat_map(move |declared| pairs(&REAL).map(move |real| (declared, real)))
        .filter(|(declared, real)| is_honest(declared.0, real.0) && is_honest(declared.1, real.1))
}

#[test]
fn adjacent_windows_return_records_once() {
    let records: Vec<i64> = (-5..=25).map(|i| i * UNIT_MS).collect();
    let windows = [span(0, 10_000), span(10_000, 11_000), span(11_000, 20_000)];
    for (declared, real) in honest() {
        let bounds = bounds(declared.0, declared.1);
        let mut seen: Vec<i64> = windows
            .iter()
            .flat_map(|window| pull(bounds, real, &records, *window))
            .collect();
        seen.retain(|time| (0..20_000).contains(time));
        seen.sort_unstable();
        let expected: Vec<i64> = (0..20).map(|i| i * UNIT_MS).collect();
        assert_eq!(seen, expected, "declared {declared:?}, really {real:?}");
    }
}

proptest! {
    #[test]
    fn undocumented_bounds_lose_no_subunit_record(
        times in proptest::collection::vec(-5_000_i64..25_000, 0..60),
        cut in 1_i64..19,
    ) {
        let bounds = bounds(Bound::Unknown, Bound::Unknown);
        let windows = [span(0, cut * UNIT_MS), span(cut * UNIT_MS, 20_000)];
        for real in [(REAL[0], REAL[0]), (REAL[0], REAL[1]), (REAL[1], REAL[0]), (REAL[1], REAL[1])] {
            let mut seen: Vec<i64> =
                windows.iter().flat_map(|window| pull(bounds, real, &times, *window)).collect();
            seen.retain(|time| (0..20_000).contains(time));
            seen.sort_unstable();
            let mut expected = times.clone();
            expected.retain(|time| (0..20_000).contains(time));
            expected.sort_unstable();
            prop_assert_eq!(seen, expected);
        }
    }
}

#[test]
fn subunit_time_before_inclusive_end_is_kept() {
    let bounds = bounds(Bound::Unknown, Bound::Inclusive);
    let records = [9_000, 9_500, 10_000];
    let real = (Bound::Inclusive, Bound::Inclusive);
    assert_eq!(pull(bounds, real, &records, span(0, 10_000)), [9_000]);
    assert_eq!(
        pull(bounds, real, &records, span(10_000, 20_000)),
        [9_500, 10_000]
    );
}

#[test]
fn only_padding_is_trimmed_by_filter_clock() {
    let unknown = bounds(Bound::Unknown, Bound::Unknown);
    let window = span(10_000, 20_000);
    let is_trimmed = |bounds: Bounds, time| bounds.is_neighbours(window, Timestamp::from_ms(time));
    for (time, trimmed) in [
        (7_999, false),
        (8_000, true),
        (9_999, true),
        (10_000, false),
        (19_999, false),
        (20_000, true),
        (21_999, true),
        (22_000, false),
    ] {
        assert_eq!(is_trimmed(unknown, time), trimmed, "{time}");
        assert!(!is_trimmed(
            Bounds {
                trims: false,
                ..unknown
            },
            time
        ));
        assert!(!is_trimmed(
            bounds(Bound::Inclusive, Bound::Inclusive),
            time
        ));
        assert!(!is_trimmed(
            bounds(Bound::Exclusive, Bound::Exclusive),
            time
        ));
    }
}

#[test]
fn every_format_writes_same_instant() {
    let time: Timestamp = "2026-02-03T04:05:06.007Z".parse().unwrap();
    let written = |format| {
        Bounds {
            format,
            ..bounds(Bound::Inclusive, Bound::Exclusive)
        }
        .write(time)
    };
    assert_eq!(written(BoundFormat::Rfc3339), "2026-02-03T04:05:06Z");
    assert_eq!(written(BoundFormat::Rfc3339Ms), "2026-02-03T04:05:06.007Z");
    assert_eq!(written(BoundFormat::Zoneless), "2026-02-03T04:05:06");
    assert_eq!(written(BoundFormat::ZonelessMs), "2026-02-03T04:05:06.007");
    assert_eq!(written(BoundFormat::Date), "2026-02-03");
    assert_eq!(written(BoundFormat::EpochS), "1770091506");
    assert_eq!(written(BoundFormat::EpochMs), "1770091506007");
}

#[test]
fn uncertain_bounds_pad_request_by_one_unit() {
    for (start, end, units) in [
        (Bound::Inclusive, Bound::Exclusive, 0),
        (Bound::Inclusive, Bound::Inclusive, 0),
        (Bound::Exclusive, Bound::Exclusive, 1),
        (Bound::Inclusive, Bound::Unknown, 1),
        (Bound::Unknown, Bound::Unknown, 2),
    ] {
        assert_eq!(bounds(start, end).padding_ms(), units * UNIT_MS);
    }
}
