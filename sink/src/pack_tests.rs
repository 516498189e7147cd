//! Invariants of packing, for any lines and any limits.

use proptest::prelude::*;

use super::*;

fn ends(sizes: &[usize]) -> Vec<usize> {
    let running = |end: &mut usize, size: &usize| {
        *end += size;
        Some(*end)
    };
    sizes.iter().scan(0, running).collect()
}

fn record_limits() -> impl Strategy<Value = RecordLimits> {
    (1usize..400, 1usize..12, 1usize..600).prop_map(|(bytes_max, lines_max, line_bytes_max)| {
        RecordLimits {
            bytes_max,
            lines_max,
            line_bytes_max,
        }
    })
}

/// Plausible limits of a service: its longest single line sometimes exceeds the size of a packed
/// record.
fn page() -> impl Strategy<Value = (Vec<usize>, RecordLimits)> {
    let sizes = prop_oneof![8 => 1usize..100, 1 => 300usize..700];
    (prop::collection::vec(sizes, 0..80), record_limits())
}

/// The lines of all records, in order.
fn lines_of(packed: &Packed) -> Vec<usize> {
    let records = packed.records.iter();
    records.flat_map(|record| record.lines.clone()).collect()
}

proptest! {
    #[test]
    fn every_line_is_packed_or_oversized_once((sizes, limits) in page()) {
        let packed = records(&ends(&sizes), &limits);
        let sent = lines_of(&packed);
        prop_assert!(sent.is_sorted() && packed.oversized.is_sorted());
        let mut all: Vec<_> = sent.into_iter().chain(packed.oversized).collect();
        all.sort_unstable();
        prop_assert_eq!(all, (0..sizes.len()).collect::<Vec<_>>());
    }

    #[test]
    fn record_bytes_are_those_of_its_lines((sizes, limits) in page()) {
        let ends = ends(&sizes);
        for record in records(&ends, &limits).records {
            let start = record.lines.start.checked_sub(1).map_or(0, |before| ends[before]);
            prop_assert_eq!(record.bytes, start..ends[record.lines.end - 1]);
        }
    }

    #[test]
    fn no_record_exceeds_limits((sizes, limits) in page()) {
        let packed = records(&ends(&sizes), &limits);
        for record in &packed.records {
            prop_assert!(!record.lines.is_empty() && record.lines.len() <= limits.lines_max);
            let max = if record.lines.len() == 1 { limits.line_bytes_max } else { limits.bytes_max };
            prop_assert!(record.bytes.len() <= max);
        }
        let oversized: Vec<_> =
            (0..sizes.len()).filter(|line| sizes[*line] > limits.line_bytes_max).collect();
        prop_assert_eq!(packed.oversized, oversized);
    }

    #[test]
    fn neighboring_records_never_fit_into_one((sizes, limits) in page()) {
        for pair in records(&ends(&sizes), &limits).records.windows(2) {
            let touch = pair[0].lines.end == pair[1].lines.start;
            let lines = pair[0].lines.len() + pair[1].lines.len();
            let bytes = pair[0].bytes.len() + pair[1].bytes.len();
            prop_assert!(!touch || lines > limits.lines_max || bytes > limits.bytes_max);
        }
    }

    #[test]
    fn unpacked_record_has_one_line((sizes, mut limits) in page()) {
        limits.lines_max = 1;
        let packed = records(&ends(&sizes), &limits);
        prop_assert!(packed.records.iter().all(|record| record.lines.len() == 1));
    }

    #[test]
    fn calls_hold_every_record_once_within_limits(
        sizes in prop::collection::vec(1usize..50, 0..120),
        records_max in 1usize..12,
        bytes_max in 50usize..200,
    ) {
        let calls = calls(sizes.iter().copied(), &CallLimits { records_max, bytes_max });
        let taken: Vec<_> = calls.iter().cloned().flatten().collect();
        prop_assert_eq!(taken, (0..sizes.len()).collect::<Vec<_>>());
        let bytes = |call: &Range<usize>| sizes[call.clone()].iter().sum::<usize>();
        for call in &calls {
            prop_assert!(!call.is_empty() && call.len() <= records_max && bytes(call) <= bytes_max);
        }
        for pair in calls.windows(2) {
            let records = pair[0].len() + pair[1].len();
            prop_assert!(records > records_max || bytes(&pair[0]) + bytes(&pair[1]) > bytes_max);
        }
    }
}

#[test]
fn page_of_500_kilobyte_lines_is_one_record() {
    let packed = records(&ends(&[1_024; 500]), &StreamLimits::FIREHOSE.record);
    assert_eq!(packed.records.len(), 1);
    assert_eq!(packed.records[0].bytes, 0..512_000);
    assert_eq!(calls([512_000], &StreamLimits::FIREHOSE.call).len(), 1);
}

#[test]
fn line_one_byte_over_limit_is_oversized() {
    for limits in [StreamLimits::FIREHOSE, StreamLimits::KINESIS] {
        let max = limits.record.line_bytes_max;
        let packed = records(&ends(&[10, max, 10, max + 1, 10]), &limits.record);
        let lines: Vec<_> = packed.records.iter().map(|r| r.lines.clone()).collect();
        assert_eq!(lines, [0..1, 1..2, 2..3, 4..5]);
        assert_eq!(packed.oversized, [3]);
    }
}

#[test]
fn page_without_lines_makes_no_call() {
    assert_eq!(
        records(&[], &StreamLimits::FIREHOSE.record),
        Packed::default()
    );
    assert_eq!(calls([], &StreamLimits::FIREHOSE.call), []);
}

#[test]
fn record_over_call_limit_gets_own_call() {
    let limits = CallLimits {
        records_max: 5,
        bytes_max: 10,
    };
    assert_eq!(calls([4, 30, 4], &limits), [0..1, 1..2, 2..3]);
}
