use proptest::prelude::*;
use windlass_core::checkpoint::{Checkpoint, Cursor, PageMove, PageTotals};
use windlass_core::ids::Owner;
use windlass_core::progress::Progress;
use windlass_core::source::SourceRecord;
use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};
use windlass_core::transition::{Claim, Event};

use super::*;
use crate::item::window_tests::any_window;
use crate::item::{RateItem, SeenPiece};

/// Bytes per write unit of DynamoDB.
const WRITE_UNIT_BYTES: usize = 1024;

fn key() -> Key {
    Key::schema()
}

/// Asserts that the stored form in `text` is read back from its item unchanged.
fn assert_kept<T: Stored + PartialEq + std::fmt::Debug>(text: &str) {
    let attributes: Attributes = serde_json::from_str(text).unwrap();
    let stored = item(&key(), attributes.clone());
    assert_eq!(stored.len(), attributes.len() + 2, "the key is beside it");
    let back: T = read(stored).unwrap();
    assert_eq!(back.to_attributes(), attributes);
    assert_eq!(T::from_attributes("key", attributes), Ok(back));
}

#[test]
fn every_released_item_round_trips() {
    assert_kept::<Window>(include_str!("../../testdata/v1/window.json"));
    assert_kept::<Window>(include_str!("../../testdata/v1/window_new.json"));
    assert_kept::<Progress>(include_str!("../../testdata/v1/progress.json"));
    assert_kept::<SourceRecord>(include_str!("../../testdata/v1/source.json"));
    assert_kept::<SourceRecord>(include_str!("../../testdata/v1/source_on_aws.json"));
    assert_kept::<RateItem>(include_str!("../../testdata/v1/rate_gate.json"));
    assert_kept::<Window>(include_str!("../../testdata/v1/window_split.json"));
    assert_kept::<Window>(include_str!("../../testdata/v1/window_unsent.json"));
    assert_kept::<Progress>(include_str!("../../testdata/v1/progress_sweep.json"));
    assert_kept::<SourceRecord>(include_str!("../../testdata/v1/source_swept.json"));
    assert_kept::<SourceRecord>(include_str!("../../testdata/v1/source_of_file.json"));
    assert_kept::<SourceRecord>(include_str!("../../testdata/v1/source_probed.json"));
    assert_kept::<RateItem>(include_str!("../../testdata/v1/rate_turns.json"));
    assert_kept::<SeenPiece>(include_str!("../../testdata/v1/seen.json"));
}

#[test]
fn attributes_have_expected_types() {
    let text = include_str!("../../testdata/v1/progress.json");
    let stored = item(&key(), serde_json::from_str(text).unwrap());
    assert_eq!(stored["version"], AttributeValue::N("42".to_owned()));
    let source = AttributeValue::S("google-login".to_owned());
    assert_eq!(stored["source"], source);
    assert!(stored["behind"].is_l() && stored["unavailable"].as_l().unwrap()[0].is_m());
    assert_eq!(stored[PK], AttributeValue::S("table".to_owned()));
}

#[test]
fn digest_takes_eight_bytes() {
    let text = include_str!("../../testdata/v1/seen.json");
    let stored = item(&key(), serde_json::from_str(text).unwrap());
    let AttributeValue::B(digests) = &stored[DIGESTS] else {
        panic!("{stored:?}")
    };
    assert_eq!(digests.as_ref().len(), 24);
    assert_eq!(digests.as_ref()[7], 7);
}

#[test]
fn page_of_80_digests_fits_one_write_unit() {
    let text = include_str!("../../testdata/v1/seen.json");
    let mut piece =
        SeenPiece::from_attributes("fixture", serde_json::from_str(text).unwrap()).unwrap();
    piece.page.digests = (0..80).collect();
    let mut stored = item(&Key::seen(&piece), piece.to_attributes());
    stored.insert(TTL.to_owned(), AttributeValue::N("1767657600".to_owned()));
    let size = bytes(&stored);
    assert!(size <= WRITE_UNIT_BYTES, "{size}");
}

#[test]
fn foreign_attribute_type_is_corrupt_only_when_known() {
    let text = include_str!("../../testdata/v1/window.json");
    let attributes: Attributes = serde_json::from_str(text).unwrap();
    for odd in [
        AttributeValue::Ss(vec!["a".to_owned()]),
        AttributeValue::Ns(vec!["1".to_owned()]),
        AttributeValue::B(vec![1].into()),
        AttributeValue::N("1.5".to_owned()),
        AttributeValue::N("1E+125".to_owned()),
    ] {
        let mut newer = item(&key(), attributes.clone());
        newer.insert("colour".to_owned(), odd.clone());
        assert_eq!(
            read::<Window>(newer).unwrap().to_attributes(),
            attributes,
            "{odd:?}"
        );
        for known in ["cursor", "page", "ordered", "to"] {
            let mut bad = item(&key(), attributes.clone());
            bad.insert(known.to_owned(), odd.clone());
            match read::<Window>(bad) {
                Err(StateError::Corrupt { key, .. }) => assert_eq!(key, "table schema"),
                other => panic!("{known} {odd:?}: {other:?}"),
            }
        }
    }
    let mut absent = item(&key(), attributes.clone());
    absent.insert("last_error".to_owned(), AttributeValue::Null(true));
    assert_eq!(read::<Window>(absent).unwrap().last_error(), None);
}

#[test]
fn item_without_key_is_corrupt() {
    assert!(matches!(
        read::<Window>(Item::new()),
        Err(StateError::Corrupt { .. })
    ));
}

#[test]
fn only_done_window_has_ttl_in_seconds() {
    let [ready, .., done] = quiet_window();
    assert!(!window_attributes(&ready).contains_key(TTL));
    let expires_at = done.expires_at().unwrap();
    let ttl = window_attributes(&done)[TTL].as_i64().unwrap();
    assert_eq!(ttl, expires_at.as_ms() / 1_000);
    let unfinished = done.with(|form| form.status = windlass_core::window::Status::Parked);
    assert!(!window_attributes(&unfinished).contains_key(TTL));
}

proptest! {
    #[test]
    fn any_window_round_trips_through_dynamodb(window in any_window()) {
        let stored = item(&Key::window(window.id()), window_attributes(&window));
        prop_assert_eq!(read::<Window>(stored), Ok(window));
    }
}

/// A window of one page with a token as long as Google's, after its creation, dispatch, claim,
/// checkpoint and completion.
fn quiet_window() -> [Window; 5] {
    let at = |ms| Timestamp::from_ms(1_790_000_000_123).plus_ms(ms);
    let id = format!(
        "google-workspace-login-example/0123456789ab/backfill-start-20260101t000000-000z/{}",
        at(0)
    );
    let ready = Window::new(id.parse().unwrap(), at(HOUR_MS), at(HOUR_MS)).unwrap();
    let dispatch = Event::Dispatch {
        until: at(HOUR_MS + 5 * MINUTE_MS),
        now: at(HOUR_MS),
    };
    let dispatched = ready.apply(&dispatch).unwrap();
    let claim = Claim {
        epoch: dispatched.epoch(),
        owner: Owner::from_random(u128::MAX),
        lease_until: at(HOUR_MS + 15 * MINUTE_MS),
        now: at(HOUR_MS + 1_234),
    };
    let running = dispatched.apply(&Event::Claim(claim)).unwrap();
    let mut last = PageMove {
        from: 0,
        cursor: Some(Cursor {
            token: "A:1790000000123456:-1234567890123456789:207535951991:C0abcdef1:".repeat(3),
            request: "9f86d081884c7d65".to_owned(),
        }),
        totals: PageTotals {
            records: 1_000,
            bytes: 1_048_576,
            rejected: 1,
            known: 0,
            oldest: Some(at(17)),
            newest: Some(at(HOUR_MS - 17)),
        },
        ordered: true,
        remembered: true,
        sink_position: Some(r#"{"puts":12,"shard":"chunk-000000000001"}"#.to_owned()),
        page_ms: 1_234,
        now: at(HOUR_MS + 2_345),
    };
    let paged = running.apply(&Event::Checkpoint(last.clone().into()));
    let paged = paged.unwrap();
    last.from = paged.page();
    let last = Checkpoint::from(last);
    let history_ms = 30 * DAY_MS;
    let done = paged.apply(&Event::Complete { last, history_ms }).unwrap();
    [ready, dispatched, running, paged, done]
}

/// Size of an item: names and values in UTF-8; a number takes a byte for two digits and one more; a
/// list or map three bytes and one for each element.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
fn bytes(item: &Item) -> usize {
    fn value(it: &AttributeValue) -> usize {
        match it {
            AttributeValue::S(text) => text.len(),
            AttributeValue::B(bytes) => bytes.as_ref().len(),
            AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
            AttributeValue::L(list) => 3 + list.iter().map(|it| 1 + value(it)).sum::<usize>(),
            AttributeValue::M(map) => {
                3 + map
                    .iter()
                    .map(|(k, v)| 1 + k.len() + value(v))
                    .sum::<usize>()
            }
            _ => 1,
        }
    }
    item.iter().map(|(name, it)| name.len() + value(it)).sum()
}

#[test]
fn quiet_window_always_fits_one_write_unit() {
    let sizes = quiet_window()
        .map(|window| bytes(&item(&Key::window(window.id()), window_attributes(&window))));
    assert!(
        sizes.iter().all(|size| *size <= WRITE_UNIT_BYTES),
        "{sizes:?}"
    );
    assert_eq!(
        sizes,
        [477, 522, 551, 890, 668],
        "docs/DATA_MODEL.md names them"
    );
}

#[test]
fn marks_and_definition_fit_one_write_unit() {
    for text in [
        include_str!("../../testdata/v1/progress.json"),
        include_str!("../../testdata/v1/source_on_aws.json"),
        include_str!("../../testdata/v1/rate_gate.json"),
    ] {
        let size = bytes(&item(&key(), serde_json::from_str(text).unwrap()));
        assert!(size <= WRITE_UNIT_BYTES, "{size} bytes: {text}");
    }
}
