//! The properties of the simulator itself: the same seed gives the same world, worlds hold, and the
//! output is as documented.

use windlass_core::breaks::Break;

use crate::report::{self, Reduced};
use crate::runner::{run_caught, run_many, shrunk};
use crate::spec::WorldSpec;

/// Worlds per test: in a debug build one takes a second or so.
const WORLDS: u64 = 6;

#[test]
fn same_seed_gives_same_history() {
    for seed in [3, 5] {
        let spec = WorldSpec::draw(seed);
        let (one, other) = (run_caught(&spec, None, true), run_caught(&spec, None, true));
        let differs = one.trace.iter().zip(&other.trace).find(|(a, b)| a != b);
        assert_eq!(differs, None, "world {seed}");
        assert_eq!(one, other, "world {seed}");
        assert!(one.trace.len() > 100, "world {seed} has a history");
    }
}

#[test]
fn worlds_with_faults_lose_nothing() {
    let summary = run_many(100, WORLDS, None, false, |_| true);
    let first = summary
        .first
        .map(|failure| (failure.spec.seed, failure.outcome.violations));
    assert_eq!(first, None);
    assert_eq!(summary.worlds, WORLDS);
    let total = summary.total;
    assert!(
        total.tally.delivered > 100 && total.ticks > 100,
        "{total:?}"
    );
    assert!(total.faults.values().sum::<u64>() > 100, "{total:?}");
}

#[test]
fn json_has_every_documented_field() {
    let summary = run_many(1, 1, None, false, |_| true);
    let text = report::as_json(&summary, 1, None, 1_500);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    for field in [
        "worlds",
        "violations",
        "lost",
        "duplicates",
        "faults",
        "delivered",
        "ticks",
    ] {
        assert!(json[field].is_u64(), "{field} in {text}");
    }
    assert_eq!(json["worlds"], 1);
    assert_eq!(json["seconds"], 1.5);
}

/// Worlds that detect an obvious break.
const WORLDS_BROKEN: u64 = 40;

#[test]
fn broken_protocol_is_detected_by_its_effect() {
    for (way, sign) in [
        (Break::EmptyPageEnds, "is not delivered"),
        (Break::IgnoreVendorClock, "before it had settled"),
        (Break::NoScavenge, "not caught up"),
        (Break::NoProbe, "not caught up"),
    ] {
        let summary = run_many(300, WORLDS_BROKEN, Some(way), true, |_| true);
        let violations = summary.first.map(|failure| failure.outcome.violations);
        let violations = violations.unwrap_or_default();
        let found = violations.iter().any(|it| it.contains(sign));
        assert!(found, "{}: {violations:?}", way.name());
    }
}

#[test]
fn failing_world_is_shrunk_and_reported() {
    let way = Some(Break::IgnoreVendorClock);
    let summary = run_many(300, WORLDS_BROKEN, way, true, |_| true);
    let failure = summary.first.expect("it is noticed");
    let (kept, outcome) = shrunk(&failure, way, || true);
    assert!(kept.len() < failure.spec.ops.len().max(1), "{kept:?}");
    assert!(!outcome.violations.is_empty());
    let numbers: Vec<_> = kept.iter().map(usize::to_string).collect();
    let reduced = Reduced {
        failure: &failure,
        kept,
        outcome,
    };
    let story = report::as_story(&reduced, way);
    let only = ["--only".to_owned(), numbers.join(",")].join(" ");
    let again = format!(
        "--world {} {} --break ignore-vendor-clock\n",
        failure.spec.seed,
        only.trim_end()
    );
    assert!(story.contains(&again), "{story}");
    let first = &failure.outcome.violations[0];
    assert_eq!(story.matches(first.as_str()).count(), 1, "{story}");
}

#[test]
fn interrupted_run_reports_worlds_so_far() {
    let summary = run_many(100, 1_000, None, false, |_| false);
    assert!(summary.interrupted);
    assert!(
        summary.worlds > 0 && summary.worlds < 1_000,
        "{}",
        summary.worlds
    );
    assert_eq!(summary.total.violations, Vec::<String>::new());
    let table = report::as_table(&summary, 100, 1_000);
    assert!(table.contains("interrupted"), "{table}");
}

#[test]
fn single_world_report_fits_eighty_columns() {
    for seed in 1..200 {
        let spec = WorldSpec::draw(seed);
        for line in report::as_list(&spec).lines() {
            assert!(line.len() <= 80, "{line}");
            assert!(!line.contains('{'), "{line}");
        }
    }
    let spec = WorldSpec::draw(1);
    let outcome = run_caught(&spec, None, false);
    let described = report::as_world(&spec, &outcome);
    assert!(
        described.lines().all(|line| line.len() <= 80),
        "{described}"
    );
    assert!(!described.contains('{'), "{described}");
}
