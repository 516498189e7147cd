//! Inconsistent items: corrupt, and never a panic.

use serde_json::json;
use windlass_core::progress::Progress;
use windlass_core::source::SourceRecord;
use windlass_core::window::Window;

use super::tests::{
    PROGRESS, PROGRESS_SUMMARY, RATE_COOLDOWN, RATE_RESERVATIONS, SEEN, SOURCE, SOURCE_SWEPT,
    WINDOW, WINDOW_DONE, WINDOW_SPLIT, WINDOW_UNSENT, attributes,
};
use super::*;

/// Asserts that the item is corrupt once `name` holds `value` (or is removed), and that the error
/// names the item.
fn assert_corrupt<T: Stored + std::fmt::Debug>(text: &str, name: &str, value: Value) {
    let mut bad = attributes(text);
    let before = bad.remove(name);
    assert!(
        before.is_some() && before.as_ref() != Some(&value),
        "{name} is in the fixture"
    );
    if !value.is_null() {
        bad.insert(name.to_owned(), value);
    }
    match T::from_attributes("the key", bad) {
        Err(StateError::Corrupt { key, problem }) => {
            assert_eq!(key, "the key");
            assert!(!problem.is_empty());
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn contradictory_window_is_corrupt() {
    for (name, value) in [
        ("v", Value::Null),
        ("v", json!("1")),
        ("to", Value::Null),
        ("to", json!("2026-01-01T00:00:00.000Z")),
        ("to", json!("2025-12-31T23:59:59.999Z")),
        ("to", json!("soon")),
        ("from", json!(1_767_225_600)),
        ("source", json!("a#b")),
        ("generation", json!("live")),
        ("lane", json!("live-1")),
        ("status", json!("gone")),
        ("epoch", json!(-1)),
        ("page", json!("12")),
        ("owner", json!("me")),
        ("cursor", Value::Null),
        ("cursor_for", Value::Null),
        ("ordered", json!(1)),
        ("attempts", json!(4_294_967_296_u64)),
        ("records", json!(1.5)),
        ("owner", Value::Null),
        ("lease_until", Value::Null),
        ("status", json!("dispatched")),
        ("status", json!("ready")),
        ("status", json!("done")),
        ("runs", json!(0)),
        ("restarts", json!(0)),
        ("page", json!(0)),
        ("epoch", json!(0)),
        ("slowest_page_ms", json!(-1)),
        ("newest", json!("2025-01-01T00:00:00.000Z")),
    ] {
        assert_corrupt::<Window>(WINDOW, name, value);
    }
}

#[test]
fn contradictory_items_are_corrupt() {
    assert_corrupt::<Progress>(PROGRESS, "open_from", Value::Null);
    assert_corrupt::<Progress>(PROGRESS, "behind", json!(["yesterday"]));
    let past = json!("2030-01-01T00:00:00.000Z");
    assert_corrupt::<Progress>(PROGRESS, "open_from", past.clone());
    assert_corrupt::<Progress>(PROGRESS, "start", past.clone());
    assert_corrupt::<Progress>(PROGRESS, "behind", json!([past]));
    assert_corrupt::<Progress>(PROGRESS, "width_ms", json!(0));
    for (name, value) in [
        ("open", Value::Null),
        ("open", json!(0)),
        ("parked", json!(0)),
        ("parked_since", Value::Null),
    ] {
        assert_corrupt::<Progress>(PROGRESS_SUMMARY, name, value);
    }
    assert_corrupt::<SeenPiece>(SEEN, "pieces", json!(1));
    let reversed = json!([{ "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z" }]);
    assert_corrupt::<Progress>(PROGRESS, "unavailable", reversed);
    assert_corrupt::<SourceRecord>(SOURCE, "unit_ms", json!(0));
    assert_corrupt::<SourceRecord>(SOURCE, "min_ms", json!(99_999_999));
    assert_corrupt::<SourceRecord>(SOURCE, "blocked", Value::Null);
    assert_corrupt::<SourceRecord>(SOURCE, "params", json!({ "application": 1 }));
    assert_corrupt::<SourceRecord>(SOURCE_SWEPT, "sweeps_ms", json!([2, 1]));
    assert_corrupt::<SourceRecord>(SOURCE_SWEPT, "strict_order", json!("by_name"));
    assert_corrupt::<SourceRecord>(SOURCE_SWEPT, "manifest_hash", json!("0123456789ab"));
    assert_corrupt::<RateItem>(RATE_COOLDOWN, "rate_group", json!("a b"));
    assert_corrupt::<RateItem>(RATE_RESERVATIONS, "next_turn", json!("soon"));
    assert_corrupt::<RateItem>(RATE_RESERVATIONS, "not_before", Value::Null);
    for digests in [
        "00",
        "0000000000000007ca",
        "zz00000000000007",
        "+000000000000007",
    ] {
        assert_corrupt::<SeenPiece>(SEEN, "digests", json!(digests));
    }
    assert_corrupt::<SeenPiece>(SEEN, "at", Value::Null);
    assert_corrupt::<Window>(WINDOW_SPLIT, "split_delivered", json!("both"));
    assert_corrupt::<Window>(WINDOW_SPLIT, "remembered", json!(1));
    assert_corrupt::<Window>(WINDOW_SPLIT, "split_at", Value::Null);
    assert_corrupt::<Window>(WINDOW_SPLIT, "split_at", json!("2026-01-01T00:10:00.000Z"));
    assert_corrupt::<Window>(WINDOW_SPLIT, "status", json!("running"));
    assert_corrupt::<Window>(WINDOW_DONE, "done_at", Value::Null);
    assert_corrupt::<Window>(WINDOW_DONE, "expires_at", Value::Null);
    assert_corrupt::<Window>(WINDOW_DONE, "status", json!("parked"));
    assert_corrupt::<Window>(WINDOW_UNSENT, "unsent_after", json!(-1));
}
