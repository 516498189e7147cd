use serde_json::json;
use windlass_core::checkpoint::Cursor;
use windlass_core::ids::{Lane, Owner};
use windlass_core::progress::Progress;
use windlass_core::source::{Order, SourceRecord};
use windlass_core::summary::Summary;
use windlass_core::time::Timestamp;
use windlass_core::window::{Delivered, SplitPoint, Status, Window};

use super::*;

pub(super) const WINDOW: &str = include_str!("../testdata/v1/window.json");
const WINDOW_NEW: &str = include_str!("../testdata/v1/window_new.json");
pub(super) const PROGRESS: &str = include_str!("../testdata/v1/progress.json");
pub(super) const SOURCE: &str = include_str!("../testdata/v1/source.json");
pub(super) const RATE_COOLDOWN: &str = include_str!("../testdata/v1/rate_gate.json");
pub(super) const WINDOW_SPLIT: &str = include_str!("../testdata/v1/window_split.json");
pub(super) const WINDOW_DONE: &str = include_str!("../testdata/v1/window_done.json");
pub(super) const WINDOW_UNSENT: &str = include_str!("../testdata/v1/window_unsent.json");
const WINDOW_ADOPTED: &str = include_str!("../testdata/v1/window_adopted.json");
const PROGRESS_SWEEP: &str = include_str!("../testdata/v1/progress_sweep.json");
pub(super) const PROGRESS_SUMMARY: &str = include_str!("../testdata/v1/progress_summary.json");
pub(super) const SOURCE_SWEPT: &str = include_str!("../testdata/v1/source_swept.json");
const SOURCE_OF_FILE: &str = include_str!("../testdata/v1/source_of_file.json");
const SOURCE_PROBED: &str = include_str!("../testdata/v1/source_probed.json");
pub(super) const RATE_RESERVATIONS: &str = include_str!("../testdata/v1/rate_turns.json");
pub(super) const SEEN: &str = include_str!("../testdata/v1/seen.json");

pub(super) fn attributes(text: &str) -> Attributes {
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
fn older_block_is_probed_at_once() {
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
fn version_1_window_loads_every_attribute() {
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
fn version_1_new_window_loads() {
    let window: Window = loaded(WINDOW_NEW);
    let created = time("2026-01-01T00:20:00Z");
    let new = Window::new(window.id().clone(), window.to(), created).unwrap();
    // The version that wrote it stored no ids.
    let remembered = false;
    assert_eq!(new.with(|form| form.remembered = remembered), window);
}

#[test]
fn absent_window_attributes_take_defaults() {
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
        Some(SplitPoint {
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
fn version_1_progress_loads() {
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
fn version_1_source_loads() {
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
fn version_1_rate_item_loads() {
    let cooldown: RateItem = loaded(RATE_COOLDOWN);
    assert_eq!(cooldown.next_turn, None);
    let cooldown = cooldown.cooldown.unwrap();
    assert_eq!(cooldown.not_before, time("2026-01-01T01:00:00Z"));
    let reserved: RateItem = loaded(RATE_RESERVATIONS);
    assert_eq!(reserved.cooldown, Some(cooldown));
    assert_eq!(reserved.next_turn, Some(time("2026-01-01T00:59:58.750Z")));
    let clock = reserved.clock.unwrap();
    assert_eq!(clock.vendor_at(), Some(time("2025-12-29T00:59:00Z")));
}

#[test]
fn reservations_without_cooldown_round_trip() {
    let reserved = RateItem {
        next_turn: Some(time("2026-01-01T00:00:00Z")),
        ..RateItem::new("okta:acme".parse().unwrap())
    };
    let attributes = reserved.to_attributes();
    assert_eq!(attributes["not_before"], "1970-01-01T00:00:00.000Z");
    assert_eq!(attributes["reason"], "");
    assert_eq!(RateItem::from_attributes("key", attributes), Ok(reserved));
}

#[test]
fn seen_piece_loads_its_digests() {
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
fn page_splits_into_fewest_pieces_without_duplicates() {
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
fn unknown_newer_attributes_are_ignored() {
    let mut newer = attributes(WINDOW);
    newer.insert("colour".to_owned(), json!({ "nested": [1, 2] }));
    assert_eq!(Window::from_attributes("key", newer), Ok(loaded(WINDOW)));
}

#[test]
fn newer_item_version_is_unsupported() {
    let mut newer = attributes(WINDOW);
    newer.insert("v".to_owned(), json!(2));
    let version = StateError::Version {
        found: 2,
        supported: ITEM_VERSION,
    };
    assert_eq!(Window::from_attributes("key", newer), Err(version));
}
