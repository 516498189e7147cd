use tempfile::TempDir;
use windlass_core::span::Span;

use super::*;
use crate::timeline::{BOUND_MS, Event, TimelineSpec};

const DAY: &str = "lake/live/2026-01-01";

fn timeline() -> Timeline {
    let from: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let span = Span::new(from, from.plus_ms(BOUND_MS)).unwrap();
    Timeline::generate(&TimelineSpec {
        seed: 9,
        span,
        events: 30,
        record_bytes: 400,
    })
}

/// The expected line for `event`.
fn line(event: &Event) -> String {
    let record = Shape::Okta.record(event, 400);
    let metadata = format!(
        r#""source":"lake","connector":"okta_system_log","window":"lake/0123456789ab/live/{}","#,
        "2026-01-01T00:00:00.000Z"
    );
    format!(
        r#"{{"_windlass":{{{metadata}"page":3,"id":"{}","id_kind":"vendor","time":"{}","pulled_at":"2026-01-02T00:00:00.000Z"}},{}"#,
        Shape::Okta.id_of(event),
        event.time,
        record.strip_prefix('{').unwrap()
    )
}

fn good() -> Vec<String> {
    timeline().expected().map(line).collect()
}

fn verdict(lines: &[String]) -> Verdict {
    let dir = write("a.ndjson", &text_of(lines));
    Ledger::read(dir.path(), Shape::Okta)
        .unwrap()
        .compare(&timeline(), "lake")
}

fn text_of(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

fn write(name: &str, text: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join(DAY)).unwrap();
    fs::write(dir.path().join(DAY).join(name), text).unwrap();
    dir
}

#[test]
fn everything_once_unaltered_is_exact() {
    let verdict = verdict(&good());
    assert!(verdict.is_exact(), "{verdict}");
}

#[test]
fn missing_lines_are_lost_and_repeated_duplicated() {
    let mut lines = good();
    lines[0] = lines[1].clone();
    let verdict = verdict(&lines);
    assert_eq!((verdict.lost.len(), verdict.duplicated.len()), (1, 1));
    assert!(!verdict.is_exact());
}

#[test]
fn altered_and_foreign_records_are_reported() {
    let mut lines = good();
    lines[0] = lines[0].replace("SUCCESS", "FAILURE");
    let timeline = timeline();
    let outside = timeline.events().last().unwrap();
    assert!(!timeline.span().contains(outside.time));
    lines.push(line(outside));
    let verdict = verdict(&lines);
    assert_eq!((verdict.altered.len(), verdict.foreign.len()), (1, 1));
}

#[test]
fn wrong_metadata_is_reported() {
    for (old, new) in [
        (r#""page":3,"#, ""),
        (r#""id_kind":"vendor""#, r#""id_kind":"position""#),
        (r#""source":"lake""#, r#""source":"sea""#),
        ("okta_system_log\"", "other\""),
        ("live/2026-01-01T00:00", "live/2026-01-01T00:59"),
        ("ab/live/", "ab/sweep-1/"),
        ("\"_windlass\"", "\"_other\""),
    ] {
        let mut lines = good();
        assert!(lines[4].contains(old), "{old}");
        lines[4] = lines[4].replacen(old, new, 1);
        assert_eq!(verdict(&lines).metadata.len(), 1, "{old}");
    }
}

#[test]
fn id_shared_by_two_records_is_reported() {
    let mut lines = good();
    let timeline = timeline();
    let mut events = timeline.expected();
    let (first, second) = (events.next().unwrap(), events.next().unwrap());
    let id = |event| format!(r#""page":3,"id":"{}""#, Shape::Okta.id_of(event));
    lines[1] = lines[1].replace(&id(second), &id(first));
    assert_eq!(verdict(&lines).metadata.len(), 1);
}

#[test]
fn rejects_count_but_parts_do_not() {
    let dir = write("a.r0.part", &text_of(&good()));
    fs::write(
        dir.path().join(DAY).join("a.rejects.jsonl"),
        "{\"reason\":\"x\"}\n",
    )
    .unwrap();
    let ledger = Ledger::read(dir.path(), Shape::Okta).unwrap();
    assert!(ledger.is_empty());
    let verdict = ledger.compare(&timeline(), "lake");
    assert_eq!((verdict.lost.len(), verdict.rejected.len()), (30, 1));
}

#[test]
fn torn_and_foreign_lines_are_errors() {
    for text in [
        "{\"uuid\":\"a\"}\n{\"uuid\":",
        "[1]\n",
        "{\"id\":1}\n",
        "\n",
    ] {
        let dir = write("a.ndjson", text);
        assert!(Ledger::read(dir.path(), Shape::Okta).is_err(), "{text}");
    }
}

#[test]
fn stream_lines_compare_like_files() {
    let mut lines = good();
    let once = Ledger::of_lines(&lines, Shape::Okta).unwrap();
    assert_eq!(once.repeats(), 0);
    assert!(once.compare(&timeline(), "lake").is_exact());
    lines.extend([lines[3].clone(), lines[3].clone(), lines[5].clone()]);
    let again = Ledger::of_lines(&lines, Shape::Okta).unwrap();
    assert_eq!(again.repeats(), 3);
    let verdict = again.compare(&timeline(), "lake");
    assert!(verdict.is_complete() && !verdict.is_exact(), "{verdict}");
    lines.remove(0);
    let lost = Ledger::of_lines(&lines, Shape::Okta).unwrap();
    assert!(!lost.compare(&timeline(), "lake").is_complete());
    assert!(Ledger::of_lines(["{\"uuid\":"], Shape::Okta).is_err());
}
