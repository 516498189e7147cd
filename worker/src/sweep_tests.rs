//! The records of a page that a sweep delivers, and the digests that are stored.

use super::*;
use windlass_core::time::Timestamp;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_ms(seconds * 1_000)
}

#[test]
fn nothing_is_noted_without_sweeps() {
    let record = Record {
        raw: bytes::Bytes::new(),
        id: Some("a".to_owned()),
        time: Some(at(1)),
    };
    let mut notes = Notes::default();
    assert!(notes.is_news(&record) && notes.is_news(&record));
    assert!(notes.noted.digests.is_empty() && !notes.noted.timeless);
    notes.keeps = true;
    assert!(notes.is_news(&record));
    assert_eq!(notes.noted.digests[&None], [digest("a")]);
}

#[test]
fn last_sweep_remembers_nothing() {
    let record = |id: &str, time| Record {
        raw: bytes::Bytes::new(),
        id: Some(id.to_owned()),
        time,
    };
    let mut known = Known::default();
    known.add(digest("a"));
    let mut notes = Notes {
        known: Some(&mut known),
        ..Notes::default()
    };
    assert!(!notes.is_news(&record("a", Some(at(1)))));
    assert!(notes.is_news(&record("b", None)));
    assert!(!notes.is_news(&record("b", None)));
    assert!(notes.noted.digests.is_empty() && notes.noted.timeless);
}
