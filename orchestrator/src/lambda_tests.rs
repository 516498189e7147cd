//! The requests and the metrics of a tick.

use std::collections::BTreeSet;

use windlass_core::time::Timestamp;

use super::*;
use crate::SourceReport;

#[test]
fn empty_invocation_means_all_shards() {
    for text in [
        "{}",
        r#"{"shards":{"from":0,"to":64}}"#,
        r#"{"version":"0"}"#,
    ] {
        let invocation: Invocation = serde_json::from_str(text).unwrap();
        assert_eq!(invocation.shards, Shards::ALL, "{text}");
    }
    let half: Invocation = serde_json::from_str(r#"{"shards":{"from":0,"to":32}}"#).unwrap();
    assert!(half.shards.is_valid());
}

#[test]
fn tick_with_unread_shard_is_not_completed() {
    let mut report = TickReport::default();
    let completed = |report: &TickReport| {
        let values = values(report, 5);
        values
            .iter()
            .find(|(metric, _)| *metric == metric::TICK_COMPLETED)
            .unwrap()
            .1
    };
    assert_eq!(completed(&report), 1);
    let shard = windlass_core::shard::Shard::try_from(3).unwrap();
    report
        .unread
        .push((shard, StateError::Unavailable("slow".to_owned())));
    assert_eq!((completed(&report), summary(&report).failed), (0, 1));
}

#[test]
fn metrics_take_worst_lag_and_total_gaps() {
    let of = |name: &str, lag_ms, holes| SourceReport {
        lag_ms,
        oldest_open_ms: lag_ms / 2,
        holes,
        ..SourceReport::of(&name.parse().unwrap(), Timestamp::from_ms(0))
    };
    let report = TickReport {
        sources: vec![of("a", 10_000, 1), of("b", 90_999, 2)],
        ..TickReport::default()
    };
    let values = values(&report, 5);
    let value = |metric| values.iter().find(|(known, _)| *known == metric).unwrap().1;
    assert_eq!(value(metric::MAX_SOURCE_LAG), 90);
    assert_eq!(value(metric::OLDEST_OPEN_WINDOW), 45);
    assert_eq!(value(metric::WINDOWS_PARKED), 3);
    let names: BTreeSet<_> = values.iter().map(|(metric, _)| metric.name).collect();
    assert_eq!(names.len(), values.len(), "each is counted once");
}

#[test]
fn endangered_lapsed_and_parked_sweeps_are_counted() {
    let of = |name: &str, is_endangered, lapsed, sweep_holes| SourceReport {
        lapsed,
        sweep_holes,
        is_endangered,
        ..SourceReport::of(&name.parse().unwrap(), Timestamp::from_ms(0))
    };
    let report = TickReport {
        sources: vec![of("a", true, 2, 0), of("b", false, 1, 1)],
        refused: 4,
        ..TickReport::default()
    };
    let values = values(&report, 5);
    let value = |metric| values.iter().find(|(known, _)| *known == metric).unwrap().1;
    assert_eq!(value(metric::SOURCES_ENDANGERED), 1);
    assert_eq!(value(metric::WINDOWS_LAPSED), 3);
    assert_eq!(value(metric::INVOCATIONS_REFUSED), 4);
    assert_eq!(value(metric::WINDOWS_PARKED), 1);
    assert_eq!(summary(&report).refused, 4);
}
