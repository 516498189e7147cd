//! The standing of sources while the machine clock and the vendor clock differ.

use windlass_core::Progress;
use windlass_core::source::{BlockCause, BlockChange, Blocked};
use windlass_core::time::{DAY_MS, MINUTE_MS, Timestamp};
use windlass_core::trust::ClockOffset;
use windlass_state::StateStore;

use super::manifests::Manifests;
use super::standing::{Standing, Surroundings};
use super::{all, standing_of};
use crate::state::{Purpose, StateAddress};
use crate::testing::{Bench, CONFIG, at, window};

/// The standing of the only source of `bench` at `now` by the machine clock.
async fn look(bench: &Bench, now: Timestamp) -> Standing {
    let found = bench.state().state(Purpose::Look).await.unwrap();
    let listed = all(&found, now).await.unwrap().remove(0);
    let surroundings = Surroundings {
        manifests: &Manifests::default(),
        config: None,
        address: &StateAddress::Sqlite("windlass.db".into()),
        has_workers: true,
        now,
    };
    let standing = standing_of(&found.store, listed, &surroundings);
    standing.await.unwrap()
}

#[tokio::test]
async fn source_at_rest_by_a_clock_a_day_slow_waits_for_it_and_lags_by_the_vendors() {
    let bench = Bench::new(CONFIG);
    let (store, definition) = (bench.store(), bench.definition());
    store.apply_source(&definition, at(0)).await.unwrap();
    let live = window(&definition).id().timeline.clone();
    let begun = Progress::begin(live, definition.start, None, &definition.policy, at(0));
    let shard = definition.shard();
    store.save_progress(shard, &begun).await.unwrap();
    let now = definition.start.plus_ms(MINUTE_MS);
    let seen = ClockOffset {
        offset_ms: Some(DAY_MS),
        observed_at: now,
    };
    let group = &definition.policy.rate_group;
    store
        .store_clock(group, &seen, "https://vendor.test:443")
        .await
        .unwrap();

    let standing = look(&bench, now).await;
    let json = standing.to_json();
    assert_eq!(json["state"], "waiting");
    assert_eq!(json["trouble"], serde_json::Value::Null);
    assert_eq!(json["lag_ms"], DAY_MS + MINUTE_MS);
    assert_eq!(json["clock"]["ours"], serde_json::json!(now));
    assert_eq!(
        json["clock"]["vendor"],
        serde_json::json!(now.plus_ms(DAY_MS))
    );
    assert_eq!(
        standing.remarks(),
        ["okta: this machine's clock is 1d behind okta_system_log's \
             (2026-01-01T00:01:00Z here, 2026-01-02T00:01:00Z there)"]
    );
}

#[tokio::test]
async fn the_next_probe_is_due_by_this_machines_clock_whatever_the_vendors_shows() {
    let bench = Bench::new(CONFIG);
    let (store, definition) = (bench.store(), bench.definition());
    let stored = store.apply_source(&definition, at(0)).await.unwrap();
    let now = definition.start.plus_ms(MINUTE_MS);
    let blocked = Blocked::new("401".to_owned(), BlockCause::Refused, now, now);
    let block = BlockChange::Block(blocked);
    let (shard, name) = (definition.shard(), &definition.name);
    let blocks = store.block_source(shard, name, stored.version, &block);
    assert!(blocks.await.unwrap());
    let seen = ClockOffset {
        offset_ms: Some(DAY_MS),
        observed_at: now,
    };
    let group = &definition.policy.rate_group;
    store
        .store_clock(group, &seen, "https://vendor.test:443")
        .await
        .unwrap();
    let said = look(&bench, now).await.remarks().remove(0);
    assert!(
        said.contains("the next probe is due at 2026-01-01T00:11:00Z"),
        "{said}"
    );
}

/// A vendor two hours ahead of a machine whose `windlass run` has caught up by the earlier clock.
#[tokio::test]
async fn nothing_is_behind_since_an_instant_that_has_not_come() {
    let bench = Bench::new(CONFIG);
    let (store, definition) = (bench.store(), bench.definition());
    store.apply_source(&definition, at(0)).await.unwrap();
    let live = window(&definition).id().timeline.clone();
    let begun = Progress::begin(live, definition.start, None, &definition.policy, at(0));
    store
        .save_progress(definition.shard(), &begun)
        .await
        .unwrap();
    let group = &definition.policy.rate_group;
    for ours_min in [0, 10, 30, 90, 600] {
        let now = definition.start.plus_ms(ours_min * MINUTE_MS);
        for ahead_min in [-120, 0, 120] {
            let seen = ClockOffset {
                offset_ms: Some(ahead_min * MINUTE_MS),
                observed_at: now,
            };
            store
                .store_clock(group, &seen, "https://vendor.test")
                .await
                .unwrap();
            let json = look(&bench, now).await.to_json();
            let since: Option<Timestamp> = serde_json::from_value(json["since"].clone()).unwrap();
            assert!(since.is_none_or(|since| since <= now), "{json}");
            assert_eq!(since.is_some(), json["state"] == "behind", "{json}");
        }
    }
}
