use proptest::prelude::*;
use serde_json::json;
use windlass_core::checkpoint::Cursor;
use windlass_core::ids::{Lane, Owner, Timeline, WindowId};
use windlass_core::progress::Progress;
use windlass_core::source::{Order, SourceRecord};
use windlass_core::summary::Summary;
use windlass_core::time::Timestamp;
use windlass_core::window::{Delivered, Split, Status, Window, WindowForm};

use super::*;

const WINDOW: &str = include_str!("../testdata/v1/window.json");
const WINDOW_NEW: &str = include_str!("../testdata/v1/window_new.json");
const PROGRESS: &str = include_str!("../testdata/v1/progress.json");
const SOURCE: &str = include_str!("../testdata/v1/source.json");
const RATE_GATE: &str = include_str!("../testdata/v1/rate_gate.json");
const WINDOW_SPLIT: &str = include_str!("../testdata/v1/window_split.json");
const WINDOW_DONE: &str = include_str!("../testdata/v1/window_done.json");
const WINDOW_UNSENT: &str = include_str!("../testdata/v1/window_unsent.json");
const WINDOW_ADOPTED: &str = include_str!("../testdata/v1/window_adopted.json");
const PROGRESS_SWEEP: &str = include_str!("../testdata/v1/progress_sweep.json");
const PROGRESS_SUMMARY: &str = include_str!("../testdata/v1/progress_summary.json");
const SOURCE_SWEPT: &str = include_str!("../testdata/v1/source_swept.json");
const SOURCE_OF_FILE: &str = include_str!("../testdata/v1/source_of_file.json");
const SOURCE_PROBED: &str = include_str!("../testdata/v1/source_probed.json");
const RATE_TURNS: &str = include_str!("../testdata/v1/rate_turns.json");
const SEEN: &str = include_str!("../testdata/v1/seen.json");

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
fn a_block_of_an_older_item_is_probed_at_once() {
    let since = time("2026-01-02T00:00:00Z");
    for (item, probe_at) in [
        (SOURCE, since),
        (SOURCE_PROBED, time("2026-01-02T00:10:00Z")),
    ] {
        let source: SourceRecord = loaded(item);
        let blocked = source.blocked.unwrap();
        assert_eq!((blocked.since, blocked.probe_at), (since, probe_at));
    }
}

#[test]
fn a_window_of_version_1_still_loads_with_every_attribute() {
    let window: Window = loaded(WINDOW);
    assert_eq!(
        window.id().to_string(),
        "google-login/0123456789ab/sweep-1/2026-01-01T00:00:00.000Z"
    );
    assert_eq!(window.to(), time("2026-01-01T00:10:00Z"));
    assert_eq!(
        (window.status(), window.epoch(), window.page()),
        (Status::Running, 7, 12)
    );
    assert_eq!(
        window.owner(),
        Some(&Owner::from_random(
            0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f
        ))
    );
    let token = "A:1767225600000:opaque".to_owned();
    assert_eq!(
        window.cursor(),
        Some(&Cursor {
            token,
            request: "9f86d081884c7d65".to_owned()
        })
    );
    assert_eq!(window.lease_until(), Some(time("2026-01-01T00:36:00Z")));
    let done: Window = loaded(WINDOW_DONE);
    assert_eq!(done.done_at(), Some(time("2026-01-01T00:23:00Z")));
    assert_eq!(done.expires_at(), Some(time("2026-01-31T00:23:00Z")));
}

#[test]
fn a_new_window_of_version_1_still_loads_without_what_it_lacks() {
    let window: Window = loaded(WINDOW_NEW);
    let created = time("2026-01-01T00:20:00Z");
    let new = Window::new(window.id().clone(), window.to(), created).unwrap();
    // Whoever wrote it remembered nothing.
    let remembered = false;
    assert_eq!(new.with(|form| form.remembered = remembered), window);
}

#[test]
fn what_a_window_lacks_is_not_split_not_swept_and_not_remembered() {
    let window: Window = loaded(WINDOW);
    assert_eq!(
        (window.split(), window.overruns(), window.known()),
        (None, 0, 0)
    );
    assert_eq!(window.unsent_after(), None);
    assert!(!window.remembered() && !window.adopted() && window.ordered());
    let split: Window = loaded(WINDOW_SPLIT);
    assert_eq!(
        split.split(),
        Some(Split {
            at: time("2026-01-01T00:05:00Z"),
            delivered: Delivered::Before,
        })
    );
    assert_eq!((split.overruns(), split.known()), (3, 7));
    assert_eq!((split.unsent_after(), split.deaths()), (None, 2));
    let unsent: Window = loaded(WINDOW_UNSENT);
    assert_eq!(unsent.unsent_after(), Some(4));
    assert!(split.remembered());
    let adopted: Window = loaded(WINDOW_ADOPTED);
    assert!(adopted.adopted() && !unsent.adopted());
}

#[test]
fn progress_of_version_1_still_loads() {
    let progress: Progress = loaded(PROGRESS);
    assert_eq!(progress.timeline.lane, Lane::Backfill("2025-q4".to_owned()));
    assert_eq!(progress.behind.len(), 2);
    assert_eq!(progress.unavailable[0].to(), time("2025-10-01T12:00:00Z"));
    assert_eq!(
        (progress.version, progress.late, progress.known),
        (42, 0, 0)
    );
    let sweep: Progress = loaded(PROGRESS_SWEEP);
    assert_eq!((sweep.late, sweep.known), (3, 998));
    assert_eq!(sweep.summary, None);
    let counted: Progress = loaded(PROGRESS_SUMMARY);
    let summary = Summary {
        open: 5,
        parked: 2,
        parked_since: Some(time("2025-12-24T18:00:00Z")),
        failing_since: Some(time("2026-01-01T00:10:00Z")),
    };
    assert_eq!(counted.summary, Some(summary));
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
    let policy = &record.definition.policy;
    assert_eq!(
        (policy.strict_order, &policy.sweeps_ms[..]),
        (None, &[][..])
    );
    let of_file: SourceRecord = loaded(SOURCE_OF_FILE);
    assert_eq!(
        of_file.definition.file.as_deref(),
        Some("teams/google.yaml")
    );
    let swept: SourceRecord = loaded(SOURCE_SWEPT);
    assert_eq!(swept.definition.file, None);
    let policy = &swept.definition.policy;
    assert_eq!(policy.strict_order, Some(Order::NewestFirst));
    assert_eq!(policy.sweeps_ms, [86_400_000, 259_200_000]);
}

#[test]
fn a_rate_gate_of_version_1_still_loads() {
    let gate: RateItem = loaded(RATE_GATE);
    assert_eq!(gate.next_turn, None);
    let gate = gate.gate.unwrap();
    assert_eq!(gate.not_before, time("2026-01-01T01:00:00Z"));
    let turns: RateItem = loaded(RATE_TURNS);
    assert_eq!(turns.gate, Some(gate));
    assert_eq!(turns.next_turn, Some(time("2026-01-01T00:59:58.750Z")));
    let clock = turns.clock.unwrap();
    assert_eq!(clock.vendor_at(), Some(time("2025-12-29T00:59:00Z")));
}

#[test]
fn a_group_with_turns_and_no_gate_has_what_a_gate_must_have_and_still_none() {
    let turns = RateItem {
        next_turn: Some(time("2026-01-01T00:00:00Z")),
        ..RateItem::new("okta:acme".parse().unwrap())
    };
    let attributes = turns.to_attributes();
    assert_eq!(attributes["not_before"], "1970-01-01T00:00:00.000Z");
    assert_eq!(attributes["reason"], "");
    assert_eq!(RateItem::from_attributes("key", attributes), Ok(turns));
}

#[test]
fn a_piece_of_a_page_loads_with_its_digests() {
    let piece: SeenPiece = loaded(SEEN);
    assert_eq!((piece.piece, piece.pieces), (1, 2));
    let page = piece.page;
    assert_eq!((page.page, page.pass), (12, 3));
    assert_eq!(page.lane, Lane::Backfill("2025-q4".to_owned()));
    assert_eq!(
        page.digests,
        [7, 0x3e23_e816_0039_594a, 0xca97_8112_ca1b_bdca]
    );
}

#[test]
fn a_page_is_in_as_many_pieces_as_it_needs_with_each_digest_once_and_at_least_one() {
    let piece: SeenPiece = loaded(SEEN);
    let max = windlass_core::limits::SEEN_DIGESTS_PER_ITEM;
    let lengths = |count: usize| -> Vec<usize> {
        let ascending = 0..u64::try_from(count).unwrap();
        let digests = ascending.clone().chain(ascending).rev().collect();
        let page = windlass_core::seen::SeenPage {
            digests,
            ..piece.page.clone()
        };
        let pieces = pieces(&page);
        let count = u32::try_from(pieces.len()).unwrap();
        assert!(pieces.iter().all(|it| it.pieces == count));
        assert!((0..count).eq(pieces.iter().map(|it| it.piece)));
        let digests = pieces.iter().flat_map(|it| &it.page.digests);
        assert!(digests.is_sorted());
        pieces.iter().map(|it| it.page.digests.len()).collect()
    };
    assert_eq!(lengths(0), [0]);
    assert_eq!(lengths(max), [max]);
    assert_eq!(lengths(2 * max + 1), [max, max, 1]);
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
fn progress_sources_and_gates_that_contradict_themselves_are_corrupt() {
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
    assert_corrupt::<RateItem>(RATE_GATE, "rate_group", json!("a b"));
    assert_corrupt::<RateItem>(RATE_TURNS, "next_turn", json!("soon"));
    assert_corrupt::<RateItem>(RATE_TURNS, "not_before", Value::Null);
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
        numbers in any::<[u64; 6]>(),
        counts in any::<[u32; 7]>(),
        unsent_after in any::<Option<u32>>(),
        times in proptest::array::uniform8(proptest::option::of(any_time())),
        stamps in proptest::array::uniform2(any_time()),
        owner in any::<Option<u128>>(),
        cursor in any::<Option<(String, String)>>(),
        texts in any::<[Option<String>; 2]>(),
        (ordered, remembered, adopted, slowest_page_ms) in any::<(bool, bool, bool, i64)>(),
        split_delivered in proptest::sample::select(
            &[Delivered::Nothing, Delivered::Before, Delivered::After][..]
        ),
    ) -> Window {
        let [epoch, page, records, bytes, rejected, known] = numbers;
        let [attempts, setbacks, restarts, restarts_forgiven, runs, overruns, deaths] = counts;
        let [lease_until, oldest, newest, not_before, split_at, done_at, expires_at, dispatched_until] = times;
        let [created_at, updated_at] = stamps;
        let [sink_position, last_error] = texts;
        let (cursor, cursor_for) = cursor.unzip();
        let to = id.from.plus_ms(width_ms);
        let owner = owner.map(Owner::from_random);
        let timeline = id.timeline.clone();
        let Timeline { source, generation, lane } = timeline;
        let form = WindowForm {
            source, generation, lane, from: id.from, to, status, epoch, owner, lease_until, dispatched_until,
            cursor, cursor_for, page, sink_position, records, bytes, rejected, known, oldest, newest, ordered,
            attempts, setbacks, restarts, restarts_forgiven, deaths, remembered, adopted, runs, overruns,
            unsent_after, not_before, split_at, split_delivered, slowest_page_ms, last_error, created_at,
            updated_at, done_at, expires_at,
        };
        Window::new(id, to, created_at).unwrap().with(|it| *it = mended(form))
    }
}

/// `form` with every number and time that contradicts another one set to a value that fits.
fn mended(mut form: WindowForm) -> WindowForm {
    form.epoch = form.epoch.max(1);
    form.cursor = form.cursor.filter(|_| form.page > 0);
    let runs = form.runs;
    form.unsent_after = form.unsent_after.filter(|run| *run <= runs);
    let inside = |at: &Timestamp| form.from < *at && *at < form.to;
    let is_sweep = matches!(form.lane, Lane::Sweep(_));
    form.split_at = form.split_at.filter(|at| !is_sweep && inside(at));
    form.attempts = form.attempts.min(runs);
    form.overruns = form.overruns.min(runs);
    form.restarts_forgiven = form.restarts_forgiven.min(form.restarts);
    form.newest = form.newest.max(form.oldest);
    form.slowest_page_ms = form.slowest_page_ms.max(0);
    form
}

proptest! {
    #[test]
    fn any_window_survives_its_stored_form(window in any_window()) {
        let text = serde_json::to_string(&window.to_attributes()).unwrap();
        prop_assert_eq!(Window::from_attributes("key", attributes(&text)), Ok(window));
    }
}
