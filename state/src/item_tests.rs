use proptest::prelude::*;
use serde_json::json;
use windlass_core::checkpoint::Cursor;
use windlass_core::ids::{Lane, Owner, Timeline, WindowId};
use windlass_core::progress::Progress;
use windlass_core::source::{RateGate, SourceRecord};
use windlass_core::time::Timestamp;
use windlass_core::window::{Status, Window};

use super::*;

const WINDOW: &str = include_str!("../testdata/v1/window.json");
const WINDOW_NEW: &str = include_str!("../testdata/v1/window_new.json");
const PROGRESS: &str = include_str!("../testdata/v1/progress.json");
const SOURCE: &str = include_str!("../testdata/v1/source.json");
const RATE_GATE: &str = include_str!("../testdata/v1/rate_gate.json");

fn attributes(text: &str) -> Attributes {
    serde_json::from_str(text).unwrap()
}

fn loaded<T: Stored>(text: &str) -> T {
    let value = T::from_attributes("fixture", attributes(text)).unwrap();
    assert_eq!(
        value.to_attributes(),
        attributes(text),
        "it is written as it was read"
    );
    value
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_window_of_version_1_still_loads_with_every_attribute() {
    let window: Window = loaded(WINDOW);
    assert_eq!(
        window.id.to_string(),
        "google-login/0123456789ab/sweep-1/2026-01-01T00:00:00.000Z"
    );
    assert_eq!(window.to, time("2026-01-01T00:10:00Z"));
    assert_eq!(
        (window.status, window.epoch, window.page),
        (Status::Running, 7, 12)
    );
    assert_eq!(
        window.owner,
        Some(Owner::from_random(
            0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f
        ))
    );
    let token = "A:1767225600000:opaque".to_owned();
    assert_eq!(
        window.cursor,
        Some(Cursor {
            token,
            request: "9f86d081884c7d65".to_owned()
        })
    );
    assert_eq!(window.split_at, Some(time("2026-01-01T00:05:00Z")));
}

#[test]
fn a_new_window_of_version_1_still_loads_without_what_it_lacks() {
    let window: Window = loaded(WINDOW_NEW);
    let created = time("2026-01-01T00:20:00Z");
    assert_eq!(
        Window::new(window.id.clone(), window.to, created),
        Ok(window)
    );
}

#[test]
fn progress_of_version_1_still_loads() {
    let progress: Progress = loaded(PROGRESS);
    assert_eq!(progress.timeline.lane, Lane::Backfill("2025-q4".to_owned()));
    assert_eq!(progress.behind.len(), 2);
    assert_eq!(progress.unavailable[0].to(), time("2025-10-01T12:00:00Z"));
    assert_eq!(progress.version, 42);
}

#[test]
fn a_source_of_version_1_still_loads() {
    let record: SourceRecord = loaded(SOURCE);
    assert_eq!(record.definition.params["application"], "login");
    assert_eq!(
        record.definition.policy.max_lookback_ms,
        Some(15_552_000_000)
    );
    assert!(!record.is_active());
}

#[test]
fn a_rate_gate_of_version_1_still_loads() {
    let gate: RateGate = loaded(RATE_GATE);
    assert_eq!(gate.not_before, time("2026-01-01T01:00:00Z"));
}

#[test]
fn unknown_attributes_of_a_newer_windlass_are_ignored() {
    let mut newer = attributes(WINDOW);
    newer.insert("colour".to_owned(), json!({ "nested": [1, 2] }));
    assert_eq!(Window::from_attributes("key", newer), Ok(loaded(WINDOW)));
}

#[test]
fn an_item_of_a_newer_form_is_refused_by_version() {
    let mut newer = attributes(WINDOW);
    newer.insert("v".to_owned(), json!(2));
    let version = StateError::Version {
        found: 2,
        supported: ITEM_VERSION,
    };
    assert_eq!(Window::from_attributes("key", newer), Err(version));
}

/// Asserts that the item is corrupt once `name` holds `value` (or is gone), and that the error says
/// which item it is.
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
fn a_window_that_contradicts_itself_is_corrupt_and_never_a_panic() {
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
    ] {
        assert_corrupt::<Window>(WINDOW, name, value);
    }
}

#[test]
fn progress_sources_and_gates_that_contradict_themselves_are_corrupt() {
    assert_corrupt::<Progress>(PROGRESS, "open_from", Value::Null);
    assert_corrupt::<Progress>(PROGRESS, "behind", json!(["yesterday"]));
    let reversed = json!([{ "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z" }]);
    assert_corrupt::<Progress>(PROGRESS, "unavailable", reversed);
    assert_corrupt::<SourceRecord>(SOURCE, "unit_ms", json!(0));
    assert_corrupt::<SourceRecord>(SOURCE, "min_ms", json!(99_999_999));
    assert_corrupt::<SourceRecord>(SOURCE, "blocked", Value::Null);
    assert_corrupt::<SourceRecord>(SOURCE, "params", json!({ "application": 1 }));
    assert_corrupt::<RateGate>(RATE_GATE, "rate_group", json!("a b"));
}

prop_compose! {
    fn any_time()(ms in Timestamp::MIN.as_ms()..=Timestamp::MAX.as_ms()) -> Timestamp {
        Timestamp::from_ms(ms)
    }
}

prop_compose! {
    fn any_id()(
        source in "[a-z0-9][a-z0-9-]{0,62}",
        generation in "[0-9a-f]{12}",
        lane in "live|sweep-(0|[1-9][0-9]?)|backfill-[a-z0-9][a-z0-9-]{0,20}",
        from in Timestamp::MIN.as_ms()..Timestamp::MAX.as_ms(),
    ) -> WindowId {
        let timeline = Timeline {
            source: source.parse().unwrap(),
            generation: generation.parse().unwrap(),
            lane: lane.parse().unwrap(),
        };
        WindowId { timeline, from: Timestamp::from_ms(from) }
    }
}

prop_compose! {
    pub(crate) fn any_window()(
        id in any_id(),
        width_ms in 1..i64::MAX,
        status in proptest::sample::select(&Status::ALL[..]),
        numbers in any::<[u64; 5]>(),
        counts in any::<[u32; 5]>(),
        times in proptest::array::uniform8(proptest::option::of(any_time())),
        stamps in proptest::array::uniform2(any_time()),
        owner in any::<Option<u128>>(),
        cursor in any::<Option<(String, String)>>(),
        texts in any::<[Option<String>; 2]>(),
        (ordered, slowest_page_ms) in any::<(bool, i64)>(),
    ) -> Window {
        let [epoch, page, records, bytes, rejected] = numbers;
        let [attempts, setbacks, restarts, restarts_forgiven, runs] = counts;
        let [lease_until, oldest, newest, not_before, split_at, done_at, expires_at, _] = times;
        let [created_at, updated_at] = stamps;
        let [sink_position, last_error] = texts;
        let cursor = cursor.map(|(token, request)| Cursor { token, request });
        let to = id.from.plus_ms(width_ms);
        let owner = owner.map(Owner::from_random);
        Window {
            id, to, status, epoch, owner, lease_until, cursor, page, sink_position, records, bytes,
            rejected, oldest, newest, ordered, attempts, setbacks, restarts, restarts_forgiven, runs,
            not_before, split_at, slowest_page_ms, last_error, created_at, updated_at, done_at,
            expires_at,
        }
    }
}

proptest! {
    #[test]
    fn any_window_survives_its_stored_form(window in any_window()) {
        let text = serde_json::to_string(&window.to_attributes()).unwrap();
        prop_assert_eq!(Window::from_attributes("key", attributes(&text)), Ok(window));
    }
}
